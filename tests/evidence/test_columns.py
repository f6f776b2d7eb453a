"""Columns: numbers and text cross over to Arrow and back to the bit."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.evidence import columns

BITS = st.integers(0, 2**64 - 1)


@given(bits=st.lists(BITS), cut=st.tuples(st.integers(0, 9), st.integers(0, 9)))
def test_every_float_crosses_to_the_bit_wherever_a_column_is_cut(bits, cut):
    values = np.array(bits, dtype=np.uint64).view(np.float64)
    column = columns.of_numbers(values)
    column.validate(full=True)
    np.testing.assert_array_equal(columns.numbers(column).view(np.uint64), bits)
    first, more = sorted(cut)
    pieces = [column.slice(0, first), column.slice(first, more), column.slice(more)]
    found = columns.numbers(pa.chunked_array(pieces[:2]))
    np.testing.assert_array_equal(found.view(np.uint64), bits[: first + more])


@given(heard=st.lists(st.booleans()), skipped=st.integers(0, 9))
def test_what_is_not_there_is_told_from_nan_wherever_a_column_is_cut(heard, skipped):
    mask = np.array(heard, dtype=np.bool_)
    column = columns.of_numbers(np.full(len(heard), np.nan), mask)
    column.validate(full=True)
    assert column.null_count == heard.count(False)
    assert columns.present(column).tolist() == heard
    assert columns.present(column.slice(skipped)).tolist() == heard[skipped:]
    assert columns.flags(columns.of_flags(heard)).tolist() == heard


@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_text_crosses_whatever_letters_it_has(texts):
    column = columns.of_text(texts)
    column.validate(full=True)
    assert column.to_pylist() == texts


def test_text_that_is_no_unicode_is_refused():
    with pytest.raises(UnicodeEncodeError):
        columns.of_text(["fine", "\ud800"])


def test_names_are_kept_once_and_told_by_number():
    column = columns.of_names(["ev", "hp"], [1, 0, 1])
    assert column.to_pylist() == ["hp", "ev", "hp"]
    assert columns.codes(column.slice(1)).tolist() == [0, 1]


def test_a_column_in_one_piece_is_not_copied():
    values = np.arange(3.0)
    column = columns.of_numbers(values)
    assert np.shares_memory(columns.numbers(column), values)


@given(groups=st.lists(st.integers(0, 4)), many=st.booleans())
def test_grouping_keeps_the_order_within_a_group(groups, many):
    count = 70_000 if many else 5  # beyond 65,535 numpy sorts another way
    order, bounds = columns.grouped(np.array(groups, dtype=np.int64), count)
    for group in range(5):
        rows = order[bounds[group] : bounds[group + 1]].tolist()
        assert rows == [at for at, code in enumerate(groups) if code == group]
