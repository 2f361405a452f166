"""Freezing a period: what stood at its end, by what was known when its books closed, written once and never changed."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from salesloop import paths, periods
from salesloop.errors import DataError, ParameterError
from salesloop.params import UnitConfig, load_unit
from salesloop.schema import TABLES
from salesloop.store import adjust, log, money, rules, stages, tieout
from salesloop.store.base import columns, one, opened, quoted, versions
from salesloop.store.state import View, deals, table_state

FORMAT = 1
_LATER = dt.date(9999, 12, 31)


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
    """One freeze with what it decided."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, config: UnitConfig, month: pd.Period, day: dt.date | None
    ):
        self.sql, self.config, self.month, self.day = connection, config, month, day
        self.first, self.reach = log.span(connection)
        self.until = day or periods.known_until(month, config.close_lag_days, config.country)
        self.label = f"{month}@{day}" if day else str(month)
        self.folder = paths.snapshot(config.unit, self.label)
        self.record = log.edition(connection, str(month), str(day or ""))
        self.open = self.reach < self.until
        self.view = self._view(month, day)

    def _view(self, month: pd.Period, day: dt.date | None) -> View:
        """Return what a period's freeze may see: for one whose books were closed, no import after that."""
        until = day or periods.known_until(month, self.config.close_lag_days, self.config.country)
        record = log.edition(self.sql, str(month), str(day or ""))
        last = record["import_id"] if record and not record["books_open"] else log.last_import(self.sql)
        cut_off = log.cut_off_by(self.sql, until, last)
        return View(day or periods.end(month), until, self.config.time_zone, last, cut_off)

    def refuse(self) -> None:
        """Refuse a period outside the data and a day outside the period."""
        low, high = pd.Period(self.first, "M"), log.last_whole_month(self.reach)
        if self.day is not None:
            high = pd.Period(self.reach, "M")
            if not periods.start(self.month) <= self.day <= periods.end(self.month):
                raise ParameterError("as_of", found=str(self.day), allowed=f"a day of {self.month}")
            if self.day > self.reach:
                raise ParameterError(
                    "as_of", found=str(self.day), allowed=f"a day up to {self.reach}, where the data end"
                )
        if high < low:
            raise ParameterError(
                f"period {self.month} of unit {self.config.unit!r}", found=f"data from {self.first} to {self.reach}",
                allowed="no month is complete yet", next_step="import an export made after the month's end",
            )  # fmt: skip
        if not low <= self.month <= high:
            raise ParameterError(
                f"period {self.month} of unit {self.config.unit!r}", found="outside the data",
                allowed=f"{low} to {high} (the data end on {self.reach})",
            )  # fmt: skip

    def run(self) -> Path:
        """Return the folder that stands where it may not or need not change, else write it."""
        stands = (self.folder / "meta.json").is_file()
        closed = self.record is not None and not self.record["books_open"]
        inputs = self._inputs()
        if stands and self.record and (closed or (self.record["inputs"] == inputs and self.open)):
            return self.folder
        if closed:
            assert self.record is not None
            edition, self.open = self.record["edition"], False
        else:
            edition = self._next_edition(inputs)
        meta, tables = self._content(edition)
        draft = self._write(tables, meta)
        if not closed:
            log.keep_edition(
                self.sql, str(self.month), str(self.day or ""), edition, self.view.last_import, self.open, inputs
            )
        _publish(draft, self.folder)
        return self.folder

    def _next_edition(self, inputs: str) -> int:
        if self.record is None:
            return 1
        return self.record["edition"] + int(self.record["inputs"] != inputs or self.record["books_open"] != self.open)

    def _inputs(self) -> str:
        """Return a hash of all that the frozen bytes depend on."""
        told = self.config.model_dump(mode="json", include={"currency", "plan_rates", "fiscal_year_start", "time_zone",
                                                              "country", "close_lag_days"})  # fmt: skip
        parts = [FORMAT, self.view.last_import, str(self.reach) if self.open else "", told]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def _content(self, edition: int) -> tuple[dict[str, Any], dict[str, pa.Table]]:
        """Return the meta data and the tables of the snapshot."""
        self._deals()
        derived = stages.make(self.sql, self.view)
        for name in TABLES:
            if name not in ("opportunities", "stages"):
                self.sql.execute(f"CREATE OR REPLACE TEMP TABLE f_{name} AS {self._rows(name)}")
        tables = {name: self._table(f"SELECT * FROM f_{name}", columns(name)) for name in TABLES
                  if name not in ("opportunities", "stages")}  # fmt: skip
        own = [*columns("opportunities"), "amount_home", "hindsight"]
        tables["opportunities"] = self._table("SELECT * FROM deals_kept", own)
        tables["stages"] = self._table("SELECT * FROM stages_now", columns("stages"))
        tables["adjustments"] = self._table(
            "SELECT *, row_key || period || kind AS sort_key FROM adjustments",
            ["opportunity_id", "period", "kind", "amount", "known_on"], order="sort_key",
        )  # fmt: skip
        tables["opportunity_versions"] = self._versions()
        return self._meta(edition, derived), {
            name: table for name, table in tables.items() if self._wanted(name, table)
        }

    def _wanted(self, name: str, table: pa.Table) -> bool:
        return table.num_rows > 0 or name in ("opportunities", "adjustments", "opportunity_versions")

    def _deals(self) -> None:
        """Make the deals as of this period and as of the one before, each with home money, and what changed since."""
        before = self._view(self.month - 1, None)
        for view, name in ((before, "deals_before"), (self.view, "deals_now")):
            deals(self.sql, view, "bare")
            money.rates(self.sql, view, self.config)
            home = money.with_home("SELECT * FROM bare", "opportunities", config=self.config, end=view.end)
            self.sql.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {home}")
        kept = "(SELECT * FROM {} WHERE fate = 'kept' AND rate IS NOT NULL)"
        self.sql.execute(f"CREATE OR REPLACE TEMP TABLE deals_kept AS {kept.format('deals_now')}")
        adjust.make(self.sql, kept.format("deals_before"), "deals_kept", last=before, view=self.view)

    def _rows(self, name: str) -> str:
        """Return SQL for a table as of the view, with home money where it has money."""
        rows = table_state(name, self.view)
        if name in money.DATED:
            home = money.with_home(rows, name, config=self.config, end=self.view.end)
            return f"SELECT * FROM ({home}) WHERE rate IS NOT NULL"
        if name == "stage_events":
            return f"""SELECT e.*, CAST(round(e.amount * coalesce(d.rate, 1), 2) AS DECIMAL(18,2)) AS amount_home
                       FROM ({rows}) e LEFT JOIN deals_now d USING (opportunity_id)"""
        return rows

    def _table(self, query: str, wanted: list[str], order: str = "row_key") -> pa.Table:
        have = [row[0] for row in self.sql.execute(f"DESCRIBE {query}").fetchall()]
        extra = [name for name in ("amount_home",) if name in have and name not in wanted]
        chosen = quoted(*(name for name in [*wanted, *extra] if name in have))
        found = self.sql.sql(f"SELECT {chosen} FROM ({query}) ORDER BY {order}").to_arrow_table()
        return _without_empty(found.combine_chunks())

    def _versions(self) -> pa.Table:
        """Return every state of a deal seen by then, with when it was known and so."""
        view = self.view
        names = quoted(*columns("opportunities"))
        return self.sql.sql(f"""
            SELECT {names}, _known_at AS known_at, _state_at AS state_at, _closed_known_at AS closed_known_at,
                   _deleted AS deleted
            FROM {versions("opportunities")} WHERE _known_at < {view.until_sql} AND _import_id <= {view.last_import}
            ORDER BY _row_key, _state_at, _import_id""").to_arrow_table().combine_chunks()  # fmt: skip

    def _meta(self, edition: int, derived: bool) -> dict[str, Any]:
        config, view = self.config, self.view
        used = log.used(self.sql, view)
        told = log.told(self.sql, used)
        broken = rules.check(self.sql, "deals_kept", config.time_zone)
        aside, unrated = self._aside(), self._unrated()
        tie = tieout.lines(self.sql, view, tieout.tie_import(self.sql, view))
        self._agree(tie)
        warnings = [*told["warnings"], *(["stages: order derived from the data"] if derived else [])]
        if unrated:
            broken["currency_without_rate"] = {"n": sum(row["n"] for row in unrated), "severity": "quarantine"}
        return {
            "format": FORMAT, "unit": config.unit, "period": str(self.month), "as_of": str(self.day) if self.day else None,
            "period_end": str(view.end), "known_until": str(view.until), "cut_off": str(min(self.reach, view.until) if self.open else view.until),
            "edition": edition, "books_open": self.open, "books_open_until": str(view.until) if self.open else None,
            "currency": config.currency, "state_known": self._state_known(), "stages_derived": derived,
            "tie_out": tie, "set_aside": aside, "without_rate": unrated, "rules": dict(sorted(broken.items())),
            "rejects": told["rejects"], "files": told["files"], "assumptions": told["assumptions"], "warnings": warnings,
            "hindsight": self._hindsight(), "first_day": str(self.first),
        }  # fmt: skip

    def _aside(self) -> list[dict[str, Any]]:
        rows = self.sql.execute("""SELECT fate, count(*), coalesce(sum(amount_home), 0) FROM deals_now
            WHERE fate <> 'kept' GROUP BY fate ORDER BY fate DESC""").fetchall()
        return [{"rule": f"{fate.removeprefix('ahead_')}_after_cut_off", "n": n, "amount": f"{amount:.2f}",
                 "after": str(self.view.cut_off)} for fate, n, amount in rows]  # fmt: skip

    def _unrated(self) -> list[dict[str, Any]]:
        rows = self.sql.execute("""SELECT currency, count(*), coalesce(sum(amount), 0) FROM deals_now
            WHERE fate = 'kept' AND rate IS NULL GROUP BY 1 ORDER BY 1""").fetchall()
        return [{"currency": currency[:3], "n": n, "amount": f"{amount:.2f}"} for currency, n, amount in rows]

    def _hindsight(self) -> dict[str, int]:
        (n, of) = one(self.sql, "SELECT count(*) FILTER (hindsight), count(*) FROM deals_kept WHERE status = 'open'")
        return {"open": of, "hindsight": n}

    def _state_known(self) -> str:
        """Return how open deals' states are known: by own versions, by the source's dated history, or by dates alone."""
        counts = dict(
            self.sql.execute("SELECT known_by, count(*) FROM deals_kept WHERE status = 'open' GROUP BY 1").fetchall()
        )
        whole = sum(counts.values())
        if log.observed(self.sql, self.view) or (whole and counts.get("version", 0) >= 0.9 * whole):
            return "observed"
        (n,) = one(self.sql, "SELECT count(*) FROM f_stage_events")
        return "events" if n and counts.get("dates", 0) <= 0.5 * whole else "dates"

    def _agree(self, tie: list[dict[str, Any]]) -> None:
        """Stop where the tie-out does not end at the frozen deals: that would be an error of ours."""
        n, amount = one(self.sql, "SELECT count(*), coalesce(sum(amount_home), 0) FROM deals_kept")
        if tie and (tie[-1]["n"], tie[-1]["amount"]) != (n, f"{amount:.2f}"):
            raise DataError(
                "tie-out", found=f"{tie[-1]['n']} deals, {tie[-1]['amount']}", allowed=f"{n} deals, {amount:.2f}",
                next_step="report this as a fault of salesloop",
            )  # fmt: skip

    def _write(self, tables: dict[str, pa.Table], meta: dict[str, Any]) -> Path:
        draft = self.folder.with_name(f".{self.folder.name}.{os.getpid()}")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        told = {}
        for name, table in sorted(tables.items()):
            file = draft / f"{name}.parquet"
            pq.write_table(table, file, compression="zstd", compression_level=3, row_group_size=1 << 20, version="2.6")
            told[name] = {"rows": table.num_rows, "sha256": _sha(file)}
        text = json.dumps({**meta, "tables": told}, ensure_ascii=False, sort_keys=True, indent=1, default=str)
        (draft / "meta.json").write_text(text + "\n", encoding="utf-8")
        return draft


def _without_empty(table: pa.Table) -> pa.Table:
    return table.replace_schema_metadata(None)


def _sha(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _publish(draft: Path, folder: Path) -> None:
    """Put the finished folder in its place; an earlier edition makes way in one rename."""
    old = folder.with_name(f".{folder.name}.old.{os.getpid()}")
    if folder.exists():
        folder.rename(old)
    draft.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
