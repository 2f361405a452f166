"""From last period's forecast of a window to this one's, in whole cents."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salesloop.metrics.pipeline import PARTS, Draws

LINES = ("start", "won", "lost", "created", "chance", "amount", "to_create", "renewal", "combination", "end")


def value_by_deal(drawn: Draws, months: list[pd.Period]) -> pd.DataFrame:
    """Return each open deal's expected bookings in some months: ``p, amount, value`` by opportunity_id."""
    inside = [f"p_{i + 1}" for i, month in enumerate(drawn.months) if month in months]
    deals = drawn.deals.set_index("opportunity_id")
    p = deals[inside].astype(float).sum(axis=1) if inside else pd.Series(0.0, index=deals.index)
    amount = deals["amount"].astype(float)
    return pd.DataFrame({"p": p, "amount": amount, "value": p * amount})


def part_mean(drawn: Draws, months: list[pd.Period], part: str) -> float:
    """Return the mean of one part over some months."""
    inside = np.flatnonzero(drawn.months.isin(months))
    return float(drawn.amount[PARTS.index(part)][:, inside].sum(dtype=np.float64)) / drawn.n


def between(
    before: Draws, after: Draws, deals: pd.DataFrame, *, period: pd.Period, months: list[pd.Period], end: float, start: float,
) -> pd.DataFrame:  # fmt: skip
    """Return the bridge between two forecasts of the same months.

    Parameters
    ----------
    before, after : Draws
        The pipeline's draws at the end of the month before and at the end of `period`.
    deals : DataFrame
        ``opportunity_id, status, closed_on, amount`` as known now.
    period : Period
        The month between the two.
    months : list of Period
        The window that both forecasts are about.
    start, end : float
        The two published forecasts, what was won in the window included.

    Returns
    -------
    DataFrame
        ``line, amount``: start, won (above what was expected of deals won since), lost, created since, chance and
        timing, amount, to be created, renewals, combination (weights and rounding), end; the lines add up to the cent.
    """
    old, new = value_by_deal(before, months), value_by_deal(after, months)
    known = deals.set_index("opportunity_id")
    month = known["closed_on"].dt.to_period("M")
    won_now = known[(known["status"] == "won") & (month == period)]
    earned = won_now["amount"].fillna(0.0) if period in months else won_now["amount"] * 0.0
    status = known["status"].reindex(old.index)
    both = old.index.intersection(new.index)
    p0, p1, a0, a1 = old.loc[both, "p"], new.loc[both, "p"], old.loc[both, "amount"], new.loc[both, "amount"]
    fresh = new.index.difference(old.index)
    told = {
        "won": earned.reindex(old.index.intersection(won_now.index)).sum() - old.loc[status[status == "won"].index, "value"].sum(),
        "lost": -old.loc[status[status.isin(["lost", "void"])].index, "value"].sum(),
        "created": new.loc[fresh, "value"].sum() + earned.reindex(won_now.index.difference(old.index)).sum(),
        "chance": ((p1 - p0) * (a0 + a1) / 2).sum(), "amount": ((a1 - a0) * (p0 + p1) / 2).sum(),
        "to_create": part_mean(after, months, "new") - part_mean(before, months, "new"),
        "renewal": part_mean(after, months, "renewal") - part_mean(before, months, "renewal"),
    }  # fmt: skip
    cents = {line: round(float(np.nan_to_num(value)) * 100) for line, value in told.items()}
    first, last = round(start * 100), round(end * 100)
    cents = {"start": first, **cents, "combination": last - first - sum(cents.values()), "end": last}
    return pd.DataFrame({"line": list(cents), "amount": [value / 100 for value in cents.values()]})
