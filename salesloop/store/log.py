"""What the store knows of itself: its imports, rejects, editions, and how far its data reach."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from typing import Any

import duckdb
import pandas as pd

from salesloop import periods
from salesloop.errors import DataError, ParameterError
from salesloop.schema import PLAN_TABLES
from salesloop.store.base import filled, one, opened, versions
from salesloop.store.state import View


def cut_off(unit: str) -> dt.date:
    """Return how far a unit's data reach: the latest past-tense day, or the stated day of its last export.

    Raises
    ------
    DataError
        Nothing dated was imported yet.
    """
    with opened(unit) as connection:
        return span(connection)[1]


def first(unit: str) -> pd.Period:
    """Return the month in which a unit's data begin."""
    with opened(unit) as connection:
        return pd.Period(span(connection)[0], "M")


def latest(unit: str) -> pd.Period:
    """Return the last month whose end the cut-off has reached.

    Raises
    ------
    ParameterError
        No month of the data is complete.
    """
    with opened(unit) as connection:
        begin, reach = span(connection)
    month = last_whole_month(reach)
    if month < pd.Period(begin, "M"):
        raise ParameterError(
            f"data of unit {unit!r}", found=f"{begin} to {reach}", allowed="data that reach the end of a month",
            next_step="import an export made after the month's end, or state its day with AS_OF=",
        )  # fmt: skip
    return month


def last_whole_month(day: dt.date) -> pd.Period:
    """Return the last month that a day completes.

    Examples
    --------
    >>> str(last_whole_month(dt.date(2026, 10, 31))), str(last_whole_month(dt.date(2026, 10, 30)))
    ('2026-10', '2026-09')
    """
    return pd.Period(day + dt.timedelta(days=1), "M") - 1


def span(connection: duckdb.DuckDBPyConnection) -> tuple[dt.date, dt.date]:
    """Return the first day of the data and the cut-off."""
    low, high = one(connection, "SELECT min(first_day), max(cut_off) FROM imports")
    if low is None or high is None:
        raise _undated(connection)
    return low, high


_WANTED = {"opportunities": "closed_on, created_at", "leads": "created_at", "orders": "ordered_on", "order_lines": "ordered_on",
           "payments": "paid_on", "activities": "done_at, created_at", "stage_events": "at"}  # fmt: skip


def _undated(connection: duckdb.DuckDBPyConnection) -> DataError:
    """Return the error that says which tables are there and which days they lack."""
    told = []
    for name in filled(connection):
        (n,) = one(connection, f"SELECT count(*) FROM {versions(name)}")
        told.append(f"{n:,} rows of {name}" + (f" without {_WANTED[name]}" if name in _WANTED else ""))
    return DataError(
        "days of the data", found="none: " + (", ".join(told) or "no table"),
        allowed="deals with the day of their closing and creation, or orders with their day: a month is made of these",
        next_step="export the tables with these columns (or name them under columns: in the unit's mapping.yml), then import again",
    )  # fmt: skip


def cut_off_by(connection: duckdb.DuckDBPyConnection, until: dt.date, last: int) -> dt.date:
    """Return how far the data reached by a day: of the imports made by then, else of the first one."""
    rows = connection.execute(
        "SELECT as_of, cut_off FROM imports WHERE cut_off IS NOT NULL AND import_id <= ? ORDER BY import_id", [last]
    ).fetchall()
    by_then = [reach for day, reach in rows if day <= until]
    return max(by_then) if by_then else (rows[0][1] if rows else until)


def last_import(connection: duckdb.DuckDBPyConnection) -> int:
    """Return the number of the last import."""
    return one(connection, "SELECT coalesce(max(import_id), 0) FROM imports")[0]


def observed(connection: duckdb.DuckDBPyConnection, view: View) -> bool:
    """Return whether an export of deals was stored that dates from before the period's end."""
    rows = connection.execute(
        "SELECT as_of, counts FROM imports WHERE import_id <= ? AND as_of <= ?", [view.last_import, view.end]
    ).fetchall()
    return any("opportunities" in json.loads(counts) for _, counts in rows)


def used(connection: duckdb.DuckDBPyConnection, view: View) -> list[int]:
    """Return the imports of which a freeze sees rows."""
    parts = [
        f"SELECT DISTINCT _import_id AS number FROM {versions(name)} WHERE _known_at < {view.until_sql}"
        for name in filled(connection)
    ] or ["SELECT 0 AS number"]
    rows = connection.execute(
        f"SELECT DISTINCT number FROM ({' UNION ALL '.join(parts)}) WHERE number <= {view.last_import} ORDER BY number"
    ).fetchall()
    return [number for (number,) in rows]


def told(connection: duckdb.DuckDBPyConnection, numbers: list[int]) -> dict[str, Any]:
    """Return what the used imports reported: files, rejects by rule, assumptions, warnings."""
    rows = connection.execute(
        "SELECT import_id, CASE WHEN stated THEN CAST(as_of AS VARCHAR) END, files, assumptions, notes FROM imports ORDER BY 1"
    ).fetchall()
    mine = [row for row in rows if row[0] in set(numbers)]
    files = [{"as_of": row[1], **file} for row in mine for file in json.loads(row[2])]
    by_import = [(row[0], file) for row in mine for file in json.loads(row[2])]
    rejected = connection.execute(
        'SELECT import_id, "table", rule, severity, count(*) FROM rejects GROUP BY ALL ORDER BY ALL'
    ).fetchall()
    counted: Counter = Counter()
    for number, name, rule, severity, n in rejected:
        if number in set(numbers) and rule != "currency_without_rate":
            counted[(name or "", rule or "", severity or "")] += n
    return {
        "files": files,
        "rejects": [{"table": t, "rule": r, "severity": s, "n": n} for (t, r, s), n in sorted(counted.items())],
        "plan_rejects": _plan_rejects(connection, by_import),
        "assumptions": sorted({text for row in mine for text in json.loads(row[3])}),
        "warnings": sorted({text for row in mine for text in json.loads(row[4])}),
    }


_MOST_NAMED = 50


def _plan_rejects(
    connection: duckdb.DuckDBPyConnection, files: list[tuple[int, dict[str, Any]]]
) -> list[dict[str, Any]]:
    """Return the rows of people's plan files that the last import of each file set aside: ``table, file, row, rule, column, record``."""
    last = {file["file"]: number for number, file in files if file.get("table") in PLAN_TABLES}
    found = connection.execute(
        """SELECT import_id, "table", file, row, rule, "column", record FROM rejects
           WHERE severity = 'quarantine' AND list_contains(?, "table") ORDER BY ALL""", [list(PLAN_TABLES)],
    ).fetchall()  # fmt: skip
    names = ("table", "file", "row", "rule", "column", "record")
    mine = [dict(zip(names, row[1:], strict=True)) for row in found if last.get(row[2]) == row[0]]
    return [{**row, "record": json.loads(row["record"] or "{}")} for row in mine[:_MOST_NAMED]]


def edition(connection: duckdb.DuckDBPyConnection, period: str, day: str) -> dict[str, Any] | None:
    """Return the last recorded edition of a period or check-in."""
    found = connection.execute(
        """SELECT edition, import_id, books_open, inputs FROM editions WHERE period = ? AND day = ?
           ORDER BY edition DESC LIMIT 1""", [period, day],
    ).fetchall()  # fmt: skip
    return dict(zip(("edition", "import_id", "books_open", "inputs"), found[0], strict=True)) if found else None


def keep_edition(
    connection: duckdb.DuckDBPyConnection,
    period: str,
    day: str,
    edition: int,
    number: int,
    books_open: bool,
    inputs: str,
) -> None:
    """Record an edition, so that the same one can be made again whatever is imported later."""
    connection.execute("BEGIN")
    connection.execute("DELETE FROM editions WHERE period = ? AND day = ? AND edition = ?", [period, day, edition])
    connection.execute(
        "INSERT INTO editions VALUES (?, ?, ?, ?, ?, ?)", [period, day, edition, number, books_open, inputs]
    )
    connection.execute("COMMIT")


def reopen(unit: str, period: pd.Period | str) -> None:
    """Open a closed period again, because a person decided so: its next freeze reads all imports, as a new edition.

    Parameters
    ----------
    unit : str
        The business unit.
    period : Period or str
        The month to restate.
    """
    with opened(unit, write=True) as connection:
        month = str(periods.parse_period(period))
        connection.execute("UPDATE editions SET books_open = true, inputs = '' WHERE period = ?", [month])


def import_log(unit: str) -> pd.DataFrame:
    """Return the imports, oldest first.

    Returns
    -------
    DataFrame
        ``import_id``, ``as_of`` (the day of the export), ``stated`` (whether the export or the command said so),
        ``first_day``, ``cut_off``, ``files`` (their names, joined), ``new``, ``changed``, ``unchanged``, ``deleted``,
        ``rejected`` (rows), ``notes``.
    """
    with opened(unit) as connection:
        rows = connection.execute(
            "SELECT import_id, as_of, stated, first_day, cut_off, files, counts, notes FROM imports ORDER BY import_id"
        ).fetchall()
    made = []
    for number, day, stated, low, high, files, counts, notes in rows:
        named = list(dict.fromkeys(file["file"] for file in json.loads(files)))
        fates = {fate: sum(table[fate] for table in json.loads(counts).values()) for fate in _FATES}
        made.append({"import_id": number, "as_of": day, "stated": stated, "first_day": low, "cut_off": high,
                     "files": ", ".join(named), **fates, "notes": "; ".join(json.loads(notes))})  # fmt: skip
    return pd.DataFrame(
        made, columns=["import_id", "as_of", "stated", "first_day", "cut_off", "files", *_FATES, "notes"]
    )


_FATES = ("new", "changed", "unchanged", "deleted", "rejected")


def rejects(unit: str) -> pd.DataFrame:
    """Return every rejected row with its reason.

    Returns
    -------
    DataFrame
        ``import_id, file, row, table, rule, severity, column, found, record`` (the whole row as JSON).
    """
    with opened(unit) as connection:
        return connection.execute("SELECT * FROM rejects ORDER BY ALL").df()
