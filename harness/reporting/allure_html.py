"""Turn Allure results into one HTML file with Allure 3, and make it silent.

Allure 3.18 puts a Google Analytics tag into every report and has no switch for it
(allure3 issue 476). The tag is cut out here, and a report that could still call
home is refused. Node and Allure 3 are needed: ``npm install`` in ``reports/``, or
an ``allure`` of version 3 on the PATH.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path

from harness.core.errors import UsageError

TIMEOUT_S = 300
_LOG = logging.getLogger(__name__)
REMEDY = "npm install in reports/; the built-in report needs no Node"
_TRACKER = re.compile(
    r"<script\b[^>]*\bsrc=\"https?://[^\"]*googletagmanager[^>]*>\s*</script>\s*"
    r"(?:<script>(?:(?!</script>).)*\bgtag\((?:(?!</script>).)*</script>)?",
    re.S,
)
_LOADS = re.compile(
    r"<(?:script|img|iframe|source|video|audio|embed)\b[^>]*\bsrc=[\"']?https?://"
    r"|<link\b[^>]*\bhref=[\"']?https?://",
    re.I,
)


def generate(
    results_dir: Path,
    out_file: Path,
    *,
    environment: Mapping[str, str] | None = None,
    say: Callable[[str], None] = _LOG.warning,
) -> Path | None:
    """Write Allure results as one HTML file that asks nothing of any network.

    Parameters
    ----------
    results_dir : Path
        What ``--alluredir`` was.
    out_file : Path
        The report; its folder must exist.
    environment : mapping, optional
        Shown on the report's first page: rig, decision rule, edition, …
    say : callable
        Given one sentence if there is no report because Node or Allure is missing.

    Returns
    -------
    Path or None
        `out_file`, or None if it cannot be made on this machine.

    Raises
    ------
    UsageError
        If there are no results, Allure fails, or its report could call home.
    """
    if not any(results_dir.glob("*-result.json")):
        raise UsageError(str(results_dir), "there are no Allure results", "--alluredir")
    tool = _find_tool()
    if isinstance(tool, str):
        say(f"No Allure report: {tool}. Try: {REMEDY}.")
        return None
    _write_environment(results_dir, environment or {})
    with tempfile.TemporaryDirectory(prefix="flexrig-allure-") as scratch:
        made = _run(tool, results_dir, Path(scratch))
        page = silence(made.read_text(encoding="utf-8"), where=str(out_file))
    out_file.write_text(page, encoding="utf-8")
    return out_file


def silence(page: str, *, where: str = "Allure report") -> str:
    """Cut the tracker out of a report.

    Raises
    ------
    UsageError
        If anything is left that a browser would fetch.
    """
    quiet = _TRACKER.sub("", page)
    # An inline script may contain markup as text, which no browser loads.
    markup = re.sub(r"(<script\b[^>]*>).*?</script>", r"\1</script>", quiet, flags=re.S)
    if "googletagmanager" in quiet or "gtag(" in markup or _LOADS.search(markup):
        raise UsageError(
            where,
            "this version of Allure loads something from a network",
            "Allure 3.18, or the built-in report",
        )
    return quiet


def _find_tool() -> Path | str:
    """Return Allure 3, or why there is none."""
    if shutil.which("node") is None:
        return "Node is not installed"
    clone = Path(__file__).parents[2] / "reports"
    for folder in (Path("reports").absolute(), clone):
        candidate = folder / "node_modules" / ".bin" / "allure"
        if candidate.exists():
            return candidate
    on_path = shutil.which("allure")
    if on_path is None:
        return "Allure 3 is not installed"
    version = _call([on_path, "--version"], cwd=Path.cwd()).stdout.strip()
    if not version.startswith("3."):
        return f"the allure on the PATH is version {version or 'unknown'}, not 3"
    return Path(on_path)


def _write_environment(results_dir: Path, environment: Mapping[str, str]) -> None:
    lines = [f"{_key(name)}={_line(value)}" for name, value in environment.items()]
    path = results_dir / "environment.properties"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _key(name: str) -> str:
    return re.sub(r"[\s=:#!]+", "_", name.strip())


def _line(value: str) -> str:
    return " ".join(value.replace("\\", "\\\\").split())


def _run(tool: Path, results_dir: Path, scratch: Path) -> Path:
    settings = files("harness.reporting").joinpath("data/allurerc.json")
    config = scratch / "allurerc.json"
    content = json.loads(settings.read_text(encoding="utf-8"))
    content["output"] = str(scratch / "report")
    config.write_text(json.dumps(content), encoding="utf-8")
    command = [str(tool), "generate", "--config", str(config), "--cwd", str(scratch)]
    done = _call([*command, str(results_dir.absolute())], cwd=scratch)
    made = sorted((scratch / "report").rglob("index.html"))
    if done.returncode != 0 or not made:
        last = (done.stderr.strip() or done.stdout.strip()).split("\n")[-1]
        raise UsageError(str(tool), f"Allure failed: {last or 'no word why'}", REMEDY)
    return made[0]


def _call(command: list[str], *, cwd: Path) -> subprocess.CompletedProcess[str]:
    quiet = {**os.environ, "ALLURE_NO_ANALYTICS": "true", "NO_COLOR": "1", "CI": ""}
    try:
        return subprocess.run(
            command, cwd=cwd, env=quiet, capture_output=True, text=True,
            timeout=TIMEOUT_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(command[0], f"it does not run: {error}", REMEDY) from error
