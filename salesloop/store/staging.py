"""An import on its way in: typed, keyed, hashed, and compared with the versions that are stored."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from salesloop.params import UnitConfig
from salesloop.schema import TABLES
from salesloop.store.base import columns, literal, moment, one, picked, quoted, versions
from salesloop.store.stamps import own_stamp

if TYPE_CHECKING:
    from salesloop.sources.landing import Landing

_UNIT = "chr(31)"


@dataclass(frozen=True)
class Export:
    """The day of an import and what it means in UTC.

    Attributes
    ----------
    as_of : date
        The day of the export.
    stated : bool
        Whether the export or the command says so; else it is the day of the import.
    zone : str
        The unit's time zone.
    """

    as_of: dt.date
    stated: bool
    zone: str

    @property
    def end(self) -> dt.datetime:
        """Return the last second of the day, UTC."""
        return moment(self.as_of, self.zone, after=True) - dt.timedelta(seconds=1)


def register(connection: duckdb.DuckDBPyConnection, landing: Landing) -> list[str]:
    """Register the landed tables as ``in_<table>`` and return their names, in the schema's order."""
    from salesloop.sources.landing import ORIGIN

    names = [name for name in TABLES if name in landing.tables]
    for name in names:
        table = landing.tables[name]
        for column, kind in ORIGIN.items():
            if column not in table.column_names:
                table = table.append_column(column, pa.nulls(table.num_rows, kind))
        table = table.append_column("_n", pa.array(range(table.num_rows), pa.int64()))
        connection.register(f"in_{name}", table)
    return names


def export_of(landing: Landing, config: UnitConfig, as_of: dt.date | None) -> Export:
    """Return the day of an export: as the command states it, else the files, else today (the one clock that is read)."""
    stated = as_of or landing.as_of
    return Export(stated or _today(config.time_zone), stated is not None, config.time_zone)


def _today(zone: str) -> dt.date:
    """Return today in the unit's time zone."""
    return dt.datetime.now(ZoneInfo(zone)).date()


def stage(connection: duckdb.DuckDBPyConnection, name: str, landing: Landing, export: Export) -> None:
    """Make ``new_<table>``: of each landed row (``_n``) key, content, own stamp, state, and what became of it.

    ``fate`` is new, changed, unchanged or duplicate. The rows themselves stay where they are: see `rows`.
    """
    have = set(landing.tables[name].column_names)
    own = own_stamp(name) if name != "opportunities" or "modified_at" in have else "known_at"
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE keyed AS
        WITH typed AS (
            SELECT {_typed(name, have)}, _n, CASE WHEN {own} IS NOT NULL THEN least({own}, {literal(export.end)}) END AS own,
                   source, source_file, source_row FROM in_{name}),
        hashed AS (SELECT *, {_content(name)} AS content FROM typed)
        SELECT _n, own, source, source_file, source_row, content, {_key(name, landing)} AS row_key,
               coalesce(own, {literal(export.end)}) AS state_at FROM hashed""")
    n, keys = one(connection, "SELECT count(*), count(DISTINCT row_key) FROM keyed")
    (stored,) = one(connection, f"SELECT count(*) FROM {versions(name)}")
    fresh = n == keys and not stored
    query = _FRESH if fresh else _FATES
    connection.execute(query.format(name=name, versions=versions(name)))
    connection.execute("DROP TABLE keyed")


def _typed(name: str, have: set[str]) -> str:
    return ", ".join(
        f'CAST("{c.name}" AS {c.sql}) AS "{c.name}"' if c.name in have else f'CAST(NULL AS {c.sql}) AS "{c.name}"'
        for c in TABLES[name].columns.values()
    )


def rows(name: str, landing: Landing) -> str:
    """Return SQL for the landed rows with all canonical columns and what `stage` found of each."""
    have = set(landing.tables[name].column_names)
    return f"""
        SELECT n.*, t.* EXCLUDE (_n) FROM new_{name} n
        JOIN (SELECT {_typed(name, have)}, _n, extra FROM in_{name}) t ON t._n = n._n"""


def _content(name: str) -> str:
    parts = ", ".join(f"coalesce(CAST(\"{column}\" AS VARCHAR), '')" for column in columns(name))
    return f"md5_number(concat_ws({_UNIT}, {parts}))"


def _key(name: str, landing: Landing) -> str:
    """Return SQL for a row's key; a row without one is known by its content and its place among its equals."""
    table, found = TABLES[name], landing.tables[name]
    needed = [key for key in table.key if table.columns[key].required] or [table.key[0]]
    parts = ", ".join(f"coalesce(CAST(\"{key}\" AS VARCHAR), '')" for key in table.key)
    if all(key in found.column_names and not found[key].null_count for key in needed):
        return f"concat_ws({_UNIT}, {parts})"
    whole = " AND ".join(f'"{key}" IS NOT NULL' for key in needed)
    place = "row_number() OVER (PARTITION BY content ORDER BY source_file, source_row)"
    return f"CASE WHEN {whole} THEN concat_ws({_UNIT}, {parts}) ELSE '#' || content || '.' || {place} END"


_FRESH = """
    CREATE OR REPLACE TEMP TABLE new_{name} AS SELECT *, 1 AS nth, true AS first_seen, 'new' AS fate FROM keyed"""
_FATES = """
    CREATE OR REPLACE TEMP TABLE new_{name} AS
    WITH stored AS (
        SELECT _row_key AS row_key, _state_at AS state_at, arg_max(_content, _import_id) AS content,
               arg_max(_deleted, _import_id) AS deleted
        FROM {versions} GROUP BY ALL),
    known AS (SELECT DISTINCT row_key FROM stored),
    placed AS (
        SELECT *, row_number() OVER (PARTITION BY row_key, state_at ORDER BY source_file, source_row, content) AS place
        FROM keyed),
    ordered AS (
        SELECT *, row_number() OVER mine AS nth, lag(content) OVER mine AS before
        FROM placed WHERE place = 1 WINDOW mine AS (PARTITION BY row_key ORDER BY state_at)),
    met AS (
        SELECT o.*, s.content AS effect, s.deleted AS gone FROM ordered o
        ASOF LEFT JOIN stored s ON o.row_key = s.row_key AND o.state_at >= s.state_at)
    SELECT m.* EXCLUDE (place, effect, gone, before),
           k.row_key IS NULL AND nth = 1 AS first_seen,
           CASE WHEN k.row_key IS NULL AND nth = 1 THEN 'new'
                WHEN coalesce(before, CASE WHEN gone THEN NULL ELSE effect END) IS NOT DISTINCT FROM m.content THEN 'unchanged'
                ELSE 'changed' END AS fate
    FROM met m LEFT JOIN known k USING (row_key)
    UNION ALL BY NAME
    SELECT * EXCLUDE (place), NULL AS nth, false AS first_seen, 'duplicate' AS fate
    FROM placed WHERE place > 1"""


def missing(connection: duckdb.DuckDBPyConnection, name: str, export: Export) -> str:
    """Return SQL for the stored rows of the same sources that the import does not have (and that still are)."""
    return f"""
        SELECT * FROM ({latest(name)}) WHERE NOT _deleted AND _state_at <= {literal(export.end)}
        AND _row_key NOT IN (SELECT row_key FROM new_{name})
        AND (_source IS NULL OR _source IN (SELECT DISTINCT source FROM new_{name} WHERE source IS NOT NULL))"""


def latest(name: str) -> str:
    """Return SQL for the current version of every row of a table, deleted ones included."""
    return picked(name, "TRUE", "_state_at DESC, _import_id DESC")


def column_list(name: str) -> str:
    """Return the canonical columns of a table as SQL."""
    return quoted(*columns(name))
