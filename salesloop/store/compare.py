"""What an export holds that differs from what is stored; nothing is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from salesloop import paths
from salesloop.params import load_unit
from salesloop.schema import TABLES
from salesloop.store.base import columns, opened
from salesloop.store.staging import export_of, latest, register, rows, stage

if TYPE_CHECKING:
    from salesloop.sources.landing import Landing

COLUMNS = ["table", "key", "change", "columns"]


def compare(unit: str, landing: Landing) -> pd.DataFrame:
    """Compare an import with the current state of what is stored.

    Parameters
    ----------
    unit : str
        The business unit.
    landing : Landing
        What the door read.

    Returns
    -------
    DataFrame
        One row a difference, by table and key: ``table``, ``key``, ``change`` (added, changed, missing) and
        ``columns`` (the changed ones, joined by commas; their values are not told). Only tables that the import has.
    """
    if not paths.store(unit).is_file():
        return pd.DataFrame(columns=COLUMNS)
    export = export_of(landing, load_unit(unit), None)
    with opened(unit) as connection:
        connection.execute("BEGIN")
        found = []
        for name in register(connection, landing):
            stage(connection, name, landing, export)
            found.append(connection.execute(_query(name, landing)).df())
        connection.execute("ROLLBACK")
    whole = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=COLUMNS)
    return whole.sort_values(["table", "key", "change"], kind="stable").reset_index(drop=True)[COLUMNS]


def _query(name: str, landing: Landing) -> str:
    """Return SQL for the differences of one table."""
    differ = ", ".join(
        f'CASE WHEN n."{column}" IS DISTINCT FROM s."{column}" THEN \'{column}\' END' for column in columns(name)
    )
    shown = "replace(coalesce(n.row_key, s._row_key), chr(31), ' | ')"
    place = TABLES[name].name
    return f"""
        WITH stored AS (SELECT * FROM ({latest(name)}) WHERE NOT _deleted),
        mine AS (SELECT * FROM ({rows(name, landing)}) WHERE fate <> 'duplicate'
                 QUALIFY row_number() OVER (PARTITION BY row_key ORDER BY state_at DESC) = 1)
        SELECT '{place}' AS "table", {shown} AS key,
               CASE WHEN s._row_key IS NULL THEN 'added' WHEN n.row_key IS NULL THEN 'missing' ELSE 'changed' END AS change,
               CASE WHEN s._row_key IS NULL OR n.row_key IS NULL THEN '' ELSE concat_ws(', ', {differ}) END AS columns
        FROM mine n FULL JOIN stored s ON n.row_key = s._row_key
        WHERE s._row_key IS NULL OR n.row_key IS NULL OR n.content <> s._content"""
