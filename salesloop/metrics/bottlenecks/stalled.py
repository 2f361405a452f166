"""Deals that stand still: longer in their stage than three quarters of the deals that were won."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from salesloop.metrics.bottlenecks.stays import SHORTEST, Stays

_PRIOR = 20.0
COLUMNS = ["opportunity_id", "rep", "pipeline", "stage", "days", "limit_days", "amount", "reason"]


def limits(deals: pd.DataFrame, made: Stays) -> pd.DataFrame:
    """Return the days after which a deal counts as stalled, by stage.

    Returns
    -------
    DataFrame
        ``pipeline, stage, n_won`` (stays of deals that were won), ``p75_days``: their 75th percentile, shrunk to the
        pipeline's by 20 stays; NaN where the pipeline has none.
    """
    deals = deals.drop_duplicates("opportunity_id").reset_index(drop=True)
    won = (deals["status"] == "won").to_numpy()
    table = made.table[(made.table["exit"] == "forward").to_numpy() & won[made.table["row"].to_numpy(int)]]
    table = table[table["start"] >= made.since] if len(table) else table
    days = np.maximum(table["end"] - table["start"], SHORTEST)
    rows = []
    for pipeline, stage, _ in made.order.itertuples(index=False):
        whole = days[table["pipeline"] == pipeline]
        own = days[(table["pipeline"] == pipeline) & (table["stage"] == stage)]
        p75 = np.nan
        if len(whole):
            weight = len(own) / (len(own) + _PRIOR)
            p75 = weight * (own.quantile(0.75) if len(own) else 0.0) + (1 - weight) * whole.quantile(0.75)
        rows.append({"pipeline": pipeline, "stage": stage, "n_won": len(own), "p75_days": p75})
    return pd.DataFrame(rows, columns=["pipeline", "stage", "n_won", "p75_days"])


def in_force(table: pd.DataFrame, learned: dict[str, float] | None, least: int = 20) -> dict[tuple[str, str], float]:
    """Return the limit of each stage: what the loop has learned, else this month's where 20 won deals carry it."""
    found = {(r.pipeline, r.stage): float(r.p75_days) for r in table.itertuples() if r.n_won >= least}
    told = {tuple(key.split(" / ", 1)): float(value) for key, value in (learned or {}).items()}
    return found | {key: value for key, value in told.items() if len(key) == 2}  # type: ignore[misc]


def stalled(deals: pd.DataFrame, made: Stays, limit: dict[tuple[str, str], float], *, as_of: dt.date) -> pd.DataFrame:
    """Return the open deals past their stage's limit, most money first.

    Returns
    -------
    DataFrame
        ``opportunity_id, rep, pipeline, stage, days`` in the stage, ``limit_days, amount, reason``: over_limit, or
        overdue where the expected close has passed as well.
    """
    deals = deals.drop_duplicates("opportunity_id").reset_index(drop=True)
    live = made.table[made.table["exit"] == ""]
    info = deals.loc[live["row"].to_numpy(int)].reset_index(drop=True)
    made_ = pd.DataFrame({
        "opportunity_id": info["opportunity_id"], "rep": info.get("rep", None),
        "pipeline": live["pipeline"].to_numpy(dtype=object), "stage": live["stage"].to_numpy(dtype=object),
        "days": (made.until - live["start"]).to_numpy(float), "amount": info["amount"].astype(float),
        "limit_days": [limit.get(key, np.nan) for key in zip(live["pipeline"], live["stage"], strict=True)],
    })  # fmt: skip
    late = (info["expected_close"] <= pd.Timestamp(as_of)).to_numpy() if "expected_close" in info else False
    made_["reason"] = np.where(late, "overdue", "over_limit") if len(made_) else None
    made_ = made_[(info["status"] == "open").to_numpy() & (made_["days"] > made_["limit_days"])]
    return made_.sort_values(["amount", "opportunity_id"], ascending=[False, True])[COLUMNS].reset_index(drop=True)
