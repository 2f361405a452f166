"""Retention of customers: what those who bought a year ago buy now."""

from __future__ import annotations

import math

import pandas as pd

from salesloop.metrics.kpi.winrates import ratio

RETENTION = ("period", "n", "start", "churn", "contraction", "expansion", "end", "grr", "grr_low", "grr_high", "nrr",
             "nrr_low", "nrr_high", "n_lost")  # fmt: skip
MONTHS = 12


def revenue(deals: pd.DataFrame, orders: pd.DataFrame) -> pd.DataFrame:
    """Return what each account bought and when: orders where the unit has them, else won deals.

    Returns
    -------
    DataFrame
        ``account_id, on, amount``.
    """
    if len(orders) and orders["account_id"].notna().any() and orders["amount"].notna().any():
        made = orders.assign(on=orders["ordered_on"])
    else:
        made = deals[deals["status"] == "won"].assign(on=lambda d: d["closed_on"])
    return made[["account_id", "on", "amount"]].dropna().reset_index(drop=True)


def retention(bought: pd.DataFrame, period: pd.Period) -> dict[str, float]:
    """Return GRR and NRR of the customers of the year before, the cohort frozen at its start.

    Parameters
    ----------
    bought : DataFrame
        From `revenue`.
    period : Period
        The last month of the year that is held against the year before it.

    Returns
    -------
    dict
        ``n`` customers, ``start`` what they bought in the year before, ``churn`` (bought nothing), ``contraction``
        (less), ``expansion`` (more), ``end``, ``grr``, ``nrr`` with 95 % intervals that take customers as units,
        ``n_lost``. NaN with under two years of data.

    Examples
    --------
    >>> bought = pd.DataFrame({"account_id": ["a", "a", "b", "b", "c"], "amount": [100.0, 80.0, 100.0, 150.0, 50.0],
    ...     "on": pd.to_datetime(["2025-01-05", "2026-01-05", "2025-02-05", "2026-02-05", "2025-03-05"])})
    >>> found = retention(bought, pd.Period("2026-12", "M"))
    >>> found["grr"], found["nrr"]
    (0.72, 0.92)
    """
    month = bought["on"].dt.to_period("M") if len(bought) else pd.PeriodIndex([], freq="M")
    first = period - 2 * MONTHS + 1
    made: dict[str, float] = dict.fromkeys(RETENTION[1:], math.nan)
    if not len(bought) or month.min() > first:
        return made | {"n": 0.0}
    was = bought[(month >= first) & (month <= period - MONTHS)].groupby("account_id")["amount"].sum()
    was = was[was > 0]
    now = bought[(month > period - MONTHS) & (month <= period)].groupby("account_id")["amount"].sum()
    now = now.reindex(was.index).fillna(0.0).clip(lower=0)
    if was.empty:
        return made | {"n": 0.0}
    kept = now.clip(upper=was)
    grr, grr_half = ratio(kept.to_numpy(), was.to_numpy())
    nrr, nrr_half = ratio(now.to_numpy(), was.to_numpy())
    lost = now == 0
    return {
        "n": float(len(was)), "start": float(was.sum()), "churn": float(was[lost].sum()),
        "contraction": float((was - kept)[~lost].sum()), "expansion": float((now - kept).sum()), "end": float(now.sum()),
        "grr": grr, "grr_low": max(grr - grr_half, 0.0), "grr_high": min(grr + grr_half, 1.0), "nrr": nrr,
        "nrr_low": max(nrr - nrr_half, 0.0), "nrr_high": nrr + nrr_half, "n_lost": float(lost.sum()),
    }  # fmt: skip


def as_value(told: dict[str, float], name: str) -> dict[str, float | int]:
    """Return ``grr`` or ``nrr`` of `retention` as a named value with its interval."""
    return {
        "value": told[name],
        "n": int(told["n"]),
        "low": told[f"{name}_low"],
        "high": told[f"{name}_high"],
        "confidence": 0.95,
    }


def cohorts(bought: pd.DataFrame, period: pd.Period, quarters: int = 8) -> pd.DataFrame:
    """Return retention at the last quarters' ends, oldest first; quarters without two years behind them are left out."""
    rows = [{"period": str(p), **retention(bought, p)} for p in (period - 3 * i for i in range(quarters - 1, -1, -1))]
    made = pd.DataFrame(rows, columns=list(RETENTION))
    return made[made["n"] > 0].reset_index(drop=True)


def by_first_year(bought: pd.DataFrame, period: pd.Period, years: int = 5) -> pd.DataFrame:
    """Return what customers who first bought in a year bought in each year since, as a share of their first twelve months.

    Returns
    -------
    DataFrame
        ``cohort`` (the twelve months up to this one), ``n`` customers, ``age`` in years, ``share`` of the first twelve
        months' sales, ``buying`` (share of the customers that bought at all).
    """
    if bought.empty:
        return pd.DataFrame(columns=["cohort", "n", "age", "share", "buying"])
    back = (period.ordinal - bought["on"].dt.to_period("M").map(lambda p: p.ordinal)) // MONTHS
    told = bought.assign(back=back)[back >= 0]
    first = told.groupby("account_id")["back"].max()
    told = told.assign(first=told["account_id"].map(first))
    rows = []
    for year, group in told.groupby("first"):
        if year >= years:
            continue
        sums = group.groupby("back")["amount"].sum()
        n, base = group["account_id"].nunique(), float(sums[year])
        for age in range(int(year) + 1):
            buying = group.loc[group["back"] == year - age, "account_id"].nunique() / n
            rows.append(
                (
                    str(period - MONTHS * int(year)),
                    n,
                    age,
                    float(sums.get(year - age, 0.0)) / base if base else math.nan,
                    buying,
                )
            )
    return (
        pd.DataFrame(rows, columns=["cohort", "n", "age", "share", "buying"])
        .sort_values(["cohort", "age"])
        .reset_index(drop=True)
    )
