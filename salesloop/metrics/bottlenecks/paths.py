"""The ways that deals take: variants, loops, skips, and how far they keep to the declared order."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salesloop.metrics.bottlenecks.stays import Stays, day
from salesloop.metrics.intervals import wilson

COLUMNS = ["variant", "n", "share", "closed", "win_rate", "low", "high", "p50_days", "amount", "conforms"]
_MOST = 12
_PRIME = np.uint64(1_099_511_628_211)


def by_deal(deals: pd.DataFrame, made: Stays) -> pd.DataFrame:
    """Return for each deal with a history its path: ``row, path`` (a code), ``rework, skipped, status, days, amount``."""
    deals = deals.drop_duplicates("opportunity_id").reset_index(drop=True)
    table = made.table.sort_values(["row", "start"], kind="stable")
    row = table["row"].to_numpy(int)
    codes = pd.Categorical(table["stage"]).codes.astype(np.uint64) + np.uint64(1)
    place = (np.arange(len(row)) - np.searchsorted(row, row, side="left")).astype(np.uint64)
    with np.errstate(over="ignore"):
        mixed = (codes * _PRIME + place * place * np.uint64(97) + place) * (
            codes + place * np.uint64(1_000_003) + np.uint64(7)
        )
    path = np.zeros(len(deals), dtype=np.uint64)
    with np.errstate(over="ignore"):
        np.add.at(path, row, mixed)
    rework = np.bincount(row, (table["exit"] == "back") | (table["visit"] > 0), minlength=len(deals)) > 0
    skipped = np.bincount(row, table["skipped"], minlength=len(deals))
    seen = np.bincount(row, minlength=len(deals)) > 0
    made_ = pd.DataFrame({"row": np.arange(len(deals)), "path": path, "rework": rework, "skipped": skipped > 0,
                          "status": deals["status"], "amount": deals["amount"].astype(float),
                          "days": day(deals["closed_on"]) - day(deals["created_at"])})  # fmt: skip
    return made_[seen].reset_index(drop=True)


def variants(paths: pd.DataFrame, made: Stays) -> pd.DataFrame:
    """Return the most common ways through the stages.

    Returns
    -------
    DataFrame
        ``variant`` (stages in order and the end), ``n, share`` of deals, ``closed``, ``win_rate`` with 95 % interval
        ``low, high``, ``p50_days`` (won or lost), ``amount`` (mean won), ``conforms`` (no way back, nothing skipped).
    """
    counts = paths["path"].value_counts()
    best = counts.sort_index().sort_values(ascending=False, kind="stable").head(_MOST)
    first = paths.drop_duplicates("path").set_index("path")["row"]
    table = made.table
    rows = []
    for code in best.index:
        part = paths[paths["path"] == code]
        steps = table[table["row"] == first[code]].sort_values("start", kind="stable")["stage"]
        rows.append({"variant": " > ".join(map(str, steps)), "share": len(part) / len(paths), **facts(part),
                     "conforms": not bool(part["rework"].iloc[0] or part["skipped"].iloc[0])})  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)


def facts(part: pd.DataFrame) -> dict:
    """Return n, closed, win rate with interval, median days and mean won amount of some deals."""
    won, lost = int((part["status"] == "won").sum()), int((part["status"] == "lost").sum())
    low, high = wilson(won, won + lost)
    done = part[part["status"].isin(["won", "lost"])]
    return {"n": len(part), "closed": won + lost, "win_rate": won / (won + lost) if won + lost else np.nan, "low": low,
            "high": high, "p50_days": done["days"].median() if len(done) >= 10 else np.nan,
            "amount": part.loc[part["status"] == "won", "amount"].mean() if won else np.nan}  # fmt: skip


def conduct(paths: pd.DataFrame) -> pd.DataFrame:
    """Return deals that kept to the order, those that went back and those that skipped: ``path`` and the facts of each."""
    if paths.empty:
        return pd.DataFrame(columns=["path", "share", *COLUMNS[1:2], *COLUMNS[3:9]])
    parts = {"straight": ~paths["rework"] & ~paths["skipped"], "rework": paths["rework"], "skipped": paths["skipped"]}
    rows = [{"path": name, "share": inside.mean(), **facts(paths[inside])} for name, inside in parts.items()]
    return pd.DataFrame(rows)
