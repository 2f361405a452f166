"""The multi-state model of open deals: when a stage is left, and for where.

In each step a deal leaves its stage or stays (a logistic hazard of stage x age, of the place of the step in month and
quarter, and of what the deal is); one that leaves is lost or goes on (a second logistic of stage and of what the deal
is), and one that goes on moves as deals of that stage have moved. All of it is learned from steps begun open, so that
deals still open count for what they have lived through and no more.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from salesloop.metrics.pipeline import logistic
from salesloop.metrics.pipeline.stays import ENDS, OPEN, TOP_AGE, exposures, visits
from salesloop.metrics.pipeline.steps import PER_MONTH, timing

FEATURES = ("type", "segment", "product", "lead_source", "sales_channel", "region")
FULL_N, STAGED_N, LEAST_N = 60, 20, 5
"""Closed deals needed for the full model, for stage by age alone, and for one average; below it there is none."""
_LEVEL_N = 15
_MOST_LEVELS = 12
_BANDS = np.array([1, 2, 3, 4, 6, 8, 12, 18])
_TIMES = 2 * PER_MONTH
_MAIN, _BASE, _CELL = 1.0, 0.1, 1.0
_GO_PRIOR = 2.0


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

    @property
    def staged(self) -> bool:
        """Whether stages are told apart."""
        return self.stages != [OPEN]


def fit(
    deals: pd.DataFrame, events: pd.DataFrame, *, as_of: dt.date, stages: pd.DataFrame | None = None, staged: bool = True,
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

    Returns
    -------
    Model
    """
    events = open_moves(deals, events, stages)
    staged = staged and len(events) > 0
    moves = visits(deals, events, as_of=as_of, staged=staged)
    closed = moves[moves["state"].isin(ENDS)].drop_duplicates("opportunity_id", keep="last")
    n_closed, n_won = len(closed), int((closed["state"] == "won").sum())
    if n_closed < LEAST_N or n_won == 0:
        return Model("none", [OPEN], n_closed=n_closed, n_won=n_won)
    kind = "multistate" if n_closed >= FULL_N else "stage_age" if n_closed >= STAGED_N else "average"
    if kind == "average" and staged:
        moves = visits(deals, events, as_of=as_of, staged=False)
    names = _stage_order(moves)
    lived = exposures(moves, as_of=as_of)
    levels = _levels(deals, moves) if kind == "multistate" else {}
    features = (
        codes(deals, levels).set_index(deals["opportunity_id"]).reindex(lived["opportunity_id"]).reset_index(drop=True)
    )
    cells = _cells(lived, features, names)
    sizes = {name: len(found) for name, found in levels.items()}
    return Model(
        kind, names, levels, _fit_leave(cells, len(names), sizes), _fit_lost(cells, len(names), sizes), _fit_go(lived, names),
        _fit_start(moves, names), _fit_drift(deals, events), n_closed, n_won, _fit_starts(deals, moves, names),
    )  # fmt: skip


def open_moves(deals: pd.DataFrame, events: pd.DataFrame, stages: pd.DataFrame | None) -> pd.DataFrame:
    """Return the events with closing stages named by what they mean: won, lost or void."""
    meaning = {word: word for word in ENDS}
    if stages is not None and len(stages):
        meaning |= {row.stage: row.kind for row in stages.itertuples() if row.kind in ENDS}
    closed, live = deals[deals["status"].isin(ENDS)], set(deals.loc[deals["status"] == OPEN, "stage"].dropna())
    live |= set(events["from_stage"].dropna())
    for stage, status in zip(closed["stage"], closed["status"], strict=True):
        if stage is not None and stage not in live:
            meaning.setdefault(stage, status)
    to = events["to_stage"].map(lambda stage: meaning.get(stage, stage))
    return events.assign(to_stage=to)[to.notna()]


def _stage_order(moves: pd.DataFrame) -> list[str]:
    inside = moves[~moves["state"].isin(ENDS)].copy()
    inside["place"] = inside.groupby("opportunity_id", sort=False).cumcount()
    told = inside.groupby("state")["place"].agg(["mean", "size"]).reset_index()
    return told.sort_values(["mean", "size", "state"], ascending=[True, False, True])["state"].tolist()


def _levels(deals: pd.DataFrame, moves: pd.DataFrame) -> dict[str, list[str]]:
    """Keep the features that split the deals, and of each the levels with enough closed deals."""
    closed = set(moves.loc[moves["state"].isin(ENDS), "opportunity_id"])
    inside = deals[deals["opportunity_id"].isin(closed)]
    kept = {}
    for name in FEATURES:
        counts = inside[name].dropna().astype(str).value_counts() if name in inside else pd.Series(dtype=int)
        counts = counts[counts >= _LEVEL_N]
        if len(counts) >= 2:
            kept[name] = sorted(counts.sort_index(kind="stable").nlargest(_MOST_LEVELS).index)
    return kept


def codes(deals: pd.DataFrame, levels: dict[str, list[str]]) -> pd.DataFrame:
    """Return integer codes of the features, -1 for a level that the model does not know."""
    made = {
        name: pd.Index(found).get_indexer(pd.Index(deals[name].astype(str))).astype(np.int64)
        for name, found in levels.items()
    }
    return pd.DataFrame(made, index=deals.index)


def band(age: np.ndarray) -> np.ndarray:
    """Return the age band of ages in steps."""
    return np.searchsorted(_BANDS, age, side="right") - 1


def _cells(lived: pd.DataFrame, features: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Count stays and exits by every combination that the models tell apart."""
    place = {name: i for i, name in enumerate(names)}
    cells = features.assign(
        stage=lived["stage"].map(place).to_numpy(), band=band(lived["age"].to_numpy()),
        time=timing(lived["step"].to_numpy()), total=1, left=lived["to"].notna().to_numpy().astype(int),
        lost=lived["to"].isin(["lost", "void"]).to_numpy().astype(int),
    )  # fmt: skip
    keys = [*features.columns, "stage", "band", "time"]
    return cells.groupby(keys, sort=True, as_index=False)[["total", "left", "lost"]].sum()


def _fit_leave(cells: pd.DataFrame, n_stages: int, sizes: dict[str, int]) -> np.ndarray:
    """Fit the hazard of leaving: intercept, stage, stage x band, time, features."""
    design = np.hstack(
        [_base(cells, n_stages), logistic.one_hot(cells, {"time": _TIMES}), logistic.one_hot(cells, sizes)]
    )
    return logistic.ridge_logit(
        design, cells["left"].to_numpy(float), cells["total"].to_numpy(float), _penalty(design, n_stages)
    )


def _fit_lost(cells: pd.DataFrame, n_stages: int, sizes: dict[str, int]) -> np.ndarray:
    """Fit the share lost among those that leave: intercept, stage, stage x band, features."""
    gone = cells[cells["left"] > 0]
    design = np.hstack([_base(gone, n_stages), logistic.one_hot(gone, sizes)])
    return logistic.ridge_logit(
        design, gone["lost"].to_numpy(float), gone["left"].to_numpy(float), _penalty(design, n_stages)
    )


def _base(cells: pd.DataFrame, n_stages: int) -> np.ndarray:
    bands = len(_BANDS)
    pair = cells.assign(pair=cells["stage"] * bands + cells["band"])
    blocks = logistic.one_hot(pair, {"stage": n_stages, "band": bands, "pair": n_stages * bands})
    return np.hstack([np.ones((len(cells), 1)), blocks])


def _penalty(design: np.ndarray, n_stages: int) -> np.ndarray:
    bands = len(_BANDS)
    weights = [0.0, *[_BASE] * (n_stages + bands), *[_CELL] * (n_stages * bands)]
    return np.array([*weights, *[_MAIN] * (design.shape[1] - len(weights))])


def _fit_go(lived: pd.DataFrame, names: list[str]) -> np.ndarray:
    targets = [*names, "won"]
    went = lived[lived["to"].isin(targets)]
    table = pd.crosstab(went["stage"], went["to"]).reindex(index=names, columns=targets, fill_value=0).to_numpy(float)
    whole = table.sum(axis=0, keepdims=True)
    prior = np.tile(whole / max(whole.sum(), 1.0), (len(names), 1))
    np.fill_diagonal(prior[:, : len(names)], 0.0)
    prior /= np.maximum(prior.sum(axis=1, keepdims=True), 1e-12)
    few = _GO_PRIOR * (table.sum(axis=1, keepdims=True) < 5)
    table = table + few * prior
    return table / np.maximum(table.sum(axis=1, keepdims=True), 1e-12)


def _fit_start(moves: pd.DataFrame, names: list[str]) -> np.ndarray:
    first = moves.drop_duplicates("opportunity_id")["state"].replace("void", "lost")
    counts = first.value_counts().reindex([*names, "won", "lost"], fill_value=0).to_numpy(float)
    return counts / max(counts.sum(), 1.0)


def _fit_starts(deals: pd.DataFrame, moves: pd.DataFrame, names: list[str]) -> dict[str, np.ndarray]:
    if "type" not in deals:
        return {}
    kind = moves["opportunity_id"].map(
        deals.drop_duplicates("opportunity_id").set_index("opportunity_id")["type"].to_dict()
    )
    counts = moves["opportunity_id"].groupby(kind).nunique()
    return {str(name): _fit_start(moves[kind == name], names) for name, n in counts.items() if n >= 2 * _LEVEL_N}


def start_shares(model: Model, deals: pd.DataFrame) -> np.ndarray:
    """Return for each deal to be created where it will stand at the end of its first step: deals x (stages, won, lost)."""
    made = np.tile(model.start, (len(deals), 1))
    for name, share in model.starts.items():
        made[(deals["type"].astype(str) == name).to_numpy()] = share
    return made


def _fit_drift(deals: pd.DataFrame, events: pd.DataFrame) -> np.ndarray:
    """Return amount when won over an amount seen before, for each event of a won deal that states one."""
    won = deals[(deals["status"] == "won") & (deals["amount"] > 0)].set_index("opportunity_id")["amount"]
    if "amount" not in events:
        return np.ones(1)
    seen = events[(events["amount"] > 0) & ~events["to_stage"].isin(ENDS)]
    final = seen["opportunity_id"].map(won.to_dict()).astype(float)
    ratio = (final / seen["amount"].astype(float)).dropna().to_numpy(float)
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


def effects(model: Model, deals: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each deal's own part of the two logits, and the leaving logit's part by place in month and quarter."""
    at = 1 + len(model.stages) + len(_BANDS) + len(model.stages) * len(_BANDS)
    hot = logistic.one_hot(codes(deals, model.levels), {name: len(found) for name, found in model.levels.items()})
    return hot @ model.leave[at + _TIMES :], hot @ model.lost[at:], model.leave[at : at + _TIMES]
