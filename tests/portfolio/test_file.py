"""Portfolio files: each mistake named by file, table and key."""

import re

import pytest

from harness.core.errors import UsageError
from harness.portfolio.file import read_portfolio
from tests.cli.bench import ROOT, changed
from tests.tools.portfolio_page import FIGURES, PAGE, of_file

EV, HEAT_PUMP = ROOT / "portfolios/ev.toml", ROOT / "portfolios/heat_pump.toml"


def read(tmp_path, *changes, of=EV):
    path = tmp_path / "mine.toml"
    path.write_text(changed(of.read_text(encoding="utf-8"), *changes))
    return read_portfolio(path)


@pytest.mark.parametrize("path", [EV, HEAT_PUMP])
def test_the_shipped_files_say_where_every_number_comes_from(path):
    file = read_portfolio(path)
    begins, ends = file.event_s
    assert 0 < begins < ends < file.seconds
    table = file.ev or file.heat_pump
    drawn = [value for value in table.model_dump().values() if isinstance(value, dict)]
    assert drawn
    assert all(one["source"] for one in drawn)


@pytest.mark.parametrize(
    ("change", "where", "says"),
    [
        (("plugs_in_percent = 45", "plugs_in = 45"), "ev.plugs_in_percent", "required"),
        (("makes = 3", "makers = 3"), "metering.makers", "not permitted"),
        (('kind = "ev"', 'kind = "heat_pump"'), "", "[heat_pump] must be there"),
        (('begins = "18:00"', 'begins = "6 pm"'), "event.begins", "no time of day"),
        (('ends = "20:00"', 'ends = "13:00"'), "", "is not inside"),
        (("[7.4, 85], [3.6, 15]", "[7.4, 85], [3.6, 25]"), "rating_kw", "not 1"),
        (("uniform = [30, 85]", "uniform = [85, 30]"), "arrives_at_percent", "range"),
        (
            ("normal = [18.0, 2.0]", "constant = 1, normal = [18.0, 2.0]"),
            "plug_in_hour", "give one of",
        ),
        (("no_answer_percent = 3", "no_answer_percent = 103"), "no_answer", "100"),
        (("interval_s = 60 ", "interval_s = 0 "), "interval_s", "greater"),
        (("seed = 1", "seed = "), "", "not TOML"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_by_file_and_key(change, where, says, tmp_path):
    with pytest.raises(UsageError) as caught:
        read(tmp_path, change)
    text = str(caught.value)
    assert "mine.toml" in text
    assert where in text
    assert says in text
    assert "Try: " in text


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UsageError, match="No such file"):
        read_portfolio(tmp_path / "none.toml")


def test_the_weather_is_nothing_to_cars():
    with pytest.raises(UsageError, match="do not mind the weather"):
        read_portfolio(EV).unit(outdoor_c=-5.0)
    cold = read_portfolio(HEAT_PUMP).unit(outdoor_c=-5.0)
    assert cold.homes.weather.mean_c == -5


def test_hours_and_kilowatts_become_seconds_and_watts(tmp_path):
    file = read(tmp_path, ("down_to_kw = 0.0", "down_to_kw = 1.4"))
    unit = file.unit()
    assert unit.event.from_s == 6 * 3600
    assert unit.event.down_to_w == 1400
    assert unit.homes.plug_in_s.values == (6 * 3600, 2 * 3600)
    assert unit.homes.rating_w.values == (7400, 3600)
    assert unit.metering.own_u == pytest.approx(0.02 / 3**0.5)


@pytest.mark.parametrize("path", [EV, HEAT_PUMP])
def test_the_page_of_answers_is_of_the_shipped_files_as_they_are(path):
    text = PAGE.read_text(encoding="utf-8")
    assert of_file(read_portfolio(path)) in text
    figures = re.findall(r"\(figures/(portfolio_\w+\.svg)\)", text)
    assert len(figures) == 6
    assert all((FIGURES / name).is_file() for name in figures)
