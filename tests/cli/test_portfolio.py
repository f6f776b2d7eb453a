"""flexrig portfolio as a person types it."""

import re

import pytest

from tests.cli.bench import flexrig_here

QUICK = ("--sample", "200", "--date", "2026-11-01")


def asked(folder, *arguments):
    return flexrig_here("portfolio", *arguments, *QUICK, "--out", folder)


def test_it_says_how_many_homes_and_leaves_a_page_that_needs_nothing(tmp_path):
    ended = asked(tmp_path / "one", "ev")
    assert ended.code == 0
    homes = re.search(r"([\d,]+) such homes make 1 MW", ended.text)[1]
    assert 300 < int(homes.replace(",", "")) < 5000
    assert "Operational metering: a unit of" in ended.text
    page = (tmp_path / "one/ev.html").read_text(encoding="utf-8")
    assert f"{homes} such homes make 1 MW" in page
    assert page.count("data:image/svg+xml;base64,") == 4
    assert "certifies nothing" in page
    assert "assumed" in page
    assert not re.search(r"<script|(?:src|href)=\"(?!data:|#)", page)
    asked(tmp_path / "two", "ev")
    assert (tmp_path / "two/ev.html").read_text(encoding="utf-8") == page


def test_a_colder_day_takes_fewer_heat_pumps(tmp_path):
    def homes(*arguments):
        ended = asked(tmp_path, "heat_pump", *arguments)
        found = re.search(r"([\d,]+) such homes", ended.text)[1]
        return int(found.replace(",", ""))

    assert homes("--outdoor", "-5") < 0.8 * homes("--outdoor", "5")


def test_a_target_that_no_number_of_homes_makes_is_said(tmp_path):
    ended = asked(tmp_path, "heat_pump", "--outdoor", "28")
    assert ended.code == 0
    assert "No number of such homes makes 1 MW" in ended.text


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nothing",), "there is no such portfolio. Try: ev, heat_pump"),
        (("ev", "--outdoor", "3"), "do not mind the weather"),
        (("ev", "--target-mw", "-1"), "-1 MW is no target"),
        (("ev", "--confidence", "100"), "above 50 and below 100"),
        (("ev", "--sample", "5"), "100<=x"),
        (("ev", "--from", "nowhere"), "no recording here"),
        (("ev", "--decision-rule", "hope"), "guard-band"),
        (("ev", "--date", "soon"), "soon"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(arguments, says, tmp_path):
    ended = flexrig_here("portfolio", *arguments, "--out", tmp_path / "p")
    assert ended.code == 2
    assert says in ended.text
    assert "Traceback" not in ended.text
    assert not (tmp_path / "p").exists()
