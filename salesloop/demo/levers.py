"""What moves a company's law: planted bottlenecks, changes it made by itself, levers that people approved."""

from __future__ import annotations

import datetime as dt
import re

import numpy as np

from salesloop.demo import market
from salesloop.demo.market import DIMENSIONS
from salesloop.demo.options import Bottleneck, Options, Planted
from salesloop.demo.people import People
from salesloop.demo.world import Rule, World

LEVERS = {
    "conversion": (("advance", 0.3), ("lost", -0.7)), "cycle": (("advance", 1.0), ("lost", 1.0)), "volume": (("volume", 1.0),),
    "size": (("price", 1.0),), "price": (("price", 1.0),), "response": (("response", 1.0),), "channel": (("volume", 1.0),),
    "focus": (("volume", 1.0),), "capacity": (("volume", 1.0),),
}  # fmt: skip
"""What each lever moves, and by which power of its factor; conversion moves the odds of going on against being lost."""
_ALL = ("", "company", "all", "none", "nan")
_NAMES = {"source": "lead_source", "channel": "sales_channel", "size_band": "segment"}
Scope = tuple[tuple[str, int], ...]


def words(dimension: str, people: People) -> tuple[str, ...]:
    """Return the values of a dimension, none for an unknown one."""
    return {**DIMENSIONS, "team": people.teams, "rep": people.names}.get(dimension, ())


def is_all(value: str) -> bool:
    """Return whether a value names everybody.

    Examples
    --------
    >>> is_all("All"), is_all("South")
    (True, False)
    """
    return value.strip().lower() in _ALL


def scope_of(kind: str, value: str, people: People) -> Scope:
    """Return a rule's condition from how people write it.

    Parameters
    ----------
    kind, value : str
        Such as ``("team", "South")``, ``("stage+segment", "Proposal / SMB")``, ``("company", "all")``; where the kind
        names no column, each value is looked for in all of them.

    Returns
    -------
    tuple of (str, int)
        Empty for the whole company; a code of -1 is for nobody.
    """
    if is_all(str(value)):
        return ()
    values = [part.strip() for part in re.split(r" / |;", str(value)) if part.strip()]
    kinds = [_NAMES.get(part.strip(), part.strip()) for part in re.split(r"[+,]", str(kind))]
    kinds = kinds if len(kinds) == len(values) else [""] * len(values)
    return tuple(_coded(k, v, people) for k, v in zip(kinds, values, strict=True))


def _coded(kind: str, value: str, people: People) -> tuple[str, int]:
    for name in [kind] if words(kind, people) else [*DIMENSIONS, "team", "rep"]:
        known = words(name, people)
        if value in known:
            return name, known.index(value)
    return kind if words(kind, people) else "stage", -1


def rules_of_lever(
    world: World, lever: str, kind: str, value: str, start: float, end: float, factor: float, name: str,
) -> list[Rule]:  # fmt: skip
    """Return the rules that a lever stands for from `start` on; moving effort, ``worst > best``, is two of them."""
    if lever == "focus" and " > " in value:
        worst, _, best = value.partition(" > ")
        parts = [
            (scope_of(kind, best, world.people), factor),
            (scope_of(kind, worst, world.people), 1.0 / max(factor, 0.1)),
        ]
    else:
        parts = [(scope_of(kind, value, world.people), factor)]
    moves = LEVERS.get(lever, LEVERS["conversion"])
    return [
        Rule(cause, _fit(cause, scope), start, end, one**power, f"{name} {number}" if number else name)
        for number, (scope, one) in enumerate(parts) for cause, power in moves if one != 1.0
    ]  # fmt: skip


def _fit(cause: str, scope: Scope) -> Scope:
    """Leave out the stage where what is moved has none yet."""
    return tuple(part for part in scope if part[0] != "stage") if cause in ("volume", "response") else scope


def rules_of_bottleneck(world: World, bottleneck: Bottleneck, number: int) -> list[Rule]:
    """Return the rules that a planted bottleneck stands for."""
    scope = (
        *scope_of("stage", bottleneck.stage, world.people),
        *scope_of(bottleneck.kind, bottleneck.value, world.people),
    )
    begin = float(world.starts[world.month_no(bottleneck.start)])
    end = float(world.starts[world.month_no(bottleneck.end) + 1]) if bottleneck.end else np.inf
    name = f"bottleneck {number}"
    made = [
        Rule("advance", scope, begin, end, bottleneck.speed, name),
        Rule("lost", scope, begin, end, bottleneck.loss, name),
    ]
    return [rule for rule in made if rule.factor != 1.0]


def rules_of_planted(world: World, planted: Planted) -> list[Rule]:
    """Return the rules of a change planted by the options."""
    begin = world.day(dt.date.fromisoformat(planted.start))
    end = world.day(dt.date.fromisoformat(planted.end)) + 1 if planted.end else np.inf
    return rules_of_lever(world, planted.lever, planted.kind, planted.value, begin, end, planted.factor, planted.id)


def build(options: Options) -> World:
    """Return the world of a company with what its options plant.

    Examples
    --------
    >>> build(Options(months=3)).origin
    datetime.date(2023, 3, 1)
    """
    world = World(options)
    rules = [rule for i, found in enumerate(options.bottlenecks) for rule in rules_of_bottleneck(world, found, i + 1)]
    rules += [rule for found in options.interventions for rule in rules_of_planted(world, found)]
    world.add(rules)
    return world


def usual_share(scope: Scope, people: People) -> float:
    """Return about which share of the bookings a scope stands for."""
    worth = market.SEGMENT_MIX * market.AMOUNT
    mixes = {"segment": worth / worth.sum(), "lead_source": market.SOURCE_MIX, "region": market.REGION_MIX}
    share = 1.0
    for name, number in scope:
        if name in mixes and number >= 0:
            share *= float(mixes[name][number])
        elif name in ("team", "rep", "product", "sales_channel", "industry"):
            share /= max(len(words(name, people)), 1) if name != "rep" else 12
    return share
