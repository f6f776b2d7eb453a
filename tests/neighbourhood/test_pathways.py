"""The six shipped pathways against their source, and the command that shows them."""

import re

import pytest

from tests.cli.bench import ROOT, changed, flexrig_here
from tests.tools.neighbourhood_page import FIGURE, PAGE, figure, page, worked_out

RIGS = ROOT / "rigs/neighbourhoods"
OUTSIDE = {("P1", "the best home earns"), ("P3", "the best home earns")}
"""What the documentation explains; every other figure lies where its source has it."""


@pytest.fixture(scope="module")
def found():
    return worked_out()


def test_the_figures_of_the_source_come_out_or_are_explained(found):
    assert [one.table.pathway for one in found] == ["P1", "P2", "P3", "P4", "P5", "P6"]
    outside = {
        (one.table.pathway, held.what)
        for one in found
        for held in one.held
        if not held.inside
    }
    assert outside == OUTSIDE


@pytest.mark.parametrize("seed", [2, 3])
def test_another_year_s_luck_moves_no_figure_out_of_its_band(seed):
    for one in worked_out(seed=seed):
        for held in one.held:
            if (one.table.pathway, held.what) not in OUTSIDE:
                assert held.inside, (one.name, held.what, held.value)


def test_the_documentation_shows_what_the_model_gives(found):
    assert PAGE.read_text(encoding="utf-8") == page(found)
    assert FIGURE.exists()
    assert figure(found) == figure(found)


def test_the_command_shows_them_and_leaves_a_page_that_needs_nothing(tmp_path):
    html = tmp_path / "village.html"
    ended = flexrig_here(
        "neighbourhood", "p6_private_wire", "--year", "2027", "--html", html
    )
    assert ended.code == 0, ended.text
    assert "network charges avoided" in ended.text
    written = html.read_text(encoding="utf-8")
    assert "certifies nothing" in written
    assert written.count("data:image/svg+xml;base64,") == 1
    assert not re.search(r"<script|(?:src|href)=\"(?!data:|#)", written)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("count = 200", "count = 0"), "count"),
        (("with_pv_percent = 50.0", "with_pv_percent = 150.0"), "with_pv_percent"),
        (('coordination = "self-balancing"', 'coordination = "hope"'), "coordination"),
        (("with_ev_percent", "with_evs_percent"), "with_ev_percent"),
    ],
)
def test_a_bad_neighbourhood_is_named(change, says, tmp_path):
    rig = tmp_path / "village.toml"
    text = (RIGS / "p6_private_wire.toml").read_text(encoding="utf-8")
    rig.write_text(changed(text, change), encoding="utf-8")
    ended = flexrig_here("neighbourhood", rig)
    assert ended.code == 2
    assert says in ended.text


def test_a_rig_that_stands_for_no_homes_is_refused_and_a_name_is_helped():
    ended = flexrig_here("neighbourhood", "emulated")
    assert ended.code == 2
    assert "says nothing of a neighbourhood" in " ".join(ended.text.split())
    ended = flexrig_here("neighbourhood", "p7")
    assert ended.code == 2
    assert "p1_simple_vpp" in ended.text
