"""Carry the chances of deals forward, step by step: won by month, exactly, before anything is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from salesloop.metrics.pipeline.coded import places
from salesloop.metrics.pipeline.model import Model, effects, leave_base, paces
from salesloop.metrics.pipeline.stays import TOP_AGE
from salesloop.metrics.pipeline.steady import lost_as_before
from salesloop.metrics.pipeline.steps import PER_MONTH


@dataclass(frozen=True)
class Change:
    """Something made different, for the deals it names.

    Attributes
    ----------
    conversion : float
        Factor on the odds of going on instead of being lost.
    speed : float
        Factor on the odds of leaving the stage in a step.
    steady : bool
        Whether deals that leave sooner or later are lost as they would have been, and not as others of that age are.
    volume : float
        Factor on the number of new deals.
    size : float
        Factor on amounts.
    leads : float
        Factor on the number of leads that are still to arrive, and with it on the deals born of them.
    ramp : tuple of float
        How much of `volume` and `leads` there is in each month ahead, the last one from then on; all at once where empty.
    stage : str, optional
        Only deals while they are in this stage (conversion and speed).
    column, value : str, optional
        Only deals with this value in this column.

    Examples
    --------
    >>> Change(conversion=1.2, stage="proposal", column="segment", value="SMB").speed
    1.0
    """

    conversion: float = 1.0
    speed: float = 1.0
    volume: float = 1.0
    size: float = 1.0
    stage: str | None = None
    column: str | None = None
    value: str | None = None
    leads: float = 1.0
    ramp: tuple[float, ...] = ()
    steady: bool = False

    def applies(self, deals: pd.DataFrame) -> np.ndarray:
        """Return which deals the change is for."""
        if self.column is None:
            return np.ones(len(deals), dtype=bool)
        if self.column not in deals:
            return np.zeros(len(deals), dtype=bool)
        return (deals[self.column].astype(str) == str(self.value)).to_numpy()


Changes = Change | tuple[Change, ...] | None
"""One change, several made together, or none."""


def each(change: Changes) -> tuple[Change, ...]:
    """Return changes as a tuple, whether there are none, one or several made together.

    Examples
    --------
    >>> each(None), len(each(Change(size=1.1))), len(each((Change(), Change())))
    ((), 1, 2)
    """
    return () if change is None else change if isinstance(change, tuple) else (change,)


def factor(change: Changes, what: str, deals: pd.DataFrame) -> np.ndarray:
    """Return each deal's factor on its `what`, such as "size"; changes made together multiply.

    Examples
    --------
    >>> deals = pd.DataFrame({"segment": ["SMB", "KA"]})
    >>> factor((Change(size=2.0), Change(size=1.5, column="segment", value="KA")), "size", deals).tolist()
    [2.0, 3.0]
    """
    made = np.ones(len(deals))
    for one in each(change):
        made = made * (1.0 + (getattr(one, what) - 1.0) * one.applies(deals))
    return made


def chances(
    model: Model, deals: pd.DataFrame, mass: np.ndarray, *, first_step: int, months: int, change: Changes = None,
    own: tuple[np.ndarray, np.ndarray] | None = None, entering: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Return the chance of each deal to be won in each month, in single precision.

    Parameters
    ----------
    model : Model
        From `fit`.
    deals : DataFrame
        The deals' features.
    mass : ndarray
        Deals x stages x ages: where each stands before the first step; rows sum to at most 1.
    first_step : int
        The first step ahead.
    months : int
        How many months ahead, the one that holds the first step included.
    change : Change or tuple of Change, optional
        What to make different.
    own : tuple of ndarray, optional
        The deals' `effects`, where they are known already.
    entering : ndarray, optional
        Deals x stages: what is added at the youngest age before each of the first four steps, for deals that are
        created evenly over a month.

    Returns
    -------
    won, lost : ndarray
        Deals x months.
    """
    n_steps = months * PER_MONTH - first_step % PER_MONTH
    won, gone = np.zeros((len(deals), months)), np.zeros((len(deals), months))
    mass, go = mass.astype(np.float32), model.go.astype(np.float32)
    for i, (leaving, share) in enumerate(_rates(model, deals, first_step, n_steps, change, own, mass)):
        month = (first_step % PER_MONTH + i) // PER_MONTH
        if entering is not None and i < PER_MONTH:
            mass[:, :, 0] += entering
        left = mass * leaving
        off = np.einsum("nsa,nsa->ns", left, share)
        to = (left.sum(axis=2) - off) @ go
        won[:, month] += to[:, -1]
        gone[:, month] += off.sum(axis=1)
        mass = _aged(mass - left, to[:, :-1])
    return won, gone


def arriving(
    model: Model, deals: pd.DataFrame, begin: np.ndarray, *, first_step: int, months: int, change: Changes = None,
    own: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:  # fmt: skip
    """Return the chance of deals yet to be created to be won, by month of creation and month of winning.

    A deal is created evenly over the steps of its month; all months of creation are carried forward together.

    Parameters
    ----------
    begin : ndarray
        Deals x (stages, won, lost) at the end of the step that they are created in, from `start_shares`.
    first_step : int
        The first step of the first month ahead.

    Returns
    -------
    ndarray
        Deals x months created x months won.
    """
    won, go = np.zeros((months, len(deals), months)), model.go.astype(np.float32)
    mass = np.zeros((months, len(deals), len(model.stages), TOP_AGE), dtype=np.float32)
    entering = (begin[:, :-2] / PER_MONTH).astype(np.float32)
    rates = _rates(model, deals, first_step + 1, months * PER_MONTH - 1, change, own)
    for step, (leaving, share) in enumerate(rates, start=1):
        created = (step - 1) // PER_MONTH
        mass[created, :, :, 0] += entering
        left = mass[: created + 1] * leaving
        off = np.einsum("cnsa,nsa->cns", left, share)
        to = (left.sum(axis=3) - off) @ go
        won[: created + 1, :, step // PER_MONTH] += to[..., -1]
        mass[: created + 1] = _aged(mass[: created + 1] - left, to[..., :-1])
    won[np.arange(months), :, np.arange(months)] += begin[:, -2]
    return won.transpose(1, 0, 2)


def _rates(
    model: Model, deals: pd.DataFrame, first_step: int, n_steps: int, change: Changes, own, mass: np.ndarray | None = None
) -> Iterator[tuple]:  # fmt: skip
    """Yield by step each deal's chance to leave and, having left, to be lost, by stage and age."""
    speed, odds = _shifts(model, deals, change)
    own_leave, own_lost = own or effects(model, deals)
    leave, lost = (a[None] + b[:, None, None] for a, b in zip(leave_base(model), (own_leave, own_lost), strict=True))
    steady, _ = _shifts(model, deals, tuple(one for one in each(change) if one.steady))
    for stage in np.flatnonzero(steady.any(axis=0)):
        since = np.zeros(len(deals), dtype=int) if mass is None else _since(mass[:, stage])
        lost[:, stage] = lost_as_before(leave[:, stage], lost[:, stage], steady[:, stage], since)
    leaving = np.exp((leave + speed[:, :, None]).astype(np.float32))
    losing = np.exp((lost - odds[:, :, None]).astype(np.float32))
    quick, hard = (np.exp(one).astype(np.float32) for one in paces(model, first_step + np.arange(n_steps)))
    for i in range(n_steps):
        if i == 0 or (hard[i] != hard[i - 1]).any():
            share = _chance(losing, hard[i])
        yield _chance(leaving, quick[i]), share


def _since(mass: np.ndarray) -> np.ndarray:
    """Return at which age each deal stands in a stage, 0 for one that does not; deals x ages."""
    return np.where(mass.sum(axis=1) >= 0.5, mass.argmax(axis=1), 0)


def _chance(odds: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Return chances from odds, by stage a factor on the odds."""
    moved = odds * factor[None, :, None]
    return moved / (1.0 + moved)


def _aged(mass: np.ndarray, young: np.ndarray) -> np.ndarray:
    """Return what stayed a step older, the oldest age kept, and what came in at the youngest."""
    made = np.empty_like(mass)
    made[..., 1:] = mass[..., :-1]
    made[..., -1] += mass[..., -1]
    made[..., 0] = young
    return made


def _shifts(model: Model, deals: pd.DataFrame, change: Changes) -> tuple[np.ndarray, np.ndarray]:
    speed, odds = np.zeros((len(deals), len(model.stages))), np.zeros((len(deals), len(model.stages)))
    for one in each(change):
        here = np.array([one.stage in (None, name) for name in model.stages])
        inside = one.applies(deals)[:, None] & here[None]
        speed, odds = speed + np.log(one.speed) * inside, odds + np.log(one.conversion) * inside
    return speed, odds


def standing(model: Model, stage: pd.Series, age: np.ndarray) -> np.ndarray:
    """Return where open deals stand: all of a deal's mass on its stage and age.

    A stage that the model has never seen is spread over its stages as new deals begin.
    """
    mass = np.zeros((len(stage), len(model.stages), TOP_AGE))
    begin = (
        model.start[:-2] / model.start[:-2].sum()
        if model.start[:-2].sum() > 0
        else np.full(len(model.stages), 1 / len(model.stages))
    )
    at = np.clip(age, 1, TOP_AGE).astype(int) - 1
    place = places(stage, model.stages) if model.staged else np.zeros(len(stage), dtype=np.int64)
    known, new = np.flatnonzero(place >= 0), np.flatnonzero(place < 0)
    mass[known, place[known], at[known]] = 1.0
    mass[new, :, at[new]] = begin
    return mass
