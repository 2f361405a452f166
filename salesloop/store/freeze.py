"""Freezing a period: what stood at its end, by what was known when its books closed, written once and never changed."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
import os
import shutil
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from salesloop import paths, periods
from salesloop.errors import ParameterError, StageError
from salesloop.params import UnitConfig, load_unit
from salesloop.store import content, log
from salesloop.store.base import opened
from salesloop.store.state import View

FORMAT = 1
_CONFIG = {"currency", "plan_rates", "fiscal_year_start", "time_zone", "country", "close_lag_days"}


def freeze(unit: str, period: pd.Period | str, as_of: dt.date | None = None, *, threads: int | None = None) -> Path:
    """Freeze a period, or its state on a day for a check-in, and return the folder.

    Parameters
    ----------
    unit : str
        The business unit.
    period : Period or str
        The month.
    as_of : date, optional
        The day of a check-in inside the month: events and knowledge up to that day.
    threads : int, optional
        How many threads DuckDB uses; the bytes do not depend on it.

    Returns
    -------
    Path
        ``data/<unit>/snapshots/<period>`` (``<period>@<day>`` for a check-in): one Parquet a table,
        ``adjustments.parquet``, ``opportunity_versions.parquet`` and ``meta.json``. While the books are open, a later
        freeze with other data is a new edition; once they are closed the folder never changes.

    Raises
    ------
    ParameterError
        The period lies outside the data, or the day outside the period.
    """
    config, month = load_unit(unit), periods.parse_period(period)
    with opened(unit, threads=threads) as connection:
        job = _Freeze(connection, config, month, as_of)
        job.refuse()
        return job.run()


class _Freeze:
    """One freeze and what it may see.

    A record in the store says which editions were made and up to which import; so the same bytes are made again even
    after rows dated back were imported, and those show as adjustments of the next period.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, config: UnitConfig, month: pd.Period, day: dt.date | None
    ):
        self.sql, self.config, self.month, self.day = connection, config, month, day
        self.first, self.reach = log.span(connection)
        self.folder = paths.snapshot(config.unit, f"{month}@{day}" if day else str(month))
        self.record = log.edition(connection, str(month), str(day or ""))
        self.closed = self.record is not None and not self.record["books_open"]

    @cached_property
    def view(self) -> View:
        """What this freeze may see; a closed period that stands need not know it."""
        return self._view(self.month, self.day)

    @property
    def open(self) -> bool:
        """Whether the period's books are open: the data end before the knowledge that counts does."""
        return not self.closed and (self.reach < self.view.until or self.reach == self.day)

    def _view(self, month: pd.Period, day: dt.date | None) -> View:
        """Return what a period's freeze may see: for one whose books were closed, no import after that."""
        until = day or periods.known_until(month, self.config.close_lag_days, self.config.country)
        record = log.edition(self.sql, str(month), str(day or ""))
        last = record["import_id"] if record and not record["books_open"] else log.last_import(self.sql)
        cut_off = log.cut_off_by(self.sql, until, last)
        return View(day or periods.end(month), until, self.config.time_zone, last, cut_off)

    def refuse(self) -> None:
        """Refuse a period outside the data and a day outside the period or the data."""
        low, high = pd.Period(self.first, "M"), log.last_whole_month(self.reach)
        if self.day is not None:
            high = pd.Period(self.reach, "M")
            if not periods.start(self.month) <= self.day <= periods.end(self.month):
                raise ParameterError(
                    "as_of", found=str(self.day), allowed=f"a day of {self.month}", next_step="name a day of that month"
                )
            if self.month == high and self.day > self.reach:
                raise ParameterError(
                    "as_of",
                    found=str(self.day),
                    allowed=f"a day up to {self.reach}, where the data end",
                    next_step="name an earlier day, or import a later export",
                )
        thing = f"period {self.month} of unit {self.config.unit!r}"
        if high < low:
            raise ParameterError(
                thing, found=f"data from {self.first} to {self.reach}", allowed="none yet: no month is complete",
                next_step="import an export made after the month's end, or state its day with AS_OF=",
            )  # fmt: skip
        if not low <= self.month <= high:
            allowed = f"{low} to {high} (the data end on {self.reach})"
            raise ParameterError(
                thing, found="outside the data", allowed=allowed,
                next_step="take one of these months, or import a later export",
            )  # fmt: skip

    def run(self) -> Path:
        """Return the folder that stands, where it may not or need not change; else write it."""
        if self.closed and self._stands():
            return self.folder
        inputs = self._inputs()
        same = self.record is not None and self.record["inputs"] == inputs
        if same and self._stands():
            return self.folder
        number = self.record["edition"] if self.record else 0
        number += not (self.closed or same)
        before = self._view(self.month - 1, None)
        before = dataclasses.replace(before, until=min(before.until, self.view.until))
        derived = content.prepare(self.sql, self.config, self.view, before)
        meta = {**self._head(number), **content.notes(self.sql, self.config, self.view, derived)}
        draft = self._write(meta)
        if not self.closed:
            key = str(self.month), str(self.day or "")
            log.keep_edition(self.sql, *key, number, self.view.last_import, self.open, inputs)
        _publish(draft, self.folder)
        return self.folder

    def _stands(self) -> bool:
        """Return whether the folder holds the recorded edition; after a crash it may hold the one before, or be gone."""
        file = self.folder / "meta.json"
        told = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        return self.record is not None and told.get("edition") == self.record["edition"]

    def _inputs(self) -> str:
        """Return a hash of all that the frozen bytes depend on while the books are open."""
        reach = [self.view.last_import, str(self.reach) if self.open else ""]
        parts = [FORMAT, reach, self.config.model_dump(mode="json", include=_CONFIG)]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def _head(self, number: int) -> dict[str, Any]:
        """Return the days that the snapshot stands for."""
        view = self.view
        return {
            "format": FORMAT, "unit": self.config.unit, "period": str(self.month),
            "as_of": str(self.day) if self.day else None, "period_end": str(view.end), "known_until": str(view.until),
            "cut_off": str(self.reach if self.open else view.until), "edition": number, "books_open": self.open,
            "books_open_until": str(view.until) if self.open else None,
        }  # fmt: skip

    def _write(self, meta: dict[str, Any]) -> Path:
        """Write everything into a folder beside the target, whose leftovers of a crash are cleared first."""
        for left in self.folder.parent.glob(f".{self.folder.name}.*"):
            shutil.rmtree(left, ignore_errors=True)
        draft = self.folder.with_name(f".{self.folder.name}.{os.getpid()}")
        try:
            draft.mkdir(parents=True)
            told = {
                name: _write(table, draft / f"{name}.parquet") for name, table in content.tables(self.sql, self.view)
            }
            text = json.dumps({**meta, "tables": told}, ensure_ascii=False, sort_keys=True, indent=1, default=str)
            (draft / "meta.json").write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            shutil.rmtree(draft, ignore_errors=True)
            raise StageError(
                f"snapshot {self.folder.name} of unit {self.config.unit!r}", found=error.strerror or "a write that failed",
                allowed="a folder that can be written",
                next_step="see that the data folder can be written and has room, then repeat the command",
            ) from None  # fmt: skip
        return draft


def _write(table: pa.Table, file: Path) -> dict[str, Any]:
    """Write a table the same way each time and return its rows and hash."""
    pq.write_table(table, file, compression="zstd", compression_level=3, row_group_size=1 << 20, version="2.6")
    with file.open("rb") as stream:
        return {"rows": table.num_rows, "sha256": hashlib.file_digest(stream, "sha256").hexdigest()}


def _publish(draft: Path, folder: Path) -> None:
    """Put the finished folder in its place; an earlier edition makes way in one rename."""
    old = folder.with_name(f".{folder.name}.old.{os.getpid()}")
    if folder.exists():
        folder.rename(old)
    draft.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
