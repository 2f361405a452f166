"""Files that are whole at any moment: written in one step, lengthened line by line, without what a crash left behind."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path


def write(file: Path, content: str | bytes) -> Path:
    """Write a file in one step: readers see the old one or the new one, and a full disk leaves the old one.

    Parameters
    ----------
    file : Path
        What is written; drafts of it that a killed process left beside it are removed.
    content : str or bytes
        The whole of it; text becomes UTF-8, its line ends as they are.

    Raises
    ------
    OSError
        The disk is full, or the folder cannot be written.
    """
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        draft.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        draft.replace(file)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    _sweep(file)
    return file


def _sweep(file: Path) -> None:
    """Remove the drafts of a file whose processes are gone."""
    for left in file.parent.glob(f".{glob.escape(file.name)}.*"):
        number = left.name.rpartition(".")[2]
        if number.isdigit() and _gone(int(number)):
            left.unlink(missing_ok=True)


def _gone(number: int) -> bool:
    """Return whether there is no process of a number; where the system does not say, there may be."""
    if os.name != "posix":
        return False
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return True
    except (OverflowError, PermissionError):
        pass
    return False


def lines(file: Path) -> list[bytes]:
    """Return a file's whole lines; a torn last one, as a crash leaves it, is passed over."""
    return file.read_bytes().split(b"\n")[:-1] if file.is_file() else []


def append(file: Path, new: Iterable[str]) -> None:
    """Add lines to the end of a file in one write that has reached the disk; a torn last line is cut off first.

    Only the holder of the file's lock may.
    """
    text = "".join(f"{line}\n" for line in new).encode("utf-8")
    if not text:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab") as out:
        out.truncate(sum(len(line) + 1 for line in lines(file)))
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
