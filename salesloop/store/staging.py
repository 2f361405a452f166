"""An import on its way in: typed, keyed, hashed, and compared with the versions that are stored."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from salesloop.params import UnitConfig
from salesloop.schema import TABLES
from salesloop.sources.landing import ORIGIN, Landing
from salesloop.store.base import columns, literal, moment, quoted, versions
from salesloop.store.stamps import own_stamp

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
    names = [name for name in TABLES if name in landing.tables]
    for name in names:
        table = landing.tables[name]
        for column, kind in ORIGIN.items():
            if column not in table.column_names:
                table = table.append_column(column, pa.nulls(table.num_rows, kind))
        connection.register(f"in_{name}", table)
    return names


def export_of(landing: Landing, config: UnitConfig, as_of: dt.date | None) -> Export:
    """Return the day of an export: as the command states it, else the files, else today (the one clock that is read)."""
    stated = as_of or landing.as_of
    day = stated or dt.datetime.now(dt.UTC).date()
    return Export(day, stated is not None, config.time_zone)


def stage(connection: duckdb.DuckDBPyConnection, name: str, landing: Landing, export: Export) -> None:
    """Make ``new_<table>``: each landed row with key, content, own stamp, state and what the store holds for it.

    ``fate`` is new, changed, unchanged or duplicate; ``prior`` is the content in effect before it.
    """
    have = set(landing.tables[name].column_names)
    typed = ", ".join(
        f'CAST("{c.name}" AS {c.sql}) AS "{c.name}"' if c.name in have else f'CAST(NULL AS {c.sql}) AS "{c.name}"'
        for c in TABLES[name].columns.values()
    )
    own = own_stamp(name) if name != "opportunities" or "modified_at" in have else "known_at"
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE typed AS
        WITH rows AS (SELECT {typed}, CASE WHEN {own} IS NOT NULL THEN least({own}, {literal(export.end)}) END AS own,
                             source, source_file, source_row, extra FROM in_{name})
        SELECT *, {_content(name)} AS content FROM rows""")
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE keyed AS
        SELECT *, {_key(name)} AS row_key, coalesce(own, {literal(export.end)}) AS state_at FROM typed""")
    connection.execute("DROP TABLE typed")
    connection.execute(_FATES.format(name=name, versions=versions(name)))
    connection.execute("DROP TABLE keyed")


def _content(name: str) -> str:
    parts = ", ".join(f"coalesce(CAST(\"{column}\" AS VARCHAR), '')" for column in columns(name))
    return f"md5_number(concat_ws({_UNIT}, {parts}))"


def _key(name: str) -> str:
    """Return SQL for a row's key; a row without one is known by its content and its place among its equals."""
    table = TABLES[name]
    needed = [key for key in table.key if table.columns[key].required] or [table.key[0]]
    whole = " AND ".join(f'"{key}" IS NOT NULL' for key in needed)
    parts = ", ".join(f"coalesce(CAST(\"{key}\" AS VARCHAR), '')" for key in table.key)
    place = "row_number() OVER (PARTITION BY content ORDER BY source_file, source_row)"
    if all(table.columns[key].required for key in table.key) and len(table.key) == 1:
        return f"coalesce(CAST(\"{table.key[0]}\" AS VARCHAR), '')"
    return f"CASE WHEN {whole} THEN concat_ws({_UNIT}, {parts}) ELSE '#' || content || '.' || {place} END"


_FATES = """
    CREATE OR REPLACE TEMP TABLE new_{name} AS
    WITH stored AS (
        SELECT _row_key AS row_key, _state_at AS state_at, arg_max(_content, _import_id) AS content,
               arg_max(_deleted, _import_id) AS deleted
        FROM {versions} WHERE _row_key IN (SELECT row_key FROM keyed) GROUP BY ALL),
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
           k.row_key IS NULL AND nth = 1 AS first_seen, coalesce(before, effect) AS prior,
           CASE WHEN k.row_key IS NULL AND nth = 1 THEN 'new'
                WHEN coalesce(before, CASE WHEN gone THEN NULL ELSE effect END) IS NOT DISTINCT FROM m.content THEN 'unchanged'
                ELSE 'changed' END AS fate
    FROM met m LEFT JOIN known k USING (row_key)
    UNION ALL BY NAME
    SELECT * EXCLUDE (place), NULL AS nth, false AS first_seen, NULL AS prior, 'duplicate' AS fate
    FROM placed WHERE place > 1"""


def missing(connection: duckdb.DuckDBPyConnection, name: str, export: Export) -> str:
    """Return SQL for the stored rows of the same sources that the import does not have (and that still are)."""
    return f"""
        SELECT * FROM ({latest(name)}) WHERE NOT _deleted AND _state_at <= {literal(export.end)}
        AND _row_key NOT IN (SELECT row_key FROM new_{name})
        AND (_source IS NULL OR _source IN (SELECT DISTINCT source FROM new_{name} WHERE source IS NOT NULL))"""


def latest(name: str, where: str = "TRUE") -> str:
    """Return SQL for the current version of every row of a table, deleted ones included."""
    return f"""
        SELECT * FROM {versions(name)} WHERE {where}
        QUALIFY row_number() OVER (PARTITION BY _row_key ORDER BY _state_at DESC, _import_id DESC) = 1"""


def column_list(name: str) -> str:
    """Return the canonical columns of a table as SQL."""
    return quoted(*columns(name))
