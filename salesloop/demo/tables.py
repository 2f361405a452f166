"""The canonical tables of the company as known at a day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from salesloop.demo import activities, market, money, names, voice
from salesloop.demo.calendar import date_of, stamp
from salesloop.demo.crm import Crm
from salesloop.demo.ids import where, zoho
from salesloop.demo.market import WON
from salesloop.demo.people import MANAGERS
from salesloop.demo.rng import mix, uniform
from salesloop.demo.world import BURN
from salesloop.schema import TABLES

if TYPE_CHECKING:
    from salesloop.demo.company import Company

CURRENCY = "CNY"
RAW_CATEGORY = ("Pipeline", "Pipeline", "Pipeline", "Best Case", "Commit", "Closed", "Omitted", "Omitted")
CATEGORY = ("pipeline", "pipeline", "pipeline", "best_case", "commit", "closed", "omitted", "omitted")
STATUS = ("open", "open", "open", "open", "open", "won", "lost", "void")
NEXT_STEPS = ("Send revised quote", "安排技术交流", "Meet the budget owner", "跟进合同审批", "Book an on-site demo", "确认实施时间表",
              "Call back after their board meeting", "提交方案")  # fmt: skip


@dataclass
class View:
    """The company as known at a day.

    Attributes
    ----------
    company : Company
        Whose.
    true, known : float
        What is true until the one and was entered until the other; days since the first simulated day.
    """

    company: Company
    true: float
    known: float

    def __post_init__(self):
        self.world, self.until = self.company.world, min(self.true, self.known)
        self.origin = self.world.origin
        self.crm = crm_of(self.company)

    @cached_property
    def log(self) -> pd.DataFrame:
        """The history of deals; see `Crm.log`."""
        return self.crm.log(self.true, self.known)

    @cached_property
    def state(self) -> pd.DataFrame:
        """The last row of each deal's history, with who holds it."""
        state = self.log.drop_duplicates("deal", keep="last").set_index("deal", drop=False).rename_axis(None)
        stay = state["stay"].to_numpy()
        begun = self.log[self.log["kind"] < 2].drop_duplicates("deal", keep="last").set_index("deal")["t"]
        ended = state["to"].to_numpy() >= WON
        out = self.crm.stays["out"][stay]
        owner = self.world.people.holder(self.crm.stays["owner"][stay], np.where(ended, out, self.until))
        return state.assign(owner=owner, out=np.where(ended, out, np.inf), since=begun.reindex(state.index))

    def stamp(self, t: np.ndarray) -> np.ndarray:
        """Return local times of days since the first simulated day; later than the view is nothing."""
        return stamp(self.origin, np.asarray(t, dtype=float))

    def date(self, t: np.ndarray) -> np.ndarray:
        """Return local days of days since the first simulated day."""
        return date_of(self.origin, np.asarray(t, dtype=float))

    def rep_ids(self, owner: np.ndarray) -> np.ndarray:
        """Return the ids of reps."""
        return zoho(self.world.people.key, "user")[owner]

    def rep_names(self, owner: np.ndarray) -> np.ndarray:
        """Return the names of reps."""
        return np.array(self.world.people.names, dtype=object)[owner]

    @cached_property
    def accounts(self) -> names.Accounts:
        """The accounts known by now; one a customer, and a few entered twice."""
        return names.accounts(self)


def crm_of(company: Company) -> Crm:
    """Return the CRM of a company's present path, made once."""
    path = company.path
    if getattr(path, "crm", None) is None:
        path.crm = Crm(company)  # type: ignore[attr-defined]
    return path.crm  # type: ignore[attr-defined]


def view(company: Company, as_of: dt.date, known_until: dt.date | None = None) -> View:
    """Return the company as it was at the end of a day, as known at the end of another."""
    day = company.world.day(as_of) + 1.0
    known = company.world.day(known_until) + 1.0 if known_until else day
    return View(company, min(day, company.path.end), known)


def canonical(
    company: Company, as_of: dt.date, known_until: dt.date | None = None, only: Iterable[str] | None = None,
) -> dict[str, pd.DataFrame]:  # fmt: skip
    """Return the canonical tables; see `Company.tables`."""
    from salesloop.demo import plan

    now = view(company, as_of, known_until)
    makers: dict[str, Callable[[View], pd.DataFrame]] = {
        "accounts": lambda now: now.accounts.frame, "contacts": names.contacts, "leads": leads, "reps": reps,
        "memberships": memberships, "products": products, "opportunities": opportunities, "stage_events": stage_events,
        "activities": activities.frame, **money.MAKERS, "stages": stages, "feedback": voice.feedback, **plan.MAKERS,
    }  # fmt: skip
    if not company.options.feedback:
        makers.pop("feedback")
    wanted = [name for name in makers if only is None or name in set(only)]
    made = {name: makers[name](now) for name in wanted}
    return {
        name: frame[[c for c in TABLES[name].columns if c in frame]].reset_index(drop=True)
        for name, frame in made.items()
    }


def words(dimension: tuple[str, ...], codes: np.ndarray) -> np.ndarray:
    """Return the words of codes, None for -1."""
    return np.array([*dimension, None], dtype=object)[codes]


def opportunities(now: View) -> pd.DataFrame:
    """Return the deals as they stand, with what was never typed in missing."""
    state, crm = now.state, now.crm
    deal, to = state["deal"].to_numpy(), state["to"].to_numpy()
    of = {name: values[deal] for name, values in crm.deals.items()}
    lost, closed = to == market.LOST, to >= WON
    amount = state["amount"].to_numpy().copy()
    amount[crm.unpriced[deal] & (to < 3)] = np.nan
    worked = activities.last_done(now).reindex(deal).to_numpy()
    changed = np.fmax(np.fmax(state["t"].to_numpy(), worked), _handed_over(now))
    reason = np.where(lost, crm.reason[deal], -1)
    rival = np.where(closed | (to >= 3), crm.competitor[deal], -1)
    rival = np.where(lost & (reason == 1) & (rival < 0), (of["key"] % np.uint64(4)).astype(np.int64), rival)
    step = (uniform(of["key"], "next step", to) * len(NEXT_STEPS) / 0.8).astype(int)
    account = now.accounts.of_deals(of)
    return pd.DataFrame({
        "opportunity_id": zoho(of["key"], "deal"), "name": names.deal_names(account["account"], of),
        "account_id": account["account_id"], "account": account["account"], "owner_id": now.rep_ids(state["owner"]),
        "owner": now.rep_names(state["owner"]), "pipeline": market.PIPELINE, "status": words(STATUS, to),
        "stage": words(market.STATES, to), "amount": amount, "currency": CURRENCY, "probability": state["probability"].to_numpy(),
        "expected_close": now.date(np.where(closed, np.floor(state["out"]), state["close"])),
        "closed_on": now.date(state["out"].to_numpy()), "created_at": now.stamp(of["t"]), "stage_entered_at": now.stamp(state["since"]),
        "modified_at": now.stamp(changed), "last_activity_at": now.stamp(np.where(np.isnan(worked), np.inf, worked)),
        "lead_source": words(market.SOURCES, of["lead_source"]), "sales_channel": words(market.CHANNELS, of["sales_channel"]),
        "type": words(market.TYPES, of["type"]), "product": words(market.PRODUCTS, of["product"]),
        "region": words(market.REGIONS, of["region"]), "segment": words(market.SEGMENTS, of["segment"]),
        "loss_reason": words(market.LOSS_REASONS, reason), "competitor": words(market.COMPETITORS, rival),
        "forecast_category_raw": words(RAW_CATEGORY, to), "forecast_category": words(CATEGORY, to),
        "next_step": words(NEXT_STEPS, np.where(closed | (step >= len(NEXT_STEPS)), -1, step)),
        "lead_id": where(np.isin(of["lead"], crm.leads["key"]), zoho(of["lead"], "lead")),
    })  # fmt: skip


def _handed_over(now: View) -> np.ndarray:
    """Return when each open deal last went to another rep, NaN where it did not."""
    first, people = now.crm.stays["owner"][now.state["stay"].to_numpy()], now.world.people
    moved = first != now.state["owner"].to_numpy()
    return np.where(moved, np.minimum(people.leave[first], now.until - 0.01), np.nan)


def stage_events(now: View) -> pd.DataFrame:
    """Return the history of stages, with the changes of close dates between moves as rows that stay in their stage."""
    log, crm = now.log[now.log["t"] < now.true], now.crm
    deal = log["deal"].to_numpy()
    key = crm.deals["key"][deal]
    number = log.groupby("deal", sort=False).cumcount().to_numpy()
    amount = log["amount"].to_numpy().copy()
    amount[crm.unpriced[deal] & (log["to"].to_numpy() < 3)] = np.nan
    made = pd.DataFrame({
        "event_id": zoho(mix(key, "event", number), "history"), "opportunity_id": zoho(key, "deal"), "at": now.stamp(log["t"]),
        "from_stage": words(market.STATES, np.where(log["from"] < 0, len(market.STATES), log["from"])),
        "to_stage": words(market.STATES, log["to"].to_numpy()), "amount": amount, "probability": log["probability"].to_numpy(),
        "expected_close": now.date(log["close"].fillna(np.inf)),
    })  # fmt: skip
    order = np.lexsort((number, key, log["t"].to_numpy()))
    return made.iloc[order].reset_index(drop=True)


def leads(now: View) -> pd.DataFrame:
    """Return the leads that were known, with how they stood."""
    all_leads, until = now.crm.leads, now.until
    found = {name: values[all_leads["t"] < until] for name, values in all_leads.items()}
    became, dropped = found["convert"] < until, found["drop"] < until
    answered = found["answered"] < until
    junk = dropped & (uniform(found["key"], "junk") < 0.3)
    status = np.select(
        [became, junk, dropped, answered], ["Converted", "Junk Lead", "Lost Lead", "Contacted"], "Not Contacted"
    )
    owner = now.world.people.holder(found["owner"], np.minimum(np.minimum(found["convert"], found["drop"]), until))
    key = mix(found["key"], "deal")
    account = now.accounts.of_leads(found, became)
    person = names.people_names(mix(found["key"], "contact"))
    return pd.DataFrame({
        "lead_id": zoho(found["key"], "lead"), "name": person, "company": account["account"],
        "email": names.mails(mix(found["key"], "contact"), person), "phone": names.phones(mix(found["key"], "contact")),
        "owner_id": now.rep_ids(owner), "owner": now.rep_names(owner), "lead_source": words(market.SOURCES, found["lead_source"]),
        "sales_channel": words(market.CHANNELS, found["sales_channel"]), "status": status,
        "region": words(market.REGIONS, found["region"]), "industry": words(market.INDUSTRIES, found["industry"]),
        "created_at": now.stamp(found["t"]), "first_response_at": now.stamp(np.where(answered, found["answered"], np.inf)),
        "converted_at": now.stamp(np.where(became, found["convert"], np.inf)),
        "closed_at": now.stamp(np.where(dropped, found["drop"], np.inf)), "converted": became,
        "account_id": where(became, account["account_id"]), "opportunity_id": where(became, zoho(key, "deal")),
        "attempts": np.where(answered, found["attempts"], 0),
    })  # fmt: skip


def reps(now: View) -> pd.DataFrame:
    """Return the reps who had started by then and had not left before the CRM began."""
    people = now.world.people
    here = np.flatnonzero((people.start < now.until) & (people.leave >= now.crm.start))
    left = people.leave[here] < now.until
    name = np.array(people.names, dtype=object)[here]
    return pd.DataFrame({
        "rep_id": now.rep_ids(here), "name": name, "email": names.mails(people.key[here], name, "yunqi-tech.cn"), "role": "Sales rep",
        "started_on": now.date(people.start[here]), "left_on": now.date(np.where(left, people.leave[here], np.inf)), "active": ~left,
    })  # fmt: skip


def memberships(now: View) -> pd.DataFrame:
    """Return who belonged to which team from when to when."""
    people, starts, rows = now.world.people, now.world.starts, []
    last = int(np.searchsorted(starts, now.until, side="left"))
    here = np.flatnonzero((people.start < now.until) & (people.leave >= now.crm.start))
    for rep in here:
        team = people.team[rep, :last]
        seen = np.flatnonzero(team >= 0)
        if not len(seen):
            seen, team = np.array([last - 1]), people.team[rep, : last + 1]
            seen = seen if team[seen[0]] >= 0 else np.array([last])
        codes = team[seen]
        begins = seen[np.r_[True, np.diff(codes) != 0]]
        for i, begin in enumerate(begins):
            day = people.start[rep] if i == 0 else float(starts[begin])
            end = float(starts[begins[i + 1]]) - 1 if i + 1 < len(begins) else people.leave[rep]
            rows.append((rep, int(team[begin]), day, end if end < now.until else np.inf))
    table = pd.DataFrame(rows, columns=["rep_no", "team_no", "from", "to"])
    team = table["team_no"].to_numpy(dtype=np.int64)
    return pd.DataFrame({
        "rep_id": now.rep_ids(table["rep_no"].to_numpy(dtype=np.int64)), "rep": now.rep_names(table["rep_no"].to_numpy(dtype=np.int64)),
        "team": words(people.teams, team), "region": words(market.REGIONS, people.team_region[team]),
        "manager": np.array([MANAGERS[code % len(MANAGERS)] for code in team], dtype=object),
        "from_on": now.date(table["from"]), "to_on": now.date(table["to"]),
    })  # fmt: skip


def products(now: View) -> pd.DataFrame:
    """Return what is sold."""
    return pd.DataFrame({"product": market.PRODUCTS, "category": market.CATEGORIES, "list_price": market.LIST_PRICES,
                         "currency": CURRENCY, "active": True})  # fmt: skip


def stages(now: View) -> pd.DataFrame:
    """Return the declared stages."""
    return pd.DataFrame({"pipeline": market.PIPELINE, "stage": market.STATES, "order": range(1, len(market.STATES) + 1),
                         "kind": STATUS, "probability": np.array(market.STAGE_PROBABILITY) / 100})  # fmt: skip


def months_of(now: View) -> pd.PeriodIndex:
    """Return the CRM's months up to the view's, the running one included."""
    last = int(now.world.month[int(min(now.until, now.world.n_days) - 1)])
    return pd.period_range(now.world.first_month + BURN, now.world.first_month + last, freq="M")
