"""The tie-out: from the source's own total to the deals of a frozen period, line by line, in exact money."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import duckdb

from salesloop.store.base import one, versions
from salesloop.store.state import View

Line = tuple[str, int, Decimal]


def tie_import(connection: duckdb.DuckDBPyConnection, view: View) -> dict[str, Any] | None:
    """Return the import that the tie-out starts from: the latest with deals by `until`, else the first one."""
    rows = connection.execute(
        "SELECT import_id, as_of, counts, files FROM imports WHERE import_id <= ? ORDER BY import_id",
        [view.last_import],
    ).fetchall()
    told = [(number, day, json.loads(counts), json.loads(files)) for number, day, counts, files in rows]
    told = [row for row in told if "opportunities" in row[2]]
    if not told:
        return None
    number, day, counts, files = ([row for row in told if row[1] <= view.until] or told[:1])[-1]
    return {"import_id": number, "as_of": day, "counts": counts["opportunities"],
            "files": [file for file in files if file["table"] == "opportunities"]}  # fmt: skip


def lines(connection: duckdb.DuckDBPyConnection, view: View, found: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Return the tie-out: ``line``, ``n`` (deals) and ``amount`` (exact text), the last line what the first ones make.

    Needs the temporary tables ``deals_now`` (all deals as of the view, with fate and home money).
    """
    if found is None:
        return []
    told = [line for line in (*_imported(found), *_frozen(connection, view, found)) if line[1] or line[2]]
    n, amount = sum(line[1] for line in told), sum((line[2] for line in told), Decimal(0))
    told.append(("ours", n, amount))
    return [{"line": name, "n": number, "amount": f"{money:.2f}"} for name, number, money in told]


def _imported(found: dict[str, Any]) -> list[Line]:
    """Return the lines from what the files held to what stood stored after the import."""
    counts, files = found["counts"], found["files"]
    landed = counts["landed_n"], Decimal(counts["landed_amount"])
    again = counts["duplicate_n"], Decimal(counts["duplicate_amount"])
    stored = counts["stored_n"], Decimal(counts["stored_amount"])
    read = sum(file["read"] for file in files) or landed[0] + again[0]
    totals = [file["source_total"] for file in files]
    stated = sum((Decimal(total) for total in totals if total), Decimal(0))
    source = stated if totals and all(totals) else landed[1] + again[1]
    return [
        ("source", read, source),
        ("rejected_at_the_door", landed[0] + again[0] - read, landed[1] + again[1] - source),
        ("duplicate_key", -again[0], -again[1]),
        ("from_other_exports", stored[0] - landed[0], stored[1] - landed[1]),
    ]


def _frozen(connection: duckdb.DuckDBPyConnection, view: View, found: dict[str, Any]) -> list[Line]:
    """Return the lines from what stood stored after the import to the frozen deals."""
    counts, number = found["counts"], found["import_id"]
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE tied AS
        WITH stood AS (
            SELECT _row_key AS row_key, amount, _deleted FROM {versions("opportunities")}
            WHERE _import_id <= {number} AND _known_at < {view.until_sql}
            QUALIFY row_number() OVER (PARTITION BY _row_key ORDER BY _state_at DESC, _import_id DESC) = 1)
        SELECT coalesce(t.row_key, d.row_key) AS row_key, t.row_key IS NOT NULL AND NOT t._deleted AS there, t.amount AS source,
               d.row_key IS NOT NULL AS frozen, d.fate, d.rate IS NULL AS unrated, d.amount, d.amount_home
        FROM stood t FULL JOIN deals_now d ON t.row_key = d.row_key""")
    there = _sum(connection, "there", "source")
    out = "frozen AND NOT coalesce(fate = 'kept' AND NOT unrated, false)"
    return [
        ("known_later", there[0] - counts["stored_n"], there[1] - Decimal(counts["stored_amount"])),
        ("created_after_period", *_less(_sum(connection, "there AND NOT frozen", "source"))),
        ("from_later_exports", *_sum(connection, "frozen AND NOT there", "amount")),
        (
            "amount_as_of_period",
            0,
            _sum(connection, "frozen AND there", "coalesce(amount, 0) - coalesce(source, 0)")[1],
        ),
        ("won_after_cut_off", *_less(_sum(connection, "fate = 'ahead_won'", "amount"))),
        ("lost_after_cut_off", *_less(_sum(connection, "fate = 'ahead_lost'", "amount"))),
        ("currency_without_rate", *_less(_sum(connection, "fate = 'kept' AND unrated", "amount"))),
        (
            "currency",
            0,
            _sum(connection, f"frozen AND NOT ({out})", "coalesce(amount_home, 0) - coalesce(amount, 0)")[1],
        ),
    ]


def _sum(connection: duckdb.DuckDBPyConnection, where: str, money: str) -> tuple[int, Decimal]:
    n, amount = one(connection, f"SELECT count(*), coalesce(sum({money}), 0) FROM tied WHERE {where}")
    return int(n), Decimal(amount)


def _less(line: tuple[int, Decimal]) -> tuple[int, Decimal]:
    return -line[0], -line[1]
