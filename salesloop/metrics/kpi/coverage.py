"""Coverage: what is open and due against what is still to be won, and how much would be needed."""

from __future__ import annotations

import datetime as dt
import math

import pandas as pd

from salesloop import periods
from salesloop.metrics.execution.pace import base_targets, target_of

COLUMNS = ("period", "target", "won", "open", "n_open", "coverage", "coverage_needed", "n_past", "conversion")
LEAST_PAST = 20


def coverage(
    deals: pd.DataFrame, events: pd.DataFrame, targets: pd.DataFrame, *, as_of: dt.date, state_known: str = "events",
    fiscal_start: int = 1,
) -> pd.DataFrame:  # fmt: skip
    """Return the coverage of the fiscal quarter that the next day lies in.

    Parameters
    ----------
    deals, events : DataFrame
        ``Book.deals()`` and the stage events.
    targets : DataFrame
        The plan file's rows.
    as_of : date
        The day.
    state_known : str
        With ``dates`` the past open pipeline is hindsight, and no need is learned from it.

    Returns
    -------
    DataFrame
        One row: ``period``; ``target``; ``won`` so far; ``open`` money due in it, of ``n_open`` deals; ``coverage`` =
        open / (target - won), undefined without a target or once it is reached; ``coverage_needed`` = 1 / value
        conversion of what was open and due at the same day of the last eight quarters (``n_past`` deals, 20 needed).

    Examples
    --------
    >>> deals = pd.DataFrame({"opportunity_id": list("abc"), "status": ["won", "open", "open"], "amount": [400.0, 1000.0, 500.0],
    ...     "closed_on": [pd.Timestamp("2026-10-05"), pd.NaT, pd.NaT], "created_at": pd.Timestamp("2026-08-01"),
    ...     "expected_close": pd.to_datetime(["2026-10-05", "2026-11-05", "2026-12-05"])})
    >>> events = pd.DataFrame({"opportunity_id": [], "at": pd.to_datetime([]), "expected_close": pd.to_datetime([])})
    >>> plan = pd.DataFrame({"period": ["2026Q4"], "level": "company", "name": None, "measure": "bookings", "tier": "base",
    ...     "basis": "amount", "amount": [1000.0], "against": None, "valid_from": pd.NaT})
    >>> float(coverage(deals, events, plan, as_of=dt.date(2026, 10, 31))["coverage"].iloc[0])
    2.5
    """
    month = pd.Timestamp(as_of + dt.timedelta(days=1)).to_period("M")
    label, months = periods.quarter_label(month, fiscal_start), periods.fiscal_quarter(month, fiscal_start)
    day, last = pd.Timestamp(as_of), pd.Timestamp(periods.end(months[-1]))
    plan = base_targets(targets, as_of=as_of)
    plan = plan[(plan["level"] == "company") & (plan["measure"] == "bookings")]
    target = target_of(plan, label, months, pd.DataFrame(), fiscal_start)
    won = deals[
        (deals["status"] == "won") & (deals["closed_on"] >= months[0].start_time) & (deals["closed_on"] <= day)
    ]["amount"].sum()
    due = deals[
        (deals["status"] == "open")
        & (deals["expected_close"] > day - pd.Timedelta(days=31))
        & (deals["expected_close"] <= last)
    ]
    left = target - won
    share, n_past = (math.nan, 0) if state_known == "dates" else _conversion(deals, events, day, fiscal_start)
    row = {
        "period": label, "target": target, "won": won, "open": due["amount"].sum(), "n_open": len(due),
        "coverage": due["amount"].sum() / left if left > 0 else math.nan, "n_past": n_past,
        "coverage_needed": 1 / share if share > 0 else math.nan, "conversion": share,
    }  # fmt: skip
    return pd.DataFrame([row], columns=list(COLUMNS))


def _conversion(deals: pd.DataFrame, events: pd.DataFrame, day: pd.Timestamp, fiscal_start: int) -> tuple[float, int]:
    """Return what share of the money that was open and due was won in time, over the last eight quarters."""
    dated = events.dropna(subset=["expected_close"]).sort_values("at", kind="stable")
    if dated.empty:
        return math.nan, 0
    month = (day + pd.Timedelta(days=1)).to_period("M")
    first = periods.fiscal_quarter(month, fiscal_start)[0]
    offset = day - (first.start_time - pd.Timedelta(days=1))
    opened = won = 0.0
    n = 0
    for back in range(1, 9):
        start = first - 3 * back
        seen, end = start.start_time - pd.Timedelta(days=1) + offset, (start + 3).start_time
        stand = dated[dated["at"] <= seen + pd.Timedelta(days=1)].drop_duplicates("opportunity_id", keep="last")
        then = deals.merge(stand[["opportunity_id", "expected_close"]], on="opportunity_id", suffixes=("", "_then"))
        then = then[(then["created_at"] <= seen) & ~(then["closed_on"] <= seen) & (then["status"] != "void")]
        then = then[(then["expected_close_then"] > seen - pd.Timedelta(days=31)) & (then["expected_close_then"] < end)]
        came = then[(then["status"] == "won") & (then["closed_on"] < end)]
        opened, won, n = opened + then["amount"].sum(), won + came["amount"].sum(), n + len(then)
    return (float(won / opened), n) if n >= LEAST_PAST and opened > 0 else (math.nan, n)
