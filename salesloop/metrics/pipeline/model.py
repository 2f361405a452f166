"""The multi-state model of open deals: when a stage is left, and for where.

In each step a deal leaves its stage or stays (a logistic hazard of stage x age, of the step's working days and place in
month and quarter, and of what the deal is); one that leaves is lost or goes on (a second logistic of stage, of the place
in month and quarter, and of what the deal is), and one that goes on moves as deals of that stage have moved. All of it is learned from steps begun open, so that
deals still open count for what they have lived through and no more.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from salesloop.metrics.pipeline import logistic
from salesloop.metrics.pipeline.coded import labels, places
from salesloop.metrics.pipeline.stays import (
    ENDS,
    OPEN,
    TOP_AGE,
    Lived,
    Moves,
    coded_exposures,
    coded_visits,
    rows_of,
)
from salesloop.metrics.pipeline.steps import PER_MONTH, step_of, timing, work

FEATURES = ("type", "segment", "product", "lead_source", "sales_channel", "region")
PEOPLE = "owner_id"
"""Whose deal it is: told apart as the features are, but shrunk harder, because people differ by little."""
FULL_N, STAGED_N, LEAST_N = 60, 20, 5
"""Closed deals needed for the full model, for stage by age alone, and for one average; below it there is none."""
_LEVEL_N = 15
_MOST_LEVELS, _MOST_PEOPLE = 12, 60
_BANDS = np.array([1, 2, 3, 4, 6, 8, 12, 18])
_TIMES = 2 * PER_MONTH
_MAIN, _BASE, _CELL, _OWN = 1.0, 0.1, 1.0, 20.0
_GO_PRIOR = 2.0
_MOST_ROWS = 150_000
_CLOSES, _CLOSE = 0.5, 1e-4
"""From which share won a stage is one that deals are won from; how near the coefficients are brought."""


@dataclass(frozen=True)
class Model:
    """A fitted model; refit it from the frozen tables rather than store it: fitting takes well under a second.

    Attributes
    ----------
    kind : {"multistate", "stage_age", "average", "none"}
        How much the number of closed deals could carry.
    stages : list of str
        The open stages, most common order of entry first.
    levels : dict of str to list of str
        The features used and their levels; others count as none of them.
    leave, lost : ndarray
        Coefficients of the two logistic models, laid out as `leave_base` and `effects` read them.
    go : ndarray
        Stage by (stages + won): where a deal goes that leaves and is not lost.
    start : ndarray
        Share of new deals by state at the end of the step they are created in: stages, won, lost.
    starts : dict of str to ndarray
        The same for each type of deal with enough of them: renewals often begin half-way.
    closing : ndarray of bool
        The stages that deals are mostly won from, if not lost: these have their own pace by month and quarter.
    country : str
        Whose working days deals move on.
    drift : ndarray
        Ratios of amount when won to amount before, one a won deal with a history of amounts; ``[1.0]`` without.
    n_closed, n_won : int
        Deals it rests on.
    """

    kind: str
    stages: list[str]
    levels: dict[str, list[str]] = field(default_factory=dict)
    leave: np.ndarray = field(default_factory=lambda: np.zeros(0))
    lost: np.ndarray = field(default_factory=lambda: np.zeros(0))
    go: np.ndarray = field(default_factory=lambda: np.zeros((0, 1)))
    start: np.ndarray = field(default_factory=lambda: np.zeros(2))
    drift: np.ndarray = field(default_factory=lambda: np.ones(1))
    n_closed: int = 0
    n_won: int = 0
    starts: dict[str, np.ndarray] = field(default_factory=dict)
    closing: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=bool))
    country: str = "CN"

    @property
    def staged(self) -> bool:
        """Whether stages are told apart."""
        return self.stages != [OPEN]


def fit(
    deals: pd.DataFrame, events: pd.DataFrame, *, as_of: dt.date, stages: pd.DataFrame | None = None, staged: bool = True,
    country: str = "CN", people: bool = True,
) -> Model:  # fmt: skip
    """Fit the model to what was known at a day.

    Parameters
    ----------
    deals : DataFrame
        ``opportunity_id, status, stage, created_at, closed_on, amount`` and any of `FEATURES`.
    events : DataFrame
        ``opportunity_id, at, from_stage, to_stage`` and, where known, ``amount``; may be empty.
    as_of : date
        Nothing after it is read.
    stages : DataFrame, optional
        ``stage, kind``: which stage names mean won, lost or void.
    staged : bool, default True
        False where the stages of the past are not known: one open state, by age alone.
    country : str
        Whose working days deals move on.
    people : bool, default True
        Whether owners are told apart too.

    Returns
    -------
    Model
    """
    events = open_moves(deals, events, stages)
    staged = staged and len(events) > 0
    moves, since, seen = _observed(deals, events, as_of, staged)
    if staged and seen.sum() < STAGED_N <= moves.closing.sum():
        moves, since, seen = _observed(deals, events, as_of, False)
    n_closed = int(seen.sum())
    n_won = int((np.array(moves.names, dtype=object)[moves.state[seen]] == "won").sum())
    if n_closed < LEAST_N or n_won == 0:
        return Model("none", [OPEN], n_closed=n_closed, n_won=n_won)
    kind = "multistate" if n_closed >= FULL_N else "stage_age" if n_closed >= STAGED_N else "average"
    if kind == "average":
        moves, since, _ = _observed(deals, events, as_of, False)
    lived = coded_exposures(moves, as_of=as_of, since=since)
    names = _stage_order(moves)
    go, levels = _fit_go(moves, lived, names), _levels(deals, moves.deal[seen], people) if kind == "multistate" else {}
    closing = go[:, -1] >= _CLOSES
    cells = _cells(moves, _thinned(moves, lived), codes(deals, levels), names, closing)
    sizes = _sizes(len(names), levels)
    began = moves.first & (moves.step >= (since or 0))
    return Model(
        kind, names, levels, _fit_leave(cells, sizes, country), _fit_lost(cells, sizes), go,
        _fit_start(moves, began, names), _fit_drift(deals, events), n_closed, n_won, _fit_starts(deals, moves, began, names),
        closing, country,
    )  # fmt: skip


def _observed(deals, events, as_of, staged) -> tuple[Moves, int | None, np.ndarray]:
    """Return the moves, the step from which what became of every deal is known, and which moves are closings since.

    A CRM that opens with the deals then open holds nobody who was lost before: of what older deals lived through, only
    the time from its first move on counts. Without a history of moves that day is not known, and all counts.
    """
    moves = coded_visits(deals, events, as_of=as_of, staged=staged)
    if not staged:
        return moves, None, moves.closing
    since = int(step_of(pd.Series([events["at"].min()]))[0]) + 1
    return moves, since, moves.closing & (moves.step >= since)


def open_moves(deals: pd.DataFrame, events: pd.DataFrame, stages: pd.DataFrame | None) -> pd.DataFrame:
    """Return the events with closing stages named by what they mean: won, lost or void."""
    meaning = {word: word for word in ENDS}
    if stages is not None and len(stages):
        meaning |= {row.stage: row.kind for row in stages.itertuples() if row.kind in ENDS}
    live = set(deals.loc[deals["status"] == OPEN, "stage"].dropna().unique())
    live |= set(events["from_stage"].dropna().unique())
    closed = deals.loc[deals["status"].isin(ENDS) & deals["stage"].notna(), ["stage", "status"]].drop_duplicates(
        "stage"
    )
    for stage, status in zip(closed["stage"], closed["status"], strict=True):
        if stage not in live:
            meaning.setdefault(stage, status)
    code, names = labels(events["to_stage"])
    if isinstance(events["to_stage"].dtype, pd.CategoricalDtype):
        to_code = pd.Index(names).get_indexer([meaning.get(name, name) for name in names])
        to = pd.Categorical.from_codes(np.append(to_code, -1)[code], dtype=events["to_stage"].dtype)
    else:
        to = np.array([*(meaning.get(name, name) for name in names), None], dtype=object)[code]
    made = events.assign(to_stage=to)
    return made if (code >= 0).all() else made[code >= 0]


def _thinned(moves: Moves, lived: Lived) -> Lived:
    """Return the steps of every second, third, ... deal where there are more than the two regressions need."""
    every = -(-len(lived.move) // _MOST_ROWS)
    kept = moves.deal[lived.move] % every == 0 if every > 1 else slice(None)
    return Lived(lived.move[kept], lived.age[kept], lived.step[kept], lived.to[kept])


def _stage_order(moves: Moves) -> list[str]:
    place = np.arange(len(moves.deal)) - np.flatnonzero(moves.first)[np.cumsum(moves.first) - 1]
    inside = ~moves.ended
    told = pd.DataFrame({"state": np.array(moves.names, dtype=object)[moves.state[inside]], "place": place[inside]})
    told = told.groupby("state")["place"].agg(["mean", "size"]).reset_index()
    return told.sort_values(["mean", "size", "state"], ascending=[True, False, True])["state"].tolist()


def _levels(deals: pd.DataFrame, closed: np.ndarray, people: bool) -> dict[str, list[str]]:
    """Keep the features that split the closed deals, and of each the levels with enough of them, the commonest first."""
    kept = {}
    for name in (*FEATURES, PEOPLE) if people else FEATURES:
        if name not in deals:
            continue
        code, names = labels(deals[name])
        count = np.bincount(code[closed][code[closed] >= 0], minlength=len(names))
        enough = np.flatnonzero(count >= _LEVEL_N)
        enough = enough[np.argsort(names[enough], kind="stable")]
        most = enough[np.argsort(-count[enough], kind="stable")][: _MOST_PEOPLE if name == PEOPLE else _MOST_LEVELS]
        if len(enough) >= 2:
            kept[name] = sorted(names[most])
    return kept


def codes(deals: pd.DataFrame, levels: dict[str, list[str]]) -> pd.DataFrame:
    """Return integer codes of the features, -1 for a level that the model does not know."""
    return pd.DataFrame({name: places(deals[name], found) for name, found in levels.items()}, index=deals.index)


def band(age: np.ndarray) -> np.ndarray:
    """Return the age band of ages in steps."""
    return np.searchsorted(_BANDS, age, side="right") - 1


def _cells(moves: Moves, lived: Lived, features: pd.DataFrame, names: list[str], closing: np.ndarray) -> dict:
    """Return what the models tell steps apart by, in codes, with who left and who was lost."""
    states = np.array([names.index(name) if name in names else -1 for name in moves.names])
    stage, time, age = states[moves.state[lived.move]], timing(lived.step), band(lived.age)
    lost = np.isin(moves.names, ["lost", "void"])
    made = {"all": np.zeros(len(stage), dtype=np.int64), "stage": stage, "band": age, "pair": stage * len(_BANDS) + age}
    made |= {"time": time, "late": np.where(closing[stage], time, -1)}
    made |= {name: features[name].to_numpy()[moves.deal[lived.move]] for name in features}
    left = lived.to >= 0
    return made | {"step": lived.step, "left": left, "lost": left & lost[lived.to]}


def _sizes(n_stages: int, levels: dict[str, list[str]]) -> dict[str, int]:
    bands = len(_BANDS)
    base = {"all": 1, "stage": n_stages, "band": bands, "pair": n_stages * bands, "time": _TIMES, "late": _TIMES}
    return base | {name: len(found) for name, found in levels.items()}


def _fit_leave(cells: dict, sizes: dict[str, int], country: str) -> np.ndarray:
    """Fit the hazard of leaving: intercept, stage, stage x band, place in month and quarter, features, working days."""
    design = logistic.Coded([cells[name] for name in sizes], list(sizes.values()), [work(cells["step"], country)])
    return logistic.ridge_logit(
        design, cells["left"].astype(float), np.ones(len(cells["left"])), _penalty(sizes, 1), close=_CLOSE
    )


def _fit_lost(cells: dict, sizes: dict[str, int]) -> np.ndarray:
    """Fit the share lost among those that leave: intercept, stage, stage x band, place in month and quarter, features."""
    gone = cells["left"]
    design = logistic.Coded([cells[name][gone] for name in sizes], list(sizes.values()))
    return logistic.ridge_logit(
        design, cells["lost"][gone].astype(float), np.ones(int(gone.sum())), _penalty(sizes, 0), close=_CLOSE
    )


def _penalty(sizes: dict[str, int], numbers: int) -> np.ndarray:
    weights = {"all": 0.0, "stage": _BASE, "band": _BASE, "pair": _CELL, PEOPLE: _OWN}
    return np.concatenate(
        [np.full(size, weights.get(name, _MAIN)) for name, size in sizes.items()] + [np.full(numbers, _MAIN)]
    )


def _fit_go(moves: Moves, lived: Lived, names: list[str]) -> np.ndarray:
    targets = [*names, "won"]
    place = np.array([targets.index(name) if name in targets else -1 for name in moves.names])
    went = lived.to >= 0
    source, to = place[moves.state[lived.move[went]]], place[lived.to[went]]
    inside = to >= 0
    cell = source[inside] * len(targets) + to[inside]
    table = np.bincount(cell, minlength=len(names) * len(targets)).reshape(len(names), len(targets)).astype(float)
    whole = table.sum(axis=0, keepdims=True)
    prior = np.tile(whole / max(whole.sum(), 1.0), (len(names), 1))
    np.fill_diagonal(prior[:, : len(names)], 0.0)
    prior /= np.maximum(prior.sum(axis=1, keepdims=True), 1e-12)
    few = _GO_PRIOR * (table.sum(axis=1, keepdims=True) < 5)
    table = table + few * prior
    return table / np.maximum(table.sum(axis=1, keepdims=True), 1e-12)


def _fit_start(moves: Moves, chosen: np.ndarray, names: list[str]) -> np.ndarray:
    """Return the shares of chosen moves by state: stages, won, lost."""
    targets = [*names, "won", "lost"]
    place = np.array(
        [
            targets.index(name) if name in targets else -1
            for name in ["lost" if one == "void" else one for one in moves.names]
        ]
    )
    at = place[moves.state[chosen]]
    counts = np.bincount(at[at >= 0], minlength=len(targets)).astype(float)
    return counts / max(counts.sum(), 1.0)


def _fit_starts(deals: pd.DataFrame, moves: Moves, began: np.ndarray, names: list[str]) -> dict[str, np.ndarray]:
    if "type" not in deals:
        return {}
    code, kinds = pd.factorize(deals["type"], sort=True)
    kind = np.where(began, code[moves.deal], -1)
    return {
        str(name): _fit_start(moves, kind == i, names)
        for i, name in enumerate(kinds) if (kind == i).sum() >= 2 * _LEVEL_N
    }  # fmt: skip


def start_shares(model: Model, deals: pd.DataFrame) -> np.ndarray:
    """Return for each deal to be created where it will stand at the end of its first step: deals x (stages, won, lost)."""
    made = np.tile(model.start, (len(deals), 1))
    place = places(deals["type"], [*model.starts])
    for i, share in enumerate(model.starts.values()):
        made[place == i] = share
    return made


def _fit_drift(deals: pd.DataFrame, events: pd.DataFrame) -> np.ndarray:
    """Return amount when won over an amount seen before, for each event of a won deal that states one."""
    if "amount" not in events:
        return np.ones(1)
    seen = events[(events["amount"] > 0) & ~events["to_stage"].isin(ENDS)]
    won = deals["amount"].where((deals["status"] == "won") & (deals["amount"] > 0)).to_numpy(float)
    row = rows_of(deals, seen["opportunity_id"])
    ratio = won[row[row >= 0]] / seen["amount"].to_numpy(float)[row >= 0]
    ratio = np.sort(ratio[(ratio > 0.1) & (ratio < 10)])
    return ratio if len(ratio) >= 20 else np.ones(1)


def leave_base(model: Model) -> tuple[np.ndarray, np.ndarray]:
    """Return the logits of leaving by stage x age, and of a loss among those that leave, without features."""
    return _surface(model.leave, len(model.stages)), _surface(model.lost, len(model.stages))


def _surface(beta: np.ndarray, n_stages: int) -> np.ndarray:
    bands, ages = len(_BANDS), band(np.arange(1, TOP_AGE + 1))
    stage, age = beta[1 : 1 + n_stages], beta[1 + n_stages : 1 + n_stages + bands]
    pair = beta[1 + n_stages + bands :][: n_stages * bands].reshape(n_stages, bands)
    return beta[0] + stage[:, None] + age[ages][None, :] + pair[:, ages]


def effects(model: Model, deals: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return each deal's own part of the two logits."""
    at, told = _timed_at(model) + 2 * _TIMES, codes(deals, model.levels)
    made = np.zeros((2, len(deals)))
    for name, found in model.levels.items():
        for row, beta in enumerate((model.leave, model.lost)):
            made[row] += np.append(beta[at : at + len(found)], 0.0)[told[name].to_numpy()]
        at += len(found)
    return made[0], made[1]


def paces(model: Model, step: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the parts of the two logits that go with the calendar: place in month and quarter, working days; steps x stages."""
    at, place = _timed_at(model), timing(step)
    told = []
    for beta in (model.leave, model.lost):
        every, late = beta[at : at + _TIMES][place], beta[at + _TIMES : at + 2 * _TIMES][place]
        told.append(every[:, None] + late[:, None] * model.closing[None])
    return told[0] + model.leave[-1] * work(step, model.country)[:, None], told[1]


def _timed_at(model: Model) -> int:
    return 1 + len(model.stages) + len(_BANDS) + len(model.stages) * len(_BANDS)
