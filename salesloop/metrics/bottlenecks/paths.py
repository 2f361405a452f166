"""The ways that deals take: variants, loops, skips, and how far they keep to the declared order."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salesloop.metrics.bottlenecks.stays import Stays, day
from salesloop.metrics.intervals import wilson

COLUMNS = ["variant", "n", "share", "closed", "win_rate", "low", "high", "p50_days", "amount", "conforms"]
_MOST = 8
_LEAST_SEEN = 20
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


def owners(deals: pd.DataFrame, versions: pd.DataFrame) -> pd.Series:
    """Return for each deal how many owners it was seen with; NaN for deals seen only once, which cannot tell.

    Parameters
    ----------
    deals : DataFrame
        The deals.
    versions : DataFrame
        ``opportunity_versions``: every state of each deal that was seen.

    Examples
    --------
    >>> deals = pd.DataFrame({"opportunity_id": ["a", "b", "c"]})
    >>> seen = pd.DataFrame({"opportunity_id": ["a", "a", "b", "b", "c"], "owner_id": ["x", "y", "x", "x", "z"]})
    >>> owners(deals, seen).tolist()
    [2.0, 1.0, nan]
    """
    if versions.empty or "owner_id" not in versions:
        return pd.Series(np.nan, index=deals.index)
    told = versions.groupby("opportunity_id")["owner_id"].agg(["nunique", "size"])
    return deals["opportunity_id"].map(told["nunique"].where(told["size"] > 1)).astype(float)


def conduct(
    paths: pd.DataFrame, deals: pd.DataFrame | None = None, versions: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return how deals went, a row a way with the facts of each.

    Parameters
    ----------
    paths : DataFrame
        From `by_deal`.
    deals, versions : DataFrame, optional
        The deals and every state of them that was seen: these tell who changed hands.

    Returns
    -------
    DataFrame
        ``path`` (straight: kept to the order; rework: went back; skipped; and of deals seen more than once, where there
        are 20, kept: one owner; handed_over: more than one), ``share``, then as in `variants`.
    """
    if paths.empty:
        return pd.DataFrame(columns=["path", "share", *COLUMNS[1:2], *COLUMNS[3:9]])
    parts = {"straight": ~paths["rework"] & ~paths["skipped"], "rework": paths["rework"], "skipped": paths["skipped"]}
    rows = [{"path": name, "share": inside.mean(), **facts(paths[inside])} for name, inside in parts.items()]
    if deals is not None and versions is not None:
        rows += _hands(paths, owners(deals.drop_duplicates("opportunity_id").reset_index(drop=True), versions))
    return pd.DataFrame(rows)


def _hands(paths: pd.DataFrame, seen: pd.Series) -> list[dict]:
    held = seen.reindex(paths["row"]).to_numpy()
    known = paths[~np.isnan(held)]
    held = held[~np.isnan(held)]
    if len(known) < _LEAST_SEEN:
        return []
    parts = {"kept": held <= 1, "handed_over": held > 1}
    return [
        {"path": name, "share": inside.mean(), **facts(known[inside])} for name, inside in parts.items() if inside.any()
    ]
