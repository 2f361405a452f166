"""Panel in, forecast table out: many monthly series at once, with intervals that come from their own past errors."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from salesloop import periods
from salesloop.metrics.series import breaks, calendar, pool, season, stack

QUANTILES = {"p2_5": 0.025, "p10": 0.1, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p90": 0.9, "p97_5": 0.975}
COLUMNS = ["unique_id", "period", "lead_months", "mean", *QUANTILES, "method", "n"]
ERROR_COLUMNS = ["unique_id", "made_in", "period", "lead_months", "method", "forecast", "actual", "scaled_error"]
WIDE_POOL = 19
"""Past errors needed for a 95 % interval; with fewer it is left undefined and 80 % is the widest stated."""
_ORIGINS, _LEAST_POOL = 24, 5
_ALIKE, _LARGE_POOL = 50.0, 500
_GUESS = 0.5
"""Standard deviation over level where there are too few past errors to learn it from."""


@dataclass(frozen=True)
class SeriesForecast:
    """A panel's forecast.

    Attributes
    ----------
    table : DataFrame
        One row a series and month: ``unique_id, period, lead_months, mean``, seven quantiles, ``method`` (stack,
        average, sparse, last_value or none), ``n`` months known.
    errors : DataFrame
        The rolling-origin errors beside it: ``unique_id, made_in, period, lead_months, method, forecast, actual``, and
        ``scaled_error`` (actual minus forecast over the series' usual monthly move).
    notes : DataFrame
        What was found and done: ``unique_id, kind`` (incomplete_month, missing_months, level_break, sparse,
        short_history, no_history, stack_used, stack_lost, stack_few), ``period, value``.
    """

    table: pd.DataFrame
    errors: pd.DataFrame
    notes: pd.DataFrame


def forecast(
    panel: pd.DataFrame,
    *,
    horizon: int,
    as_of: dt.date,
    country: str | None = None,
    non_negative: bool = True,
    period: int = 12,
) -> SeriesForecast:
    """Forecast monthly series.

    Parameters
    ----------
    panel : DataFrame
        ``unique_id, period`` (Period or text such as 2026-10), ``value``; a month without a row is missing, not zero.
    horizon : int
        Months ahead.
    as_of : date
        The day up to which values are whole; a month that has not ended by then is left out and named.
    country : str, optional
        Whose working days and holidays move the months; without it the calendar is left to the season.
    non_negative : bool, default True
        Whether the measure cannot fall below 0.
    period : int, default 12
        Observations a year.

    Returns
    -------
    SeriesForecast
        Methods fall back with the length of history: the stack from 30 series that are not sparse and a back-test it
        wins; the average of theta, damped trend and Holt-Winters; without season under two years; the last values'
        level under 3 months, with a wide guess for its interval; nothing where nothing is known.

    Examples
    --------
    >>> months = pd.period_range("2025-01", periods=18, freq="M")
    >>> told = forecast(pd.DataFrame({"unique_id": "a", "period": months, "value": 10.0}), horizon=1, as_of=dt.date(2026, 6, 30))
    >>> told.table[["period", "mean", "p10"]].astype(str).values.tolist()
    [['2026-07', '10.0', '10.0']]
    """
    values, ids, months, notes = _wide(panel, as_of)
    if not len(ids):
        return SeriesForecast(pd.DataFrame(columns=COLUMNS), pd.DataFrame(columns=ERROR_COLUMNS), _notes(notes))
    coming = pd.period_range(months[-1] + 1, periods=horizon, freq="M")
    factor = calendar.effects(values, months.append(coming), country) if country else np.ones(len(months) + horizon)
    flat = _mended(values / factor[: len(months)], ids, months, notes, period)
    mean, method, errors = _joined(flat, ids, horizon, period, notes)
    mean = np.maximum(mean, 0.0) if non_negative else mean
    made = _quantiles(mean, method, errors, flat, non_negative)
    rows = _table(made, ids, coming, method, np.isfinite(values).sum(axis=1), factor[len(months) :])
    return SeriesForecast(rows, _errors(errors, ids, months, factor), _notes(notes))


def point(history: pd.Series, horizon: int, *, country: str | None = None, period: int = 12) -> np.ndarray:
    """Return the pool's average for one series without its intervals: calendar, level break and season included.

    Parameters
    ----------
    history : Series
        Whole months by PeriodIndex, oldest first; at least one.
    horizon : int
        Months ahead.
    country : str, optional
        Whose working days and holidays move the months.

    Examples
    --------
    >>> point(pd.Series(10.0, index=pd.period_range("2026-01", periods=6, freq="M")), 2).tolist()
    [10.0, 10.0]
    """
    months = pd.PeriodIndex(history.index)
    values = history.to_numpy(dtype=float)[None]
    ahead = pd.period_range(months[-1] + 1, periods=horizon, freq="M")
    factor = calendar.effects(values, months.append(ahead), country) if country else np.ones(len(months) + horizon)
    flat = _mended(values / factor[: len(months)], [""], months, [], period)
    return pool.entrants(flat, horizon, period=period)["average"][0] * factor[len(months) :]


def level_break(history: pd.Series, *, country: str | None = None, period: int = 12) -> tuple[pd.Period, float] | None:
    """Return the month from which a series stands at another level, and the level after over before; None without one."""
    months = pd.PeriodIndex(history.index)
    notes: list[dict] = []
    values = history.to_numpy(dtype=float)[None]
    if not len(months):
        return None
    factor = calendar.effects(values, months, country) if country else np.ones(len(months))
    _mended(values / factor, [""], months, notes, period)
    return (pd.Period(notes[0]["period"], "M"), notes[0]["value"]) if notes else None


def _wide(panel: pd.DataFrame, as_of: dt.date):
    """Return values (series x months, NaN where missing), ids, months and notes; unfinished months are left out."""
    given = panel.assign(period=pd.PeriodIndex(panel["period"].astype(str), freq="M")) if len(panel) else panel
    notes: list[dict] = []
    if not len(given):
        return np.zeros((0, 0)), [], pd.PeriodIndex([], freq="M"), notes
    last = pd.Period(as_of, "M") if as_of == periods.end(pd.Period(as_of, "M")) else pd.Period(as_of, "M") - 1
    for name, row in given[given["period"] > last].groupby("unique_id"):
        notes.append(
            {"unique_id": name, "kind": "incomplete_month", "period": str(row["period"].min()), "value": len(row)}
        )
    whole = given[given["period"] <= last]
    ids = sorted(given["unique_id"].unique())
    if not len(whole):
        return np.zeros((0, 0)), [], pd.PeriodIndex([], freq="M"), notes
    months = pd.period_range(whole["period"].min(), last, freq="M")
    table = whole.pivot_table(index="unique_id", columns="period", values="value", aggfunc="sum")
    values = table.reindex(index=ids, columns=months).to_numpy(dtype=float)
    for name, row in zip(ids, values, strict=True):
        known = np.isfinite(row)
        gaps = int((~known[known.argmax() :]).sum()) if known.any() else 0
        if gaps or not known.any():
            kind = "missing_months" if known.any() else "no_history"
            notes.append({"unique_id": name, "kind": kind, "period": None, "value": gaps})
    return values, ids, months, notes


def _mended(flat: np.ndarray, ids: list, months: pd.PeriodIndex, notes: list[dict], period: int) -> np.ndarray:
    """Return the series with what lies before a level break brought to the level after it; breaks are noted."""
    made = season.factors(flat, period)
    plain = flat / season.along(made, flat.shape[1])
    at, factor = breaks.find(plain)
    flat = flat.copy()
    for row in np.flatnonzero(at >= 0):
        flat[row, : at[row]] *= factor[row]
        notes.append(
            {"unique_id": ids[row], "kind": "level_break", "period": str(months[at[row]]), "value": float(factor[row])}
        )
    return flat


def _joined(flat: np.ndarray, ids: list, horizon: int, period: int, notes: list[dict]):
    """Return the mean, the method of each series, and the rolling errors of the method in use as a dict of arrays."""
    known, sparse = np.isfinite(flat).sum(axis=1), pool.is_sparse(flat)
    safe = np.where(known[:, None] > 0, flat, 0.0)
    told = pool.entrants(safe, horizon, period=period, non_negative=False)
    mean, method = told["average"], np.where(sparse, "sparse", "average").astype(object)
    short = known < 3
    mean[short] = (
        np.nanmean(np.where(known[short, None] > 0, flat[short], np.nan), axis=1, keepdims=True) if short.any() else 0
    )
    method[short], method[known == 0] = "last_value", "none"
    mean[known == 0] = np.nan
    notes += [
        {"unique_id": ids[row], "kind": "short_history", "period": None, "value": int(known[row])}
        for row in np.flatnonzero(short & (known > 0))
    ]
    dense = np.flatnonzero(~sparse & (known >= stack.LEAST_KNOWN))
    if len(dense) < stack.LEAST_SERIES:
        notes.append({"unique_id": None, "kind": "stack_few", "period": None, "value": len(dense)})
        return mean, method, _rolled(flat, horizon, period)
    rows = stack.origins(safe, horizon, period, most=_ORIGINS)
    return _stacked(rows, dense, safe, told, mean, method, horizon, period, notes)


def _stacked(rows, dense, safe, told, mean, method, horizon, period, notes):
    """Let the stack in where enough series can teach it and it beats the average on series it has not seen."""
    forecast, inside = rows.average.copy(), np.isin(rows.series, dense)
    part = stack.Origins(*(getattr(rows, name)[inside] for name in stack.Origins.__dataclass_fields__))
    stacked, unseen = stack.fit(part)
    gain = np.abs(unseen - part.actual) / part.scale - np.abs(part.average - part.actual) / part.scale
    won, base = gain.mean() < 0, float((np.abs(part.average - part.actual) / part.scale).mean())
    kind = "stack_used" if won else "stack_lost"
    notes.append({"unique_id": None, "kind": kind, "period": None, "value": float(gain.mean() / max(base, 1e-12))})
    if won:
        seen, scale = stack.features(safe[dense], {k: v[dense] for k, v in told.items()}, period)
        shift = stacked.predict(seen.reshape(-1, seen.shape[2]))
        mean[dense] = mean[dense] + shift.reshape(len(dense), horizon) * scale[:, None]
        method[dense], forecast[inside] = "stack", unseen
    errors = {"series": rows.series, "end": rows.end, "lead": rows.lead, "forecast": forecast, "actual": rows.actual}
    return mean, method, errors


def _rolled(flat: np.ndarray, horizon: int, period: int) -> dict[str, np.ndarray]:
    """Return the rolling errors of the pool's average where histories are short."""
    parts = []
    for end, told, came in pool.rolling(flat, horizon, origins=_ORIGINS, period=period):
        row, lead = np.nonzero(np.isfinite(came))
        parts.append((row, np.full(len(row), end), lead + 1, told["average"][row, lead], came[row, lead]))
    joined = [np.concatenate(column) for column in zip(*parts, strict=True)] if parts else [np.zeros(0)] * 5
    return dict(zip(("series", "end", "lead", "forecast", "actual"), joined, strict=True))


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


def _quantiles(mean, method, errors, flat, non_negative) -> dict[str, np.ndarray]:
    """Return mean and quantiles: the forecast plus pooled, scaled errors of its lead (split-conformal)."""
    scale = usual_move(flat)
    made, shares = {"mean": mean}, list(QUANTILES.values())
    scaled = (
        (errors["actual"] - errors["forecast"]) / scale[errors["series"].astype(int)]
        if len(errors["series"])
        else np.zeros(0)
    )
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


def _table(made, ids, coming, method, n, factor) -> pd.DataFrame:
    horizon = len(coming)
    rows = pd.DataFrame({
        "unique_id": np.repeat(np.asarray(ids, dtype=object), horizon), "period": list(coming) * len(ids),
        "lead_months": np.tile(np.arange(1, horizon + 1), len(ids)),
        **{name: (part * factor[None]).reshape(-1) for name, part in made.items()},
        "method": np.repeat(method, horizon), "n": np.repeat(n, horizon),
    })  # fmt: skip
    return rows[COLUMNS]


def _errors(errors, ids, months, factor) -> pd.DataFrame:
    if not len(errors["series"]):
        return pd.DataFrame(columns=ERROR_COLUMNS)
    end, lead = errors["end"].astype(int), errors["lead"].astype(int)
    back, names = factor[end + lead - 1], np.asarray(ids, dtype=object)
    return pd.DataFrame({
        "unique_id": names[errors["series"].astype(int)], "made_in": months[end - 1], "period": months[end + lead - 1],
        "lead_months": lead, "method": "combined", "forecast": errors["forecast"] * back, "actual": errors["actual"] * back,
        "scaled_error": errors["scaled"],
    })[ERROR_COLUMNS]  # fmt: skip


def _notes(notes: list[dict]) -> pd.DataFrame:
    return pd.DataFrame(notes, columns=["unique_id", "kind", "period", "value"])
