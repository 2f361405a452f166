"""Themes beside money: what accounts that complain have bought, lost and have due. Association, never cause."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salesloop.metrics import intervals

MONTHS = 12
LEAST_ACCOUNTS = 5
COLUMNS = (
    "theme", "label", "n_accounts", "bookings", "n_lost", "lost", "n_churned", "churned", "n_renewals", "renewals_due", "lost_share", "lost_share_others",
    "difference", "low", "high", "verdict",
)  # fmt: skip


def beside(told: pd.DataFrame, deals: pd.DataFrame, themes: pd.DataFrame, period: pd.Period) -> pd.DataFrame:
    """Return each theme's money: of the accounts that complained about it in the last 12 months.

    Parameters
    ----------
    told : DataFrame
        A row a usable customer comment: ``month, theme, tone, account_id``.
    deals : DataFrame
        ``Book.deals()``.
    themes : DataFrame
        From `salesloop.metrics.feedback.shares.table`.
    period : Period
        The month.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`: accounts that complained; what they booked in 12 months; deals they lost us in that time, renewals
        among them (``churned``), and the amounts; their open renewals; the share of closed deals lost by them against all other accounts, the difference
        with its 95 % interval and ``verdict`` (more, less, none, few under 5 accounts). Money is home money.
    """
    recent = told[(told["month"] > period - MONTHS) & (told["month"] <= period) & (told["tone"] == "negative")]
    closed = deals[_within(deals, period) & deals["status"].isin(["won", "lost"]) & deals["account_id"].notna()]
    renewals = deals[(deals["status"] == "open") & (deals["type"] == "renewal")]
    rows = []
    for theme in themes.itertuples():
        accounts = set(recent.loc[recent["theme"] == theme.theme, "account_id"].dropna())
        rows.append(
            {
                "theme": theme.theme,
                "label": theme.label,
                "n_accounts": len(accounts),
                **_money(accounts, closed, renewals),
            }
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _within(deals: pd.DataFrame, period: pd.Period) -> pd.Series:
    month = deals["closed_on"].dt.to_period("M")
    return (month > period - MONTHS) & (month <= period)


def _money(accounts: set, closed: pd.DataFrame, renewals: pd.DataFrame) -> dict:
    mine = closed["account_id"].isin(accounts)
    own, others, due = closed[mine], closed[~mine], renewals[renewals["account_id"].isin(accounts)]
    lost, rest = own["status"] == "lost", others["status"] == "lost"
    low, high = intervals.share_change((int(lost.sum()), len(own)), (int(rest.sum()), len(others)))
    few = len(accounts) < LEAST_ACCOUNTS or np.isnan(low)
    return {
        "bookings": _sum(own.loc[own["status"] == "won", "amount"]) if accounts else np.nan, "n_lost": int(lost.sum()),
        "lost": _sum(own.loc[lost, "amount"]) if accounts else np.nan, "n_churned": int((lost & (own["type"] == "renewal")).sum()),
        "churned": _sum(own.loc[lost & (own["type"] == "renewal"), "amount"]) if accounts else np.nan, "n_renewals": len(due),
        "renewals_due": _sum(due["amount"]) if accounts else np.nan, "lost_share": lost.mean() if len(own) else np.nan,
        "lost_share_others": rest.mean() if len(others) else np.nan,
        "difference": lost.mean() - rest.mean() if len(own) and len(others) else np.nan, "low": low, "high": high,
        "verdict": "few" if few else "more" if low > 0 else "less" if high < 0 else "none",
    }  # fmt: skip


def _sum(amounts: pd.Series) -> float:
    return round(float(amounts.sum()), 2)


def with_money(themes: pd.DataFrame, money: pd.DataFrame) -> pd.DataFrame:
    """Return the themes with what the accounts that complain about each booked in the last 12 months."""
    return themes.assign(money=themes["theme"].map(money.set_index("theme")["bookings"]).astype(float))
