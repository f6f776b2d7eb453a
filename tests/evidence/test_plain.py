"""Facts as JSON: one text for one content."""

import json
import math
from dataclasses import dataclass
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.evidence.plain import canonical, digest, line, parse, plain


@dataclass(frozen=True, slots=True)
class Card:
    maker: str
    due: date


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        (Card("Eastron", date(2027, 5, 1)), {"maker": "Eastron", "due": "2027-05-01"}),
        ({1: (2, 3)}, {"1": [2, 3]}),
        ({"b", "a"}, ["a", "b"]),
        (np.array([1.5, math.nan]), [1.5, "nan"]),
        (np.bool_(True), True),
        (-math.inf, "-inf"),
        ([None, True, 0], [None, True, 0]),
    ],
)
def test_facts_become_what_json_knows(fact, expected):
    assert plain(fact) == expected
    assert json.loads(line(fact)) == expected


def test_a_number_that_json_lacks_is_a_word_that_float_reads():
    for number in (math.inf, -math.inf):
        assert float(plain(number)) == number
    assert math.isnan(float(plain(math.nan)))


def test_what_cannot_be_kept_is_named():
    with pytest.raises(TypeError, match=r"b'raw' \(bytes\) cannot be kept"):
        plain({"payload": [b"raw"]})


def test_the_order_of_keys_changes_a_line_but_no_digest():
    assert line({"b": 1, "a": 2}) == b'{"b": 1, "a": 2}\n'
    assert digest({"b": 1, "a": 2}) == digest({"a": 2, "b": 1})
    assert digest({"a": 2}) != digest({"a": 2.5})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
).filter(lambda fact: "inf" not in str(fact))


@settings(max_examples=50)
@given(fact=JSON)
def test_any_fact_reads_back_and_takes_one_line(fact):
    assert parse(line(fact)) == fact
    assert parse(canonical(fact)) == fact
    assert line(fact).count(b"\n") == 1
