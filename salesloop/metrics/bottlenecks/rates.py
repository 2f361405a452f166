"""What was to be expected: stays cut by age and month, and the baseline of moves by stage, age, month and kind of deal.

The baseline of each cause is a Poisson regression whose factors are all categories, so that it can be fitted by
proportional updates alone: each factor in turn is set to observed over expected, with some weight at 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from salesloop.metrics.bottlenecks.stays import SHORTEST, Stays

AGES = np.array([0.0, 4.0, 8.0, 15.0, 22.0, 31.0, 46.0, 61.0, 91.0, 136.0, 181.0, 271.0])
_LONGEST = 540.0
MOST_MONTHS = 48
CAUSES = ("forward", "lost")
_PRIOR_MONTH, _PRIOR_LEVEL, _PRIOR_AGE = 10.0, 4.0, 0.5
_ROUNDS = 12


@dataclass(frozen=True)
class Pieces:
    """Stays cut at ages and month ends.

    Attributes
    ----------
    stay : ndarray of int
        Row of the stays table.
    stage, band, month : ndarray of int
        Codes; months count from `first`.
    days : ndarray
        Days lived through in the piece.
    observed : ndarray, causes x pieces
        Moves at the piece's end.
    stages : list of (pipeline, stage)
    first : Period
        The month of code 0.
    n_months : int
    """

    stay: np.ndarray
    stage: np.ndarray
    band: np.ndarray
    month: np.ndarray
    days: np.ndarray
    observed: np.ndarray
    stages: list[tuple[str, str]]
    first: pd.Period
    n_months: int


def cut(made: Stays) -> Pieces:
    """Return the stays cut by age band and calendar month, what lies before the history began left out."""
    table = made.table
    stages = list(zip(made.order["pipeline"], made.order["stage"], strict=True))
    last = _month_of(made.until - 1)
    since = max(made.since, _first_day(last - MOST_MONTHS + 1))
    first = int(_months(np.array([since]))[0])
    code = pd.MultiIndex.from_tuples(stages).get_indexer(pd.MultiIndex.from_frame(table[["pipeline", "stage"]]))
    start, end = table["start"].to_numpy(float), table["end"].to_numpy(float)
    end = np.maximum(end, start + SHORTEST)
    parts = []
    for at, low in enumerate(AGES):
        high = AGES[at + 1] if at + 1 < len(AGES) else _LONGEST
        begin, stop = np.maximum(start + low, since), np.minimum(start + high, end)
        inside = np.flatnonzero(stop > begin)
        parts.append(_by_month(inside, begin[inside], stop[inside], at))
    stay, band, month, days, stop = (np.concatenate(column) for column in zip(*parts, strict=True))
    done = stop >= end[stay] - 1e-9
    kind = table["exit"].to_numpy(dtype=object)[stay]
    observed = np.stack([done & (kind == "forward"), done & np.isin(kind, ["lost", "void"])]).astype(float)
    return Pieces(stay, code[stay], band, month - first, days, observed, stages, _month_of(since), int(last.ordinal - first) + 1)  # fmt: skip


def _by_month(stay, begin, stop, band):
    """Cut intervals of days at month ends."""
    a, b = _months(begin), _months(np.ceil(stop) - 1)
    count = np.maximum(b - a, 0) + 1
    place = np.repeat(np.arange(len(stay)), count)
    month = a[place] + np.arange(len(place)) - np.repeat(np.cumsum(count) - count, count)
    left, right = _start_of(month), _start_of(month + 1)
    x, y = np.maximum(begin[place], left), np.minimum(stop[place], right)
    y = np.where(month == b[place], stop[place], y)
    keep = y > x
    place, month = place[keep], month[keep]
    return stay[place], np.full(len(place), band), month, (y - x)[keep], y[keep]


def _months(days: np.ndarray) -> np.ndarray:
    return days.astype("int64").astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def _start_of(months: np.ndarray) -> np.ndarray:
    return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64).astype(float)


def _month_of(day: float) -> pd.Period:
    return pd.Period(ordinal=int(_months(np.array([day]))[0]), freq="M")


def _first_day(month: pd.Period) -> float:
    return float(_start_of(np.array([month.ordinal]))[0])


@dataclass(frozen=True)
class Kinds:
    """Segment kinds and their levels: ``codes`` is pieces x kinds (-1 for none), ``levels`` their names."""

    names: list[str]
    levels: list[list[str]]
    codes: np.ndarray


def kinds(deals: pd.DataFrame, made: Stays, pieces: Pieces, names: list[str], most: int = 40) -> Kinds:
    """Return the levels of segment kinds for each piece; rare levels beyond `most` count as none."""
    found, levels = [], []
    row = made.table["row"].to_numpy(int)
    for name in names:
        values = deals[name].astype(object)
        counts = values.dropna().astype(str).value_counts().sort_index(kind="stable")
        kept = sorted(counts.nlargest(most).index)
        texts = values.where(values.notna()).map(lambda value: None if value is None else str(value))
        by_deal = pd.Index(kept, dtype=object).get_indexer(pd.Index(texts, dtype=object))
        found.append(by_deal[row][pieces.stay].astype(np.int16))
        levels.append([str(level) for level in kept])
    codes = np.stack(found, axis=1) if found else np.zeros((len(pieces.stay), 0), dtype=np.int16)
    return Kinds(list(names), levels, codes)


class Baseline:
    """The expected moves of one cause: stage x age, month, stage x level of each kind, times what was already found."""

    def __init__(self, pieces: Pieces, kinds: Kinds, cause: int):
        self.pieces, self.kinds = pieces, kinds
        self.observed = pieces.observed[cause]
        self.base = pieces.days.copy()
        n_bands = len(AGES)
        self.groups = [
            (pieces.stage * n_bands + pieces.band, len(pieces.stages) * n_bands, _PRIOR_AGE),
            (pieces.month, pieces.n_months, _PRIOR_MONTH),
        ]
        for k, levels in enumerate(kinds.levels):
            code = kinds.codes[:, k].astype(np.int64)
            group = np.where(code >= 0, pieces.stage * len(levels) + code, len(pieces.stages) * len(levels))
            self.groups.append((group, len(pieces.stages) * len(levels) + 1, _PRIOR_LEVEL))
        self.factors = [np.ones(size) for _, size, _ in self.groups]
        self.factors[0][:] = max(self.observed.sum(), 1e-9) / max(pieces.days.sum(), 1e-9)
        self.fit(_ROUNDS)

    def fit(self, rounds: int) -> None:
        """Update every factor in turn until nothing moves much."""
        seen = [np.bincount(group, self.observed, size) for group, size, _ in self.groups]
        expected = self.expected
        for _ in range(rounds):
            moved = 0.0
            for i, (group, size, prior) in enumerate(self.groups):
                now = np.bincount(group, expected, size)
                start = now / self.factors[i] if i else now
                new = (seen[i] + prior) / (start + prior) if i else self.factors[i] * (seen[i] + 1e-9) / (now + 1e-9)
                ratio = np.where(now > 0, new / self.factors[i], 1.0)
                self.factors[i] = np.where(now > 0, new, self.factors[i])
                expected = expected * ratio[group]
                moved = max(moved, float(np.abs(np.log(np.maximum(ratio[now > 5], 1e-9))).max(initial=0.0)))
            if moved < 2e-3:
                break
        self._expected = expected

    @property
    def expected(self) -> np.ndarray:
        """Expected moves of each piece."""
        told = self.base.copy()
        for (group, _, _), factor in zip(self.groups, self.factors, strict=True):
            told *= factor[group]
        return told

    def explain(self, inside: np.ndarray, ratio: float, rounds: int = 4) -> None:
        """Take a found change into the baseline, so that what follows from it is not found again."""
        self.base = np.where(inside, self.base * ratio, self.base)
        self.fit(rounds)
