"""Whatever the code cites in docs/definitions.md is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/definitions.md").read_text(encoding="utf-8")
HEADINGS = {line.lstrip("# ").lower() for line in TEXT.splitlines() if line[:1] == "#"}
MODULES = sorted((ROOT / "harness").glob("*/**/*.py"))
CITED = re.compile(r"definitions\.md``,((?:\s+(?:and\s+)?\"[^\"]+\",?)+)")
PUBLIC = re.compile(r"^def ([a-z]\w+)\([^>]*-> (?:Estimate|Waterfall):", re.M)


def test_every_entry_that_the_code_cites_exists():
    cited = {
        (module.name, " ".join(name.split()).lower())
        for module in MODULES
        for names in CITED.findall(module.read_text(encoding="utf-8"))
        for name in re.findall(r"\"([^\"]+)\"", names)
    }
    assert len(cited) > 20
    assert {name for _module, name in cited} - HEADINGS == set()


JUDGED = (
    "response", "ramp", "hold", "delivery", "health", "wire", "meter_faults",
    "device_faults", "clocks", "periods", "registers", "aggregate/accuracy",
    "aggregate/growth", "aggregate/reading",
)  # fmt: skip


@pytest.mark.parametrize("module", JUDGED)
def test_every_quantity_that_can_be_judged_is_defined(module):
    source = (ROOT / f"harness/analysis/{module}.py").read_text(encoding="utf-8")
    functions = PUBLIC.findall(source)
    assert functions
    assert [name for name in functions if f"`{name}`" not in TEXT] == []
