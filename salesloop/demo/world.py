"""The law of the company's world: calendar, people, and what holds since when (bottlenecks, levers, targets)."""

from __future__ import annotations

import dataclasses
import datetime as dt
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from salesloop.demo import calendar
from salesloop.demo.market import LEVEL_SD, SEASON
from salesloop.demo.options import Options
from salesloop.demo.people import People, people_of
from salesloop.demo.rng import mix, normal
from salesloop.errors import ParameterError

BURN, HORIZON = 8, 168
"""Months simulated before the CRM begins, and months that can be simulated at all; the same for every company, so that
a longer history is the same company."""
CAUSES = ("advance", "close", "lost")
MOST_SCOPES = 60


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
        last = first + HORIZON
        self.n_days = (dt.date(last.year, last.month, 1) - self.origin).days
        self.month, self.starts = calendar.month_of(self.origin, self.n_days)
        self.weights = calendar.day_weights(self.origin, self.n_days)
        hard = "quarter_end" in self.options.movement
        self.push = calendar.quarter_end(self.origin, self.n_days, hard=hard)
        self.people: People = people_of(self.options_of_people, len(self.starts) - 1, tuple(self.starts.tolist()), BURN)
        self.plain = calendar.Clocks(self.weights[None])
        self._rows: dict[tuple[str, int], int] = {}
        self._clocks: calendar.Clocks | None = None

    @property
    def options_of_people(self) -> Options:
        """The options without what people do not depend on, so that companies that differ in it share them."""
        return dataclasses.replace(
            self.options,
            bottlenecks=(),
            interventions=(),
            movement=(),
            feedback=True,
            late_entry=0.0,
            months=36,
            lever_truth=None,
        )

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
        word = "lost" if CAUSES[cause] == "lost" else "advance"
        groups: dict[tuple[tuple[str, int], ...], list[Rule]] = {}
        for rule in self.rules:
            if rule.cause == word:
                groups.setdefault(rule.where, []).append(rule)
        if len(groups) > MOST_SCOPES:
            raise ParameterError(
                "scopes of levers", found=str(len(groups)), allowed=f"up to {MOST_SCOPES} different ones",
                next_step="try fewer levers at once",
            )  # fmt: skip
        mask = np.zeros(len(features["stage"]), dtype=np.int64)
        for bit, rules in enumerate(groups.values()):
            mask |= rules[0].holds(features).astype(np.int64) << bit
        base = np.full(len(mask), cause) if CAUSES[cause] == "lost" else np.where(features["stage"] == 4, 1, 0)
        return self._stacked(base.astype(np.int64), mask, list(groups.values()), word)

    def _stacked(
        self, base: np.ndarray, mask: np.ndarray, groups: list[list[Rule]], word: str,
    ) -> tuple[calendar.Clocks, np.ndarray]:  # fmt: skip
        found, inverse = np.unique((base << MOST_SCOPES) + mask, return_inverse=True)
        new = [int(code) for code in found if (word, int(code)) not in self._rows]
        if new:
            weights = [self._weights(code >> MOST_SCOPES, code & ((1 << MOST_SCOPES) - 1), groups) for code in new]
            old = [self._clocks.weights] if self._clocks is not None else []
            for code in new:
                self._rows[(word, code)] = len(self._rows)
            self._clocks = calendar.Clocks(np.concatenate([*old, np.array(weights)]))
        rows = np.array([self._rows[(word, int(code))] for code in found])
        assert self._clocks is not None
        return self._clocks, rows[inverse]

    def _weights(self, base: int, mask: int, groups: list[list[Rule]]) -> np.ndarray:
        weight = self.weights * (self.push if CAUSES[base] == "close" else 1.0)
        for bit, rules in enumerate(groups):
            if mask >> bit & 1:
                for rule in rules:
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


def month_keys(options: Options, n_months: int) -> np.ndarray:
    """Return the keys of the true past's months."""
    return mix(options.seed, "month", np.arange(n_months))
