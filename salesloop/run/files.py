"""Files of a report: which belong to a stage, their hashes, keeping them so that nothing good is lost."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path


def of_stage(folder: Path, stem: str, stage: str) -> list[Path]:
    """Return the files that a stage has left in a report's folder, in a fixed order."""
    own = [folder / f"{stem}.ipynb", folder / "results" / f"{stage}.json", *folder.glob(f"{stem}.*.html")]
    if stage == "brief":
        own += folder.glob("index.*.html")
    inside = (folder / "results" / stage).rglob("*")
    return sorted(file for file in {*own, *inside} if file.is_file() and not file.name.startswith("."))


def hashes(folder: Path, files: Iterable[Path]) -> dict[str, str]:
    """Return each file's SHA-256 by its path inside a folder."""
    return {file.relative_to(folder).as_posix(): digest(file) for file in files}


def digest(file: Path) -> str:
    """Return a file's SHA-256."""
    with file.open("rb") as found:
        return hashlib.file_digest(found, "sha256").hexdigest()


def intact(folder: Path, outputs: dict[str, str]) -> bool:
    """Return whether all files of a list stand in a folder, each with its hash."""
    return bool(outputs) and all(
        (folder / name).is_file() and digest(folder / name) == found for name, found in outputs.items()
    )


def keep(file: Path, target: Path) -> None:
    """Let a file stand at a second place as well: a second name where the disk can, else a copy."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(file, target)
    except OSError:
        shutil.copy2(file, target)


def remove(folder: Path) -> None:
    """Remove a folder with all it holds; one that is not there is removed already."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.is_dir():
        shutil.rmtree(folder, ignore_errors=True)
