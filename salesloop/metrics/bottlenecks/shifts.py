"""How far pace and losses are off what was expected, and what another pace makes of the odds of leaving."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from salesloop.metrics.pipeline.logistic import sigmoid

_PRIOR_SD = 1.0


@dataclass(frozen=True)
class Shift:
    """How far a cell's pace (log odds of leaving in a step) and losses (log odds of a loss on leaving) are off the model."""

    leave: float
    leave_se: float
    lost: float
    lost_se: float


def slowed(logit: np.ndarray, log_pace: float) -> np.ndarray:
    """Return the logits of leaving in a step when the same is done at another pace: 1 - (1 - p) ** pace.

    Examples
    --------
    Half of the deals leave in a step; at half of the pace it is 29 %:

    >>> round(float(sigmoid(slowed(np.array([0.0]), np.log(0.5)))[0]), 3)
    0.293
    """
    stay = -np.logaddexp(0.0, logit) * np.exp(log_pace)
    return np.log(-np.expm1(stay)) - stay


def moved(log_ratio: float, direction: str, share: float) -> tuple[float, float]:
    """Return what a ratio of moves on (slower) or of losses (leakier) does to leaving and to losing on leaving, in logs.

    Parameters
    ----------
    log_ratio : float
        Log of moves now over moves at the reference.
    direction : {"slower", "leakier"}
        Which of the two moves changed; the other one stays as it is.
    share : float
        Share lost among those that leave, at the reference.

    Examples
    --------
    Half as many go on, as many are lost as before: three quarters leave, and the odds of a loss double.

    >>> leave, lost = moved(np.log(0.5), "slower", 0.5)
    >>> round(float(np.exp(leave)), 2), round(float(np.exp(lost)), 2)
    (0.75, 2.0)
    """
    factor = np.exp(log_ratio)
    if direction == "slower":
        return float(np.log((1 - share) * factor + share)), -log_ratio
    return float(np.log(1 - share + share * factor)), log_ratio


def shift(rows: pd.DataFrame) -> Shift | None:
    """Return how far the pace and the losses seen in some steps are off what was expected; None with too few of them.

    Parameters
    ----------
    rows : DataFrame
        ``left, lost, leave_logit, lost_logit``.
    """
    if len(rows) < 20 or rows["left"].sum() < 5:
        return None
    gone = rows[rows["left"]]
    leave, leave_se = _offset(rows["leave_logit"].to_numpy(), rows["left"].to_numpy(float))
    lost, lost_se = _offset(gone["lost_logit"].to_numpy(), gone["lost"].to_numpy(float))
    return Shift(leave, leave_se, lost, lost_se)


def _offset(logit: np.ndarray, hits: np.ndarray) -> tuple[float, float]:
    """Return the constant to add to logits so that they meet what was seen, with its standard error; a weak prior at 0.

    Examples
    --------
    >>> b, se = _offset(np.zeros(100), np.r_[np.ones(80), np.zeros(20)])
    >>> round(b, 2), round(se, 2)
    (1.31, 0.24)
    """
    b, curve = 0.0, 1.0
    for _ in range(50):
        p = sigmoid(logit + b)
        curve = float((p * (1 - p)).sum()) + 1 / _PRIOR_SD**2
        step = (float((hits - p).sum()) - b / _PRIOR_SD**2) / curve
        b += float(np.clip(step, -1.5, 1.5))
        if abs(step) < 1e-8:
            break
    return b, float(1 / np.sqrt(curve))
