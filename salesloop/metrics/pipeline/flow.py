"""The same deals with something changed: each keeps its luck, some are won earlier or later, some more are won, some no more.

What a change does to how many wins are expected of a past deal's like is split in three. As far as a month keeps what it had,
its wins stay. What one month loses and another gains moves, first to first: a deal's time is the same quantile of another
distribution. What is gained on balance comes in beside it, and what is lost on balance goes. A change for the better thus
takes no win away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from salesloop.metrics.pipeline.propagate import Change


@dataclass(frozen=True)
class Flow:
    """How wins move between the months ahead, for each past deal's like.

    Attributes
    ----------
    stay : ndarray
        Past deals x months: the chance that a win stays in its month.
    move : ndarray
        Past deals x months x months: the chance that a win moves from one to another.
    more : ndarray
        Past deals x months: how many further wins are expected.
    """

    stay: np.ndarray
    move: np.ndarray
    more: np.ndarray


def flow(before: np.ndarray, after: np.ndarray) -> Flow:
    """Return how expected wins by month become others, with as few as can be moved and their order kept.

    Parameters
    ----------
    before, after : ndarray
        Past deals x months.

    Examples
    --------
    A quarter of a win goes from the second month to the first, and half a win comes in besides:

    >>> made = flow(np.array([[1.0, 1.0]]), np.array([[1.75, 0.75]]))
    >>> made.stay.tolist(), made.move[0].tolist(), made.more.tolist()
    ([[1.0, 0.75]], [[0.0, 0.0], [0.25, 0.0]], [[0.5, 0.0]])
    """
    lost, gained = np.maximum(before - after, 0.0), np.maximum(after - before, 0.0)
    out, into = np.cumsum(lost, axis=1), np.cumsum(gained, axis=1)
    both = np.minimum(out[:, :, None], into[:, None, :]) - np.maximum(
        (out - lost)[:, :, None], (into - gained)[:, None, :]
    )
    both = np.maximum(both, 0.0)
    some = np.where(before > 0, before, 1.0)
    return Flow(1.0 - lost / some, both / some[:, :, None], gained - both.sum(axis=1))


def no_worse(before: np.ndarray, after: np.ndarray, changes: tuple[Change, ...]) -> np.ndarray:
    """Return chances by month such that a mere improvement is at no month's end behind, and a mere worsening never ahead.

    A deal that comes sooner may meet a week in which more are lost: that is the week's doing and not the change's.

    Parameters
    ----------
    before, after : ndarray
        Months last.
    changes : tuple of Change
        What was changed: only where all of it goes one way, and pace is changed without its losses, is anything held.

    Examples
    --------
    >>> quicker = (Change(speed=1.1, steady=True),)
    >>> no_worse(np.array([[0.25, 0.25]]), np.array([[0.375, 0.0625]]), quicker).tolist()
    [[0.375, 0.125]]
    """
    if not all(one.steady or one.speed == 1 for one in changes):
        return after
    factors = [factor for one in changes for factor in (one.speed, one.conversion)]
    until, now = np.cumsum(before, axis=-1), np.cumsum(after, axis=-1)
    if min(factors) >= 1:
        held = np.maximum(now, until)
    elif max(factors) <= 1:
        held = np.minimum(now, until)
    else:
        return after
    return np.diff(held, axis=-1, prepend=0.0)
