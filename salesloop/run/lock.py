"""One run of a unit and period at a time: a lock of the operating system, gone with the process that held it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from salesloop import paths
from salesloop.errors import LockedError, ParameterError


@contextmanager
def alone(unit: str, period: str) -> Iterator[None]:
    """Hold the lock of a unit and period.

    Raises
    ------
    LockedError
        Another run holds it.
    ParameterError
        The reports folder cannot be written.
    """
    folder = paths.reports(unit)
    lock = FileLock(str(folder / f".{period}.lock"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise LockedError(
            f"report of {unit} {period}", found="another run of it is under way", allowed="one at a time",
            next_step="wait until it has ended, then repeat the command",
        ) from None  # fmt: skip
    except OSError as error:
        raise unwritable(unit, error) from None
    try:
        yield
    finally:
        lock.release()


def unwritable(unit: str, error: OSError) -> ParameterError:
    """Return the error that says why a unit's reports folder cannot be written."""
    found = "a file in its way" if isinstance(error, (FileExistsError, NotADirectoryError)) else error.strerror
    return ParameterError(
        f"folder reports/{unit}", found=found or type(error).__name__, allowed="a folder that can be written",
        next_step="make room there, or give this user the right to write",
    )  # fmt: skip
