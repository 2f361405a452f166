"""When a row became known, and until when an import's data reach: the first of the two clocks.

Nothing but the day of an import without a stated day ever comes from a clock.
"""

from __future__ import annotations

import datetime as dt

import duckdb
import pyarrow as pa

from salesloop.schema import TABLES
from salesloop.store.base import literal, local_day, moment, noon, one

_SYSTEM = {
    "opportunities": ("created_at", "modified_at"), "stage_events": ("at",), "leads": ("created_at", "converted_at"),
    "accounts": ("created_at",), "contacts": ("created_at",), "activities": ("created_at",),
}  # fmt: skip
_ENTERED = {
    "opportunities": ("closed_on",), "leads": ("first_response_at", "closed_at"), "activities": ("done_at",),
    "orders": ("ordered_on",), "payments": ("paid_on",),
}  # fmt: skip
FRESH_DAYS = 31
START = dt.datetime(1900, 1, 1)
_OLDEST = dt.date(1990, 1, 1)
_FROM_THE_START = ("accounts", "contacts", "reps", "memberships", "products", "stages")
_OF_A_MONTH = {"fx_rates": ("month", False), "market": ("period", False), "assessments": ("period", True)}


def reach(
    connection: duckdb.DuckDBPyConnection, tables: dict[str, pa.Table], *, as_of: dt.date, stated: bool, zone: str
) -> tuple[dt.date | None, dt.date | None]:
    """Return the first day and the cut-off of what an import brought; None, None for plan files alone.

    The cut-off is the stated day of the export; where none is stated, the latest past-tense stamp. What a system
    stamped itself (created, modified, stage events) is never in the future; a date that people enter (closed, done,
    ordered) may be, so it counts only where the data have days alone, or where the system's stamps reach to within a
    month of the import.

    Parameters
    ----------
    connection : DuckDBPyConnection
        Where the tables are registered as ``in_<table>``.
    tables : dict of str to Table
        The landed tables.
    as_of : date
        The day of the export; nothing after it counts.
    stated : bool
        Whether the export says so, rather than the day of the import.
    zone : str
        The unit's time zone.
    """
    end = moment(as_of, zone, after=True)
    system = _extremes(connection, tables, _SYSTEM, end, zone)
    entered = _extremes(connection, tables, _ENTERED, end, zone)
    days = [day for pair in (system, entered) for day in pair if day]
    if not days:
        return None, None
    if stated:
        return min(days), as_of
    last, typed = system[1], entered[1]
    plain = not _clocked(connection, tables, zone)
    if last is None or (typed and (plain or (as_of - last).days <= FRESH_DAYS)):
        last = max(day for day in (last, typed) if day)
    return min(days), last


def _extremes(connection, tables, wanted, end: dt.datetime, zone: str) -> tuple[dt.date | None, dt.date | None]:
    """Return the first and the last local day among some columns, up to `end`."""
    found = []
    for name, columns in wanted.items():
        for column in columns:
            if name in tables and column in tables[name].column_names:
                date = TABLES[name].columns[column].type == "date"
                stamp = noon(f'"{column}"', zone) if date else f'"{column}"'
                closed = " AND status IN ('won', 'lost', 'void')" if column == "closed_on" else ""
                if column == "closed_on" and "status" not in tables[name].column_names:
                    continue
                found += connection.execute(
                    f"SELECT min({stamp}), max({stamp}) FROM in_{name} WHERE {stamp} < {literal(end)}"
                    f" AND {stamp} >= {literal(_OLDEST)}{closed}"
                ).fetchall()
    first = [local_day(low, zone) for low, _ in found if low is not None]
    last = [local_day(high, zone) for _, high in found if high is not None]
    return min(first, default=None), max(last, default=None)


def _clocked(connection, tables, zone: str) -> bool:
    """Return whether deals (else leads) were created at times of the day, rather than on days."""
    for name in ("opportunities", "leads"):
        if name in tables and "created_at" in tables[name].column_names:
            midnight = moment(dt.date(2026, 1, 1), zone).time()
            summer = moment(dt.date(2026, 7, 1), zone).time()
            (timed,) = one(
                connection,
                f"SELECT count(*) FROM in_{name} WHERE CAST(created_at AS TIME) NOT IN ('{midnight}', '{summer}')",
            )
            return timed > 0
    return True


def own_stamp(table: str) -> str:
    """Return SQL for when the source says that this state of a row came about."""
    return "coalesce(known_at, modified_at)" if table == "opportunities" else "known_at"


def first_known(table: str, *, zone: str, export: str, first_import: bool, fiscal_start: int) -> str:
    """Return SQL for when the first version of a row counts as known.

    The source's created time or the row's own day; without one, who and what there is counts as known from the start
    (if it came with the first import of its table), a rate from its month on, all else from the day of the export.

    Parameters
    ----------
    table : str
        The canonical table.
    zone : str
        The unit's time zone.
    export : str
        SQL for the day of the export, as a UTC time.
    first_import : bool
        Whether nothing of this table was stored before.
    fiscal_start : int
        The first month of the fiscal year, for labels such as 2026Q4.
    """
    dated = TABLES[table].dated
    tries = []
    if dated:
        tries.append(noon(f'"{dated}"', zone) if TABLES[table].columns[dated].type == "date" else f'"{dated}"')
    if table == "opportunities":
        tries.append(f"CASE WHEN status <> 'open' THEN {noon('closed_on', zone)} END")
    if table == "order_lines":
        tries.append(noon("order_day", zone))
    if table == "activities":
        tries += ["done_at", "planned_at"]
    if table in _OF_A_MONTH:
        tries.append(noon(_label_day(*_OF_A_MONTH[table], fiscal_start), zone))
    if table in _FROM_THE_START and (first_import or table == "stages"):
        tries.append(literal(START))
    own = [] if TABLES[table].plan else ["own"]
    return f"coalesce({', '.join([*tries, *own, export])})"


def _label_day(column: str, over: bool, fiscal_start: int) -> str:
    """Return SQL for the first day of what a label (2026-10, 2026Q4, 2026) names, or of the day after it is over."""
    year = f'(CAST(left("{column}", 4) AS INTEGER) - {int(fiscal_start != 1)})'
    quarter = f'CAST(right("{column}", 1) AS INTEGER)'
    spans = {
        r"\d{4}-\d{2}": (f"try_cast(\"{column}\" || '-01' AS DATE)", "0", "1"),
        r"\d{4}[Qq][1-4]": (f"make_date({year}, {fiscal_start}, 1)", f"3 * {quarter} - 3", f"3 * {quarter}"),
        r"\d{4}": (f"make_date({year}, {fiscal_start}, 1)", "0", "12"),
    }
    whens = " ".join(
        f"WHEN regexp_full_match(\"{column}\", '{pattern}') THEN {day} + to_months({last if over else first})"
        for pattern, (day, first, last) in spans.items()
    )
    return f"CAST(CASE {whens} END AS DATE)"


def stamps_are_entries(n: int, soon: int) -> bool:
    """Return whether the own stamps of closed deals tell when their closing was entered, rather than a later touch.

    They do where nearly all closings are stamped within the close lag; of a handful, half are enough.

    Examples
    --------
    >>> stamps_are_entries(3, 2), stamps_are_entries(200, 150), stamps_are_entries(200, 190), stamps_are_entries(0, 0)
    (True, False, True, False)
    """
    return n > 0 and soon >= n * (_MOST if n >= _FEW else _HALF)


_FEW, _MOST, _HALF = 10, 0.9, 0.5


def closing_known(zone: str, last_export: str, *, lag_days: int | None) -> str:
    """Return SQL for when the closing in a deal's first version counts as known: on its day, unless dated later.

    Later are: a deal created after its closing; a closing whose own stage event came later; a deal that an earlier
    export did not have although it was closed by then, with a stamp of its own after that export; and, where stamps
    tell entries (`stamps_are_entries`), a deal stamped more than the close lag after its closing.

    Parameters
    ----------
    zone : str
        The unit's time zone.
    last_export : str
        SQL for the end of the day of the latest earlier import of deals, NULL where there is none.
    lag_days : int, optional
        The close lag in calendar days, where stamps tell entries.
    """
    closed = noon("closed_on", zone)
    late = f"CASE WHEN {closed} < {last_export} AND own >= {last_export} THEN own END"
    entered = f"CASE WHEN own > {closed} + INTERVAL ({lag_days}) DAY THEN own END" if lag_days is not None else "NULL"
    return f"greatest({closed}, created_at, closing_event, {late}, {entered})"
