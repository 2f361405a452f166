"""A plan for targets that may no longer move: where the missing amount could come from in the time that is left."""

from __future__ import annotations

import pandas as pd

from salesloop import periods
from salesloop.metrics.goals.ground import Ground

COLUMNS = ("id", "period", "level", "name", "gap", "weeks", "line", "amount", "share")
AT_RISK = ("at_risk", "not_credible")


def plan(judged: pd.DataFrame, deals: pd.DataFrame, *, ground: Ground) -> pd.DataFrame:
    """Return where the gap of each locked bookings target at risk could be closed.

    Parameters
    ----------
    judged : DataFrame
        From `judge`.
    deals : DataFrame
        The forecast's ``deal_probability`` with ``team, region``: ``amount, p_win, p_win_in_period``.

    Returns
    -------
    DataFrame
        ``id, period, level, name, gap`` (to an even chance), ``weeks`` left, ``line`` (pull_in: what is expected of open
        deals only after the coming month; win_open: what open deals hold beyond all that is expected of them), ``amount``
        it holds, and ``share`` of it that the gap would take; above 1 it is not enough.
    """
    rows = judged[
        (judged["measure"] == "bookings") & (judged["tier"] == "base") & judged["level"].isin(["company", "team"])
    ]
    rows = rows[rows["locked"].astype(bool) & rows["verdict"].isin(AT_RISK) & (rows["need_50"] > 0)]
    made: list[dict] = []
    for row in rows.to_dict("records"):
        own = deals if row["level"] == "company" else deals[deals["team"] == row["name"]]
        room = _room(own)
        for line, amount in room.items():
            made.append({**{key: row[key] for key in ("id", "period", "level", "name")}, "gap": row["need_50"],
                         "weeks": _weeks(row["ends"], ground), "line": line, "amount": amount,
                         "share": row["need_50"] / amount if amount > 0 else float("nan")})  # fmt: skip
    return pd.DataFrame(made, columns=list(COLUMNS))


def _room(deals: pd.DataFrame) -> dict[str, float]:
    if deals.empty:
        return {"pull_in": 0.0, "win_open": 0.0}
    amount, p = deals["amount"].fillna(0.0).astype(float), deals["p_win"].fillna(0.0).astype(float)
    later = (p - deals["p_win_in_period"].fillna(0.0).astype(float)).clip(lower=0.0)
    return {"pull_in": float((amount * later).sum()), "win_open": float((amount * (1 - p)).sum())}


def _weeks(ends: str, ground: Ground) -> float:
    return max((periods.end(pd.Period(ends, "M")) - ground.as_of).days, 0) / 7
