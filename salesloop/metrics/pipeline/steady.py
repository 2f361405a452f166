"""What becomes of deals that leave a stage sooner or later: as many of them are lost as before, each as it would have been.

Deals that stay long in a stage are lost more or less often than those that pass quickly. A change of pace alone makes a
deal no better: the first tenth to leave is still lost as often as the first tenth was, at whatever age it leaves now.
"""

from __future__ import annotations

import numpy as np


def lost_as_before(leave: np.ndarray, lost: np.ndarray, speed: np.ndarray, since: np.ndarray) -> np.ndarray:
    """Return the log odds of being lost, having left, by age, for deals that leave sooner or later than they did.

    Parameters
    ----------
    leave, lost : ndarray
        Deals x ages: the log odds of leaving in a step, and of being lost, as they were.
    speed : ndarray
        A log factor on the odds of leaving, one a deal.
    since : ndarray of int
        The age from which on it leaves at that speed.

    Examples
    --------
    Half leave in each step, the first half lost for sure, the others never; at three times the odds three quarters leave
    at once, and two thirds of those are lost:

    >>> even = np.zeros((1, 4))
    >>> made = lost_as_before(even, np.array([[50.0, -50.0, -50.0, -50.0]]), np.log([3.0]), np.array([0]))
    >>> (1 / (1 + np.exp(-made))).round(3).tolist()
    [[0.667, 0.0, 0.0, 0.0]]
    """
    made, ages = lost.copy(), leave.shape[1]
    share = 1.0 / (1.0 + np.exp(-np.clip(lost, -40.0, 40.0)))
    early = np.arange(ages)[None] < since[:, None]
    before, after = (_gone(np.where(early, -np.inf, leave + more)) for more in (0.0, speed[:, None]))
    losses = np.concatenate([np.zeros((len(lost), 1)), np.cumsum(share * np.diff(before, axis=1), axis=1)], axis=1)
    for row in np.flatnonzero(speed != 0):
        told, last = before[row], share[row, -1]
        until = np.append(told, 1.0), np.append(losses[row], losses[row, -1] + last * (1.0 - told[-1]))
        gain, sum_lost = np.diff(after[row]), np.diff(np.interp(after[row], *until))
        moved = np.where(gain > 1e-9, sum_lost / np.maximum(gain, 1e-9), share[row])
        kept = np.clip(moved, 1e-9, 1 - 1e-9)
        made[row] = np.where(early[row], lost[row], np.log(kept / (1.0 - kept)))
    return made


def _gone(odds: np.ndarray) -> np.ndarray:
    """Return the share that has left by the beginning of each age, and by the end of the last, from log odds by age."""
    stay = np.cumprod(1.0 / (1.0 + np.exp(np.minimum(odds, 40.0))), axis=1)
    return np.concatenate([np.zeros((len(odds), 1)), 1.0 - stay], axis=1)
