"""The manifest of a bundle: its status, its facts, and the digest of every file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.core.errors import EvidenceError
from harness.evidence import plain

FORMAT = "flexrig evidence 2"
LONG_FORMAT = "flexrig evidence 1"
"""The format before: one long table of samples. It is read, and never written."""
NAME = "manifest.json"
PART = "manifest.json.part"
KILLED = "the process ended before the recording was finished"
ORIGINAL = "the original bundle, or a new trial; nothing is judged from a changed one"


def read(folder: Path) -> dict[str, Any]:
    """Read a manifest as it stands, without verifying anything.

    Raises
    ------
    EvidenceError
        If the folder has none, or it is none that this version can read.
    """
    path = folder / NAME
    try:
        content = path.read_bytes()
    except OSError as error:
        raise EvidenceError(
            str(folder),
            f"this is no evidence bundle: {NAME} cannot be read ({error.strerror})",
            "the folder of one scenario, as the report names it",
        ) from error
    manifest = read_json(path, content)
    known = (FORMAT, LONG_FORMAT)
    if not isinstance(manifest, dict) or manifest.get("format") not in known:
        raise EvidenceError(
            str(path), f"it is not of the format {FORMAT!r}", "a matching flexrig"
        )
    return manifest


def read_sealed(folder: Path) -> dict[str, Any]:
    """Read a manifest that agrees with its own seal to the byte.

    Raises
    ------
    EvidenceError
        If it bears no seal, or was changed since.
    """
    manifest, path = read(folder), folder / NAME
    if "seal" not in manifest:
        raise EvidenceError(
            str(path),
            f"it bears no seal: {KILLED}",
            "flexrig rejudge, which reads it as incomplete, or a new trial",
        )
    whole = (
        plain.digest(_without_seal(manifest)) == manifest["seal"]
        and plain.canonical(manifest) == path.read_bytes()
    )
    if not whole:
        raise EvidenceError(str(path), "it was changed since it was sealed", ORIGINAL)
    return manifest


def write_sealed(folder: Path, manifest: Mapping[str, object]) -> str:
    """Write a manifest under a new seal; return the seal, a SHA-256 in hex."""
    content = _without_seal(manifest) | {"sealed_at": stamp()}
    mark = plain.digest(content)
    write(folder, content | {"seal": mark})
    return mark


def write(folder: Path, manifest: Mapping[str, object]) -> None:
    """Replace the manifest in one step, so that a kill leaves the old or the new."""
    part = folder / PART
    part.write_bytes(plain.canonical(manifest))
    part.replace(folder / NAME)


def file_digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file but the manifest, by its path in the folder.

    Raises
    ------
    EvidenceError
        If there is a symbolic link: what it leads to is not in the bundle.
    """
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise EvidenceError(
                str(path), "a link leads out of the bundle", "the file itself"
            )
        if path.is_file() and name != NAME:
            with path.open("rb") as content:
                found[name] = hashlib.file_digest(content, "sha256").hexdigest()
    return found


def require_unchanged(
    folder: Path, expected: Mapping[str, str], found: Mapping[str, str]
) -> None:
    """Refuse a folder in which an expected file is missing or another.

    Raises
    ------
    EvidenceError
        Names the first such file.
    """
    for name, digest in expected.items():
        if name not in found:
            raise EvidenceError(str(folder / name), "it is missing", ORIGINAL)
        if found[name] != digest:
            raise EvidenceError(
                str(folder / name), "it was changed since it was digested", ORIGINAL
            )


def read_json(path: Path, content: bytes) -> object:
    """Parse JSON out of a bundle's file.

    Raises
    ------
    EvidenceError
        If it is none.
    """
    try:
        parsed: object = plain.parse(content)
    except ValueError as error:
        raise EvidenceError(str(path), f"it is not JSON ({error})", ORIGINAL) from error
    return parsed


def stamp() -> str:
    """Return the real time: when evidence was taken, never a bench time."""
    return datetime.now(UTC).isoformat(timespec="seconds")  # noqa: TID251 - stamp


def _without_seal(manifest: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in manifest.items() if key != "seal"}
