"""Where the features, rigs and portfolios that come with the product are.

In a clone they stand at its root; an installed wheel carries them in
``share/flexrig`` of its environment.
"""

from __future__ import annotations

import glob
import sysconfig
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]


def shipped(kind: str) -> Path:
    """Return the folder of shipped ``features``, ``rigs`` or ``portfolios``."""
    beside = _ROOT / kind
    if (_ROOT / "pyproject.toml").is_file() and beside.is_dir():
        return beside
    return Path(sysconfig.get_path("data")) / "share" / "flexrig" / kind


def find_file(name: str, kind: str) -> Path:
    """Return a file as the user named it, or the shipped file of that name.

    ``rigs/emulated.toml``, ``emulated.toml`` and ``emulated`` all name the
    shipped rig where no such file lies in the current folder. A path into any
    other folder is that path and nothing else: a mistyped bench must not become
    the emulated one.
    """
    given = Path(name)
    if given.exists():
        return given
    folder, suffix = shipped(kind), ".feature" if kind == "features" else ".toml"
    relative = given.relative_to(kind) if given.parts[:1] == (kind,) else given
    for candidate in (folder / relative, folder / f"{relative}{suffix}"):
        if candidate.exists():
            return candidate
    if len(relative.parts) != 1:
        return given
    found = sorted(
        folder.rglob(glob.escape(relative.name.removesuffix(suffix)) + suffix)
    )
    return found[0] if len(found) == 1 else given
