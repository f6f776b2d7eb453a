"""Judging again: the same verdicts, or a sentence for each difference."""

import json

import pytest

from harness.evidence.compare import same_verdicts

VERDICTS = [
    {"outcome": "pass", "measured": {"value": 33.25, "budget": [0.1, 0.2]}},
    {
        "outcome": "fail",
        "measured": {"value": float("inf")},
        "n": 1,
        "margin": float("nan"),
    },
]


def changed(change):
    again = json.loads(json.dumps(VERDICTS))
    change(again)
    return same_verdicts(json.dumps(VERDICTS), json.dumps(again))


def test_the_same_verdicts_have_no_differences():
    assert changed(lambda v: None) == []
    assert (
        same_verdicts(json.dumps(VERDICTS, indent=4).encode(), json.dumps(VERDICTS))
        == []
    )


def test_the_last_bits_of_a_number_are_no_difference():
    assert changed(lambda v: v[0]["measured"].update(value=33.25 * (1 + 1e-12))) == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda v: v[0].update(outcome="fail"),
            'verdicts[0].outcome: "pass" before, "fail" now',
        ),
        (
            lambda v: v[0]["measured"].update(value=33.2501),
            "verdicts[0].measured.value: 33.25 before, 33.2501 now",
        ),
        (lambda v: v.pop(), "verdicts: 2 entries before, 1 now"),
        (lambda v: v[1].pop("margin"), "verdicts[1].margin: only in the old"),
        (lambda v: v[0].update(reason="x"), "verdicts[0].reason: only in the new"),
        (lambda v: v[1].update(margin=1.0), "verdicts[1].margin: NaN before, 1.0 now"),
        (
            lambda v: v[0]["measured"].update(value="33.25"),
            'verdicts[0].measured.value: 33.25 before, "33.25" now',
        ),
        (
            lambda v: v[1].update(n=True),
            "verdicts[1].n: 1 before, true now",
        ),
        (
            lambda v: v[0]["measured"].update(budget=[0.1, 0.3]),
            "verdicts[0].measured.budget[1]: 0.2 before, 0.3 now",
        ),
        (lambda v: v.__setitem__(1, None), "verdicts[1]: {"),
    ],
)
def test_each_difference_is_a_sentence_with_its_place(change, sentence):
    (said,) = changed(change)
    assert said.startswith(sentence)


def test_text_that_is_no_json_is_an_error():
    with pytest.raises(ValueError, match="Expecting"):
        same_verdicts("[]", "")
