"""What a rule can look at: each deal, account, lead and activity with its ages, limits and owners."""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections.abc import Mapping

import numpy as np
import pandas as pd

from salesloop.metrics.execution.moves import last_touch

LIMIT_WON = 20
"""Won stays that a stage needs before its own third quartile is taken as its limit."""
_DAY = pd.Timedelta(days=1)
_ENDINGS = (
    "co., ltd.", "co.,ltd.", "co. ltd", "company", "corporation", "corp.", "corp", "inc.", "inc", "llc", "ltd.", "ltd",
    "limited", "gmbh", "有限责任公司", "股份有限公司", "有限公司", "公司",
)  # fmt: skip


def deal_features(
    deals: pd.DataFrame, events: pd.DataFrame, activities: pd.DataFrame, reps: pd.DataFrame, *, as_of: dt.date,
    limits: Mapping[str, float] | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Return deals with everything a hygiene rule may ask about.

    Parameters
    ----------
    deals, events, activities, reps : DataFrame
        ``Book.deals()`` and the canonical tables; all but the first may be empty.
    as_of : date
        The day of the check.
    limits : mapping of str to float, optional
        Days after which a deal counts as stalled, by ``"pipeline / stage"``; where absent, the third quartile of
        won stays in the stage (20 needed).

    Returns
    -------
    DataFrame
        The deals' own columns and ``kind`` (deal), ``id``, ``days_open``, ``days_in_stage``, ``stage_limit_days``,
        ``days_over_limit``, ``days_overdue`` (past the expected close), ``days_to_close``, ``days_since_touch``
        (days open where nobody ever touched it), ``days_since_close``, ``planned_next`` (its next planned
        activity), ``pushes`` (moves of the expected close to a later month), ``owner_left``.
    """
    day, made = pd.Timestamp(as_of), deals.copy()
    own = stage_limits(events, deals) if not limits else dict(limits)
    key = made["pipeline"].fillna("").astype(str) + " / " + made["stage"].fillna("").astype(str)
    made["kind"], made["id"] = "deal", made["opportunity_id"]
    made["days_open"] = _days(day, made["created_at"])
    made["days_in_stage"] = _days(day, made["stage_entered_at"])
    made["stage_limit_days"] = key.map(own).astype("float64")
    made["days_over_limit"] = made["days_in_stage"] - made["stage_limit_days"]
    made["days_overdue"] = _days(day, made["expected_close"])
    made["days_to_close"] = -made["days_overdue"]
    made["days_since_close"] = _days(day, made["closed_on"])
    touched = last_touch(deals, activities, as_of=day)
    made["days_since_touch"] = np.nan if touched.isna().all() else _days(day, touched.fillna(made["created_at"]))
    made["planned_next"] = _looked_up(made["opportunity_id"], _next_planned(activities, "opportunity_id", day))
    made["pushes"] = made["opportunity_id"].map(pushes(events)) if len(events) else np.nan
    if len(events) and events["expected_close"].notna().any():
        made["pushes"] = made["pushes"].fillna(0.0)
    made["owner_left"] = _left(made["owner_id"], reps, day)
    return made


def _days(day: pd.Timestamp, times: pd.Series) -> pd.Series:
    return ((day - pd.to_datetime(times).dt.normalize()) / _DAY).astype("float64")


def _looked_up(ids: pd.Series, times: pd.Series) -> pd.Series:
    """Return the time that belongs to each id, NaT where there is none."""
    return pd.Series(times.reindex(ids).to_numpy(), index=ids.index, dtype="datetime64[us]")


def _next_planned(activities: pd.DataFrame, key: str, day: pd.Timestamp) -> pd.Series:
    ahead = activities[activities["done_at"].isna() & (activities["planned_at"] >= day) & activities[key].notna()]
    ahead = ahead[ahead["status"].fillna("planned") != "cancelled"]
    return ahead.groupby(key)["planned_at"].min()


def _left(owner_id: pd.Series, reps: pd.DataFrame, day: pd.Timestamp) -> pd.Series:
    """Return whether the owner is no longer there; None where the unit says nothing about who left."""
    if not len(reps) or (reps["left_on"].isna().all() and reps["active"].isna().all()):
        return pd.Series(None, index=owner_id.index, dtype=object)
    known = reps.drop_duplicates("rep_id").set_index("rep_id")
    gone = (known["left_on"] <= day) | (
        known["active"].map({True: False, False: True}).eq(True) & known["left_on"].isna()
    )
    return owner_id.map(gone).astype(object).where(owner_id.notna(), False).fillna(False)


def stage_limits(events: pd.DataFrame, deals: pd.DataFrame) -> dict[str, float]:
    """Return the third quartile of the days that won deals spent in each stage, by ``"pipeline / stage"``."""
    won = deals.loc[deals["status"] == "won", ["opportunity_id", "pipeline", "created_at"]]
    told = events.merge(won, on="opportunity_id") if len(events) else pd.DataFrame()
    if told.empty:
        return {}
    told = told.sort_values(["opportunity_id", "at"], kind="stable")
    entered = told.groupby("opportunity_id")["at"].shift().fillna(told["created_at"])
    told = told.assign(days=(told["at"] - entered) / _DAY).dropna(subset=["from_stage"])
    stays = told.groupby([told["pipeline"].fillna(""), "from_stage"])["days"].agg(["size", lambda d: d.quantile(0.75)])
    stays.columns = ["n", "p75"]
    return {f"{pipeline} / {stage}": float(row.p75)
            for (pipeline, stage), row in stays.iterrows() if row.n >= LIMIT_WON}  # fmt: skip


def pushes(events: pd.DataFrame) -> pd.Series:
    """Return how often each deal's expected close moved to a later month."""
    told = events.dropna(subset=["expected_close"]).sort_values(["opportunity_id", "at"], kind="stable")
    month = told["expected_close"].dt.year * 12 + told["expected_close"].dt.month
    later = month > month.groupby(told["opportunity_id"]).shift()
    return later.groupby(told["opportunity_id"]).sum().astype("float64")


def account_features(
    accounts: pd.DataFrame, deals: pd.DataFrame, activities: pd.DataFrame, *, as_of: dt.date
) -> pd.DataFrame:
    """Return accounts with their open money, when they were last touched, and whether another has the same name.

    Returns
    -------
    DataFrame
        The accounts' own columns and ``kind`` (account), ``id``, ``amount`` (open deals), ``n_open``, ``bought``
        (won in the past two years), ``key`` (marked as key account; where none is, the 20 that bought most),
        ``duplicate``, ``days_since_touch`` (NaN where nobody ever did), ``rep, team, region``.
    """
    day, made = pd.Timestamp(as_of), accounts.drop_duplicates("account_id").copy()
    live = deals[deals["status"] == "open"].groupby("account_id")["amount"].agg(["sum", "size"])
    won = deals[(deals["status"] == "won") & (deals["closed_on"] > day - pd.DateOffset(years=2))]
    ident = made["account_id"]
    made["kind"], made["id"] = "account", ident
    made["amount"], made["n_open"] = ident.map(live["sum"]).fillna(0.0), ident.map(live["size"]).fillna(0.0)
    made["bought"] = ident.map(won.groupby("account_id")["amount"].sum()).fillna(0.0)
    marked = made["key_account"].map({True: True, False: False}).fillna(False).astype(bool)
    made["key"] = marked if marked.any() else (made["bought"] > 0) & (made["bought"].rank(ascending=False) <= 20)
    name = made["name"].map(account_key)
    made["duplicate"] = name.duplicated(keep=False) & name.ne("")
    touched = _account_touch(deals, activities, day)
    made["days_since_touch"] = _days(day, _looked_up(ident, touched)) if len(touched) else np.nan
    latest = (
        deals.sort_values("created_at", kind="stable")
        .drop_duplicates("account_id", keep="last")
        .set_index("account_id")
    )
    for column in ("rep", "team", "region"):
        made[column] = ident.map(latest[column]).astype(object)
    made["rep"] = made["owner"].where(made["owner"].notna(), made["rep"])
    return made


def _account_touch(deals: pd.DataFrame, activities: pd.DataFrame, day: pd.Timestamp) -> pd.Series:
    """Return the last done activity of each account, its own or one of its deals'."""
    done = activities.loc[activities["done_at"] < day + _DAY, ["account_id", "opportunity_id", "done_at"]]
    if done.empty:
        return pd.Series(dtype="datetime64[us]")
    of_deal = deals.drop_duplicates("opportunity_id").set_index("opportunity_id")["account_id"]
    account = done["account_id"].where(done["account_id"].notna(), done["opportunity_id"].map(of_deal))
    return done.groupby(account)["done_at"].max()


def account_key(name: object) -> str:
    """Return an account's name without what differs between two spellings of one company.

    Examples
    --------
    >>> account_key("Acme  Co., Ltd."), account_key("ＡＣＭＥ"), account_key("北京智远科技有限公司")
    ('acme', 'acme', '北京智远科技')
    """
    if name is None or name != name:
        return ""
    told = unicodedata.normalize("NFKC", str(name)).casefold().strip()
    for ending in _ENDINGS:
        if told.endswith(ending) and len(told) > len(ending):
            told = told[: -len(ending)].strip(" ,.")
            break
    return "".join(letter for letter in told if letter.isalnum())


def lead_features(leads: pd.DataFrame, *, as_of: dt.date) -> pd.DataFrame:
    """Return leads with ``kind`` (lead), ``id``, ``rep``, ``waiting`` (neither answered, converted nor closed) and
    ``days_open``."""
    made = leads.copy()
    answered = made[["first_response_at", "converted_at", "closed_at"]].notna().any(axis=1)
    made["kind"], made["id"], made["rep"], made["amount"] = "lead", made["lead_id"], made["owner"], np.nan
    done = made["converted"].map({True: True, False: False}).fillna(False).astype(bool)
    kept = made["first_response_at"].notna().any()
    made["waiting"] = ~(answered | done) if kept else None
    made["days_open"] = _days(pd.Timestamp(as_of), made["created_at"])
    return made


def activity_features(activities: pd.DataFrame, deals: pd.DataFrame, *, as_of: dt.date) -> pd.DataFrame:
    """Return activities with ``kind`` (activity), ``id``, ``rep``, ``amount`` (of its deal if that is open,
    once a deal) and ``days_overdue``."""
    made = activities[["activity_id", "type", "status", "owner", "owner_id", "opportunity_id", "planned_at", "done_at"]]
    open_ = made["done_at"].isna() & ~made["status"].isin(["done", "cancelled"]) & made["planned_at"].notna()
    made = made[open_].copy()
    live = deals[deals["status"] == "open"].drop_duplicates("opportunity_id").set_index("opportunity_id")["amount"]
    made["kind"], made["id"], made["rep"], made["name"] = "activity", made["activity_id"], made["owner"], made["type"]
    again = made["opportunity_id"].duplicated()
    made["amount"] = made["opportunity_id"].map(live).astype("float64").mask(again)
    made["days_overdue"] = _days(pd.Timestamp(as_of), made["planned_at"])
    return made
