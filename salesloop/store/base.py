"""The store's file: one writer at a time, its tables, and how days become moments."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import closing, contextmanager
from zoneinfo import ZoneInfo

import duckdb
from filelock import FileLock, Timeout

from salesloop import paths
from salesloop.errors import DataError, LockedError, ParameterError, StageError
from salesloop.schema import TABLES

WAIT_SECONDS = 60.0
MEMORY = "900MB"
THREADS: int | None = None
ORIGIN_SQL = {
    "row_key": "VARCHAR", "content": "UHUGEINT", "import_id": "INTEGER", "known_at": "TIMESTAMP", "state_at": "TIMESTAMP",
    "closed_known_at": "TIMESTAMP", "first_seen": "BOOLEAN", "deleted": "BOOLEAN", "source": "VARCHAR",
    "source_file": "VARCHAR", "source_row": "BIGINT", "extra": "VARCHAR",
}  # fmt: skip
"""The columns that every stored version carries beside its canonical ones.

``known_at`` is when the row began to count as known, ``state_at`` when its content was so (the source's own stamp, else
the day of the export), ``closed_known_at`` when its closing became known, all UTC; ``first_seen`` marks the first
version of a row, ``deleted`` that a complete export no longer had it, ``content`` is the hash of its canonical columns.
"""
_LOG = """
CREATE TABLE IF NOT EXISTS imports (
    import_id INTEGER PRIMARY KEY, day DATE, as_of DATE, stated BOOLEAN, digest VARCHAR, first_day DATE, cut_off DATE,
    counts VARCHAR, files VARCHAR, assumptions VARCHAR, notes VARCHAR, mapping VARCHAR);
CREATE TABLE IF NOT EXISTS rejects (
    import_id INTEGER, file VARCHAR, row BIGINT, "table" VARCHAR, rule VARCHAR, severity VARCHAR, "column" VARCHAR,
    found VARCHAR, record VARCHAR);
CREATE TABLE IF NOT EXISTS editions (
    period VARCHAR, day VARCHAR, edition INTEGER, import_id INTEGER, books_open BOOLEAN, inputs VARCHAR);
"""


_CURRENT = """
    SELECT * EXCLUDE (_content, _deleted) FROM {table}
    QUALIFY row_number() OVER (PARTITION BY _row_key ORDER BY _state_at DESC, _import_id DESC) = 1 AND NOT _deleted"""


def versions(table: str) -> str:
    """Return the name of the store's table that holds all versions of a canonical table's rows.

    Examples
    --------
    >>> versions("opportunities")
    'v_opportunities'
    """
    return f"v_{TABLES[table].name}"


def picked(table: str, where: str, order: str) -> str:
    """Return SQL for one version of each row of a table: of those that `where` lets in, the first by `order`.

    Only keys and stamps are sorted; the rows are then fetched by their place.
    """
    return f"""
        SELECT v.*, v.rowid AS _place FROM {versions(table)} v SEMI JOIN (
            SELECT rowid AS place FROM {versions(table)} WHERE {where}
            QUALIFY row_number() OVER (PARTITION BY _row_key ORDER BY {order}) = 1) p ON v.rowid = p.place"""


def quoted(*names: str, prefix: str = "") -> str:
    """Return column names as SQL.

    Examples
    --------
    >>> quoted("at", "order", prefix="v.")
    'v."at", v."order"'
    """
    return ", ".join(f'{prefix}"{name}"' for name in names)


def columns(table: str) -> list[str]:
    """Return the canonical columns of a table."""
    return list(TABLES[table].columns)


@contextmanager
def locked(unit: str, wait: float | None = None) -> Iterator[None]:
    """Hold the store's file lock; whoever waits longer than `wait` seconds gets a `LockedError`."""
    file = paths.store(unit)
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(str(file) + ".lock")
    try:
        lock.acquire(timeout=WAIT_SECONDS if wait is None else wait)
    except Timeout:
        raise LockedError(
            f"store of unit {unit!r}", found="another import or freeze is under way", allowed="one at a time",
            next_step="wait until it has ended, then repeat the command",
        ) from None  # fmt: skip
    try:
        yield
    finally:
        lock.release()


@contextmanager
def opened(unit: str, *, write: bool = False, threads: int | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a unit's store under its lock.

    Parameters
    ----------
    unit : str
        Whose store; read only where it exists already.
    write : bool, default False
        Whether to make the file and its tables where they are absent.
    threads : int, optional
        How many threads DuckDB uses (else `THREADS`, else as many as there are cores); no result depends on it.

    Raises
    ------
    ParameterError
        There is no store to read.
    """
    file = paths.store(unit)
    if not write and not file.is_file():
        raise ParameterError(
            f"data of unit {unit!r}", found="none", allowed="an import of deals or orders",
            next_step=f"make import UNIT={unit} DATA=folder",
        )  # fmt: skip
    with locked(unit), _told(unit), closing(duckdb.connect(str(file))) as connection:
        _prepare(connection, file.parent / ".duckdb_tmp", threads)
        yield connection


@contextmanager
def _told(unit: str) -> Iterator[None]:
    """Turn the database's errors into ours, which never quote a value of the data."""
    try:
        yield
    except (RuntimeError, duckdb.InterruptException) as error:
        if "interrupt" in str(error).casefold():
            raise KeyboardInterrupt from None  # so the database says that a person stopped it
        raise
    except (duckdb.OperationalError, duckdb.FatalException):
        raise StageError(
            f"store of unit {unit!r}", found="a file that cannot be read or written whole (disk full, or damaged)",
            allowed="a store with room to grow",
            next_step="free some disk space and repeat the command; what was stored before stands",
        ) from None  # fmt: skip
    except (duckdb.DataError, duckdb.IntegrityError) as error:
        raise DataError(
            f"data of unit {unit!r}", found=f"a value that does not fit its column ({type(error).__name__})",
            allowed="amounts below 10^15 in home money",
            next_step="look at what the import said of its columns",
        ) from None  # fmt: skip


def _prepare(connection: duckdb.DuckDBPyConnection, spill, threads: int | None) -> None:
    connection.execute(f"SET memory_limit = '{MEMORY}'; SET preserve_insertion_order = false")
    connection.execute("SET enable_progress_bar = false; SET autoinstall_known_extensions = false")
    connection.execute("SET temp_directory = ?", [str(spill)])
    if threads or THREADS:
        connection.execute(f"SET threads = {int(threads or THREADS or 1)}")
    have = dict(connection.execute("SELECT table_name, column_count FROM duckdb_tables()").fetchall())
    wanted = {name: len(TABLES[name].columns) + len(ORIGIN_SQL) for name in TABLES}
    made = [name for name, n in wanted.items() if have.get(versions(name)) != n]
    if "editions" in have and not made:
        return
    connection.execute("BEGIN")
    connection.execute(_LOG)
    for name in made:
        own = [f'"{column.name}" {column.sql}' for column in TABLES[name].columns.values()]
        meta = [f'"_{column}" {kind}' for column, kind in ORIGIN_SQL.items()]
        connection.execute(f"CREATE TABLE IF NOT EXISTS {versions(name)} ({', '.join([*own, *meta])})")
        for column in own if versions(name) in have else ():
            connection.execute(f"ALTER TABLE {versions(name)} ADD COLUMN IF NOT EXISTS {column}")
        connection.execute(f'CREATE OR REPLACE VIEW "{name}" AS {_CURRENT.format(table=versions(name))}')
    connection.execute(f"CREATE OR REPLACE VIEW opportunity_versions AS SELECT * FROM {versions('opportunities')}")
    connection.execute("COMMIT")


def moment(day: dt.date, zone: str, *, after: bool = False) -> dt.datetime:
    """Return the start of a local day in UTC, without zone; with `after`, that of the next day.

    Examples
    --------
    >>> moment(dt.date(2026, 10, 31), "Asia/Shanghai", after=True)
    datetime.datetime(2026, 10, 31, 16, 0)
    """
    local = dt.datetime.combine(day + dt.timedelta(days=int(after)), dt.time(), ZoneInfo(zone))
    return local.astimezone(dt.UTC).replace(tzinfo=None)


def local_day(stamp: dt.datetime, zone: str) -> dt.date:
    """Return the local day of a UTC time.

    Examples
    --------
    >>> local_day(dt.datetime(2026, 10, 31, 17), "Asia/Shanghai")
    datetime.date(2026, 11, 1)
    """
    return stamp.replace(tzinfo=dt.UTC).astimezone(ZoneInfo(zone)).date()


def noon(column: str, zone: str) -> str:
    """Return SQL for the UTC time of local noon on the days of a column, by the zone's standard offset.

    Noon lies inside the local day whatever daylight saving does, which is all that comparing with days needs.
    """
    return f"(CAST({column} AS TIMESTAMP) + INTERVAL ({720 - _minutes(zone)}) MINUTE)"


def day_of(column: str, zone: str) -> str:
    """Return SQL for the local day of the UTC times of a column, by the zone's standard offset."""
    return f"CAST({column} + INTERVAL ({_minutes(zone)}) MINUTE AS DATE)"


def _minutes(zone: str) -> int:
    offset = dt.datetime(2026, 1, 1, tzinfo=ZoneInfo(zone)).utcoffset() or dt.timedelta()
    return int(offset.total_seconds() // 60)


def literal(stamp: dt.datetime | dt.date) -> str:
    """Return a day or a UTC time as a SQL literal."""
    if isinstance(stamp, dt.datetime):
        return f"TIMESTAMP '{stamp.isoformat(sep=' ')}'"
    return f"DATE '{stamp.isoformat()}'"


def filled(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the canonical tables that hold any version."""
    counts = " UNION ALL ".join(f"SELECT '{name}', count(*) FROM {versions(name)}" for name in TABLES)
    return [name for name, n in connection.execute(counts).fetchall() if n]


def one(connection: duckdb.DuckDBPyConnection, query: str, values: list | None = None) -> tuple:
    """Return the one row of a query, read to its end, so that the connection is free again."""
    rows = connection.execute(query, values or []).fetchall()
    return rows[0]
