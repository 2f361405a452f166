"""Activity: what was planned, what was done, for whom, and whom nobody touched."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from salesloop import periods
from salesloop.schema import ACTIVITY_TYPES

BY_TYPE = (
    "type", "planned", "done_of_planned", "share", "done", "overdue", "per_open_deal", "per_key_account", "before",
    "change",
)  # fmt: skip
TOUCH_DAYS = 30
OVERDUE_DAYS = 91
"""What was planned earlier and never done is taken as forgotten, not overdue."""
_DAY = pd.Timedelta(days=1)


def window(activities: pd.DataFrame, *, first: dt.date, last: dt.date) -> pd.DataFrame:
    """Return activities with what happened in a window of days.

    Returns
    -------
    DataFrame
        The given columns and ``planned`` (planned for a day of the window, not cancelled), ``done`` (done in it),
        ``kept`` (planned for it and done by its end), ``overdue`` (planned in the 13 weeks up to its end, not
        done, not cancelled). Types that are only written down once done, on the day and hour they were done, are no plan.
    """
    start, end = pd.Timestamp(first), pd.Timestamp(last) + _DAY
    live = ~activities["status"].isin(["cancelled"])
    done_at, planned_at = activities["done_at"], activities["planned_at"].where(_planned_ahead(activities))
    planned = live & (planned_at >= start) & (planned_at < end)
    by_end = done_at < end
    return activities.assign(
        planned=planned, done=(done_at >= start) & by_end, kept=planned & by_end,
        overdue=live & planned_at.between(end - OVERDUE_DAYS * _DAY, end, inclusive="left") & ~by_end & ~(activities["status"].eq("done") & done_at.isna()),
    )  # fmt: skip


def _planned_ahead(activities: pd.DataFrame) -> pd.Series:
    """Return which activities are of a type that is planned: at least one was not done, or done at another time than planned."""
    known = activities["planned_at"].notna()
    apart = known & ~(activities["planned_at"] == activities["done_at"])
    return apart.groupby(activities["type"].fillna("")).transform("any") if len(activities) else apart


def by_type(
    activities: pd.DataFrame, *, period: pd.Period, as_of: dt.date, n_open: int, n_key: int, key_accounts: set | None = None
) -> pd.DataFrame:  # fmt: skip
    """Return activities of a month by type: planned against done, for each open deal and each key account.

    Parameters
    ----------
    activities : DataFrame
        The canonical activities.
    period, as_of
        The month, and the last day counted.
    n_open, n_key : int
        Open deals and key accounts.
    key_accounts : set of str, optional
        Their ids; only activities with them count for ``per_key_account``.

    Returns
    -------
    DataFrame
        ``type`` (every type of the unit, then ``all``), ``planned``, ``done_of_planned``, ``share`` of the planned
        that was done, ``done`` (planned or not), ``overdue``, ``per_open_deal``, ``per_key_account``, ``before``
        (done in as many days of the month before) and ``change``.
    """
    if not len(activities):
        return pd.DataFrame(columns=list(BY_TYPE))
    now = window(activities, first=periods.start(period), last=as_of)
    day = min((as_of - periods.start(period)).days + 1, (period - 1).days_in_month)
    until = periods.start(period - 1) + dt.timedelta(days=day - 1)
    until = periods.end(period - 1) if as_of == periods.end(period) else until
    then = window(activities, first=periods.start(period - 1), last=until)
    rows = now.groupby("type")[["planned", "kept", "done", "overdue"]].sum()
    rows["key"] = now[now["account_id"].isin(key_accounts or set())].groupby("type")["done"].sum()
    rows["before"] = then.groupby("type")["done"].sum()
    order = [kind for kind in ACTIVITY_TYPES if kind in rows.index]
    rows = rows.reindex(order).fillna(0.0)
    rows.loc["all"] = rows.sum()
    made = rows.astype("float64").rename(columns={"kept": "done_of_planned"}).rename_axis("type").reset_index()
    made["share"] = made["done_of_planned"] / made["planned"].where(made["planned"] > 0)
    made["per_open_deal"] = made["done"] / n_open if n_open else np.nan
    made["per_key_account"] = made["key"] / n_key if n_key else np.nan
    made["change"] = made["done"] - made["before"]
    return made[list(BY_TYPE)]


def by_rep(
    activities: pd.DataFrame, credit: pd.DataFrame, live: pd.DataFrame, *, period: pd.Period, as_of: dt.date
) -> pd.DataFrame:
    """Return planned, done and overdue activities of a month by rep.

    Parameters
    ----------
    activities : DataFrame
        The canonical activities.
    credit : DataFrame
        ``rep, team, region`` on their index.
    live : DataFrame
        Open deals with ``rep``.

    Returns
    -------
    DataFrame
        ``rep, team, planned, done_of_planned, share, done, overdue, n_open, per_open_deal``. No ranking: the rows stand
        in the order of their names.
    """
    if not len(activities):
        return pd.DataFrame(columns=["rep", "team", "planned", "done_of_planned", "share", "done", "overdue", "n_open",
                                     "per_open_deal"])  # fmt: skip
    now = window(activities, first=periods.start(period), last=as_of)
    rep = credit["rep"].where(credit["rep"].notna(), activities["owner"])
    made = now.assign(rep=rep).groupby("rep")[["planned", "kept", "done", "overdue"]].sum().astype("float64")
    made = made.rename(columns={"kept": "done_of_planned"})
    made["team"] = credit.assign(rep=rep).dropna(subset=["team"]).groupby("rep")["team"].last()
    made["n_open"] = live.groupby("rep").size()
    made["n_open"] = made["n_open"].fillna(0.0)
    made["share"] = made["done_of_planned"] / made["planned"].where(made["planned"] > 0)
    made["per_open_deal"] = made["done"] / made["n_open"].where(made["n_open"] > 0)
    made = made[(made[["planned", "done", "overdue", "n_open"]] > 0).any(axis=1)]
    columns = ["rep", "team", "planned", "done_of_planned", "share", "done", "overdue", "n_open", "per_open_deal"]
    return made.reset_index()[columns]


def untouched(deals: pd.DataFrame, accounts: pd.DataFrame, *, days: int = TOUCH_DAYS) -> pd.DataFrame:
    """Return open deals and key accounts that nobody touched for a while, most money first.

    Parameters
    ----------
    deals, accounts : DataFrame
        Prepared, from `features`.
    days : int, default 30
        For how long.

    Returns
    -------
    DataFrame
        ``kind`` (deal, account), ``id, name, rep, team, amount, days`` (NaN: an account nobody ever touched).
    """
    columns = ["kind", "id", "name", "rep", "team", "amount", "days"]
    live = deals[(deals["status"] == "open") & (deals["days_since_touch"] > days)]
    parts = [live.assign(days=live["days_since_touch"])]
    if len(accounts) and accounts["days_since_touch"].notna().any():
        quiet = accounts[accounts["key"] & ~(accounts["days_since_touch"] <= days)]
        parts.append(quiet.assign(days=quiet["days_since_touch"]))
    made = pd.concat([part[columns].astype({"amount": "float64", "days": "float64"}) for part in parts])
    return made.sort_values(["amount", "days", "id"], ascending=[False, False, True], kind="stable").reset_index(
        drop=True
    )


def top(quiet: pd.DataFrame, most: int = 25) -> pd.DataFrame:
    """Return the deals and the key accounts with most money, at most 25 of each; the page names no more."""
    return quiet.groupby("kind", sort=False).head(most).reset_index(drop=True)


def counts(prepared: dict[str, pd.DataFrame]) -> dict:
    """Return what `by_type` divides by: open deals, key accounts and who these are."""
    deals, accounts = prepared["deals"], prepared["accounts"]
    key = set(accounts.loc[accounts["key"].astype(bool), "account_id"]) if len(accounts) else set()
    return {"n_open": int((deals["status"] == "open").sum()), "n_key": len(key), "key_accounts": key}
