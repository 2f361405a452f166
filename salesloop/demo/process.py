"""How deals move: each stay in a stage ends by moving on, being lost or going back, whichever comes first.

The time to each of these is drawn as work to be done, in working days; a clock of its own (calendar, quarter end,
bottleneck, levers) turns work into days. So a slower clock delays the same work of the same deal.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from salesloop.demo import market
from salesloop.demo.arrivals import Columns, children, join, pick, rounded, teams
from salesloop.demo.ids import numbers
from salesloop.demo.market import LOST, VOID, WON
from salesloop.demo.rng import normal, uniform
from salesloop.demo.world import World

FAST_SHARE, FAST_PACE = 0.22, 60.0
CLOSE_WINDOW, CLOSE_BOOST, CLOSE_REST = 8.0, 7.0, 0.55
NUDGE, NUDGE_LOST, KEPT = 1.9, 1.25, 0.75
"""An action on a named deal: how much faster it moves on and is lost while it runs, and how many deals it reaches."""


@dataclass
class Flow:
    """Deals on their way.

    Attributes
    ----------
    deals : dict of ndarray
        All deals opened so far.
    stays : dict of ndarray
        Stays that have ended, in order of discovery; kept only in the true past.
    live : dict of ndarray
        Stays that run.
    pending : dict of ndarray
        Deals that will open later.
    won : list
        ``(replica, t, amount, deal)`` of wins, by round.
    """

    deals: Columns
    live: Columns
    pending: Columns
    stays: list[Columns] = field(default_factory=list)
    won: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = field(default_factory=list)


def empty(columns: Columns) -> Columns:
    """Return a table with the same columns and no rows."""
    return {name: values[:0] for name, values in columns.items()}


def features(deals: Columns, live: Columns) -> Columns:
    """Return what a stay's fate depends on."""
    row = live["deal"]
    names = ("type", "segment", "product", "lead_source", "sales_channel", "region", "industry")
    return {name: deals[name][row] for name in names} | {
        "stage": live["stage"],
        "team": live["team"],
        "rep": live["owner"],
    }


def run(world: World, flow: Flow, until: float, *, seen: float = -np.inf, spawn: bool = True, keep: bool = True,
        nudges: dict[int, tuple[float, float]] | None = None) -> None:  # fmt: skip
    """Let deals move until a time.

    Parameters
    ----------
    world : World
        Its law.
    flow : Flow
        Changed in place.
    until : float
        Nothing at or after it happens.
    seen : float
        Running stays are known to have lasted until then; their luck from there on is new.
    spawn : bool
        Whether wins lead to renewals and expansions.
    keep : bool
        Whether ended stays are kept.
    nudges : dict, optional
        Deal keys with the days between which an action pushes them.
    """
    fresh = flow.live
    flow.live = empty(flow.live)
    while True:
        fresh = join(fresh, _opened(world, flow, until))
        if not len(fresh["key"]):
            break
        fresh["out"], fresh["to"] = leave(world, flow.deals, fresh, seen=seen, nudges=nudges)
        done = fresh["out"] < until
        flow.live = join(flow.live, pick(fresh, ~done))
        ended = pick(fresh, done)
        if keep:
            flow.stays.append(ended)
        _finish(world, flow, ended, spawn)
        fresh = _next(world, flow.deals, ended)
        seen = -np.inf


def _opened(world: World, flow: Flow, until: float) -> Columns:
    born = flow.pending["t"] < until
    new = pick(flow.pending, born)
    flow.pending = pick(flow.pending, ~born)
    row = len(flow.deals["key"]) + np.arange(len(new["key"]))
    flow.deals = join(flow.deals, new) if len(new["key"]) else flow.deals
    first, stage = np.zeros(len(row), dtype=np.int64), market.START_STAGE[new["type"]]
    return {
        "key": new["luck"], "deal": row, "no": first, "stage": stage, "aim": aimed(world, new["luck"], first, stage, new["t"]),
        "t_in": new["t"], "amount": new["amount"], "owner": new["owner"], "team": teams(world, new["owner"], new["t"]),
        "out": np.full(len(row), np.inf), "to": np.full(len(row), -1),
    }  # fmt: skip


def _paces(world: World, deals: Columns, live: Columns) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the paces of moving on, being lost and going back, a working day, before clocks."""
    row, people = live["deal"], world.people
    on, lost = market.ADVANCE[live["stage"]].copy(), market.LOSE[live["stage"]].copy()
    for name in market.FASTER:
        on *= market.FASTER[name][deals[name][row]]
        lost *= market.LOSSIER[name][deals[name][row]]
    skill = people.skill[live["owner"]]
    on *= people.pace(live["owner"], live["t_in"]) * np.exp(0.4 * skill)
    lost *= np.exp(-0.6 * skill) * np.where(deals["type"][row] == 2, np.exp(-0.25 * deals["sat"][row]), 1.0)
    back = market.BACK[live["stage"]].copy()
    if "hidden_quality" in world.options.movement:
        on *= np.exp(0.55 * deals["quality"][row])
        lost *= np.exp(-0.55 * deals["quality"][row])
    if "fast" in world.options.movement:
        quick = np.where(deals["quick"][row] < FAST_SHARE, FAST_PACE, 1.0)
        on, lost, back = on * quick, lost * quick, back / quick
    return on, lost, back


def aimed(world: World, key: np.ndarray, no: np.ndarray, stage: np.ndarray, t_in: np.ndarray) -> np.ndarray:
    """Return the day that buyer and seller aim at in a stay of the last two stages, where close dates carry signal."""
    if "close_dates" not in world.options.movement:
        return np.full(len(key), np.inf)
    return np.where(stage >= 3, t_in + 10.0 + 45.0 * uniform(key, "aim", no), np.inf)


def windows(
    world: World, deals: Columns, live: Columns, nudges
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the days between which each stay runs faster, and by how much it then moves on and is lost."""
    n = len(live["key"])
    begin, end, on, lost = np.full(n, np.inf), np.full(n, np.inf), np.ones(n), np.ones(n)
    if "close_dates" in world.options.movement:
        aim = live["aim"]
        begin, end = aim - CLOSE_WINDOW, aim + CLOSE_WINDOW
        on = np.where(np.isfinite(aim), CLOSE_BOOST, 1.0)
    if nudges:
        own = deals["key"][live["deal"]]
        row, span = nudged(own, nudges)
        begin[row], end[row] = span[:, 0], span[:, 1]
        on[row], lost[row] = NUDGE, NUDGE_LOST
    return begin, end, on, lost


def nudged(key: np.ndarray, nudges: dict[int, tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Return which deals an action reaches, and between which days; about a quarter is never reached."""
    wanted = np.fromiter(nudges, dtype=np.uint64, count=len(nudges))
    ours, other = numbers(key)
    row = np.flatnonzero((np.isin(ours, wanted) | np.isin(other, wanted)) & (uniform(key, "reached") < KEPT))
    span = [nudges[int(a)] if int(a) in nudges else nudges[int(b)] for a, b in zip(ours[row], other[row], strict=True)]
    return row, np.array(span, dtype=float).reshape(len(row), 2)


def leave(
    world: World, deals: Columns, live: Columns, *, seen: float = -np.inf, nudges=None
) -> tuple[np.ndarray, np.ndarray]:
    """Return when each stay ends and where the deal then is."""
    what = features(deals, live)
    on, lost, back = _paces(world, deals, live)
    begin, end, boost_on, boost_lost = windows(world, deals, live, nudges)
    if "close_dates" in world.options.movement:
        on = np.where(live["stage"] >= 3, on * CLOSE_REST, on)
    times = []
    for cause, pace, shape, boost, name in (
        (0, on, market.ADVANCE_SHAPE, boost_on, "advance"), (2, lost, 1.0, boost_lost, "lost"), (2, back, 1.0, np.ones(len(on)), "back"),
    ):  # fmt: skip
        clocks, row = world.clocks_for(cause, what)
        if name == "back":
            clocks, row = world.plain, np.zeros(len(on), dtype=np.int64)
        need = -np.log(uniform(live["key"], name, live["no"]))
        times.append(_when(clocks, row, live["t_in"], need, np.maximum(pace, 1e-9), shape, begin, end, boost, seen))
    first = np.argmin(times, axis=0)
    return np.min(times, axis=0), _goal(live, first)


def _when(clocks, row, t_in, need, pace, shape, begin, end, boost, seen) -> np.ndarray:
    """Return when work is done, given that by `seen` it was not; the window [begin, end) counts `boost` times."""
    start = clocks.read(row, t_in)
    far = len(clocks.weights[0]) - 1.0
    a = np.maximum(clocks.read(row, np.minimum(begin, far)) - start, 0.0)
    b = np.maximum(clocks.read(row, np.minimum(end, far)) - start, a)
    if np.isfinite(seen):
        lived = clocks.read(row, np.full(len(t_in), seen)) - start
        work = lived + (boost - 1.0) * np.clip(lived - a, 0.0, b - a)
        need = need + (pace * np.maximum(work, 0.0)) ** shape
    work = need ** (1.0 / shape) / pace
    inside = a + (work - a) / boost
    y = np.where(work <= a, work, np.where(inside <= b, inside, work - (boost - 1.0) * (b - a)))
    return clocks.when(row, start + y)


def _goal(live: Columns, first: np.ndarray) -> np.ndarray:
    stage = live["stage"]
    skips = (uniform(live["key"], "skip", live["no"]) < market.SKIP) & (stage < 4)
    gone = np.where(uniform(live["key"], "void", live["no"]) < market.VOIDED, VOID, LOST)
    return np.where(first == 0, stage + 1 + skips, np.where(first == 1, gone, np.maximum(stage - 1, 0)))


def _next(world: World, deals: Columns, ended: Columns) -> Columns:
    """Return the stays that follow ended ones; amounts drift a little on the way."""
    on = pick(ended, ended["to"] < WON)
    moved = uniform(on["key"], "drift?", on["no"]) < 0.35
    drift = np.exp(0.14 * normal(on["key"], "drift", on["no"]) - 0.02)
    owner = world.people.holder(on["owner"], on["out"])
    return {
        **on, "no": on["no"] + 1, "stage": on["to"], "t_in": on["out"], "owner": owner, "team": teams(world, owner, on["out"]),
        "amount": np.where(moved, rounded(on["amount"] * drift), on["amount"]),
        "aim": aimed(world, on["key"], on["no"] + 1, on["to"], on["out"]), "out": np.full(len(owner), np.inf), "to": np.full(len(owner), -1),
    }  # fmt: skip


def final_amount(world: World, deals: Columns, ended: Columns) -> np.ndarray:
    """Return what wins are signed for: now and then with a discount, and at the price of their day."""
    cut = uniform(ended["key"], "discount?") < 0.45
    discount = np.where(cut, 0.15 * uniform(ended["key"], "discount"), 0.0)
    what = features(deals, ended)
    return np.maximum(np.round(ended["amount"] * (1 - discount) * world.factor("price", what, ended["out"]), 2), 0.01)


def _finish(world: World, flow: Flow, ended: Columns, spawn: bool) -> None:
    won = pick(ended, ended["to"] == WON)
    if not len(won["key"]):
        return
    amount = final_amount(world, flow.deals, won)
    deals = pick(flow.deals, won["deal"])
    flow.won.append((deals["replica"], won["out"], amount, won["deal"]))
    if spawn:
        wins = deals | {"won": won["out"], "won_amount": amount, "owner": won["owner"]}
        flow.pending = join(flow.pending, children(world, wins))
