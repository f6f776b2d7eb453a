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


def test_every_kind_is_noticed_its_verdict_says_why_and_the_docs_say_so(tmp_path):
    # One test, so that workers do not each carry out the whole table.
    found = rows(tmp_path)
    assert [row.case.kind for row in found] == list(FaultKind)
    assert [short for short in map(shortfall, found) if short] == []
    for row in found:
        assert all((row.finding, row.rule, row.outcome, row.reason)), row.case.kind
        assert row.outcome in ("fail", "inconclusive")
    kept = TABLE.read_text(encoding="utf-8")
    assert without_numbers(kept) == without_numbers(document(found))


@pytest.mark.parametrize("seed", [1, 2])
def test_good_benches_raise_no_alarm(seed, tmp_path):
    assert false_alarms(tmp_path, seed) == []
