"""What targets are judged on: who there is, what was measured, and the one set of draws of what is to come."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from salesloop.metrics import measures
from salesloop.metrics.forecast import DRAWS
from salesloop.metrics.pipeline.steps import first_month

KNOWN = (*measures.ADDITIVE, *measures.RATES, "market_share")
LEVELS = ("company", "region", "team", "rep")
MONEY = ("bookings", "pipeline_created", "collected")
_SHARES = ("win_rate", "csat", "market_share", "grr", "nrr")


@dataclass(frozen=True)
class Ground:
    """The facts and draws that every target of a unit is judged on.

    Attributes
    ----------
    period, as_of
        The month under evaluation and the day up to which facts count.
    facts : callable
        Measure to dated facts, ``Book.facts``.
    draws : DataFrame
        The forecast's draws, zeros left out: ``draw, owner_id, rep, team, region, period, part, amount``.
    names : mapping
        Level to the names it has.
    departed : frozenset of str
        Reps who have left.
    declared : mapping
        The measures that the unit declares: their configuration.
    market : DataFrame
        ``period, segment, size, source``.
    n_draws, fiscal_start, close_lag, country, currency, horizon
        The number of draws, the unit's calendar and currency, the months that the draws cover.
    """

    period: pd.Period
    as_of: dt.date
    facts: Callable[[str], pd.DataFrame]
    draws: pd.DataFrame
    names: Mapping[str, frozenset]
    departed: frozenset = frozenset()
    declared: Mapping[str, Any] = field(default_factory=dict)
    market: pd.DataFrame = field(default_factory=pd.DataFrame)
    n_draws: int = DRAWS
    fiscal_start: int = 1
    close_lag: int = 5
    country: str = "CN"
    currency: str = "CNY"
    horizon: int = 12
    _kept: dict = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def ahead(self) -> pd.PeriodIndex:
        """The months that the draws are about."""
        return pd.period_range(first_month(self.as_of), periods=self.horizon, freq="M")

    def measured(self, measure: str) -> pd.DataFrame:
        """Return the facts of a measure, empty where the unit has none."""
        if measure not in self._kept:
            known = measure in (*measures.ADDITIVE, *measures.RATES, *self.declared)
            none = pd.DataFrame({name: [] for name in measures.COLUMNS})
            self._kept[measure] = self.facts(measure) if known else none
        return self._kept[measure]

    def actual(self, measure: str, level: str, name: str | None, months: Iterable[pd.Period]) -> tuple[float, int]:
        """Return a measure's value and count for one scope over some months; as `measures.actual`, from sums kept by month."""
        facts = self.measured(measure)
        if facts.empty:
            return float("nan"), 0
        own = self._sums(measure, level).get("" if level == "company" else str(name), {})
        found = [own[month.ordinal] for month in months if month.ordinal in own]
        value, weight, n = (float(sum(part)) for part in zip(*found, strict=True)) if found else (0.0, 0.0, 0.0)
        if self.is_rate(measure):
            return (value / weight if weight else float("nan")), int(n)
        return round(value, 2), int(n)

    def _sums(self, measure: str, level: str) -> dict[str, dict[int, tuple[float, float, int]]]:
        key = ("sums", measure, level)
        if key not in self._kept:
            facts = self.measured(measure)
            name = pd.Series("", index=facts.index) if level == "company" else facts[level]
            month = facts["on"].dt.year * 12 + facts["on"].dt.month - 1 - 1970 * 12
            told = (
                facts.assign(name=name, month=month)
                .groupby(["name", "month"])[["value", "weight"]]
                .agg(["sum", "size"])
            )
            made: dict[str, dict[int, tuple[float, float, int]]] = {}
            for (who, at), (value, n, weight, _) in zip(told.index, told.to_numpy(), strict=True):
                made.setdefault(who, {})[int(at)] = (value, weight, n)
            self._kept[key] = made
        return self._kept[key]

    def is_rate(self, measure: str) -> bool:
        """Return whether a measure is a ratio of sums."""
        return self._once(("rate", measure), lambda: measures.is_rate(self.measured(measure), measure))

    def is_lower_better(self, measure: str) -> bool:
        """Return whether less of a measure is better, as the unit declares it."""
        return measure in self.declared and self.declared[measure].better == "lower"

    def first_fact(self, measure: str) -> pd.Period | None:
        """Return the first month in which a measure was ever seen."""
        facts = self.measured(measure)
        return self._once(("first", measure), lambda: facts["on"].min().to_period("M") if len(facts) else None)

    def _once(self, key: tuple, make: Callable[[], Any]) -> Any:
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    def drawn(self, level: str, name: str | None) -> np.ndarray:
        """Return months ahead x draws of bookings of one scope, by today's team."""
        key = (level, name)
        if key not in self._kept:
            flat, amount = self._placed
            if level != "company":
                rows = self._once(("rows", level), lambda: self.draws.groupby(level, observed=True).indices)
                inside = rows.get(name, np.zeros(0, dtype=np.int64))
                flat, amount = flat[inside], amount[inside]
            self._kept[key] = _cube(flat, amount, len(self.ahead), self.n_draws)
        return self._kept[key]

    def left(self, level: str, name: str | None, months: Iterable[pd.Period]) -> np.ndarray:
        """Return the draws of a scope's bookings over those of some months that lie ahead."""
        first = self.ahead[0].ordinal
        at = sorted({month.ordinal - first for month in months} & set(range(len(self.ahead))))
        return self.drawn(level, name)[at].sum(axis=0)

    @cached_property
    def _placed(self) -> tuple[np.ndarray, np.ndarray]:
        """Where each row of the draws belongs among months and draws, -1 outside of them; and its amount."""
        return _places(self.draws, self.ahead, self.n_draws), self.draws["amount"].to_numpy(dtype=float)

    @property
    def has_draws(self) -> bool:
        """Whether the forecast could draw anything."""
        return len(self.draws) > 0


def cube(rows: pd.DataFrame, months: pd.PeriodIndex, n: int) -> np.ndarray:
    """Return months x draws: the sum of amounts by month and draw.

    Examples
    --------
    >>> rows = pd.DataFrame({"draw": [0, 0, 1], "period": ["2026-11", "2026-11", "2026-12"], "amount": [1.0, 2.0, 5.0]})
    >>> cube(rows, pd.period_range("2026-11", periods=2, freq="M"), 2).tolist()
    [[3.0, 0.0], [0.0, 5.0]]
    """
    return _cube(_places(rows, months, n), rows["amount"].to_numpy(dtype=float), len(months), n)


def _places(rows: pd.DataFrame, months: pd.PeriodIndex, n: int) -> np.ndarray:
    codes, known = pd.factorize(rows["period"])
    at = pd.Index([str(month) for month in months]).get_indexer(pd.Index(known).astype(str))
    month = np.append(at, -1)[codes]
    return np.where(month < 0, -1, month * n + rows["draw"].to_numpy(dtype=np.int64))


def _cube(flat: np.ndarray, amount: np.ndarray, months: int, n: int) -> np.ndarray:
    inside = flat >= 0
    return np.bincount(flat[inside], weights=amount[inside], minlength=months * n).reshape(months, n)


def ground(book: Any, draws: pd.DataFrame, *, n_draws: int = DRAWS) -> Ground:
    """Return the ground of a book.

    Parameters
    ----------
    book : Book
        The frozen tables of a period.
    draws : DataFrame
        Table ``draws`` of the forecast's results; empty where it could not be made.
    n_draws : int
        How many draws it holds, those without any bookings included.
    """
    config = book.config
    columns = ["draw", "owner_id", "rep", "team", "region", "period", "part", "amount"]
    return Ground(
        period=book.period, as_of=book.as_of, facts=book.facts, names=names_of(book), departed=departed(book),
        draws=draws if len(draws.columns) else pd.DataFrame({name: [] for name in columns}),
        declared=config.measures, market=book.table("market"), n_draws=n_draws,
        fiscal_start=config.fiscal_year_start, close_lag=config.close_lag_days, country=config.country,
        currency=config.currency,
    )  # fmt: skip


def names_of(book: Any) -> dict[str, frozenset]:
    """Return which regions, teams and reps the unit knows, by memberships and by deals."""
    deals, members = book.deals(), book.table("memberships")
    found = {level: set(deals[level].dropna()) | set(members[level].dropna()) for level in ("region", "team")}
    found["rep"] = set(deals["rep"].dropna()) | set(book.rep_names.values())
    return {level: frozenset(str(name) for name in names) for level, names in found.items()}


def departed(book: Any) -> frozenset:
    """Return the shown names of reps who had left by `as_of`."""
    reps, members, day = book.table("reps"), book.table("memberships"), pd.Timestamp(book.as_of)
    gone = set(reps.loc[(reps["left_on"] <= day) | reps["active"].isin([False]), "rep_id"])
    ended = members.groupby("rep_id")["to_on"].agg(lambda to: bool(to.notna().all() and to.max() < day))
    gone |= set(ended[ended].index) if len(ended) else set()
    return frozenset(book.rep_names.get(rep, str(rep)) for rep in gone)


def scope(target: dict, *, period: bool = True) -> str:
    """Return a target's name as sentences and tables take it: ``period|level|name|measure|tier``.

    Examples
    --------
    >>> scope({"period": "2026Q4", "level": "team", "name": "A|1", "measure": "csat", "tier": "base"})
    '2026Q4|team|A/1|csat|base'
    """
    name = target["name"] if isinstance(target["name"], str) else ""
    told = [str(target["period"]) if period else "", target["level"], name, target["measure"], target["tier"]]
    return "|".join(str(part or "").replace("|", "/").replace(";", ",")[:80] for part in told)


def uom(measure: str, ground: Ground) -> str:
    """Return a measure's unit of measurement."""
    if measure in ground.declared:
        return str(ground.declared[measure].uom)
    return (
        ground.currency
        if measure in MONEY
        else "share"
        if measure in _SHARES
        else "score"
        if measure == "nps"
        else "count"
    )
