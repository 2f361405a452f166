"""Intervals from a panel's own past errors: pooled over its series, scaled by each one's usual move (split-conformal)."""

from __future__ import annotations

import numpy as np

from salesloop.metrics.series import stack

QUANTILES = {"p2_5": 0.025, "p10": 0.1, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p90": 0.9, "p97_5": 0.975}
WIDE_POOL = 19
"""Past errors needed for a 95 % interval; with fewer it is left undefined and 80 % is the widest stated."""
_LEAST_POOL = 5
_ALIKE, _LARGE_POOL = 50.0, 500
_GUESS = 0.5
"""Standard deviation over level where there are too few past errors to learn it from."""


def usual_move(flat: np.ndarray) -> np.ndarray:
    """Return each series' mean absolute monthly move over its last two years, by which its errors are scaled.

    A series with too few months, or none that moves, gets half its level.
    """
    step = np.abs(np.diff(flat[:, -25:], axis=1))
    n = np.isfinite(step).sum(axis=1)
    move = np.where(n > 0, np.nansum(step, axis=1) / np.maximum(n, 1), np.nan)
    known = np.isfinite(flat)
    level = np.where(known, np.abs(flat), 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return np.where((n >= 3) & (move > 0), move, np.where(n >= 3, 1e-9, np.maximum(_GUESS * level, 1e-9)))


def quantiles(mean, method, errors, flat, non_negative: bool) -> dict[str, np.ndarray]:
    """Return mean and quantiles: the forecast plus pooled, scaled errors of its lead (split-conformal)."""
    scale = usual_move(flat)
    made, shares = {"mean": mean}, list(QUANTILES.values())
    scaled = (errors["actual"] - errors["forecast"]) / scale[errors["series"].astype(int)]
    if len(scaled):
        scaled, own = _alike(scaled, errors, len(scale))
        scale = scale * own
    errors["scaled"] = scaled
    spread = np.stack([_spread(scaled, errors["lead"], lead, shares) for lead in range(1, mean.shape[1] + 1)])
    for place, name in enumerate(QUANTILES):
        made[name] = mean + scale[:, None] * spread[None, :, place]
        made[name] = np.maximum(made[name], 0.0) if non_negative else made[name]
    guess = method == "last_value"
    if guess.any():
        made = {name: part.copy() for name, part in made.items()}
        for name in ("p2_5", "p97_5"):
            made[name][guess] = np.nan
    return made


def _alike(scaled: np.ndarray, errors: dict[str, np.ndarray], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return errors freed of how hard each series is to forecast, and that difficulty.

    In a large panel the later errors are freed by the difficulty that the earlier ones showed, and the earlier by that of
    the later: as the coming ones will be, by errors other than themselves.
    """
    series, own = errors["series"].astype(int), _difficulty(scaled, errors["series"].astype(int), errors["lead"], count)
    lead = errors["lead"].astype(int)
    middle = np.array(
        [np.median(errors["end"][lead == one]) if (lead == one).any() else 0.0 for one in range(lead.max() + 1)]
    )
    late = errors["end"] > middle[lead]
    if count < stack.LEAST_SERIES or late.sum() < _LARGE_POOL:
        return scaled / own[series], own
    early = _difficulty(scaled[~late], series[~late], lead[~late], count)
    after = _difficulty(scaled[late], series[late], lead[late], count)
    return scaled / np.where(late, early[series], after[series]), own


def _difficulty(scaled: np.ndarray, series: np.ndarray, lead: np.ndarray, count: int) -> np.ndarray:
    """Return how much larger each series' scaled errors are than the panel's at the same leads, shrunk towards alike."""
    size = np.abs(scaled)
    usual = np.bincount(lead.astype(int), size) / np.maximum(np.bincount(lead.astype(int)), 1)
    relative = size / np.maximum(usual[lead.astype(int)], 1e-12)
    n = np.bincount(series, minlength=count)
    mean = np.bincount(series, relative, minlength=count) / np.maximum(n, 1)
    weight = n / (n + _ALIKE)
    return np.maximum(weight * mean + 1 - weight, 0.2)


def _spread(scaled: np.ndarray, lead_of: np.ndarray, lead: int, shares: list[float]) -> np.ndarray:
    """Return the quantiles of scaled errors at a lead, taken as symmetric (split-conformal, Lei et al. 2018).

    Where a lead has few, those of all leads are used, grown or shrunk with the root of the lead.
    """
    own = scaled[lead_of == lead]
    if len(own) < _LEAST_POOL:
        own = scaled * np.sqrt(lead / np.maximum(lead_of, 1)) if len(scaled) >= _LEAST_POOL else np.zeros(0)
    if len(own) < _LEAST_POOL:
        normal = np.array([-1.96, -1.2816, -0.6745, 0.0, 0.6745, 1.2816, 1.96]) * np.sqrt(lead)
        return np.where(np.isin(shares, (0.025, 0.975)), np.nan, normal)
    n, wanted = len(own), np.asarray(shares)
    inside = np.minimum(np.abs(2 * wanted - 1) * (1 + 1 / n), 1.0)
    found = np.sign(wanted - 0.5) * np.quantile(np.abs(own), inside)
    return np.where(np.isin(wanted, (0.025, 0.975)) & (n < WIDE_POOL), np.nan, found)
