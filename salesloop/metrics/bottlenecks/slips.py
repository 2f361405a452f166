"""Expected close dates that move: due, slipped, pushed, slipped again, and the money that hangs on them."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from salesloop import periods
from salesloop.metrics.bottlenecks.stays import day
from salesloop.metrics.intervals import wilson
from salesloop.metrics.pipeline.stays import ENDS

MONTHS = 12
COLUMNS = ["period", "n", "slipped", "rate", "low", "high", "due_amount", "slipped_amount", "rate_value", "overdue"]


def promised(deals: pd.DataFrame, events: pd.DataFrame, *, as_of: dt.date) -> pd.DataFrame:
    """Return every expected close date a deal has had: ``row, known`` (day since when), ``expected`` (day), in order.

    The history's dates first, then the one that stands today; without a history only today's.
    """
    row = pd.Index(deals["opportunity_id"]).get_indexer(events["opportunity_id"])
    dated = (row >= 0) & events["expected_close"].notna().to_numpy() if "expected_close" in events else row < -1
    past = pd.DataFrame({"row": row[dated], "known": day(events["at"])[dated], "expected": day(events["expected_close"])[dated]}
                        if dated.any() else {"row": np.zeros(0, int), "known": np.zeros(0), "expected": np.zeros(0)})  # fmt: skip
    seen = deals["opportunity_id"].isin(events.loc[dated, "opportunity_id"]).to_numpy()
    now = np.where(seen, _today(as_of), day(deals["created_at"]))
    last = pd.DataFrame({"row": np.arange(len(deals)), "known": now, "expected": day(deals["expected_close"])})
    last = last[last["expected"].notna() & (deals["status"] == "open").to_numpy()]
    made = pd.concat([past, last], ignore_index=True).dropna().sort_values(["row", "known"], kind="stable")
    same = (made["row"] == made["row"].shift()) & (made["expected"] == made["expected"].shift())
    return made[~same].reset_index(drop=True)


def _today(as_of: dt.date) -> float:
    return float(day(pd.Series([pd.Timestamp(as_of)]))[0])


def has_history(events: pd.DataFrame) -> bool:
    """Return whether the history tells what close dates were expected before."""
    return "expected_close" in events and bool(events["expected_close"].notna().any())


def slips(deals: pd.DataFrame, events: pd.DataFrame, *, as_of: dt.date, months: int = MONTHS) -> pd.DataFrame:
    """Return by month how many deals were due as it began, and how many were still open at its end with a later date.

    Parameters
    ----------
    deals : DataFrame
        ``opportunity_id, status, created_at, closed_on, expected_close, amount``.
    events : DataFrame
        ``opportunity_id, at, expected_close``.
    as_of : date
        The last day.
    months : int
        How many months back.

    Returns
    -------
    DataFrame
        ``period, n`` (due), ``slipped, rate`` with 95 % interval ``low, high``, ``due_amount, slipped_amount,
        rate_value``, ``overdue`` (still open, its date past and not moved). Empty without a history of close dates.
    """
    deals = deals.drop_duplicates("opportunity_id").reset_index(drop=True)
    if not has_history(events):
        return pd.DataFrame(columns=COLUMNS)
    dates = promised(deals, events, as_of=as_of)
    closed = np.where(deals["status"].isin(ENDS), day(deals["closed_on"]), np.inf)
    amount = deals["amount"].fillna(0.0).to_numpy(float)
    last = pd.Timestamp(as_of).to_period("M")
    rows = [_month(last - back, dates, closed, amount) for back in range(months - 1, -1, -1)]
    made = pd.DataFrame(rows, columns=COLUMNS)
    return made[made["n"] > 0].reset_index(drop=True)


def _month(month: pd.Period, dates: pd.DataFrame, closed: np.ndarray, amount: np.ndarray) -> dict:
    start, end = (_today(edge(month)) for edge in (periods.start, periods.end))
    before = dates[dates["known"] < start].drop_duplicates("row", keep="last")
    due = before[(before["expected"] >= start) & (before["expected"] <= end)]
    due = due[closed[due["row"]] >= start]
    after = dates[dates["known"] <= end].drop_duplicates("row", keep="last").set_index("row")["expected"]
    still = closed[due["row"]] > end
    moved = after.reindex(due["row"]).to_numpy() > end
    n, slipped = len(due), int((still & moved).sum())
    money, lost = amount[due["row"]].sum(), amount[due["row"]][still & moved].sum()
    low, high = wilson(slipped, n)
    return {"period": str(month), "n": n, "slipped": slipped, "rate": slipped / n if n else np.nan, "low": low, "high": high,
            "due_amount": money, "slipped_amount": lost, "rate_value": lost / money if money > 0 else np.nan,
            "overdue": int((still & ~moved).sum())}  # fmt: skip


def pushes(deals: pd.DataFrame, events: pd.DataFrame, *, as_of: dt.date) -> pd.Series:
    """Return for each deal how often its expected close moved to a later month; index ``opportunity_id``."""
    deals = deals.drop_duplicates("opportunity_id").reset_index(drop=True)
    dates = promised(deals, events, as_of=as_of)
    month = dates["expected"].to_numpy().astype("int64").astype("datetime64[D]").astype("datetime64[M]").astype(int)
    row = dates["row"].to_numpy()
    later = np.r_[False, (row[1:] == row[:-1]) & (month[1:] > month[:-1])] if len(row) else np.zeros(0, bool)
    counts = np.bincount(row[later].astype(int), minlength=len(deals))
    return pd.Series(counts, index=deals["opportunity_id"])


def again(counts: pd.Series, deals: pd.DataFrame) -> dict[str, float]:
    """Return the chance that a deal slips again once it has: ``n`` decided deals pushed at least once, ``rate, low, high``.

    Examples
    --------
    >>> deals = pd.DataFrame({"opportunity_id": list("abcd"), "status": ["won", "lost", "won", "open"]})
    >>> told = again(pd.Series([1, 2, 0, 3], index=list("abcd")), deals)
    >>> told["n"], told["rate"]
    (2, 0.5)
    """
    done = deals.loc[deals["status"].isin(ENDS), "opportunity_id"]
    seen = counts.reindex(done).dropna()
    n, twice = int((seen >= 1).sum()), int((seen >= 2).sum())
    low, high = wilson(twice, n)
    return {"n": n, "rate": twice / n if n else np.nan, "low": low, "high": high}


def at_risk(deals: pd.DataFrame, table: pd.DataFrame, *, as_of: dt.date) -> dict[str, float]:
    """Return the open amount due in the next month and what of it will slip at the rate of the last year."""
    first = pd.Timestamp(as_of) + pd.Timedelta(days=1)
    month = first.to_period("M")
    live = deals[(deals["status"] == "open") & (deals["expected_close"].dt.to_period("M") == month)]
    due, n = float(live["amount"].fillna(0).sum()), int(table["n"].sum()) if len(table) else 0
    slipped = int(table["slipped"].sum()) if n else 0
    low, high = wilson(slipped, n)
    value = table["slipped_amount"].sum() / table["due_amount"].sum() if n and table["due_amount"].sum() > 0 else np.nan
    late = deals[(deals["status"] == "open") & (deals["expected_close"] < first)]
    return {"n": n, "due": due, "rate": slipped / n if n else np.nan, "low": low, "high": high, "money": due * value,
            "overdue": len(late), "overdue_amount": float(late["amount"].fillna(0).sum())}  # fmt: skip


def by_pushes(counts: pd.Series, deals: pd.DataFrame) -> pd.DataFrame:
    """Return deals by how often their expected close was pushed (3 stands for 3 or more): ``pushes, n, closed, win_rate, low, high``."""
    status = deals.drop_duplicates("opportunity_id").set_index("opportunity_id")["status"].reindex(counts.index)
    rows = []
    for times, part in status.groupby(counts.clip(upper=3).to_numpy()):
        won, lost = int((part == "won").sum()), int((part == "lost").sum())
        low, high = wilson(won, won + lost)
        rows.append({"pushes": int(times), "n": len(part), "closed": won + lost,
                     "win_rate": won / (won + lost) if won + lost else np.nan, "low": low, "high": high})  # fmt: skip
    made = pd.DataFrame(rows, columns=["pushes", "n", "closed", "win_rate", "low", "high"])
    return made if len(made) > 1 else made[:0]
