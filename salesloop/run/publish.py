"""Publishing: a work folder beside the report, one rename, the manifest last; what a crash leaves is put right."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salesloop import paths, whole
from salesloop.run import files
from salesloop.run.lock import unwritable
from salesloop.run.reason import scrub

MANIFEST, LOG, FAILED, CHECKINS = "manifest.json", "run.json", "_failed", "checkins"


@dataclass(frozen=True)
class Place:
    """Where a report stands and where it is worked on.

    Attributes
    ----------
    unit, name : str
        Whose report; its month, or ``2026-10@2026-10-14`` for a check-in.
    target : Path
        The published folder.
    """

    unit: str
    name: str
    target: Path

    @classmethod
    def of(cls, unit: str, period: str, as_of: str | None = None) -> Place:
        """Return the place of a month's report, or of a check-in's."""
        month = paths.reports(unit, period)
        return cls(unit, f"{period}@{as_of}", month / CHECKINS / as_of) if as_of else cls(unit, period, month)

    @property
    def work(self) -> Path:
        """Return this process's work folder."""
        return paths.reports(self.unit) / f".{self.name}.work-{os.getpid()}"

    @property
    def old(self) -> Path:
        """Return where the former report stands while the new one takes its place."""
        return paths.reports(self.unit) / f".{self.name}.old"

    def heal(self) -> None:
        """Put right what a run that was killed left behind; only the holder of the lock may."""
        if self.old.is_dir():
            if self.target.exists():
                files.remove(self.old)
            else:
                self.target.parent.mkdir(parents=True, exist_ok=True)
                self.old.rename(self.target)
        for left in paths.reports(self.unit).glob(f".{self.name}.work-*"):
            files.remove(left)

    def begin(self) -> Path:
        """Make the work folder and return it."""
        try:
            if self.target.exists() and not self.target.is_dir():
                raise NotADirectoryError
            self.target.parent.mkdir(parents=True, exist_ok=True)
            (self.work / "results").mkdir(parents=True)
        except OSError as error:
            raise unwritable(self.unit, error) from None
        return self.work

    def take_over(self, outputs: Iterable[str]) -> None:
        """Let files of the published report stand in the new one too."""
        for name in outputs:
            if (self.target / name).is_file():
                files.keep(self.target / name, self.work / name)

    def carry(self, manifest: Mapping[str, Any]) -> None:
        """Take over what others put into the published folder: check-ins and bundles, never a stage's own files."""
        ours = {name for stage in manifest.get("stages", {}).values() for name in stage.get("outputs", {})}
        if not self.target.is_dir():
            return
        for entry in sorted(self.target.iterdir()):
            if entry.name == CHECKINS:
                for file in entry.rglob("*"):
                    if file.is_file():
                        files.keep(file, self.work / file.relative_to(self.target))
            elif entry.is_file() and entry.name not in ours and not _made_here(entry):
                files.keep(entry, self.work / entry.name)

    def publish(self) -> None:
        """Put the work folder in the report's place, without the drafts that a killed process left in it."""
        for draft in self.work.rglob(".*"):
            draft.unlink()
        if self.target.is_dir():
            self.target.rename(self.old)
        self.work.rename(self.target)
        files.remove(self.old)


def _made_here(file: Path) -> bool:
    """Return whether a file is a run's own, by its name: numbered, or one of the fixed names."""
    fixed = file.name in (MANIFEST, LOG, "proposal.yml") or file.name.startswith((".", "index."))
    return fixed or (file.name[:2].isdigit() and file.name[2:3] == "_")


def set_aside(work: Path, stem: str, stage: str) -> None:
    """Take a failed stage's files out of the work folder; its notebook, secrets masked, goes to ``_failed``."""
    notebook = work / f"{stem}.ipynb"
    text = notebook.read_text(encoding="utf-8", errors="replace") if notebook.is_file() else ""
    for file in files.of_stage(work, stem, stage):
        file.unlink(missing_ok=True)
    files.remove(work / "results" / stage)
    if text:
        (work / FAILED).mkdir(exist_ok=True)
        whole.write(work / FAILED / f"{stem}.ipynb", scrub(text))


def write_json(file: Path, content: Mapping[str, Any]) -> None:
    """Write a mapping as JSON in one step."""
    whole.write(file, json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n")
