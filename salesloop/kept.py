"""Values and tables as results keep them: checked, rounded to the cent, written; what cannot be kept is named with its place."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from salesloop.errors import StageError
from salesloop.messages import KINDS, plain

_CENT_KINDS = {"money", "money_exact"}
_NAME = re.compile(r"\w[\w.-]*")


def check_name(kind: str, name: object) -> None:
    """Refuse a name that no file can bear."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise StageError(
            f"{kind} {str(name)[:40]!r}", found="a name that no file can bear", allowed="letters, digits, _ . and -",
            next_step="give it another name in the notebook",
        )  # fmt: skip


def number(place: str, value: Any, cents: bool) -> Any:
    """Return a number as JSON can hold it, NaN and nothing as None; money is rounded to the cent.

    Parameters
    ----------
    place : str
        The stage, the value's name and which of its numbers, for the error.
    value : number or None
        What was given.
    cents : bool
        Whether it is money.

    Examples
    --------
    >>> number("kpi.grr: value", float("nan"), False), number("kpi.bookings: value", 1.005, True)
    (None, 1.0)
    """
    told = plain(value)
    if told is not None and (not isinstance(told, (int, float)) or math.isinf(told)):
        found = "an infinite number" if isinstance(told, float) else f"a {type(value).__name__}"
        raise StageError(
            place, found=found, allowed="a number, or NaN where it is undefined",
            next_step="correct what the notebook gives stage.value",
        )  # fmt: skip
    return round(told, 2) + 0.0 if cents and isinstance(told, float) else told


def frame(place: str, given: Any, formats: Mapping[str, str] | None = None, columns: Any = ()) -> pd.DataFrame:
    """Return a table ready to be kept: a fresh index, money rounded to the cent.

    Parameters
    ----------
    place : str
        The stage and the table's name, for errors.
    given : DataFrame
        The table.
    formats : mapping of str to str, optional
        Column to kind, as the page shows it.
    columns : sequence of str, optional
        The columns that the page shows.

    Raises
    ------
    StageError
        It is no table, two columns bear one name, a format or a column does not exist, or money is no number.
    """
    if not isinstance(given, pd.DataFrame):
        raise _refused(place, f"a {type(given).__name__}", "a DataFrame")
    if not given.columns.is_unique:
        twice = ", ".join(map(str, given.columns[given.columns.duplicated()]))
        raise _refused(place, f"two columns of the name {twice}", "names that differ")
    asked = [column for column in [*(formats or {}), *columns] if column not in given]
    unknown = sorted({kind for kind in (formats or {}).values() if kind not in KINDS})
    if asked or unknown:
        found = ", ".join([*map(repr, unknown), *(f"no column {one!r}" for one in asked)])
        raise _refused(place, found, f"formats {', '.join(KINDS)}; the table's own columns")
    made = given.reset_index(drop=True).copy()
    for column, kind in (formats or {}).items():
        if kind in _CENT_KINDS:
            made[column] = _money(place, made[column])
    return made


def _money(place: str, values: pd.Series) -> pd.Series:
    try:
        return pd.to_numeric(values).astype("float64").round(2) + 0.0
    except (TypeError, ValueError):
        raise _refused(
            f"{place}.{values.name}", "a value that is no number", "numbers, as its format is money"
        ) from None


def _refused(place: str, found: str, allowed: str) -> StageError:
    return StageError(f"table {place}", found=found, allowed=allowed, next_step="correct the table in the notebook")


def write(place: str, made: pd.DataFrame, file: Path, *, csv: bool) -> None:
    """Write a table as Parquet, and as CSV that no spreadsheet takes for formulas.

    Parameters
    ----------
    place : str
        The stage and the table's name, for errors.
    made : DataFrame
        The table.
    file : Path
        The Parquet file; the CSV stands beside it.
    csv : bool
        Whether there is a CSV.
    """
    import pyarrow as pa

    made = made.copy()
    for column in made.columns:
        if isinstance(made[column].dtype, pd.PeriodDtype):
            made[column] = made[column].astype(str)
    try:
        made.to_parquet(file, index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        mixed = [str(c) for c in made.columns if made[c].dtype == object and made[c].dropna().map(type).nunique() > 1]
        at = f"{place}.{mixed[0]}" if mixed else place
        raise _refused(at, "values of several kinds in one column", "one kind a column") from None
    if csv:
        _formula_safe(made).to_csv(file.with_suffix(".csv"), index=False, encoding="utf-8-sig", lineterminator="\n")


def _formula_safe(made: pd.DataFrame) -> pd.DataFrame:
    """Put an apostrophe before text that a spreadsheet would take for a formula."""
    made = made.copy()
    for column in made.columns:
        if made[column].dtype == object or isinstance(made[column].dtype, (pd.StringDtype, pd.CategoricalDtype)):
            made[column] = [f"'{v}" if isinstance(v, str) and v[:1] in ("=", "+", "-", "@", "\t", "\r") else v
                            for v in made[column]]  # fmt: skip
    return made
