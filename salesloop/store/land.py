"""Landing: an import's rows become versions, where they differ from what is stored; nothing is ever overwritten."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd

from salesloop.params import UnitConfig, load_unit
from salesloop.schema import TABLES
from salesloop.store import stamps
from salesloop.store.base import columns, literal, moment, noon, one, opened, quoted, versions
from salesloop.store.staging import Export, column_list, export_of, latest, missing, register, rows, stage

if TYPE_CHECKING:
    from salesloop.sources.landing import Landing

_FATES = ("new", "changed", "unchanged", "deleted", "rejected")


@dataclass
class ImportSummary:
    """What an import changed.

    Attributes
    ----------
    unit, import_id, as_of
        Whose, under which number it stands in the import log (0: it repeats an earlier one), the day of the export.
    tables : dict of str to dict
        Per table the rows that were ``new, changed, unchanged, deleted, rejected``.
    notes : list of str
        What the reader should know, a sentence each.
    """

    unit: str
    import_id: int
    as_of: dt.date
    tables: dict[str, dict[str, int]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def repeated(self) -> bool:
        """Whether the import brought nothing that was not stored."""
        return self.import_id == 0

    def frame(self) -> pd.DataFrame:
        """Return the counts as a table: ``table, new, changed, unchanged, deleted, rejected``."""
        rows = [{"table": name, **counts} for name, counts in self.tables.items()]
        return pd.DataFrame(rows, columns=["table", *_FATES])

    def lines(self) -> list[str]:
        """Return what to print, a line each."""
        told = [
            f"{name}: " + ", ".join(f"{n} {fate}" for fate, n in counts.items() if n)
            for name, counts in self.tables.items()
            if any(counts.values())
        ]
        return [*told, *self.notes]


def land(unit: str, landing: Landing, *, as_of: dt.date | None = None) -> ImportSummary:
    """Store an import: every row that is new or differs becomes a version, all in one transaction.

    Parameters
    ----------
    unit : str
        The business unit; it must have a unit.yml.
    landing : Landing
        What the door read.
    as_of : date, optional
        The day of the export; else the landing's own, else today.

    Returns
    -------
    ImportSummary
        Counts by table, and notes.

    Raises
    ------
    LockedError
        Another process has held the store for a minute.
    """
    config = load_unit(unit)
    export = export_of(landing, config, as_of)
    with opened(unit, write=True) as connection:
        connection.execute("BEGIN")
        try:
            summary = _Import(connection, unit, landing, export, config).run()
            connection.execute("COMMIT" if summary.import_id else "ROLLBACK")
        except BaseException:
            with suppress(duckdb.Error):
                connection.execute("ROLLBACK")
            raise
    return summary


class _Import:
    """One import inside its transaction."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, unit: str, landing: Landing, export: Export,
                 config: UnitConfig):  # fmt: skip
        self.sql, self.unit, self.landing, self.export, self.config = connection, unit, landing, export, config
        (self.number,) = self._row("SELECT coalesce(max(import_id), 0) + 1 FROM imports")
        self.counts: dict[str, dict[str, Any]] = {}
        self.notes: list[str] = []

    def _row(self, query: str) -> tuple:
        return one(self.sql, query)

    def run(self) -> ImportSummary:
        """Store the tables, the rejects and the log's line; an import that repeats an earlier one is left out."""
        names = register(self.sql, self.landing)
        reach = stamps.reach(
            self.sql, {name: self.landing.tables[name] for name in names},
            as_of=self.export.as_of, stated=self.export.stated, zone=self.export.zone,
        )  # fmt: skip
        digests = [self._table(name, reach[1]) for name in names]
        digest = json.dumps([digests, str(self.export.as_of) if self.export.stated else None, self._door()])
        moved = sum(self.counts[name][fate] for name in names for fate in ("new", "changed", "deleted"))
        (seen,) = one(self.sql, "SELECT count(*) FROM imports WHERE digest = ?", [digest])
        if seen and not moved:
            return ImportSummary(
                self.unit, 0, self.export.as_of, self._told(), ["nothing new: repeats an earlier import"]
            )
        self._rejects()
        self._unrated()
        self._log(digest, reach)
        return ImportSummary(self.unit, self.number, self.export.as_of, self._told(), [*self.notes, *self._tie_out()])

    def _tie_out(self) -> list[str]:
        """Return the line that ties the deals' money to the source's own total, where the files state one."""
        totals = [report.source_total for report in self.landing.files if report.table == "opportunities"]
        if not totals or not all(totals):
            return []
        counts = self.counts["opportunities"]
        source = sum((Decimal(total) for total in totals if total), Decimal(0))
        left = source - Decimal(counts["landed_amount"])
        read = sum(report.read for report in self.landing.files if report.table == "opportunities")
        return [
            f"tie-out: {read:,} deals, {source:,.2f} in the files - {read - counts['landed_n']:,} left out, {left:,.2f}"
            f" = {counts['landed_n']:,} kept, {Decimal(counts['landed_amount']):,.2f}"
        ]

    def _told(self) -> dict[str, dict[str, int]]:
        return {name: {fate: counts[fate] for fate in _FATES} for name, counts in self.counts.items()}

    def _door(self) -> list:
        return [[report.file, report.sheet, report.read, report.kept, report.rejected] for report in self.landing.files]

    def _table(self, name: str, cut_off: dt.date | None) -> list:
        """Stage and store one table and return what tells this import's rows from another's."""
        stage(self.sql, name, self.landing, self.export)
        found = dict(self.sql.execute(f"SELECT fate, count(*) FROM new_{name} GROUP BY fate").fetchall())
        turned_away = self._turned_away(name)
        self.counts[name] = {fate: found.get(fate, 0) for fate in ("new", "changed", "unchanged")}
        self.counts[name] |= {"deleted": self._delete(name), "rejected": turned_away + found.get("duplicate", 0)}
        if self.counts[name]["new"] or self.counts[name]["changed"]:
            self._insert(name, cut_off)
        if name == "opportunities":
            self._totals()
        digest = self._row(f"SELECT count(*), bit_xor(content), max(own) FROM new_{name}")
        return [name, *map(str, digest)]

    def _turned_away(self, name: str) -> int:
        return sum(report.rejected for report in self.landing.files if report.table == name)

    def _insert(self, name: str, cut_off: dt.date | None) -> None:
        plain = (
            "row_key",
            "content",
            "first_seen",
            "known_at",
            "closed_known_at",
            "source",
            "source_file",
            "source_row",
            "extra",
        )
        data_end = self._data_end(cut_off)
        own = {column: column for column in plain} | {
            "import_id": str(self.number), "deleted": "false",
            "state_at": f"CASE WHEN first_seen AND own IS NULL THEN least(state_at, {data_end}) ELSE state_at END",
        }  # fmt: skip
        target = ", ".join([column_list(name), *(f'"_{column}"' for column in own)])
        self.sql.execute(f"""
            INSERT INTO {versions(name)} ({target}) SELECT {column_list(name)}, {", ".join(own.values())}
            FROM ({self._dated(name, data_end)})""")

    def _data_end(self, cut_off: dt.date | None) -> str:
        """Return SQL for the moment that undated rows, seen for the first time, stand for.

        The stated day of the export; where none is stated, the day on which its data end.
        """
        if self.export.stated or cut_off is None:
            return literal(self.export.end)
        ends = moment(cut_off, self.export.zone, after=True) - dt.timedelta(seconds=1)
        return literal(min(self.export.end, ends))

    def _dated(self, name: str, data_end: str) -> str:
        """Return SQL for the new versions with when they, and their closings, count as known."""
        (stored,) = self._row(f"SELECT count(*) FROM {versions(name)}")
        first = stamps.first_known(
            name,
            zone=self.export.zone,
            export=data_end,
            first_import=not stored,
            fiscal_start=self.config.fiscal_year_start,
        )
        found = f"SELECT * FROM ({rows(name, self.landing)}) WHERE fate IN ('new', 'changed')"
        closing = "CAST(NULL AS TIMESTAMP)"
        if name == "opportunities":
            closing = stamps.closing_known(self.export.zone, self._last_export(name), lag_days=self._entry_lag(found))
            closing = f"CASE WHEN status <> 'open' THEN CASE WHEN first_seen THEN {closing} ELSE state_at END END"
            events = self._both("stage_events", ("opportunity_id", "to_stage", "at"))
            found = f"""SELECT r.*, closing_event FROM ({found}) r LEFT JOIN (
                SELECT opportunity_id AS deal, to_stage, max("at") AS closing_event FROM ({events}) GROUP BY ALL) e
                ON r.opportunity_id = e.deal AND r.stage = e.to_stage"""
        if name == "order_lines":
            orders = self._both("orders", ("order_id", "ordered_on"))
            found = f"""SELECT r.*, order_day FROM ({found}) r LEFT JOIN (
                SELECT order_id AS mother, max(ordered_on) AS order_day FROM ({orders}) GROUP BY ALL) o
                ON r.order_id = o.mother"""
        return f"""SELECT *, CASE WHEN first_seen THEN {first} ELSE state_at END AS known_at,
                   {closing} AS closed_known_at FROM ({found})"""

    def _entry_lag(self, found: str) -> int | None:
        """Return the close lag in calendar days, where the own stamps of closed deals tell when they were entered."""
        lag = -(-7 * self.config.close_lag_days // 5) + 1
        closed = noon("closed_on", self.export.zone)
        n, soon = self._row(f"""
            SELECT count(*), count(*) FILTER (own <= {closed} + INTERVAL ({lag}) DAY) FROM ({found})
            WHERE first_seen AND status IN ('won', 'lost') AND own IS NOT NULL AND closed_on IS NOT NULL""")
        return lag if stamps.stamps_are_entries(n, soon) else None

    def _last_export(self, name: str) -> str:
        """Return SQL for the end of the day of the latest earlier import that brought this table."""
        days = self.sql.execute("SELECT as_of, counts FROM imports ORDER BY import_id DESC").fetchall()
        earlier = [day for day, counts in days if name in json.loads(counts)]
        if not earlier:
            return "CAST(NULL AS TIMESTAMP)"
        return literal(moment(max(earlier), self.export.zone, after=True))

    def _both(self, name: str, wanted: tuple[str, ...]) -> str:
        """Return SQL for some columns of a table, stored and landed rows together."""
        landed = self.landing.tables.get(name)
        parts = [f"SELECT {quoted(*wanted)} FROM {versions(name)}"]
        if landed is not None and set(wanted) <= set(landed.column_names):
            parts.append(f"SELECT {quoted(*wanted)} FROM in_{name}")
        return " UNION ALL ".join(parts)

    def _delete(self, name: str) -> int:
        """Mark as deleted what a complete export no longer has."""
        reports = [report for report in self.landing.files if report.table == name]
        if not reports or not all(report.complete for report in reports):
            return 0
        gone = missing(self.sql, name, self.export)
        (n,) = self._row(f"SELECT count(*) FROM ({gone})")
        end = literal(self.export.end)
        changes = {"_import_id": str(self.number), "_known_at": end, "_state_at": end, "_deleted": "true",
                   "_first_seen": "false", "_content": "0"}  # fmt: skip
        replaced = ", ".join(f"{value} AS {column}" for column, value in changes.items())
        if n:
            self.sql.execute(
                f"INSERT INTO {versions(name)} BY NAME SELECT * EXCLUDE (_place) REPLACE ({replaced}) FROM ({gone})"
            )
        return n

    def _totals(self) -> None:
        """Keep for the tie-out how many deals and how much money landed and stand stored after it."""
        told = f"SELECT count(*), sum(amount) FROM ({rows('opportunities', self.landing)})"
        landed = self._row(f"{told} WHERE fate <> 'duplicate'")
        repeats = self._row(f"{told} WHERE fate = 'duplicate'")
        stands = self._row(f"SELECT count(*), sum(amount) FROM ({latest('opportunities')}) WHERE NOT _deleted")
        totals = (("landed", landed), ("duplicate", repeats), ("stored", stands))
        for label, (n, amount) in totals:
            self.counts["opportunities"] |= {f"{label}_n": n, f"{label}_amount": str(amount or 0)}

    def _rejects(self) -> None:
        """Keep the door's rejected rows and those that the store turned away, each with its reason."""
        from salesloop.sources.landing import REJECT_COLUMNS

        if self.landing.rejects is not None and self.landing.rejects.num_rows:
            self.sql.register("in_rejects", self.landing.rejects)
            names = quoted(*REJECT_COLUMNS)
            self.sql.execute(f"INSERT INTO rejects (import_id, {names}) SELECT {self.number}, {names} FROM in_rejects")
        for name in self.counts:
            if not self._row(f"SELECT count(*) FROM new_{name} WHERE fate = 'duplicate'")[0]:
                continue
            told = ", ".join(f'"{column}" := CAST("{column}" AS VARCHAR)' for column in columns(name))
            self.sql.execute(f"""
                INSERT INTO rejects SELECT {self.number}, source_file, source_row, '{name}', 'duplicate_key', 'quarantine',
                '{TABLES[name].key[0]}', 'a key that another row of the import has', to_json(struct_pack({told}))
                FROM ({rows(name, self.landing)}) WHERE fate = 'duplicate'""")

    def _unrated(self) -> None:
        """Name the deals whose currency has no rate yet: they are stored, and stay out of every period until it has."""
        if "opportunities" not in self.counts or "currency" not in self.landing.tables["opportunities"].column_names:
            return
        named = {
            self.config.currency,
            *(code.upper().replace("'", "") for year in self.config.plan_rates.values() for code in year),
        }
        with_rate = f"SELECT upper(currency) FROM {versions('fx_rates')} WHERE currency IS NOT NULL"
        found = f"""SELECT source_file, source_row, opportunity_id FROM ({rows("opportunities", self.landing)})
            WHERE fate IN ('new', 'changed') AND upper(currency) NOT IN ({", ".join(f"'{code}'" for code in sorted(named))})
            AND upper(currency) NOT IN ({with_rate})"""
        (n,) = self._row(f"SELECT count(*) FROM ({found})")
        if n:
            self.sql.execute(f"""
                INSERT INTO rejects SELECT {self.number}, source_file, source_row, 'opportunities', 'currency_without_rate',
                'quarantine', 'currency', 'a currency with no rate in unit.yml or fx_rates',
                to_json({{'opportunity_id': opportunity_id}}) FROM ({found})""")
            self.notes.append(f"opportunities: {n} rows are in a currency without a rate; they count once it has one")

    def _log(self, digest: str, reach: tuple[dt.date | None, dt.date | None]) -> None:
        undated = self._undated()
        self.notes += undated
        kept = [dataclasses.asdict(report) for report in self.landing.files]
        self.sql.execute(
            "INSERT INTO imports VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [self.number, self.export.as_of, self.export.as_of, self.export.stated, digest, reach[0], reach[1],
             *(json.dumps(part, ensure_ascii=False, sort_keys=True, default=str)
               for part in (self.counts, kept, self.landing.assumptions, self.notes, self.landing.mapping))],
        )  # fmt: skip

    def _undated(self) -> list[str]:
        """Tell which plan rows bear no day and so count as known from this import on only."""
        notes = []
        for name in self.counts:
            dated = TABLES[name].dated
            if TABLES[name].plan and dated and self.counts[name]["new"]:
                (n,) = self._row(
                    f"SELECT count(*) FROM ({rows(name, self.landing)}) WHERE \"{dated}\" IS NULL AND fate = 'new'"
                )
                if n:
                    notes.append(f"{name}: {n} rows bear no {dated}; they count as known from {self.export.as_of} on")
        return notes
