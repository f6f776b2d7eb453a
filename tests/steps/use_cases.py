"""One scenario of a shipped use case with one thing wrong, cut down to one Then."""

import re

from harness.steps.reading import rig_named_by
from tests.cli.bench import ROOT, changed, flexrig_here, pytest_here

USE_CASES = ROOT / "features/use_cases"
UC3, UC4, UC5, UC6, UC7, UC8 = (
    next(USE_CASES.glob(f"uc0{number}_*.feature")) for number in range(3, 9)
)


def only(text, title, then):
    """Cut a feature to one scenario, and of its Thens to those that begin so."""
    whole, *rules = re.split(r"(?=^  Rule: )", text, flags=re.M)
    for part in (whole, *rules):
        head, *scenarios = re.split(
            r"(?=^ *(?:@[\w-]+(?: @[\w-]+)*\n *)?Scenario(?: Outline)?: )",
            part,
            flags=re.M,
        )
        for one in scenarios:
            if f": {title}" in one:
                begin = "" if part is whole else whole.split("  Scenario")[0]
                return begin + head + _with_then(one, then)
    raise AssertionError(f"no scenario begins with {title!r}")


def _with_then(scenario, then):
    given, _, thens = scenario.partition(" Then ")
    kept, wanted, examples = [], False, ""
    if "Examples:" in thens:
        thens, _, rows = thens.partition("Examples:")
        examples = "    Examples:" + rows
    for line in ("Then " + thens).splitlines():
        words = re.sub(r"^ *(Then|And) ", "", line)
        if words != line:
            wanted = words.startswith(then)
            line = ("And " if kept else "Then ") + words
        if wanted and line.strip():
            kept.append(f"    {line.strip()}")
    assert kept, f"no Then begins with {then!r}"
    return given.rstrip() + "\n" + "\n".join(kept) + "\n\n" + examples


def rig_of(feature):
    """The shipped rig that a feature names."""
    return ROOT / f"rigs/{rig_named_by(feature)}.toml"


def rig_for(feature, *changes):
    """What the shipped rig of a use case says, with changes."""
    return changed(rig_of(feature).read_text(encoding="utf-8"), *changes)


def ended(tmp_path, feature, title, then, *changes, wiring=()):
    text = changed(feature.read_text(encoding="utf-8"), *changes)
    text = re.sub(r"for \d+ minutes before and", "for 3 minutes before and", text)
    return judged(tmp_path, only(text, title, then), rig_for(feature, *wiring))


def judged(tmp_path, case, rig):
    """Run a feature's text on a rig's text; return its one verdict."""
    path, bench = tmp_path / "case.feature", tmp_path / "rig.toml"
    path.write_text(case, encoding="utf-8")
    bench.write_text(rig, encoding="utf-8")
    run = pytest_here(path, bench, tmp_path / "run")
    (verdict,) = run.record.verdicts
    return verdict


def scene(tmp_path, feature, steps, *changes):
    """Run one scenario of a test's own on a shipped feature's Background."""
    text = feature.read_text(encoding="utf-8")
    begin = text[: re.search(r"^ *(?:@\w+\n *)?Scenario", text, flags=re.M).start()]
    begin = re.sub(r"(?<=for )\d+(?= minutes before)", "3", begin)
    begin = re.sub(r"\d+(?= minutes after)", "3", begin)
    lines = "\n".join(f"    {line.strip()}" for line in steps.strip().splitlines())
    case = f"{changed(begin, *changes)}  Scenario: a twin\n{lines}\n"
    return judged(tmp_path, case, rig_for(feature))


def require_scene(case, tmp_path):
    """Run a scene, and see its Then end as it must, by its own rule, for its reason."""
    feature, steps, changes, rule, outcome, says = case
    require_ending(scene(tmp_path, feature, steps, *changes), rule, outcome, says)


def require(case, tmp_path):
    """Run a case, and see its Then end as it must, by its own rule, for its reason."""
    feature, title, then, changes, wiring, rule, outcome, says = case
    verdict = ended(tmp_path, feature, title, then, *changes, wiring=wiring)
    require_ending(verdict, rule, outcome, says)


def require_ending(verdict, rule, outcome, says):
    """See a verdict end as it must, by its own rule, for its reason."""
    assert verdict.rule.id == rule
    assert str(verdict.outcome) == outcome, verdict.reason
    assert says in verdict.reason


def require_refused(tmp_path, feature, rig, change, says):
    """See a changed feature refused, or broken, in words that name what is wrong."""
    path, bench = tmp_path / feature.name, tmp_path / "rig.toml"
    path.write_text(changed(feature.read_text(encoding="utf-8"), change))
    bench.write_text(rig)
    run = flexrig_here("run", path, "--rig", bench, "--run-folder", tmp_path / "r",
                       "--no-allure")  # fmt: skip
    assert run.code == 2, run.text
    assert says in " ".join(run.text.split())
