"""What changed since the last time this was looked at: the check-in before, or the month before."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from salesloop import periods

CHANGED = ("what", "scope", "before", "now", "change", "uom")


def changed(
    now: dict[str, pd.DataFrame], before: dict[str, pd.DataFrame], *, score: float, score_before: float, currency: str
) -> pd.DataFrame:
    """Return what moved between two looks at the same month.

    Parameters
    ----------
    now, before : dict of DataFrame
        ``pace``, ``warnings``, ``actions`` of both; a table that is absent is left out.
    score, score_before : float
        The hygiene score of both.
    currency : str
        The home currency.

    Returns
    -------
    DataFrame
        ``what`` (bookings, warnings_new, warnings_gone, at_risk, actions_done, hygiene_score), ``scope`` (company first, then each
        team), ``before, now, change, uom``. Empty where there is no earlier look.
    """
    if not before:
        return pd.DataFrame(columns=list(CHANGED))
    rows = [*_bookings(now, before, currency), *_warned(now, before, currency), *_done(now, before)]
    rows.append(("hygiene_score", "company", score_before, score, "share"))
    frame = pd.DataFrame(rows, columns=["what", "scope", "before", "now", "uom"])
    frame = frame.astype({"before": "float64", "now": "float64"})
    frame["change"] = frame["now"] - frame["before"]
    frame = frame.sort_values("scope", key=lambda scope: scope.where(scope != "company", ""), kind="stable")
    return frame[list(CHANGED)].reset_index(drop=True)


def _bookings(now: dict, before: dict, currency: str) -> list[tuple]:
    if not len(now.get("pace", ())) or not len(before.get("pace", ())):
        return []
    key = ["level", "name"]
    parts = []
    for frame in (now["pace"], before["pace"]):
        rows = frame[(frame["horizon"] == "month") & (frame["measure"] == "bookings")]
        rows = rows[rows["level"].isin(["company", "team"])]
        parts.append(rows.assign(name=rows["name"].fillna(""))[[*key, "actual"]])
    both = parts[0].merge(parts[1], on=key, how="left", suffixes=("", "_before"))
    return [("bookings", row.name if row.level == "team" else "company", row.actual_before, row.actual, currency)
            for row in both.fillna({"actual_before": 0.0}).itertuples(index=False)]  # fmt: skip


def _warned(now: dict, before: dict, currency: str) -> list[tuple]:
    if "warnings" not in now or "warnings" not in before:
        return []
    new, old = now["warnings"], before["warnings"]
    fresh = set(new["id"]) - set(old["id"]) if len(old) else set(new["id"])
    gone = set(old["id"]) - set(new["id"]) if len(old) else set()
    sums = [float(frame["amount"].sum()) if len(frame) else 0.0 for frame in (old, new)]
    made: list[tuple] = [("warnings_new", "company", np.nan, len(fresh), "count"),
                         ("warnings_gone", "company", np.nan, len(gone), "count"), ("at_risk", "company", *sums, currency)]  # fmt: skip
    for what, frame, chosen in (("warnings_new", new, fresh), ("warnings_gone", old, gone)):
        counts = frame.loc[frame["id"].isin(chosen), "team"].value_counts().sort_index() if "team" in frame else {}
        made += [(what, team, np.nan, float(n), "count") for team, n in counts.items()]
    return made


def _done(now: dict, before: dict) -> list[tuple]:
    if not len(now.get("actions", ())):
        return []
    old = before.get("actions")
    was = float(old["done"].sum()) if old is not None and len(old) else 0.0
    return [("actions_done", "company", was, float(now["actions"]["done"].sum()), "count")]


def is_inside(period: pd.Period, as_of: dt.date) -> bool:
    """Return whether a day lies inside a month that is still running.

    Examples
    --------
    >>> month = periods.parse_period("2026-10")
    >>> is_inside(month, dt.date(2026, 10, 14)), is_inside(month, dt.date(2026, 10, 31))
    (True, False)
    """
    return as_of < periods.end(period)
