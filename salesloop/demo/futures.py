"""The true process continued many times from the true state of a day: the forecast that no method can beat."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import ndtr

from salesloop.demo import arrivals, levers
from salesloop.demo.arrivals import Columns, join, pick
from salesloop.demo.ids import zoho
from salesloop.demo.market import LOST, VOID, WON
from salesloop.demo.process import Flow, empty, final_amount, run
from salesloop.demo.rng import mix, uniform
from salesloop.demo.world import World

if TYPE_CHECKING:
    from salesloop.demo.company import Company

EVER = 900.0
_BLOCK = 400


def changed_world(company: Company, t: float, changes: dict[str, Any]) -> World:
    """Return a company's world with other options from `t` on; what held before stays."""
    if not changes:
        return company.world
    import dataclasses

    made = levers.build(dataclasses.replace(company.options, **changes))
    decided = company.world.rules[len(levers.build(company.options).rules) :]
    old = [
        dataclasses.replace(rule, end=min(rule.end, t))
        for rule in company.world.rules[: len(company.world.rules) - len(decided)]
    ]
    new = [dataclasses.replace(rule, start=max(rule.start, t)) for rule in made.rules]
    made.rules = []
    made.add([rule for rule in [*old, *new, *decided] if rule.start < rule.end])
    return made


def bookings(company: Company, as_of: dt.date, months: int, n: int, changes: dict[str, Any]) -> np.ndarray:
    """Return bookings of the months ahead, one row a future; see `Company.futures`."""
    t = company.world.day(as_of) + 1.0
    law = changed_world(company, t, changes)
    made = np.zeros((n, months))
    for begin in range(0, n, _BLOCK):
        replicas = np.arange(begin, min(begin + _BLOCK, n))
        flow = start(company, law, t, replicas, months)
        first = int(arrivals.month_at(law, np.array([t]))[0])
        run(law, flow, float(law.starts[first + months]), seen=t, keep=False, nudges=company.nudges)
        for replica, when, amount, _ in flow.won:
            np.add.at(made, (replica, arrivals.month_at(law, when) - first), amount)
    return np.round(made, 2)


def start(company: Company, law: World, t: float, replicas: np.ndarray, months: int) -> Flow:
    """Return the true state at `t`, once for each replica, with new luck from there on and new arrivals."""
    flow = open_state(company, t, replicas)
    pending = [
        _renewals(company, law, t, replicas),
        _from_leads(company, law, t, replicas),
        _arrive(company, law, t, replicas, months),
    ]
    flow.pending = join(flow.pending, *pending)
    return flow


def open_state(company: Company, t: float, replicas: np.ndarray) -> Flow:
    """Return the deals that are open at `t` with their running stays, once for each replica."""
    path = company.path
    stay = pick(path.stays, (path.stays["t_in"] < t) & (path.stays["out"] >= t))
    deals, n = pick(path.deals, stay["deal"]), len(replicas)
    stay = stay | {"deal": np.arange(len(stay["key"]))}
    many = len(stay["key"])
    tiled = {name: np.tile(values, n) for name, values in stay.items()}
    which = np.repeat(replicas, many)
    tiled["key"] = mix(tiled["key"], "future", which)
    tiled["deal"] = np.arange(many * n)
    wide = {name: np.tile(values, n) for name, values in deals.items()} | {"replica": which}
    wide["luck"] = mix(wide["luck"], "future", which)
    return Flow(deals=wide, live=tiled, pending=empty(wide))


def _renewals(company: Company, law: World, t: float, replicas: np.ndarray) -> Columns:
    """Return what wins of the past still lead to, given that it had not come by `t`."""
    wins = past_wins(company, t)
    born = company.path.deals["key"][company.path.deals["t"] < t]
    n, made = len(replicas), []
    for kind in ("renewal", "expansion"):
        waiting = pick(wins, ~np.isin(mix(wins["key"], kind), born) & (wins["won"] > t - 430))
        which = np.repeat(replicas, len(waiting["key"]))
        tiled = {name: np.tile(values, n) for name, values in waiting.items()} | {"replica": which}
        tiled["luck"] = mix(tiled["luck"], "future", which)
        made.append(arrivals._child(law, tiled, kind, t))
    return join(*made)


def past_wins(company: Company, t: float) -> Columns:
    """Return all wins before `t`, the installed base's included."""
    path = company.path
    stay = pick(path.stays, (path.stays["to"] == WON) & (path.stays["out"] < t))
    deals = pick(path.deals, stay["deal"])
    amount = final_amount(company.world, path.deals, stay)
    own = deals | {"won": stay["out"], "won_amount": amount, "owner": stay["owner"]}
    return join(own, {name: company._base[name] for name in own})


def _from_leads(company: Company, law: World, t: float, replicas: np.ndarray) -> Columns:
    """Return what open leads become, given that they were neither converted nor dropped by `t`."""
    leads = company.path.leads
    open_now = pick(leads, (leads["t"] < t) & (leads["convert"] >= t) & (leads["drop"] >= t))
    n, many = len(replicas), len(open_now["key"])
    tiled = {name: np.tile(values, n) for name, values in open_now.items()} | {"replica": np.repeat(replicas, many)}
    key = mix(tiled["key"], "future", tiled["replica"])
    passed, zero = arrivals.converted_by(law, tiled, t), np.zeros(len(key), dtype=np.int64)
    lived = law.plain.read(zero, np.full(len(key), t)) - law.plain.read(zero, tiled["t"]) - tiled["wait"]
    stays = 0.10 + 0.90 * (1 - np.where(lived > 0, ndtr((np.log(np.maximum(lived, 1e-9)) - 2.6) / 0.6), 0.0))
    left = np.maximum(tiled["chance"] - passed, 0.0)
    v = uniform(key, "convert") * (left + (1 - tiled["chance"]) * stays)
    tiled["convert"] = arrivals.converts(law, tiled, np.where(v < left, passed + v, 1.0))
    made = arrivals.births(law, tiled)
    return made | {"luck": mix(made["key"], "future", made["replica"])}


def _arrive(company: Company, law: World, t: float, replicas: np.ndarray, months: int) -> Columns:
    first = int(arrivals.month_at(law, np.array([t]))[0])
    span = np.arange(first, first + months)
    keys = mix(company.options.seed, "future", np.repeat(replicas, months), np.tile(span, len(replicas))).reshape(
        len(replicas), months
    )
    step = law.steps(keys)
    begun = t > law.starts[first]
    past = (
        law.level(first + 1)[first] - law.trend(np.array([first]))[0]
        if begun
        else law.level(first)[first - 1] - law.trend(np.array([first - 1]))[0]
    )
    if begun:
        step[:, 0] = 0.0
    level = past + np.cumsum(step, axis=1) + law.trend(span)
    found = arrivals.leads(law, span, keys, level, begin=t)
    found["replica"] = replicas[found["replica"]]
    return arrivals.births(law, found)


def win_chances(company: Company, as_of: dt.date, months: int, n: int) -> pd.DataFrame:
    """Return the true chances of the open deals of a day; see `Company.win_chances`."""
    law, t = company.world, company.world.day(as_of) + 1.0
    first = int(arrivals.month_at(law, np.array([t]))[0])
    key = open_state(company, t, np.arange(1)).deals["key"]
    counts = np.zeros((len(key), months + 2))
    for begin in range(0, n, _BLOCK):
        replicas = np.arange(begin, min(begin + _BLOCK, n))
        flow = open_state(company, t, replicas)
        run(law, flow, min(t + EVER, law.n_days - 2.0), seen=t, spawn=False, nudges=company.nudges)
        ended = join(*flow.stays)
        ended = pick(ended, np.isin(ended["to"], (WON, LOST, VOID)))
        month = arrivals.month_at(law, ended["out"]) - first
        won = ended["to"] == WON
        near = won & (month < months)
        row = ended["deal"] % len(key)
        np.add.at(counts, (row[near], month[near]), 1)
        np.add.at(counts, (row[won], months), 1)
        np.add.at(counts, (row[~won], months + 1), 1)
    table = pd.DataFrame(counts / n, columns=[*(f"p_{i + 1}" for i in range(months)), "p_win", "p_lost"])
    table.insert(0, "opportunity_id", zoho(key, "deal"))
    return table
