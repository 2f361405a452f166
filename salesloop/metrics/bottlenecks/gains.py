"""Opportunities, not only losses: segments that pay more than the effort they get, cross-selling, renewals coming due."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
from scipy import stats

from salesloop.metrics.intervals import benjamini_hochberg, wilson

COLUMNS = [
    "kind",
    "segment_kind",
    "segment",
    "n",
    "rate",
    "low",
    "high",
    "money",
    "money_low",
    "money_high",
    "q_value",
    "told",
]
MOVED = 0.10
"""The share of three months' deals that the first kind moves into a segment."""
_LEAST, _MOST = 30, 12
_NO_PLACE = ("amount_band", "type", "team", "rep", "manager")
"""Kinds that deals cannot be moved into, or whose people were handed what they have."""


def better_segments(deals: pd.DataFrame, kinds: list[str], *, as_of: dt.date, months: int = 24) -> pd.DataFrame:
    """Return what a tenth of three months' deals would bring more if they came from each segment, as it has paid so far.

    Value per deal is won amount over deals decided. A segment is told only where it wins more often than the others and
    brings more for each deal, both after correction for all segments, and the interval of the money lies above 0: a
    dearer product alone is no opportunity.

    Parameters
    ----------
    deals : DataFrame
        All deals.
    kinds : list of str
        Segment columns.

    Returns
    -------
    DataFrame
        `COLUMNS` with ``rate`` the win rate and its interval; money for three months with 95 % interval.
    """
    since = pd.Timestamp(as_of) - pd.DateOffset(months=months)
    done = deals[deals["status"].isin(["won", "lost"]) & (deals["closed_on"] > since)]
    value = done["amount"].fillna(0.0).where(done["status"] == "won", 0.0)
    quarter = (deals["created_at"] > pd.Timestamp(as_of) - pd.DateOffset(months=3)).sum() * MOVED
    rows = []
    for kind in kinds:
        names = done[kind].astype(str).where(done[kind].notna())
        for name, part in value.groupby(names):
            rest = value[names.notna() & (names != name)]
            if len(part) < _LEAST or len(rest) < _LEAST:
                continue
            gain = part.mean() - value.mean()
            se = np.sqrt(part.var() / len(part) + rest.var() / len(rest))
            won, others = (int((done.loc[index, "status"] == "won").sum()) for index in (part.index, rest.index))
            apart = (won / len(part) - others / len(rest)) / _share_error(won + others, len(part), len(rest))
            rows.append({"kind": "better_segment", "segment_kind": kind, "segment": name, "n": len(part), "rate": won / len(part),
                         "low": wilson(won, len(part))[0], "high": wilson(won, len(part))[1], "money": gain * quarter,
                         "money_low": (gain - 1.96 * se) * quarter, "money_high": (gain + 1.96 * se) * quarter,
                         "q_value": max(stats.norm.sf(apart), stats.norm.sf((part.mean() - rest.mean()) / se) if se > 0 else 1.0)})  # fmt: skip
    made = pd.DataFrame(rows, columns=COLUMNS[:-1])
    made["q_value"] = benjamini_hochberg(made["q_value"])
    made["told"] = (made["q_value"] <= 0.05) & (made["money_low"] > 0)
    return (
        made[made["money"] > 0].sort_values("money", ascending=False, kind="stable").head(_MOST).reset_index(drop=True)
    )


def _share_error(won: int, n: int, m: int) -> float:
    """Return the standard error of the difference of two equal shares, of `n` and of `m` deals with so many wins together."""
    share = won / (n + m)
    return max(float(np.sqrt(share * (1 - share) * (1 / n + 1 / m))), 1e-9)


def cross_sell(deals: pd.DataFrame, *, as_of: dt.date) -> pd.DataFrame:
    """Return, for pairs of products, customers who own the first but not the second, and what they may bring.

    The rate is how many of those who stood so a year ago bought the second since; the money is that rate for three
    months times its mean amount.
    """
    won = deals[
        (deals["status"] == "won") & deals["account_id"].notna() & deals["product"].notna() & deals["closed_on"].notna()
    ]
    ago, now = pd.Timestamp(as_of) - pd.DateOffset(months=12), pd.Timestamp(as_of)
    first = won.groupby(["account_id", "product"])["closed_on"].min().unstack()
    amount = won.groupby("product")["amount"].mean()
    rows = []
    for a in first.columns:
        for b in first.columns.difference([a]):
            stood = (first[a] <= ago) & ~(first[b] <= ago)
            bought = int((stood & (first[b] <= now)).sum())
            n, open_ = int(stood.sum()), int(((first[a] <= now) & first[b].isna()).sum())
            if n < _LEAST or not open_ or not bought:
                continue
            low, high = wilson(bought, n)
            each = open_ * amount[b] / 4
            rows.append({"kind": "cross_sell", "segment_kind": "product", "segment": f"{a} > {b}", "n": open_, "rate": bought / n,
                         "low": low, "high": high, "money": bought / n * each, "money_low": low * each, "money_high": high * each,
                         "q_value": np.nan, "told": n >= 2 * _LEAST})  # fmt: skip
    made = pd.DataFrame(rows, columns=COLUMNS)
    made = made.sort_values("money", ascending=False, kind="stable")
    return made.assign(second=made["segment"].str.split(" > ").str[-1]).drop_duplicates("second").drop(columns="second").head(5).reset_index(drop=True)  # fmt: skip


def renewals_due(deals: pd.DataFrame, *, as_of: dt.date) -> pd.DataFrame:
    """Return what was won 9 to 12 months ago and has no newer deal yet: due in three months if it renews after a year.

    The rate is the share of what was won 15 to 24 months ago that the same customer renewed within 15 months.
    """
    won = deals[(deals["status"] == "won") & deals["account_id"].notna() & deals["closed_on"].notna()]
    renewed = won[won["type"] == "renewal"]
    if len(renewed) < 10:
        return pd.DataFrame(columns=COLUMNS)
    age = (pd.Timestamp(as_of) - won["closed_on"]).dt.days
    old, due = won[(age >= 456) & (age <= 730)], won[(age >= 274) & (age <= 365)]
    later = deals[deals["type"] == "renewal"].groupby("account_id")["created_at"].max()
    due = due[~(due["account_id"].map(later) > due["closed_on"])]
    pairs = old[["opportunity_id", "account_id", "closed_on"]].merge(renewed[["account_id", "closed_on"]], on="account_id", suffixes=("", "_again"))  # fmt: skip
    gap = (pairs["closed_on_again"] - pairs["closed_on"]).dt.days
    hits, n = int(pairs.loc[(gap > 0) & (gap <= 456), "opportunity_id"].nunique()), len(old)
    if n < _LEAST or due.empty:
        return pd.DataFrame(columns=COLUMNS)
    low, high = wilson(hits, n)
    total = float(due["amount"].fillna(0).sum())
    return pd.DataFrame([{"kind": "renewal_due", "segment_kind": "type", "segment": "renewal", "n": len(due), "rate": hits / n,
                          "low": low, "high": high, "money": hits / n * total, "money_low": low * total, "money_high": high * total,
                          "q_value": np.nan, "told": True}], columns=COLUMNS)  # fmt: skip


def renewed_value(deals: pd.DataFrame, *, as_of: dt.date) -> tuple[float, int]:
    """Return what share of the amount won 15 to 24 months ago its customers renewed within 15 months, and of how many deals.

    NaN under 30 deals or where renewals are not told apart.

    Examples
    --------
    >>> won = pd.DataFrame({"opportunity_id": [f"d{i}" for i in range(30)], "account_id": [f"a{i}" for i in range(30)],
    ...     "status": "won", "type": "new", "amount": 100.0, "closed_on": pd.Timestamp("2025-01-10")})
    >>> again = won.head(15).assign(opportunity_id=[f"r{i}" for i in range(15)], type="renewal", closed_on=pd.Timestamp("2026-01-05"))
    >>> renewed_value(pd.concat([won, again]), as_of=dt.date(2026, 6, 30))
    (0.5, 30)
    """
    won = deals[(deals["status"] == "won") & deals["account_id"].notna() & deals["closed_on"].notna()]
    age = (pd.Timestamp(as_of) - won["closed_on"]).dt.days
    old, again = won[(age >= 456) & (age <= 730)], won[won["type"] == "renewal"]
    if len(old) < _LEAST or again.empty or not old["amount"].sum() > 0:
        return float("nan"), len(old)
    pairs = old[["account_id", "closed_on"]].merge(
        again[["opportunity_id", "account_id", "closed_on", "amount"]], on="account_id", suffixes=("", "_again")
    )
    gap = (pairs["closed_on_again"] - pairs["closed_on"]).dt.days
    kept = pairs[(gap > 0) & (gap <= 456)].drop_duplicates("opportunity_id")
    return float(kept["amount"].sum() / old["amount"].sum()), len(old)


def gains(deals: pd.DataFrame, kinds: list[str], *, as_of: dt.date) -> pd.DataFrame:
    """Return all three kinds of opportunities in one table, what can be told first."""
    split = [kind for kind in kinds if kind not in _NO_PLACE]
    parts = [
        better_segments(deals, split, as_of=as_of),
        cross_sell(deals, as_of=as_of),
        renewals_due(deals, as_of=as_of),
    ]
    made = [part for part in parts if len(part)]
    if not made:
        return pd.DataFrame(columns=COLUMNS)
    told = pd.concat(made, ignore_index=True).astype({"told": bool})
    return told.sort_values(["told", "money"], ascending=[False, False], kind="stable").reset_index(drop=True)
