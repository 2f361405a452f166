"""The plan files of the demo: written when absent, later only added to; what people wrote is never touched."""

from __future__ import annotations

import csv
import datetime as dt
import io
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from salesloop import whole
from salesloop.schema import PLAN_TABLES, TABLES

if TYPE_CHECKING:
    from salesloop.demo.company import Company


def read(file: Path) -> pd.DataFrame:
    """Return a plan file's rows as texts, missing cells as None; an absent file has none."""
    if not file.is_file():
        return pd.DataFrame(columns=list(TABLES[file.stem].columns), dtype=object)
    frame = pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8-sig").astype(object)
    return frame.where(frame != "", None)


def write(company: Company, folder: Path, day: dt.date) -> None:
    """Write the plan files as people would have kept them until a day.

    Where a file is absent it gets all its rows; else the rows dated after its last one are added (of undated tables
    those whose key is new).
    """
    folder.mkdir(parents=True, exist_ok=True)
    tables = company.tables(day, only=PLAN_TABLES)
    for name in PLAN_TABLES:
        rows = as_text(name, tables.get(name, pd.DataFrame()))
        file = folder / f"{name}.csv"
        if not file.is_file():
            _append(file, list(TABLES[name].columns), [], rows)
        elif name not in ("actions", "interventions"):
            with file.open(encoding="utf-8-sig", newline="") as handle:
                known = list(csv.DictReader(handle))
            columns = list(known[0]) if known else list(TABLES[name].columns)
            if new := _new(name, known, rows):
                _append(file, columns, known, new)


def _new(name: str, known: list[dict], rows: list[dict]) -> list[dict]:
    table = TABLES[name]
    have = {tuple(row.get(key) or "" for key in table.key) for row in known}
    fresh = [row for row in rows if tuple(row[key] for key in table.key) not in have]
    if table.dated is None:
        return fresh
    last = max((str(row.get(table.dated) or "") for row in known), default="")
    return [row for row in fresh if row[table.dated] > last]


def _append(file: Path, columns: list[str], known: list[dict], rows: list[dict]) -> None:
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows([*known, *rows])
    whole.write(file, out.getvalue())


def as_text(name: str, frame: pd.DataFrame) -> list[dict[str, str]]:
    """Return a plan table's rows as texts with all its columns: ISO days, plain numbers, nothing for missing."""
    columns = list(TABLES[name].columns)
    frame = frame.reindex(columns=columns)
    dates = set(TABLES[name].of_type("date", "time"))
    texts = {column: [_text(value, column in dates) for value in frame[column].tolist()] for column in columns}
    return [dict(zip(columns, row, strict=True)) for row in zip(*texts.values(), strict=True)]


def _text(value: object, dated: bool) -> str:
    if value is None or value is pd.NaT or (isinstance(value, float) and value != value):
        return ""
    if dated:
        return str(value)[:10]
    if isinstance(value, float):
        return str(int(value)) if value == int(value) else repr(value)
    return str(value)
