"""Hide who is who: every rep's name in a page is replaced by a number."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd

from salesloop.messages import Text

_NAMED = ("rep", "owner", "manager", "who", "subject", "rater", "said_by")
_SCOPES = ("scope",)
_WORD = r"[0-9A-Za-z\u00c0-\u024f_]"


def people(folder: Path) -> list[str]:
    """Return the names of reps and managers that a period's results hold, sorted.

    Parameters
    ----------
    folder : Path
        The ``results`` folder: every table of every stage is looked through.
    """
    found: set[str] = set()
    for file in sorted(folder.glob("*.json")):
        tables = json.loads(file.read_text(encoding="utf-8"))["tables"]
        for table in tables.values():
            found |= _people_of(_named_columns(folder / table["file"]))
    return sorted(found)


def _named_columns(file: Path) -> pd.DataFrame:
    """Return only the columns that can name people: draws and fitted states are large."""
    import pyarrow.parquet as pq

    wanted = {*_NAMED, *_SCOPES, "level", "name"}
    columns = [name for name in pq.read_schema(file).names if name in wanted]
    return pd.read_parquet(file, columns=columns) if columns else pd.DataFrame()


def _people_of(frame: pd.DataFrame) -> set[str]:
    columns = [frame[column] for column in _NAMED if column in frame]
    if {"level", "name"} <= set(frame.columns):
        columns.append(frame.loc[frame["level"] == "rep", "name"])
    named = {str(value) for column in columns for value in column.dropna().unique() if isinstance(value, str)}
    for column in _SCOPES:
        if column in frame:
            named |= {str(v).partition(":")[2] for v in frame[column].dropna().unique() if str(v).startswith("rep:")}
    return {name for name in named if len(name.strip()) > 1}


def hider(names: Iterable[str], text: Text) -> Callable[[str], str]:
    """Return a function that replaces names in any text by "Rep 1", "Rep 2" ... in their alphabetical order.

    Examples
    --------
    >>> hide = hider(["Li Na", "王伟"], Text("en"))
    >>> hide("Li Na called; Li Nathan did not; 王伟也打了")
    'Rep 1 called; Li Nathan did not; Rep 2也打了'
    """
    alias = {name: text.t("report.rep_alias", n=number) for number, name in enumerate(sorted(set(names)), 1)}
    if not alias:
        return str
    parts = [_whole(name) for name in sorted(alias, key=len, reverse=True)]
    pattern = re.compile("|".join(parts))
    return lambda words: pattern.sub(lambda found: alias[found.group()], words)


def _whole(name: str) -> str:
    """Return a pattern that finds a name written in letters only as a whole word."""
    before = rf"(?<!{_WORD})" if re.match(_WORD, name) else ""
    after = rf"(?!{_WORD})" if re.match(_WORD, name[-1]) else ""
    return before + re.escape(name) + after
