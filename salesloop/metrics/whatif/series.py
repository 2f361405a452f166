"""Regressions of one series whose noise remembers the step before."""

from __future__ import annotations

import numpy as np


def autoregressed(y: np.ndarray, design: np.ndarray):
    """Return a regression with AR(1) errors and its autocorrelation, kept within -0.5 and 0.9."""
    from statsmodels.regression.linear_model import GLSAR

    model = GLSAR(y, design, rho=1)
    fit = model.iterative_fit(maxiter=20)
    rho = float(np.clip(np.ravel(model.rho)[0], -0.5, 0.9)) if np.isfinite(np.ravel(model.rho)[0]) else 0.0
    return fit, rho


def cautious(y: np.ndarray, design: np.ndarray):
    """Return a regression with AR(1) errors whose memory is taken as longer than residuals show, by columns over rows.

    Residuals of a short series look as if they forgot faster than the noise does, the more so the more is fitted.
    """
    from statsmodels.regression.linear_model import GLSAR

    _, rho = autoregressed(y, design)
    return GLSAR(y, design, rho=np.array([np.clip(rho + design.shape[1] / len(y), 0.0, 0.9)])).fit()


def mean_noise(sd: float, rho: float, steps: int) -> float:
    """Return the variance of the mean of some steps of AR(1) noise.

    Examples
    --------
    >>> round(mean_noise(1.0, 0.0, 4), 4), round(mean_noise(1.0, 0.5, 2), 4)
    (0.25, 0.75)
    """
    lag = np.arange(1, steps)
    return sd**2 / steps * float(1 + 2 * ((1 - lag / steps) * rho**lag).sum())
