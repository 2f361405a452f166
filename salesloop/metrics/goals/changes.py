"""Who changed which target, when and why: the plan's versions beside the approvals that made them."""

from __future__ import annotations

import math
from itertools import pairwise

import pandas as pd

from salesloop.metrics.goals.ground import Ground
from salesloop.metrics.goals.plan import known_versions

COLUMNS = ("id", "scope", "level", "uom", "old", "new", "change", "at", "by", "why", "made_in")
BY_HAND = "by_hand"
_CENT = 0.005


def log(targets: pd.DataFrame, approved: pd.DataFrame, *, ground: Ground) -> pd.DataFrame:
    """Return every change of a target since it was first set, the latest first.

    Parameters
    ----------
    targets : DataFrame
        The plan's rows as people wrote them.
    approved : DataFrame
        ``period, level, name, measure, tier, amount, made_in, by, at, reason``: what was approved, and by whom.
    ground : Ground
        Who and what there is.

    Returns
    -------
    DataFrame
        ``id, scope, level, uom``; ``old, new`` (as written: an amount, or a growth), ``change`` (new over old, less one; NaN for shares and growth), ``at``
        (the day of the version), ``by`` and ``why`` (the approval's; ``by_hand`` and nothing where a person wrote the row), and
        ``made_in``, the month whose report proposed it.
    """
    given = {_key(row): row for row in approved.to_dict("records")}
    rows = []
    for versions in known_versions(targets, ground=ground).values():
        for old, new in pairwise(versions):
            if _same(old["amount"], new["amount"]):
                continue
            found = given.get(_key(new), {})
            told = {key: new[key] for key in ("id", "scope", "level", "uom")}
            rows.append({**told, "old": old["amount"], "new": new["amount"], "change": _ratio(old["amount"], new["amount"]) if new["uom"] != "share" else float("nan"),
                         "at": new["since"], "by": found.get("by") or BY_HAND, "why": f"rule_{found['reason']}" if found else None,
                         "made_in": found.get("made_in")})  # fmt: skip
    made = pd.DataFrame(rows, columns=list(COLUMNS))
    made["at"] = pd.to_datetime(made["at"])
    rank = made["level"].map({"company": 0, "region": 1, "team": 2}).fillna(3)
    made = made.assign(rank=rank).sort_values(["at", "rank", "id"], ascending=[False, True, True], kind="stable")
    return made.drop(columns="rank").reset_index(drop=True)


def _key(row: dict) -> tuple:
    name = row.get("name")
    return (row["period"], row["level"], name if isinstance(name, str) else None, row["measure"], row["tier"] or "base",
            round(float(row["amount"]), 2))  # fmt: skip


def _same(old: float, new: float) -> bool:
    return old == new or (math.isfinite(old) and math.isfinite(new) and abs(new - old) < _CENT * min(abs(new), 1.0))


def _ratio(old: float, new: float) -> float:
    return new / old - 1 if math.isfinite(old) and old > 0 else float("nan")
