"""The phrase library: each phrase has a meaning; shipped features know them all."""

from datetime import date

import pytest

from harness.rig.shipped import shipped
from harness.rulebook.loader import load_rulebook
from harness.steps.phrases import library
from harness.steps.reading import read_feature

FEATURES = sorted(shipped("features").rglob("*.feature"))


def test_features_are_found():
    assert len(FEATURES) >= 3


def test_every_phrase_says_what_it_means_and_is_there_once():
    phrases = library().phrases
    assert len(phrases) >= 25
    assert all(phrase.meaning.endswith(".") for phrase in phrases)
    said = [(phrase.keyword, phrase.text) for phrase in phrases]
    assert len(set(said)) == len(said)


@pytest.mark.parametrize("path", FEATURES, ids=lambda path: path.stem)
def test_every_shipped_feature_would_be_carried_out_as_it_reads(path):
    feature = read_feature(path, load_rulebook(), date(2026, 11, 22))
    assert feature.scenarios


@pytest.mark.parametrize("path", FEATURES, ids=lambda path: path.stem)
def test_no_step_of_a_shipped_feature_fits_two_phrases(path):
    feature = read_feature(path, load_rulebook(), date(2026, 11, 22))
    for scenario in feature.scenarios.values():
        rows = [dict(row) for table in scenario.examples for row in table.as_contexts()]
        steps = [step for row in rows or [{}] for step in scenario.render(row).steps]
        for step in steps:
            fits = [p.text for p in library().phrases if p.matches(step.name)]
            assert len(fits) == 1, f"{step.name}: {fits}"
