"""An evidence bundle: one folder from which every verdict can be recomputed.

    manifest.json     status, facts, and the SHA-256 of every other file
    plan.json, rig.toml, *.feature        written before measuring
    samples/, messages.parquet, log.jsonl what was observed (`harness.evidence.wide`)
    verdicts.json, scenario.json, figures added after judging

A bundle is *opened* before measuring (what is promised is digested then), *finished*
by the recorder, and *sealed* again whenever a judgement is added. What was recorded
is digested once, when the recorder finishes; sealing again never takes a change in.
A seal shows that something changed, not who changed it: keep the seal elsewhere too.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.core.errors import EvidenceError
from harness.core.recording import Recording
from harness.evidence import digests, logbook, manifest, plain, samples, tables, wide
from harness.evidence.tools import tool_versions

MANIFEST = manifest.NAME
read_manifest = manifest.read
_KILLED = {"cut_short_by": manifest.KILLED}
_HALF_DONE = (wide.PART, "messages.parquet.part")
_OBSERVED = (
    *(f"{name}.{end}" for name in tables.SCHEMAS for end in ("arrows", "parquet")),
    wide.FOLDER,
    *_HALF_DONE,
)


def open_bundle(
    folder: Path,
    *,
    before: Mapping[str, object],
    files: Mapping[str, str | bytes] | None = None,
) -> None:
    """Promise, before measuring, what will be measured and how it will be judged.

    Parameters
    ----------
    folder : Path
        Made if need be. Files that are in it already are promised too.
    before : Mapping
        Facts that must not depend on the outcome: digests of rig, plan and
        rulebook edition, seed, clock, decision rule.
    files : Mapping, optional
        Text or bytes by file name: ``plan.json``, ``rig.toml``, the feature.

    Raises
    ------
    EvidenceError
        If the folder holds a recording already.
    """
    require_unrecorded(folder, manifest.NAME)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (files or {}).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    promised = {"facts": before, "files": manifest.file_digests(folder)}
    opened = {
        "format": manifest.FORMAT,
        "status": "incomplete",
        "recorded_at": manifest.stamp(),
        "tools": tool_versions(),
        "before": promised,
    }
    manifest.write(folder, opened)


def require_unrecorded(folder: Path, *names: str) -> None:
    """Refuse a folder that holds a recording, or any of `names`.

    Raises
    ------
    EvidenceError
        Names the file that is there: nothing recorded is ever written over.
    """
    for name in (*names, logbook.NAME, *_OBSERVED):
        if (folder / name).exists():
            raise EvidenceError(
                str(folder / name), "a recording is here already", "an empty folder"
            )


def finish_bundle(folder: Path, *, complete: bool, facts: Mapping[str, object]) -> str:
    """Fix what was recorded, once, and seal it; return the seal.

    Raises
    ------
    EvidenceError
        If the bundle is finished already, or a promised file changed meanwhile.
    """
    opened = manifest.read(folder)
    if "seal" in opened:
        raise EvidenceError(
            str(folder / manifest.NAME), "it is finished already", "a folder per trial"
        )
    _clear(folder)
    recorded = manifest.file_digests(folder)
    manifest.require_unchanged(folder, opened["before"]["files"], recorded)
    finished = {
        "status": "complete" if complete else "incomplete",
        "after": {"facts": facts},
        "recording": recording_digest(folder),
        "recorded": recorded,
        "judged": {},
    }
    return manifest.write_sealed(folder, opened | finished)


def seal(folder: Path) -> str:
    """Take files added since recording (verdicts, figures) under the seal.

    Returns
    -------
    str
        The new seal, a SHA-256 in hex.

    Raises
    ------
    EvidenceError
        If anything recorded changed, or the bundle was never finished.
    """
    sealed = manifest.read_sealed(folder)
    _clear(folder)
    found, recorded = manifest.file_digests(folder), sealed["recorded"]
    manifest.require_unchanged(folder, recorded, found)
    judged = {name: mark for name, mark in found.items() if name not in recorded}
    return manifest.write_sealed(folder, sealed | {"judged": judged})


def verify(folder: Path) -> dict[str, Any]:
    """Return the manifest of a bundle in which not one byte changed.

    Raises
    ------
    EvidenceError
        Names the first file that was changed, removed or added since the seal.
    """
    sealed = manifest.read_sealed(folder)
    found = manifest.file_digests(folder)
    expected = sealed["recorded"] | sealed["judged"]
    manifest.require_unchanged(folder, expected, found)
    for name in sorted(found.keys() - expected.keys()):
        raise EvidenceError(
            str(folder / name),
            "it was added after the bundle was sealed",
            "moving it out of the bundle",
        )
    return sealed


@dataclass(frozen=True, slots=True)
class Standing:
    """What a bundle says of itself, before any sample of it is read."""

    facts: Mapping[str, object]
    """What was promised before measuring, and what was learnt."""
    complete: bool
    """False if the run was cut short."""
    sealed: bool
    """False if a crash left it so: nothing shows whether it was touched."""


def standing(folder: Path, *, check: bool = True) -> Standing:
    """Return what a bundle says of itself; a sealed one is verified first.

    Parameters
    ----------
    check : bool
        Whether a touched bundle is refused. Nothing is judged from one that was not
        checked.

    Raises
    ------
    EvidenceError
        If this is no bundle, or it was touched since it was sealed.
    """
    found = manifest.read(folder)
    is_sealed = "seal" in found
    if is_sealed and check:
        found = verify(folder)
    try:
        facts = dict(found["before"]["facts"])
        facts |= found["after"]["facts"] if is_sealed else _KILLED
    except (KeyError, TypeError) as error:
        raise EvidenceError(
            str(folder / MANIFEST), f"it says nothing of {error}", manifest.ORIGINAL
        ) from error
    complete = is_sealed and found.get("status") == "complete"
    return Standing(facts, complete=complete, sealed=is_sealed)


def read_bundle(folder: Path) -> Recording:
    """Read what was recorded; a sealed bundle is verified first.

    A bundle left by a crash has no seal. It is read up to its last whole batch
    and line, and is marked incomplete; ``facts["cut_short_by"]`` says why.

    Raises
    ------
    EvidenceError
        If this is no bundle, or it was touched since it was sealed.
    """
    found = standing(folder)
    return Recording(
        channels=samples.read_channels(folder),
        messages=tables.StoredMessages(folder),
        log=logbook.read(folder / logbook.NAME, torn_ok=not found.sealed),
        facts=found.facts,
        complete=found.complete,
    )


def known_digest(folder: Path) -> str:
    """Return the digest of a recording: as sealed, or worked out if it never was.

    Under a seal that `read_bundle` has verified, it is that of the very same bytes.
    """
    found = manifest.read(folder)
    return str(found["recording"]) if "seal" in found else recording_digest(folder)


def recording_digest(folder: Path) -> str:
    """Return a SHA-256 that two runs of one plan with one seed must share.

    It covers the contents of samples, messages, log and plan, not the files that
    hold them. Real timestamps are not in these; loopback ports and the details
    named in `logbook.NOT_COMPARED` are left out.
    """
    messages = digests.content_digest(tables.read_table(folder, "messages"))
    parts = {"samples": _samples_digest(folder), "messages": messages}
    log = logbook.read(folder / logbook.NAME, torn_ok=True)
    parts["log"] = logbook.content_digest(log)
    plan = folder / "plan.json"
    if plan.is_file():
        parts["plan"] = plain.digest(manifest.read_json(plan, plan.read_bytes()))
    return plain.digest(parts)


def _samples_digest(folder: Path) -> str:
    if manifest.read(folder)["format"] == manifest.LONG_FORMAT:
        # What its manifest and its reports say: the rows of its one long table.
        return digests.content_digest(tables.read_table(folder, "samples"))
    return digests.channels_digest(samples.each_channel(folder))


def _clear(folder: Path) -> None:
    """Remove what a kill in the middle of writing may have left half done."""
    for name in (manifest.PART, *_HALF_DONE):
        if (folder / name).is_dir():
            shutil.rmtree(folder / name)
        (folder / name).unlink(missing_ok=True)
