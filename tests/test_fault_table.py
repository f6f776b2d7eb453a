"""Every kind of fault is noticed, and no verdict passes because of it.

One seed; ``python -m tests.tools.fault_table --seeds 20`` looks for false alarms.
"""

import pytest

from harness.core.faults import FaultKind
from tests.tools.fault_table import (
    TABLE,
    document,
    false_alarms,
    rows,
    shortfall,
    without_numbers,
)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return rows(tmp_path_factory.mktemp("faults"))


def test_every_kind_is_noticed_and_its_verdict_says_why(found):
    assert [row.case.kind for row in found] == list(FaultKind)
    assert [short for short in map(shortfall, found) if short] == []


def test_no_cell_of_the_table_is_empty(found):
    for row in found:
        assert all((row.finding, row.rule, row.outcome, row.reason)), row.case.kind
        assert row.outcome in ("fail", "inconclusive")


def test_the_table_in_the_docs_is_this_one(found):
    kept = TABLE.read_text(encoding="utf-8")
    assert without_numbers(kept) == without_numbers(document(found))


@pytest.mark.parametrize("seed", [1, 2])
def test_good_benches_raise_no_alarm(seed, tmp_path):
    assert false_alarms(tmp_path, seed) == []
