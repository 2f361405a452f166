"""Find the cells, stage by segment, that are slower or leakier since some month, or worse than their stage all along."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from salesloop.metrics.bottlenecks import incidence, lasting, scan
from salesloop.metrics.bottlenecks.cells import ALL, DIRECTION, LEAST_MOVES, Q, named, tabulated
from salesloop.metrics.bottlenecks.rates import CAUSES, Baseline, Kinds, Pieces, cut, kinds
from salesloop.metrics.bottlenecks.stays import SHORTEST, Stays
from salesloop.metrics.intervals import benjamini_hochberg

MOST_FOUND = 6
LEAST_ENDED = 20
WINDOW_DAYS = 365.0
_RESTRICTED = 180.0
_ROUNDS = 6
_DESCRIBED = 20
_ALIKE = 0.85
COLUMNS = ["pipeline", "stage", "segment_kind", "segment", "nature", "direction", "since", "n", "observed", "expected",
           "ratio", "ratio_se", "p_value", "q_value", "own_q"]  # fmt: skip


@dataclass(frozen=True)
class Found:
    """What the search found.

    Attributes
    ----------
    cells : DataFrame
        `COLUMNS`, a row a cell with its worst direction: ``nature`` is change (since a month) or lasting; ``observed``
        and ``expected`` moves since the change (or all along), ``ratio`` of the pace after to before (or to the
        stage); most suspicious first. ``own_q`` is the q value against what both its stage and its own segment in the
        other stages lead to expect: a segment that is slower everywhere is no bottleneck of one stage.
    causes : DataFrame
        The rows that were found one after the other, each with what was found before taken into account.
    small : int
        Cells with too few moves to be searched.
    months : int
        Months of history searched.
    dispersion : dict
        How much more than Poisson the counts vary, by cause.
    """

    cells: pd.DataFrame
    causes: pd.DataFrame
    small: int = 0
    months: int = 0
    dispersion: dict[str, float] = field(default_factory=dict)


def find(deals: pd.DataFrame, made: Stays, *, names: list[str], q: float = Q) -> Found:
    """Search every stage of every segment.

    Parameters
    ----------
    deals : DataFrame
        The deals that `made` was made of, with the columns `names`.
    made : Stays
        From `stays`.
    names : list of str
        Segment kinds: columns of `deals`.
    q : float
        The q value at which a cell counts as found.

    Returns
    -------
    Found
        Empty where there is no stage history.
    """
    empty = pd.DataFrame(columns=COLUMNS)
    if not made.staged or made.table.empty:
        return Found(empty, empty)
    deals = deals.drop_duplicates("opportunity_id").reset_index(drop=True)
    pieces = cut(made)
    splits = kinds(deals, made, pieces, [name for name in names if name in deals])
    lines = [Baseline(pieces, splits, cause) for cause in range(len(CAUSES))]
    causes, cells = _stepwise(pieces, splits, lines, q)
    steady = pd.concat(
        [lasting.lasting(pieces, splits, line, CAUSES[i]) for i, line in enumerate(lines)], ignore_index=True
    )
    steady["q_value"] = benjamini_hochberg(steady["p_value"].to_numpy(float))
    steady["own_q"] = benjamini_hochberg(steady["own_p"].to_numpy(float))
    spread = {cause: _spread(pieces, splits, line) for cause, line in zip(CAUSES, lines, strict=True)}
    small = int(sum(len(levels) for levels in splits.levels) + 1) * len(pieces.stages)
    told = _worst(causes, cells, steady, q)
    return Found(told, causes, small - len(told), pieces.n_months, spread)


def _spread(pieces: Pieces, splits: Kinds, line: Baseline) -> float:
    told = tabulated(pieces, splits, line)
    return scan.dispersion(told.observed, told.expected)


def _stepwise(pieces, splits, lines, q) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Take the most certain change, put it into the baseline, and look again, until nothing is left."""
    causes: list[pd.Series] = []
    while True:
        cells = pd.concat(
            [_changes(pieces, splits, line, CAUSES[i]) for i, line in enumerate(lines)], ignore_index=True
        )
        cells["q_value"] = benjamini_hochberg(cells["p_value"].to_numpy(float))
        cells = cells.sort_values(["p_value", "best"], ascending=[True, False], kind="stable").reset_index(drop=True)
        if cells.empty or cells["q_value"].iloc[0] > q or len(causes) == MOST_FOUND:
            break
        first = _plainest(pieces, splits, cells[cells["q_value"] <= q]).copy()
        first["ratio"], first["expected"] = _explained(pieces, splits, lines[CAUSES.index(first["cause"])], first)
        causes.append(first)
    found = pd.DataFrame(causes).reset_index(drop=True) if causes else cells[:0]
    return found, cells


def _plainest(pieces: Pieces, splits: Kinds, found: pd.DataFrame) -> pd.Series:
    """Return the most certain cell, by the first kind of segment that holds the same deals: customers of 1 to 99 may be SMB."""
    best = found.iloc[0]
    stage, kind, level = best["place"]
    here = pieces.stage == stage
    mine = splits.codes[here, kind] == level if kind >= 0 else np.ones(here.sum(), bool)
    for _, row in found[(found["stage"] == best["stage"]) & (found["cause"] == best["cause"])].iterrows():
        at, other, name = row["place"]
        if at == stage and 0 <= other < kind:
            same = splits.codes[here, other] == name
            if (same & mine).sum() >= _ALIKE * (same | mine).sum():
                return row
    return best


def _explained(pieces: Pieces, splits: Kinds, line: Baseline, row) -> tuple[float, float]:
    """Take a change into the baseline and return its ratio, both fitted together, with the moves due without it."""
    after = _inside(pieces, splits, row)
    before = _inside(pieces, splits, {**row, "month": 0}) & ~after
    total, step = 1.0, float(row["ratio"])
    for _ in range(_ROUNDS):
        step = float(np.clip(step, 0.02 / total, 50.0 / total))
        line.explain(after, step)
        total *= step
        o1, e1 = line.observed[after].sum(), line._expected[after].sum()
        o0, e0 = line.observed[before].sum(), line._expected[before].sum()
        step = ((o1 + 0.5) / (e1 + 0.5)) / ((o0 + 0.5) / (e0 + 0.5))
        if abs(np.log(step)) < 0.01:
            break
    return total, float(e1 / total)


def _inside(pieces: Pieces, splits: Kinds, row) -> np.ndarray:
    """Return which pieces lie in a cell from its month of change on."""
    stage, kind, level = row["place"]
    inside = (pieces.stage == stage) & (pieces.month >= row["month"])
    return inside if kind < 0 else inside & (splits.codes[:, kind] == level)


def _changes(pieces: Pieces, splits: Kinds, line: Baseline, cause: str) -> pd.DataFrame:
    table = tabulated(pieces, splits, line)
    phi = scan.dispersion(table.observed, table.expected)
    keep = np.flatnonzero(table.expected.sum(axis=1) >= LEAST_MOVES)
    seen, due = table.observed[keep], table.expected[keep]
    best, month = scan.ratios(seen, due, fewer=cause == "forward")
    p = scan.p_values(best / phi, seen.sum(axis=1), months=pieces.n_months, fewer=cause == "forward")
    after = np.arange(pieces.n_months)[None] >= month[:, None]
    o1, e1 = (seen * after).sum(axis=1), (due * after).sum(axis=1)
    o0, e0 = (seen * ~after).sum(axis=1), (due * ~after).sum(axis=1)
    ratio = ((o1 + 0.5) / (e1 + 0.5)) / ((o0 + 0.5) / (e0 + 0.5))
    return pd.DataFrame({
        **named(pieces, splits, [table.names[i] for i in keep]), "nature": "change", "cause": cause,
        "direction": DIRECTION[cause], "month": month, "since": [str(pieces.first + int(m)) for m in month],
        "n": seen.sum(axis=1).astype(int), "observed": o1, "expected": e1 * (o0 + 0.5) / (e0 + 0.5), "ratio": ratio,
        "ratio_se": np.sqrt(phi * (1 / (o1 + 0.5) + 1 / (o0 + 0.5))), "best": best, "p_value": p,
    })  # fmt: skip


def _worst(causes, cells, steady, q) -> pd.DataFrame:
    """Return one row a cell: what was found in it, else its least likely side."""
    key = ["pipeline", "stage", "segment_kind", "segment"]
    cells = cells.assign(found=2)
    causes, cells = (part.assign(own_q=part["q_value"]) for part in (causes.assign(found=0), cells))
    steady = steady.assign(found=np.where(steady["q_value"] <= q, 1, 2))
    parts = [part for part in (causes, steady, cells) if len(part)]
    if not parts:
        return pd.DataFrame(columns=[*COLUMNS, "found"])
    told = pd.concat(parts, ignore_index=True)
    told = told.sort_values(["found", "p_value", "best"], ascending=[True, True, False], kind="stable")
    return told.drop_duplicates(key)[[*COLUMNS, "found"]].reset_index(drop=True)


@dataclass(frozen=True)
class _Seen:
    """The stays as arrays, and between which days they were seen; ways out are 0 still there, 1 forward, 2 lost, 3 back."""

    start: np.ndarray
    end: np.ndarray
    way: np.ndarray
    since: float
    until: float

    @classmethod
    def of(cls, made: Stays) -> _Seen:
        start, end = made.table["start"].to_numpy(float), made.table["end"].to_numpy(float)
        names = ["", "forward", "lost", "void", "back"]
        way = np.array([0, 1, 2, 2, 3])[pd.Categorical(made.table["exit"], names).codes]
        return cls(start, np.maximum(end, start + SHORTEST), way, made.since, made.until)

    def between(self, rows: np.ndarray, since: float, until: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return time, entry and way out of stays as seen between two days; what left later is still there."""
        start, end, way = self.start[rows], self.end[rows], self.way[rows]
        seen = (end > since) & (start < until)
        start, end, way = start[seen], end[seen], way[seen]
        late = end > until
        return np.where(late, until, end) - start, np.maximum(since - start, 0.0), np.where(late, 0, way)


def describe(cells: pd.DataFrame, deals: pd.DataFrame, made: Stays) -> pd.DataFrame:
    """Add conversion, median and excess days of each cell.

    Returns
    -------
    DataFrame
        `cells` with ``n`` (stays at risk in the last 12 months), ``conversion, low, high`` (share that went forward,
        Aalen-Johansen with 95 % interval), ``p50_days, p75_days`` (Kaplan-Meier, NaN under 20 ended stays) with 95 %
        intervals ``p50_low, p50_high, p75_low, p75_high`` and ``excess_days`` (restricted mean days now against before
        the change, or against the stage), both of what was found and the next 20 cells.
    """
    deals = deals.drop_duplicates("opportunity_id").reset_index(drop=True)
    seen, row = _Seen.of(made), made.table["row"].to_numpy(int)
    groups = made.table.groupby(["pipeline", "stage"]).indices
    stage_rows = {key: np.asarray(part, int) for key, part in groups.items()}
    levels = {kind: pd.Categorical(deals[kind].astype(str)) for kind in set(cells["segment_kind"]) - {ALL}}
    told = []
    for at, cell in enumerate(cells.itertuples()):
        rows = stage_rows.get((cell.pipeline, cell.stage), np.zeros(0, int))
        inside = rows
        if cell.segment_kind != ALL:
            known = levels[cell.segment_kind]
            inside = rows[known.codes[row[rows]] == known.categories.get_loc(cell.segment)]
        shown = cell.found < 2 or at < _DESCRIBED
        excess = _excess(seen, inside, rows, cell) if shown else np.nan
        told.append((*_described(seen, inside, ranges=shown), excess))
    names = ["n", "conversion", "low", "high", "p50_days", "p75_days", *_RANGES, "excess_days"]
    return cells.drop(columns=["n"]).assign(
        **{name: [r[i] for r in told] for i, name in enumerate(names)}, moves=cells["n"]
    )


_RANGES = ("p50_low", "p50_high", "p75_low", "p75_high")


def _described(seen: _Seen, inside: np.ndarray, *, ranges: bool) -> tuple:
    time, entry, way = seen.between(inside, max(seen.since, seen.until - WINDOW_DAYS), seen.until)
    share, low, high = incidence.last_share(incidence.incidence(time, way, entry, causes=3), 1)
    middle = upper = np.nan
    bounds = (np.nan,) * len(_RANGES)
    if (way > 0).sum() >= LEAST_ENDED:
        curve = incidence.kaplan_meier(time, way > 0, entry)
        middle, upper = incidence.reached(curve, 0.5, 0.75)
        if ranges:
            bounds = (*incidence.quantile(curve, 0.5)[1:], *incidence.quantile(curve, 0.75)[1:])
    return len(time), share, low, high, middle, upper, *bounds


def _excess(seen: _Seen, inside: np.ndarray, rows: np.ndarray, cell) -> float:
    """Return restricted mean days after the change minus before it, or in the cell minus in the rest of its stage."""
    if cell.nature == "change":
        at = float(np.datetime64(cell.since, "D").astype("int64"))
        after, before = seen.between(inside, at, seen.until), seen.between(inside, seen.since, at)
    else:
        after = seen.between(inside, seen.since, seen.until)
        before = seen.between(np.setdiff1d(rows, inside), seen.since, seen.until)
    told = []
    for time, entry, way in (after, before):
        if (way > 0).sum() < 5:
            return np.nan
        told.append(incidence.restricted_mean(incidence.kaplan_meier(time, way > 0, entry), _RESTRICTED))
    return told[0] - told[1]
