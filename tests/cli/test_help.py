"""Help that teaches: examples stand on lines of their own."""

import pytest

from harness.cli import COMMANDS
from tests.cli.bench import flexrig_here


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_no_mark_of_the_formatter_is_shown(name):
    ended = flexrig_here(*filter(None, [name]), "--help")
    assert ended.code == 0
    assert "Usage: " in ended.text
    assert "\\b" not in ended.text


def test_examples_keep_their_lines():
    lines = [line.strip() for line in flexrig_here("run", "--help").text.splitlines()]
    assert "flexrig run" in lines
    assert any(line.startswith("flexrig run --rig my_bench.toml") for line in lines)
