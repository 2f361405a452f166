"""Why a stage failed, in words that hold no customer's data, no secret and no path of the machine."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from salesloop import paths
from salesloop.errors import SalesloopError
from salesloop.schema import TABLES

HIDDEN = "•••"
_CODE_ERRORS = (NameError, ImportError, SyntaxError, AttributeError)
_CODE_WORDS = re.compile(
    r"unexpected keyword|required (positional|keyword-only) argument|takes \d+ positional|unsupported operand|not subscriptable"
    r"|not callable|not iterable|multiple values for"
)
_HARMLESS = {
    "PATH", "HOME", "PWD", "OLDPWD", "USER", "LOGNAME", "SHELL", "TERM", "LANG", "LC_ALL", "TZ", "TMPDIR", "SHLVL", "_",
    "VIRTUAL_ENV", "EDITOR", "DISPLAY", "HOSTNAME", "COLORTERM", "PAGER", "SALESLOOP_ROOT", "PYTEST_CURRENT_TEST",
}  # fmt: skip
_SECRET = re.compile(r"key|token|secret|pass|pwd|credential|auth|dsn|cookie", re.IGNORECASE)
_PACKAGE = Path(__file__).resolve().parent.parent


def scrub(text: str, environment: Mapping[str, str] | None = None) -> str:
    """Return text without the values of environment variables and without the paths of this machine.

    Examples
    --------
    >>> scrub("no login with hunter22 at all", {"DB_PASSWORD": "hunter22"})
    'no login with ••• at all'
    """
    found = os.environ if environment is None else environment
    for value in sorted(_values(found), key=len, reverse=True):
        text = text.replace(value, HIDDEN)
    for folder in dict.fromkeys([str(paths.root()), str(_PACKAGE.parent), str(Path.home())]):
        if len(folder) > 4:
            text = text.replace(folder + os.sep, "").replace(folder, ".")
    return text


def _values(environment: Mapping[str, str]) -> Iterable[str]:
    for name, value in environment.items():
        least = 4 if _SECRET.search(name) else 8
        if name not in _HARMLESS and len(value.strip()) >= least and not value.isdigit():
            yield value


def why(error: BaseException, cell: str = "") -> str:
    """Return the reason of a failure in one line.

    An error of salesloop's own speaks for itself. Of any other only its kind and its place are told, and its words
    where they can only be about code: data that came into a message would come into logs.

    Parameters
    ----------
    error : BaseException
        What was raised.
    cell : str
        The source of the cell, whose own words are no data.

    Examples
    --------
    >>> why(ValueError("could not convert 'Acme Ltd' to float"))
    'ValueError'
    >>> why(NameError("name 'bok' is not defined"))
    "NameError: name 'bok' is not defined"
    """
    if isinstance(error, SalesloopError):
        return scrub(" ".join(str(error).split()))[:400]
    if isinstance(error, OSError) and error.strerror:
        told = f"{type(error).__name__}: {error.strerror}"
    elif _of_code(error, cell):
        told = f"{type(error).__name__}: {error}"
    else:
        told = type(error).__name__
    where = place(error)
    return scrub(" ".join(told.split()))[:400] + (f" at {where}" if where else "")


def _of_code(error: BaseException, cell: str) -> bool:
    """Return whether the words of an error can only be about code."""
    if isinstance(error, KeyError):
        return _known(error, cell)
    return isinstance(error, _CODE_ERRORS) or (isinstance(error, TypeError) and bool(_CODE_WORDS.search(str(error))))


def _known(error: KeyError, cell: str) -> bool:
    """Return whether a missing key is a word of the code: a column or table, a message, or one that the cell names."""
    key = str(error.args[0]) if error.args else ""
    if key in TABLES or key in cell or any(key in table.columns for table in TABLES.values()):
        return True
    from salesloop.messages import catalogue

    head, dot, _ = key.partition(".")
    return bool(dot) and any(name.startswith(head + ".") for name in catalogue("en"))


def place(error: BaseException) -> str:
    """Return the innermost place of an error inside the package, as file and line; else its line in the cell."""
    found, trace = "", error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        file = Path(name)
        if name.startswith("<cell "):
            found = f"line {trace.tb_lineno} of the cell"
        elif _PACKAGE in file.parents and _PACKAGE / "run" not in file.parents:
            found = f"salesloop/{file.relative_to(_PACKAGE).as_posix()}:{trace.tb_lineno}"
        trace = trace.tb_next
    return found
