"""The plan-like tables of the company: targets, actions, interventions, market sizes, assessments, exchange rates."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from salesloop import periods
from salesloop.demo import calls, market
from salesloop.demo.market import AMOUNT_PER_WIN, MONTHLY_WINS_PER_SCALE, WON
from salesloop.demo.people import MANAGERS
from salesloop.demo.rng import mix, normal, uniform
from salesloop.demo.world import BURN
from salesloop.schema import TABLES

if TYPE_CHECKING:
    from salesloop.demo.tables import View

STATED_GROWTH, STRETCH = 0.10, 1.15
STEP = 10_000
SEASON = np.array([7.2, 5.2, 8.6, 8.1, 7.8, 9.3, 8.4, 8.2, 9.5, 8.0, 9.2, 10.5])
SEASON_SHARE = SEASON / SEASON.sum()


def _targets(now: View) -> pd.DataFrame:
    return _with(targets(now), "targets", "valid_from", now)


def _actions(now: View) -> pd.DataFrame:
    return _with(pd.DataFrame(columns=list(TABLES["actions"].columns)), "actions", "created", now)


def _interventions(now: View) -> pd.DataFrame:
    return _with(interventions(now), "interventions", "start", now)


def _with(own: pd.DataFrame, name: str, dated: str, now: View) -> pd.DataFrame:
    """Return the company's own rows and those of decisions that were taken and are dated by now."""
    rows = now.company.decisions.get(name)
    if rows is None or not len(rows):
        return own
    day = pd.to_datetime(rows[dated], errors="coerce")
    known = rows[day.isna() | (day < pd.Timestamp(now.date(np.array([now.until]))[0]))]
    have = [column for column in own.columns if column in known]
    key = [column for column in TABLES[name].key if column in known]
    known = known[~_told(known[key]).isin(set(_told(own[key])))]
    joined = pd.concat([own.astype(object), known[have].astype(object)], ignore_index=True)
    joined[dated] = pd.to_datetime(joined[dated])
    return joined


def _told(key: pd.DataFrame) -> pd.Series:
    """Return keys as texts, whatever their types."""
    return pd.Series(
        [" | ".join("" if pd.isna(v) else str(v)[:10] for v in row) for row in key.to_numpy(dtype=object)],
        index=key.index,
        dtype=object,
    )


def years(now: View) -> list[tuple[int, float]]:
    """Return the years that are planned by now, with the day each plan was set: mid-December before, or the CRM's start."""
    first = now.world.first_month + BURN
    found = []
    for year in range(first.year, (now.world.origin + dt.timedelta(days=int(now.until))).year + 2):
        day = max(now.world.day(dt.date(year - 1, 12, 15)), now.crm.start)
        if day < now.until:
            found.append((year, day))
    return found


def targets(now: View) -> pd.DataFrame:
    """Return the targets that were set at the turn of each year: months, quarters and the year; company to rep.

    The company's year is last year's bookings as known then plus the stated growth; parts add up to the whole.
    """
    rows: list[dict] = []
    for year, day in years(now):
        months = pd.period_range(f"{year}-01", f"{year}-12", freq="M")
        whole = _spread(_annual(now, day), SEASON_SHARE)
        rows += _of_months(now, months, whole, day)
        rows += _others(now, year, months, day)
    frame = pd.DataFrame(rows, columns=list(TABLES["targets"].columns))
    first = str(now.world.first_month + BURN)
    begins = [str(periods.expand(label)[0]) for label in frame["period"]]
    frame = frame[np.array(begins, dtype=object) >= first]
    frame["valid_from"] = now.date(frame["valid_from"].to_numpy(dtype=float))
    return frame.reset_index(drop=True)


def _annual(now: View, day: float) -> float:
    stays = now.crm.stays
    won = (stays["to"] == WON) & (now.crm.entered < day) & (stays["out"] >= day - 365)
    if day - now.crm.start < 365:
        return now.company.options.scale * MONTHLY_WINS_PER_SCALE * AMOUNT_PER_WIN * 12
    return float(now.crm.final[won].sum()) * (1 + STATED_GROWTH)


def _spread(whole: float, share: np.ndarray, step: int = STEP) -> np.ndarray:
    """Return parts of a whole in steps that add up to it, rounded to the step."""
    ends = np.round(np.cumsum(share / share.sum()) * whole / step)
    return np.diff(np.concatenate([[0.0], ends])) * step


def _of_months(now: View, months: pd.PeriodIndex, whole: np.ndarray, day: float) -> list[dict]:
    """Return bookings targets by month, quarter and year, for the company, its regions, teams and reps."""
    people = now.world.people
    month_no = int(now.world.month[int(day)])
    here = np.flatnonzero((people.team[:, month_no] >= 0) & (people.leave > day))
    team = people.team[here, month_no]
    size = np.bincount(team, minlength=len(people.teams)).astype(float)
    rows: list[dict] = []
    by_team = np.array([_spread(amount, np.maximum(size, 0.2)) for amount in whole])
    scopes: dict[tuple[str, str | None], np.ndarray] = {("company", None): whole}
    for code in np.unique(people.team_region):
        scopes["region", market.REGIONS[code]] = by_team[:, people.team_region == code].sum(axis=1)
    for code, name in enumerate(people.teams):
        scopes["team", name] = by_team[:, code]
        own = here[team == code]
        if len(own):
            share = people.pace(own, np.full(len(own), day))
            split = np.array([_spread(amount, share, 1000) for amount in by_team[:, code]])
            scopes |= {("rep", people.names[rep]): split[:, i] for i, rep in enumerate(own)}
    for (level, scope), amounts in scopes.items():
        rows += _rows(level, scope, months, amounts, day)
    return rows


def _rows(level: str, name: str | None, months: pd.PeriodIndex, amounts: np.ndarray, day: float) -> list[dict]:
    base = {
        "level": level,
        "name": name,
        "measure": "bookings",
        "basis": "amount",
        "against": None,
        "objective": "grow",
        "valid_from": day,
    }
    year = months[0].year
    made = [(str(month), "base", amount) for month, amount in zip(months, amounts, strict=True)]
    if level != "rep":
        made += [(f"{year}Q{q + 1}", "base", amounts[3 * q : 3 * q + 3].sum()) for q in range(4)]
        made.append((str(year), "base", amounts.sum()))
    if level == "company":
        made += [
            (f"{year}Q{q + 1}", "stretch", np.round(amounts[3 * q : 3 * q + 3].sum() * STRETCH / STEP) * STEP)
            for q in range(4)
        ]
        made.append((str(year), "stretch", np.round(amounts.sum() * STRETCH / STEP) * STEP))
    return [{"period": period, "tier": tier, "amount": float(amount), **base} for period, tier, amount in made]


def _others(now: View, year: int, months: pd.PeriodIndex, day: float) -> list[dict]:
    """Return targets of other measures: new customers, CSAT, activities, and growth as a share of last year."""
    scale = now.company.options.scale
    base = {"level": "company", "name": None, "tier": "base", "basis": "amount", "against": None, "valid_from": day}
    rows = [{**base, "period": str(m), "measure": "new_customers", "amount": float(np.round(0.20 * scale * s * 12)), "objective": "customers"}
            for m, s in zip(months, SEASON_SHARE, strict=True)]  # fmt: skip
    quarters = [f"{year}Q{q}" for q in range(1, 5)]
    rows += [{**base, "period": q, "measure": "csat", "amount": 0.85, "objective": "keep"} for q in quarters]
    rows += [
        {
            **base,
            "period": q,
            "measure": "activities",
            "amount": float(np.round(11 * scale) * 3),
            "objective": "customers",
        }
        for q in quarters
    ]
    if year > (now.world.first_month + BURN).year + 1:
        rows.append({**base, "period": str(year), "measure": "bookings", "tier": "stretch", "basis": "growth", "amount": 0.2,
                     "against": str(year - 1), "objective": "grow", "level": "region", "name": market.REGIONS[0]})  # fmt: skip
    return rows


def interventions(now: View) -> pd.DataFrame:
    """Return the changes that the company made by itself, as people logged them; their true effect is not among it."""
    made = [
        {"id": p.id, "what": p.what, "lever": p.lever, "applies_to_kind": p.kind, "applies_to": p.value, "start": pd.Timestamp(p.start),
         "end": pd.Timestamp(p.end) if p.end else pd.NaT, "expected_effect": p.stated_effect, "cost": p.cost}
        for p in now.company.options.interventions if now.world.day(dt.date.fromisoformat(p.start)) < now.until
    ]  # fmt: skip
    return pd.DataFrame(made, columns=list(TABLES["interventions"].columns))


def market_sizes(now: View) -> pd.DataFrame:
    """Return what analysts say about the size of each segment's market, a year at a time."""
    rows = []
    for year, _ in years(now):
        for code, segment in enumerate(market.SEGMENTS):
            yearly = now.company.options.scale * 12 * MONTHLY_WINS_PER_SCALE * AMOUNT_PER_WIN
            size = yearly * (9.0, 7.0, 5.0)[code] * 1.07 ** (year - 2024)
            rows.append({"period": str(year), "segment": segment, "size": float(np.round(size, -5)), "growth": (0.06, 0.09, 0.07)[code],
                         "source": "CCID industry survey / 行业调研"})  # fmt: skip
    return pd.DataFrame(rows, columns=list(TABLES["market"].columns))


def assessments(now: View) -> pd.DataFrame:
    """Return how managers, peers, customers and the reps themselves saw each rep, a quarter at a time."""
    people, world, rows = now.world.people, now.world, []
    last = int(world.month[int(min(now.until, world.n_days) - 1)])
    for month in range(BURN + 2, last):
        if (world.first_month + month).month % 3:
            continue
        here = np.flatnonzero(people.team[:, month] >= 0)
        period = f"{(world.first_month + month).year}Q{(world.first_month + month).month // 3}"
        for dimension in ("teamwork", "customer relations"):
            rows += _judged(now, here, month, period, dimension)
    return pd.DataFrame(rows, columns=list(TABLES["assessments"].columns))


def _judged(now: View, here: np.ndarray, month: int, period: str, dimension: str) -> list[dict]:
    people, rows = now.world.people, []
    trait = normal(people.key[here], f"trait {dimension}")
    kinds = (
        ("manager", 5.0, "1-5", 0.0),
        ("peer", 10.0, "1-10", 0.1),
        ("self", 5.0, "1-5", 0.5),
        ("customer", 5.0, "1-5", 0.2),
    )
    for kind, top, scale, kind_bias in kinds:
        key = mix(people.key[here], f"{kind} {dimension}", month)
        seen = uniform(key, "given") < (1.0 if kind in ("manager", "self") else 0.7)
        score = np.clip(np.round(top * (0.68 + 0.13 * (0.7 * trait + kind_bias + 0.6 * normal(key, "seen")))), 1, top)
        for i in np.flatnonzero(seen):
            mates = [rep for rep in here if rep != here[i]]
            rater = {"manager": MANAGERS[people.team[here[i], month] % len(MANAGERS)], "self": people.names[here[i]],
                     "peer": people.names[mates[int(key[i]) % len(mates)]] if mates else "", "customer": "Customer panel"}[kind]  # fmt: skip
            rows.append({"period": period, "rater": rater, "rater_kind": kind, "subject": people.names[here[i]], "dimension": dimension,
                         "score": float(score[i]), "scale": scale})  # fmt: skip
    return rows


def fx_rates(now: View) -> pd.DataFrame:
    """Return monthly dollar rates; every deal is in yuan, so that no number depends on them."""
    from salesloop.demo.tables import months_of

    months = months_of(now)
    rate = 7.15 + 0.08 * np.sin(np.arange(len(months)) / 5.0)
    return pd.DataFrame({"month": [str(m) for m in months], "currency": "USD", "rate_to_home": np.round(rate, 4)})


MAKERS: dict[str, Callable[[View], pd.DataFrame]] = {
    "targets": _targets, "actions": _actions, "interventions": _interventions, "market": market_sizes, "assessments": assessments,
    "fx_rates": fx_rates, "forecast_calls": calls.frame,
}  # fmt: skip
"""What makes each plan table."""
