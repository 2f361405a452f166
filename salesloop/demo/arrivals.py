"""What arrives: leads, deals that reps find themselves, and the renewals and expansions that wins lead to."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

from salesloop.demo import market
from salesloop.demo.rng import choice, mix, normal, poisson, uniform
from salesloop.demo.world import World

Columns = dict[str, np.ndarray]
RENEW_DAYS, RENEW_SD = 322.0, 14.0
EXPAND_FROM, EXPAND_DAYS = 45.0, 300.0
LEAD_SD = 0.85


def pick(columns: Columns, rows: np.ndarray) -> Columns:
    """Return some rows of a table kept as columns."""
    return {name: values[rows] for name, values in columns.items()}


def join(*tables: Columns) -> Columns:
    """Return tables kept as columns one below the other; the first names the columns."""
    full = [table for table in tables if len(table["key"])] or [tables[0]]
    return {name: np.concatenate([table[name] for table in full]) for name in full[0]}


def rates(world: World, months: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Return expected leads of months (last axis), before rules: scale, level, season and working time."""
    work = np.add.reduceat(world.weights[: world.starts[-1]], world.starts[:-1])
    return world.options.scale * market.LEADS_PER_SCALE * np.exp(level) * work[months] / 20.4


def leads(world: World, months: np.ndarray, keys: np.ndarray, level: np.ndarray, begin: float = 0.0) -> Columns:
    """Return the leads and self-made deals of months.

    Parameters
    ----------
    months : ndarray of int
        The months, counted from the first simulated one.
    keys, level : ndarray
        Luck and log level of each replica (rows) and month (columns).
    begin : float
        Only what arrives from this time on; days since the first simulated day.
    """
    base = rates(world, months, level)
    streams = [_stream(world, months, keys, base, begin, "lead", None)]
    for rule in world.rules:
        if rule.cause == "volume" and rule.factor > 1.0:
            made = _stream(world, months, keys, base * (rule.factor - 1.0), begin, f"more {rule.name}", rule)
            streams.append(pick(made, rule.holds(made) & (made["t"] >= rule.start) & (made["t"] < rule.end)))
    found = join(*streams)
    keep = np.ones(len(found["t"]), dtype=bool)
    for rule in world.rules:
        if rule.cause == "volume" and rule.factor < 1.0:
            out = rule.holds(found) & (found["t"] >= rule.start) & (found["t"] < rule.end)
            keep &= ~(out & (uniform(found["key"], f"less {rule.name}") > rule.factor))
    return _answered(world, pick(found, keep))


def _stream(world, months, keys, rate, begin, name, rule) -> Columns:
    """Return arrivals with what they are; a share of them reps find themselves."""
    direct = market.DIRECT_PER_SCALE / market.LEADS_PER_SCALE
    first, last = world.starts[months].astype(float), world.starts[months + 1].astype(float)
    zero = np.zeros(len(months), dtype=np.int64)
    from_shown, to_shown = world.plain.read(zero, np.maximum(first, begin)), world.plain.read(zero, last)
    whole = to_shown - world.plain.read(zero, first)
    share = np.clip((to_shown - from_shown) / whole, 0.0, 1.0)
    count = poisson(uniform(keys, f"{name} n").reshape(keys.shape), rate * (1 + direct) * share)
    cell = np.repeat(np.arange(count.size), count.ravel())
    number = np.arange(len(cell)) - np.repeat(np.cumsum(count.ravel()) - count.ravel(), count.ravel())
    key = mix(keys.ravel()[cell], name, number)
    column = cell % len(months)
    shown = from_shown[column] + uniform(key, "when") * (to_shown - from_shown)[column]
    t = world.plain.when(np.zeros(len(key), dtype=np.int64), shown)
    return _attributes(world, key, t, (cell // len(months)).astype(np.int64), direct)


def _attributes(world: World, key: np.ndarray, t: np.ndarray, replica: np.ndarray, direct: float) -> Columns:
    made = uniform(key, "direct") < direct / (1 + direct)
    u = uniform(key, "source")
    source = np.where(made, choice(u, market.DIRECT_MIX), choice(u, market.SOURCE_MIX))
    segment = choice(uniform(key, "segment"), market.SEGMENT_MIX)
    region = choice(uniform(key, "region"), market.REGION_MIX[: world.options.regions])
    found = {
        "key": key, "t": t, "replica": replica, "direct": made, "lead_source": source, "segment": segment, "region": region,
        "industry": choice(uniform(key, "industry"), market.INDUSTRY_MIX),
        "product": choice(uniform(key, "product"), market.PRODUCT_MIX[segment]),
        "sales_channel": choice(uniform(key, "channel"), market.CHANNEL_MIX[segment]),
    }  # fmt: skip
    found["owner"] = owners(world, t, region, source, uniform(key, "owner"))
    found["team"] = teams(world, found["owner"], t)
    return found


def month_at(world: World, t: np.ndarray) -> np.ndarray:
    """Return the month that each time lies in."""
    day = np.clip(t.astype(np.int64), 0, world.n_days - 1)
    return world.month[day]


def teams(world: World, owner: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Return the owners' teams at their times; a rep who is between months keeps the nearest one."""
    month = np.minimum(month_at(world, t), world.people.team.shape[1] - 1)
    team = world.people.team[owner, month]
    after = world.people.team[owner, np.minimum(month + 1, world.people.team.shape[1] - 1)]
    before = world.people.team[owner, np.maximum(month - 1, 0)]
    return np.where(team >= 0, team, np.where(after >= 0, after, before))


def owners(world: World, t: np.ndarray, region: np.ndarray, source: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Return who gets what arrives: a rep of the region at the month's start, by ramp and by taste."""
    people, month = world.people, month_at(world, t)
    owner = np.zeros(len(t), dtype=np.int64)
    cell = month * 8 + region
    for code in np.unique(cell):
        rows = np.flatnonzero(cell == code)
        owner[rows] = _drawn(world, int(code) // 8, int(code) % 8, source[rows], u[rows])
    return people.holder(owner, t)


def _drawn(world: World, month: int, region: int, source: np.ndarray, u: np.ndarray) -> np.ndarray:
    people = world.people
    team = people.team[:, month]
    able = np.flatnonzero((team >= 0) & (people.team_region[team] == region))
    if not len(able):
        able = np.flatnonzero(team >= 0)
    begin = np.full(len(able), float(world.starts[month]))
    weight = people.pace(able, begin)[None, :] * people.taste[able].T
    return able[choice(u, weight[source])]


def _answered(world: World, found: Columns) -> Columns:
    """Add when each lead was answered and what became of it; what reps find themselves is a deal at once."""
    key, t = found["key"], found["t"]
    quick = world.factor("response", found, t)
    hours = np.exp(1.9 + 1.15 * normal(key, "response") + 0.5 * (found["lead_source"] == 1)) / quick
    never = (uniform(key, "never") < 0.06 / quick) & ~found["direct"]
    zero = np.zeros(len(t), dtype=np.int64)
    shown = world.plain.read(zero, t)
    answered = world.plain.when(zero, shown + hours / 9.5)
    odds = market.CONVERTS[found["lead_source"]] / (1 - market.CONVERTS[found["lead_source"]])
    odds = (
        odds
        * np.where(hours < 4, 1.35, np.where(hours > 48, 0.55, 1.0))
        * np.array([1.0, 0.95, 0.85])[found["segment"]]
    )
    chance = np.where(found["direct"], 1.0, np.where(never, 0.015, odds / (1 + odds)))
    found["chance"], found["answered"] = chance, np.where(never | found["direct"], np.inf, answered)
    found["wait"] = np.where(found["direct"], 0.0, hours / 9.5)
    found["convert"] = converts(world, found, uniform(key, "convert"))
    days = np.exp(2.6 + 0.6 * normal(key, "drop"))
    drop = world.plain.when(zero, shown + found["wait"] + days)
    open_still = uniform(key, "left open") < 0.10
    found["drop"] = np.where(np.isfinite(found["convert"]) | open_still | found["direct"], np.inf, drop)
    found["attempts"] = np.where(never, 0, 1 + poisson(uniform(key, "attempts"), np.full(len(t), 1.6)))
    return found


def converts(world: World, found: Columns, u: np.ndarray) -> np.ndarray:
    """Return when leads become deals, infinity where never; one number decides whether and when."""
    zero = np.zeros(len(u), dtype=np.int64)
    share = np.clip(u / found["chance"], 1e-12, 1 - 1e-12)
    days = found["wait"] + np.exp(1.9 + LEAD_SD * ndtri(share))
    made = world.plain.when(zero, world.plain.read(zero, found["t"]) + days)
    return np.where(found["direct"], found["t"], np.where(u < found["chance"], made, np.inf))


def converted_by(world: World, found: Columns, t: float) -> np.ndarray:
    """Return each lead's chance to have become a deal by `t`."""
    zero = np.zeros(len(found["t"]), dtype=np.int64)
    lived = world.plain.read(zero, np.full(len(zero), t)) - world.plain.read(zero, found["t"]) - found["wait"]
    return found["chance"] * np.where(lived > 0, ndtr((np.log(np.maximum(lived, 1e-9)) - 1.9) / LEAD_SD), 0.0)


def births(world: World, found: Columns) -> Columns:
    """Return the deals that leads and own finds become, not opened yet."""
    rows = np.isfinite(found["convert"])
    lead = pick(found, rows)
    key = mix(lead["key"], "deal")
    none = np.zeros(len(key), dtype=np.uint64)
    amount = market.AMOUNT[lead["segment"]] * market.AMOUNT_PRODUCT[lead["product"]]
    amount = amount * np.exp(market.AMOUNT_SD * normal(key, "amount")) * world.factor("size", lead, lead["convert"])
    price = 1.03 ** (month_at(world, lead["t"]) / 12.0)
    return {
        "key": key, "luck": key, "t": lead["convert"], "replica": lead["replica"], "type": np.zeros(len(key), dtype=np.int64),
        **{name: lead[name] for name in ("segment", "product", "lead_source", "sales_channel", "region", "industry", "owner")},
        "amount": rounded(amount * price), "account": mix(key, "account"), "sat": normal(key, "satisfaction"),
        "quality": normal(key, "quality"), "quick": uniform(key, "quick"), "lead": np.where(lead["direct"], none, lead["key"]), "parent": none,
    }  # fmt: skip


def rounded(amount: np.ndarray) -> np.ndarray:
    """Return amounts as people type them: whole hundreds."""
    return np.maximum(np.round(amount / 100.0) * 100.0, 500.0)


def children(world: World, wins: Columns, *, seen: float = -np.inf) -> Columns:
    """Return the renewals and expansions that wins lead to.

    Parameters
    ----------
    wins : dict
        Deals won, with ``won`` and ``won_amount``.
    seen : float
        It is known that none of them had come by then.
    """
    renewals = _child(world, wins, "renewal", seen)
    expansions = _child(world, wins, "expansion", seen)
    return join(renewals, expansions)


def _child(world: World, wins: Columns, kind: str, seen: float) -> Columns:
    luck, won = mix(wins["luck"], kind), wins["won"]
    gone = np.maximum(seen - won, -1e6)
    if kind == "renewal":
        chance = market.RENEWS[wins["product"]]
        passed = chance * ndtr((gone - RENEW_DAYS) / RENEW_SD)
    else:
        chance = np.full(len(won), market.EXPANDS)
        passed = chance * np.clip((gone - EXPAND_FROM) / EXPAND_DAYS, 0.0, 1.0)
    u = passed + uniform(luck, "comes") * (1 - passed)
    share = np.clip(u / chance, 1e-12, 1 - 1e-12)
    days = RENEW_DAYS + RENEW_SD * ndtri(share) if kind == "renewal" else EXPAND_FROM + EXPAND_DAYS * share
    rows = u < chance
    made = pick(wins, rows)
    key, luck = mix(made["key"], kind), luck[rows]
    zero = np.zeros(len(key), dtype=np.int64)
    born = (made["won"] + days[rows]).clip(0.0, world.n_days - 2.0)
    born = world.plain.when(zero, world.plain.read(zero, born))
    factor = np.exp(0.12 * normal(luck, "amount")) if kind == "renewal" else 0.5 * np.exp(0.4 * normal(luck, "amount"))
    product = choice(uniform(luck, "product"), market.PRODUCT_MIX[made["segment"]])
    return {
        **{name: values for name, values in made.items() if name not in ("won", "won_amount")},
        "key": key, "luck": luck, "t": born, "type": np.full(len(key), market.TYPES.index(kind)),
        "product": made["product"] if kind == "renewal" else product,
        "owner": world.people.holder(made["owner"], born), "amount": rounded(made["won_amount"] * factor),
        "quality": normal(luck, "quality"), "quick": uniform(luck, "quick"), "lead": np.zeros(len(key), dtype=np.uint64), "parent": made["key"],
    }  # fmt: skip


def installed_base(world: World) -> Columns:
    """Return wins of the year before the first simulated day: the customers whose renewals come due first."""
    months = np.arange(12)
    keys = mix(world.options.seed, "base", months)
    count = poisson(uniform(keys, "n"), np.full(12, market.BASE_WINS_PER_SCALE * world.options.scale * 0.94))
    key = mix(np.repeat(keys, count), np.arange(count.sum()))
    back = (np.repeat(months, count) + uniform(key, "when")) * 30.4
    lead = _attributes(world, key, np.zeros(len(key)), np.zeros(len(key), dtype=np.int64), 0.0)
    lead |= {"convert": np.zeros(len(key)), "direct": np.ones(len(key), dtype=bool)}
    wins = births(world, lead)
    return wins | {"t": -back - 60.0, "won": -back, "won_amount": wins["amount"]}
