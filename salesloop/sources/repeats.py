"""Rows of the same key: duplicates, earlier states, lines of one record, and those of which none can be told to hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from salesloop.schema import TABLES
from salesloop.sources import values

if TYPE_CHECKING:
    from salesloop.sources.build import Built


def key_codes(table: pa.Table, key: tuple[str, ...]) -> np.ndarray:
    """Return a number a row that is the same for rows of the same key."""
    code = np.zeros(table.num_rows, "int64")
    for name in key:
        column = (
            table.column(name)
            if name in table.column_names
            else pa.chunked_array([pa.nulls(table.num_rows, pa.string())])
        )
        found = (
            values.same_texts(pa.concat_arrays(column.chunks) if column.num_chunks != 1 else column.chunk(0))
            if table.num_rows
            else code
        )
        code = code * (int(found.max(initial=0)) + 1) + found
        if len(key) > 1:
            code = np.unique(code, return_inverse=True)[1]
    return code


def settle(built: Built, name: str) -> None:
    """Keep one row a key: equal rows are duplicates; of different ones the latest modified wins, else none is kept."""
    table = built.tables[name]
    code = key_codes(table, TABLES[name].key)
    twice = pd.Series(code).duplicated(keep=False).to_numpy()
    if not twice.any():
        return
    at = np.flatnonzero(twice)
    known = table.column("known_at").cast(pa.int64()).to_numpy()[at].astype("float64")
    day = pc.fill_null(table.column("_day").cast(pa.int32()), -1).to_numpy()[at]
    rows = pd.DataFrame(
        {"at": at, "code": code[at], "content": table.column("_content").to_numpy()[at], "known": known, "day": day}
    )
    repeated = rows.duplicated(["code", "content"]).to_numpy()
    wide = np.array([bool(made.entry.months) for made in built.frames])[table.column("_frame").to_numpy()[at]]
    drop: dict[str, list[np.ndarray]] = {"duplicate": [rows["at"].to_numpy()[repeated & ~wide]]}
    lines = _further_lines(built, table, rows, repeated)
    table = _added_up(built, table, rows[~repeated])
    drop["line_of_a_deal"] = [rows["at"].to_numpy()[lines]]
    repeated = repeated | lines
    rest = rows[~repeated | wide]
    rest = rest[rest["code"].duplicated(keep=False)]
    older, unsure = _older(rest, last=name == "products")
    drop["same_name" if name == "products" else "older_state"] = [older]
    drop["conflicting_rows"] = [unsure]
    if len(older) and len(np.unique(day[day >= 0])) > 1:
        told = f"{name}: of several exports the last state of each row is kept; import them by day, oldest first, to keep all"
        built.assumptions.append(told)
    gone = np.zeros(table.num_rows, bool)
    for rule, parts in drop.items():
        mask = np.zeros(table.num_rows, bool)
        mask[np.concatenate(parts).astype("int64")] = True
        gone |= mask
        built._each(name, mask, rule, "quarantine", "", _FOUND[rule])
    built.tables[name] = table.filter(pa.array(~gone)).combine_chunks()


def _further_lines(built: Built, table: pa.Table, rows: pd.DataFrame, repeated: np.ndarray) -> np.ndarray:
    """Return which rows are further lines of a record whose first line stands for it."""
    first = np.array([made.entry.repeats in ("first", "sum") for made in built.frames])
    of_lines = (
        first[table.column("_frame").to_numpy()[rows["at"].to_numpy()]] if first.any() else np.zeros(len(rows), bool)
    )
    later = rows[~repeated].duplicated("code").reindex(rows.index, fill_value=False).to_numpy(dtype=bool)
    return of_lines & later & ~repeated


def _added_up(built: Built, table: pa.Table, rows: pd.DataFrame) -> pa.Table:
    """Return the table with the amounts of a record's lines added up in its first one, which names a product only if all do."""
    adds = np.array([made.entry.repeats == "sum" for made in built.frames])
    rows = rows[adds[table.column("_frame").to_numpy()[rows["at"].to_numpy()]]]
    if rows.empty or "amount" not in table.column_names:
        return table
    amounts = table.column("amount").to_pylist()
    product = table.column("product").to_pylist() if "product" in table.column_names else [None] * len(amounts)
    for at in rows.groupby("code", sort=False)["at"].agg(list):
        told = [amounts[one] for one in at if amounts[one] is not None]
        amounts[at[0]] = sum(told[1:], told[0]) if told else None
        product[at[0]] = product[at[0]] if len({product[one] for one in at}) == 1 else None
    table = table.set_column(
        table.column_names.index("amount"), "amount", pa.array(amounts, table.column("amount").type)
    )
    if "product" in table.column_names:
        table = table.set_column(table.column_names.index("product"), "product", pa.array(product, pa.string()))
    return table


_FOUND = {
    "line_of_a_deal": "another line of the same deal, which counts once",
    "duplicate": "the same row as an earlier one",
    "older_state": "an earlier state of a row that is there again, modified later",
    "same_name": "another row of the same name; the last one is kept",
    "conflicting_rows": "rows with the same key and different contents, and nothing says which is later",
}


def _older(rest: pd.DataFrame, *, last: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that a later one replaces, and those of which none can be told to be later."""
    if rest.empty:
        return np.empty(0, "int64"), np.empty(0, "int64")
    rest = rest.assign(known=rest["known"].where(rest["known"] > -9e18))
    rest["rank"] = rest["known"].fillna(-np.inf)
    if last:
        rest["rank"] = rest["at"]
    rest = rest.sort_values(["code", "rank", "day", "at"], kind="stable")
    best = rest.groupby("code").tail(1)
    merged = rest.merge(best[["code", "rank", "day", "at"]], on="code", suffixes=("", "_best"))
    lower = (merged["rank"] < merged["rank_best"]) | (
        (merged["rank"] == merged["rank_best"]) & (merged["day"] < merged["day_best"])
    )
    tied = merged[~lower & (merged["at"] != merged["at_best"])]["code"].unique()
    unsure = merged["code"].isin(tied)
    return merged["at"][~unsure & (merged["at"] != merged["at_best"])].to_numpy(), merged["at"][unsure].to_numpy()
