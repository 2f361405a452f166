"""The law of the company's world: calendar, people, and what holds since when (bottlenecks, levers, targets)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from salesloop.demo import calendar
from salesloop.demo.market import DIMENSIONS, LEVEL_SD, SEASON
from salesloop.demo.options import Bottleneck, Options, Planted
from salesloop.demo.people import People, people_of
from salesloop.demo.rng import mix, normal

BURN, AHEAD = 8, 100
CAUSES = ("advance", "close", "lost")


@dataclass(frozen=True)
class Rule:
    """What holds for some deals or leads from some day on.

    Attributes
    ----------
    cause : str
        advance, lost, volume, size, price or response.
    where : tuple of (str, int)
        Which: dimension and code of its value; empty for all.
    start, end : float
        Days since the first simulated day.
    factor : float
        What the pace, number or amount is multiplied by.
    name : str
        Whose rule it is: the bottleneck's or the intervention's id.
    """

    cause: str
    where: tuple[tuple[str, int], ...]
    start: float
    end: float
    factor: float
    name: str = ""

    def holds(self, features: dict[str, np.ndarray]) -> np.ndarray:
        """Return for which rows the rule is meant, whenever it holds."""
        n = len(next(iter(features.values())))
        meant = np.ones(n, dtype=bool)
        for dimension, code in self.where:
            meant &= features[dimension] == code if dimension in features else False
        return meant


@dataclass
class World:
    """Everything that is true of a company but its luck.

    Parameters
    ----------
    options : Options
        The company.
    rules : list of Rule
        What holds; grows with decisions, each of which holds from its own day on.
    """

    options: Options
    rules: list[Rule] = field(default_factory=list)

    def __post_init__(self):
        first = pd.Period(self.options.first, "M") - BURN
        self.first_month = first
        self.origin = dt.date(first.year, first.month, 1)
        last = first + BURN + self.options.months + AHEAD
        self.n_days = (dt.date(last.year, last.month, 1) - self.origin).days
        self.month, self.starts = calendar.month_of(self.origin, self.n_days)
        self.weights = calendar.day_weights(self.origin, self.n_days)
        hard = "quarter_end" in self.options.movement
        self.push = calendar.quarter_end(self.origin, self.n_days, hard=hard)
        self.people: People = people_of(self.options_of_people, len(self.starts) - 1, tuple(self.starts.tolist()), BURN)
        self.plain = calendar.Clocks(self.weights[None])
        self._rows: dict[tuple[int, int], int] = {}
        self._clocks: calendar.Clocks | None = None

    @property
    def options_of_people(self) -> Options:
        """The options without what people do not depend on, so that companies that differ in it share them."""
        import dataclasses

        return dataclasses.replace(self.options, bottlenecks=(), interventions=(), movement=(), feedback=True)

    def day(self, date: dt.date) -> float:
        """Return a date as days since the first simulated day."""
        return float((date - self.origin).days)

    def month_no(self, period: pd.Period | str) -> int:
        """Return a month's number since the first simulated month."""
        return (pd.Period(str(period), "M") - self.first_month).n

    def add(self, rules: list[Rule]) -> None:
        """Let more rules hold."""
        self.rules = [*self.rules, *rules]
        self._rows, self._clocks = {}, None

    def clocks_for(self, cause: int, features: dict[str, np.ndarray]) -> tuple[calendar.Clocks, np.ndarray]:
        """Return the clocks of a cause of leaving a stage, and which of them each row goes by."""
        mask = np.zeros(len(features["stage"]), dtype=np.int64)
        word = "lost" if CAUSES[cause] == "lost" else "advance"
        own = [(number, rule) for number, rule in enumerate(self.rules) if rule.cause in (word, "pace")]
        for bit, (_, rule) in enumerate(own):
            mask |= rule.holds(features).astype(np.int64) << bit
        base = np.full(len(mask), cause) if CAUSES[cause] == "lost" else np.where(features["stage"] == 4, 1, 0)
        return self._stacked(base, mask, [rule for _, rule in own], word)

    def _stacked(self, base, mask, rules, word) -> tuple[calendar.Clocks, np.ndarray]:
        both = base.astype(np.int64) * (1 << 40) + mask
        found, inverse = np.unique(both, return_inverse=True)
        new = [int(code) for code in found if (word, int(code)) not in self._rows]
        if new:
            weights = [self._weights(int(code) >> 40, int(code) & ((1 << 40) - 1), rules) for code in new]
            old = [self._clocks.weights] if self._clocks is not None else []
            for code in new:
                self._rows[(word, code)] = len(self._rows)
            self._clocks = calendar.Clocks(np.concatenate([*old, np.array(weights)]))
        rows = np.array([self._rows[(word, int(code))] for code in found])
        assert self._clocks is not None
        return self._clocks, rows[inverse]

    def _weights(self, base: int, mask: int, rules: list[Rule]) -> np.ndarray:
        weight = self.weights * (self.push if CAUSES[base] == "close" else 1.0)
        for bit, rule in enumerate(rules):
            if mask >> bit & 1:
                weight = weight * self.span(rule)
        return weight

    def span(self, rule: Rule) -> np.ndarray:
        """Return a rule's factor by day: 1 outside the time it holds."""
        days = np.arange(self.n_days)
        return np.where((days >= rule.start) & (days < rule.end), rule.factor, 1.0)

    def factor(self, cause: str, features: dict[str, np.ndarray], t: np.ndarray) -> np.ndarray:
        """Return the product of the rules of a cause that hold for rows at their times."""
        made = np.ones(len(t))
        for rule in self.rules:
            if rule.cause == cause:
                now = rule.holds(features) & (t >= rule.start) & (t < rule.end)
                made = np.where(now, made * rule.factor, made)
        return made

    def trend(self, months: np.ndarray) -> np.ndarray:
        """Return the log of season and growth of arrivals by month."""
        season = np.log(SEASON[(self.first_month.month - 1 + months) % 12])
        return season + np.log1p(self.options.growth) * (months - BURN) / 12

    def steps(self, keys: np.ndarray) -> np.ndarray:
        """Return the steps of the arrivals' log level, a random walk, for months with these keys."""
        return LEVEL_SD * normal(keys.ravel(), "level").reshape(keys.shape)

    def level(self, n_months: int) -> np.ndarray:
        """Return the true past's log level of arrivals by month, 0 before season and growth in the CRM's first month."""
        walk = np.cumsum(self.steps(month_keys(self.options, n_months)))
        return walk - walk[min(BURN, n_months - 1)] + self.trend(np.arange(n_months))


def code(dimension: str, value: str, people: People) -> int:
    """Return the code of a value of a dimension, -1 where there is no such value."""
    words = {**DIMENSIONS, "team": people.teams, "rep": people.names}
    return words[dimension].index(value) if dimension in words and value in words[dimension] else -1


def where(kind: str, value: str, people: People) -> tuple[tuple[str, int], ...]:
    """Return a rule's condition from a plan row's kind and value; ``company`` or nothing means all."""
    known = {"source": "lead_source", "channel": "sales_channel"}
    kind = known.get(str(kind or "").strip(), str(kind or "").strip())
    if kind in ("", "company", "all", "None", "nan", "scope") and str(value or "company") in (
        "company",
        "all",
        "None",
        "nan",
        "",
    ):
        return ()
    return ((kind, code(kind, str(value), people)),)


def rules_of_bottleneck(world: World, bottleneck: Bottleneck, number: int) -> list[Rule]:
    """Return the rules that a planted bottleneck stands for."""
    scope = (
        ("stage", code("stage", bottleneck.stage, world.people)),
        *where(bottleneck.kind, bottleneck.value, world.people),
    )
    begin = float(world.starts[world.month_no(bottleneck.start)])
    end = float(world.starts[world.month_no(bottleneck.end) + 1]) if bottleneck.end else np.inf
    name = f"bottleneck {number}"
    made = [
        Rule("advance", scope, begin, end, bottleneck.speed, name),
        Rule("lost", scope, begin, end, bottleneck.loss, name),
    ]
    return [rule for rule in made if rule.factor != 1.0]


LEVERS = {
    "conversion": (("advance", 0.3), ("lost", -0.7)), "cycle": (("advance", 1.0), ("lost", 1.0)), "volume": (("volume", 1.0),),
    "size": (("size", 1.0),), "price": (("price", 1.0),), "response": (("response", 1.0),),
    "capacity": (("volume", 0.6), ("advance", 0.4), ("lost", 0.4)), "focus": (("volume", 1.0),), "channel": (("volume", 1.0),),
}  # fmt: skip
"""What each lever moves, and by which power of its factor; conversion moves the odds of going on against being lost."""


def rules_of_lever(
    world: World, lever: str, kind: str, value: str, start: float, end: float, factor: float, name: str,
) -> list[Rule]:  # fmt: skip
    """Return the rules that a lever stands for from `start` on."""
    scope = where(kind, value, world.people)
    return [
        Rule(cause, scope, start, end, factor**power, name) for cause, power in LEVERS.get(lever, LEVERS["conversion"])
    ]


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


def month_keys(options: Options, n_months: int) -> np.ndarray:
    """Return the keys of the true past's months."""
    return mix(options.seed, "month", np.arange(n_months))
