"""Who and what the unit's store knows already, so that a later file with names alone meets the same ids."""

from __future__ import annotations

import pyarrow as pa

from salesloop import paths

_WANTED = {"reps": ("rep_id", "name"), "accounts": ("account_id", "name"), "products": ("product", "product")}


def stored(unit: str) -> dict[str, pa.Table]:
    """Return ids and names of the reps, accounts and products in a unit's store; nothing where there is no store.

    Parameters
    ----------
    unit : str
        Whose store.

    Returns
    -------
    dict of str to pyarrow.Table
        For ``reps``, ``accounts`` and ``products`` a table with the columns ``id`` and ``name``.
    """
    if not paths.store(unit).is_file():
        return {}
    from salesloop.store.base import opened, versions

    found: dict[str, pa.Table] = {}
    with opened(unit) as connection:
        for name, (key, label) in _WANTED.items():
            query = f'SELECT DISTINCT "{key}" AS id, "{label}" AS name FROM {versions(name)} WHERE "{key}" IS NOT NULL'  # noqa: S608
            found[name] = connection.sql(query + " ORDER BY ALL").to_arrow_table()
    return {name: table for name, table in found.items() if table.num_rows}
