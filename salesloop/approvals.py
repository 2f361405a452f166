"""Who approved which change, when and why: append-only, one JSON object a line; and the rows that approval adds to plan files."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock

from salesloop import paths, whole
from salesloop.schema import TABLES

FIELDS = ("id", "kind", "made_in", "by", "at", "old", "new", "rule", "reason", "values")
TARGETS = ("period", "level", "name", "measure", "tier", "amount", "made_in", "by", "at", "reason")


def file_of(unit: str) -> Path:
    """Return where a unit's approvals are kept: beside its ledger, so that `make clean` leaves them."""
    return paths.params(unit) / "approvals.jsonl"


def record(unit: str, period: str, rows: Iterable[Mapping[str, Any]], *, by: str, when: str) -> int:
    """Note who approved which changes of a proposal, and return how many were new; the first approval of a change stands.

    Parameters
    ----------
    unit, period : str
        Whose proposal.
    rows : iterable of mapping
        The approved changes, as the proposal has them.
    by, when : str
        Who approved, and the day.
    """
    file = file_of(unit)
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(str(file.with_name(".approvals.lock"))):
        have = {(line["id"], line["made_in"]) for line in read(unit)}
        told = [
            dict(row) | {"made_in": period, "by": by, "at": when} for row in rows if (row["id"], period) not in have
        ]
        whole.append(file, (json.dumps({key: row.get(key) for key in FIELDS}, ensure_ascii=False) for row in told))
    return len(told)


def read(unit: str, *, before: str | None = None) -> list[dict[str, Any]]:
    """Return the approvals, those of proposals before a period if one is given; a torn last line is passed over."""
    told = [json.loads(line) for line in whole.lines(file_of(unit)) if line.strip()]
    return [line for line in told if before is None or line["made_in"] < before]


def of_targets(unit: str, *, before: str | None = None) -> pd.DataFrame:
    """Return the approved targets.

    Returns
    -------
    DataFrame
        ``period, level, name, measure, tier, amount`` of the row that was approved, ``made_in, by, at`` and ``reason``, the
        last part of its message id.
    """
    told = [line for line in read(unit, before=before) if line["kind"] == "target"]
    rows = [{**line["new"], **{key: line[key] for key in ("made_in", "by", "at")},
             "reason": str(line["reason"]).rsplit(".", 1)[-1]} for line in told]  # fmt: skip
    return pd.DataFrame(rows, columns=list(TARGETS))


def add_rows(unit: str, name: str, rows: list[dict], when: str) -> None:
    """Append approved rows to a plan file; a row whose key is there already is left to the people who wrote it."""
    if not rows:
        return
    table, file = TABLES[name], paths.plan(unit) / f"{name}.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    columns = list(table.columns)
    known: list[dict[str, Any]] = []
    if file.is_file():
        with file.open(encoding="utf-8-sig", newline="") as held:
            known = list(csv.DictReader(held))
    extra = [column for column in (known[0] if known else {}) if column not in columns]
    dated = {"valid_from": when, "created": when}
    new = [{column: row["new"].get(column, dated.get(column)) for column in columns} for row in rows]
    have = {tuple(row.get(key) or "" for key in table.key) for row in known}
    added = [row for row in new if tuple(str(row.get(key) or "") for key in table.key) not in have]
    if not added:
        return
    out = io.StringIO()
    writer = csv.DictWriter(out, [*columns, *extra], lineterminator="\n")
    writer.writeheader()
    writer.writerows([*known, *added])
    whole.write(file, out.getvalue())
