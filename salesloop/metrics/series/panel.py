"""Panel in, forecast table out: many monthly series at once, with intervals that come from their own past errors."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from salesloop import periods
from salesloop.metrics.series import breaks, intervals, methods, past, pool
from salesloop.metrics.series.intervals import QUANTILES

COLUMNS = ["unique_id", "period", "lead_months", "mean", *QUANTILES, "method", "n"]
ERROR_COLUMNS = ["unique_id", "made_in", "period", "lead_months", "method", "forecast", "actual", "scaled_error"]
_ORIGINS = 24
_WORDS = {"unique_id", "period", "made_in", "method"}


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
    weights : dict
        ``{lead: {entrant: weight}}`` of the panel, by the back-test.
    entrants : DataFrame
        The errors of the averaged entrants for the series of `detail`, columns as `errors` without scaled ones.
    """

    table: pd.DataFrame
    errors: pd.DataFrame
    notes: pd.DataFrame
    weights: dict[str, dict[str, float]] = field(default_factory=dict)
    entrants: pd.DataFrame = field(default_factory=pd.DataFrame)


def forecast(
    panel: pd.DataFrame,
    *,
    horizon: int,
    as_of: dt.date,
    country: str | None = None,
    non_negative: bool = True,
    period: int = 12,
    weights: Mapping[str, Mapping[str, float]] | None = None,
    detail: Collection[str] = (),
) -> SeriesForecast:
    """Forecast monthly series.

    Parameters
    ----------
    panel : DataFrame
        ``unique_id, period`` (Period or text such as 2026-10), ``value``; a month without a row or a finite value is
        missing, not zero; rows of one month add up.
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
    weights : mapping, optional
        ``{lead: {entrant: weight}}`` that the loop has learned; by default the back-test's.
    detail : collection of str
        Ids of series whose entrants' past errors are wanted, for the loop to learn from.

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
        empty = _rows({}, ERROR_COLUMNS)
        return SeriesForecast(_rows({}, COLUMNS), empty, _notes(notes), {}, empty)
    factor, regressors = past.whole(values, months, horizon, country)
    flat = _mended(values / factor[: len(months)], ids, months, notes, period)
    longer = _ahead(months, horizon)
    pasts = past.earlier(values, horizon, most=_ORIGINS, period=period, regressors=regressors)
    made = methods.choose(flat, pasts, ids, horizon, period=period, non_negative=non_negative, given=weights)
    told = intervals.quantiles(made.mean, made.method, made.errors, flat, non_negative)
    n = np.isfinite(values).sum(axis=1)
    rows = _table(told, ids, longer[len(months) :], made.method, n, factor[len(months) :])
    watched = [place for place, name in enumerate(ids) if name in detail]
    entrants = _entrants(pasts, made.rolled, watched, ids, longer)
    errors = _errors(made.errors, ids, longer, pasts)
    return SeriesForecast(rows, errors, _notes(notes + made.notes), made.weights, entrants)


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
    months, values = pd.PeriodIndex(history.index), history.to_numpy(dtype=float)[None]
    factor, _ = past.whole(values, months, horizon, country)
    flat, _, _ = breaks.mend(values / factor[: len(months)], period)
    return pool.entrants(flat, horizon, period=period)["average"][0] * factor[len(months) :]


def level_break(history: pd.Series, *, country: str | None = None, period: int = 12) -> tuple[pd.Period, float] | None:
    """Return the month from which a series stands at another level, and the level after over before; None without one."""
    months, values = pd.PeriodIndex(history.index), history.to_numpy(dtype=float)[None]
    if not len(months):
        return None
    factor, _ = past.whole(values, months, 0, country)
    _, at, size = breaks.mend(values / factor, period)
    return (months[at[0]], float(size[0])) if at[0] >= 0 else None


def _ahead(months: pd.PeriodIndex, horizon: int) -> pd.PeriodIndex:
    return months.append(pd.period_range(months[-1] + 1, periods=horizon, freq="M"))


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
    whole = given[(given["period"] <= last) & np.isfinite(given["value"].astype(float))]
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
    flat, at, factor = breaks.mend(flat, period)
    notes += [
        {"unique_id": ids[row], "kind": "level_break", "period": str(months[at[row]]), "value": float(factor[row])}
        for row in np.flatnonzero(at >= 0)
    ]
    return flat


def _table(made, ids, coming, method, n, factor) -> pd.DataFrame:
    horizon = len(coming)
    rows = pd.DataFrame({
        "unique_id": np.repeat(np.asarray(ids, dtype=object), horizon), "period": list(coming) * len(ids),
        "lead_months": np.tile(np.arange(1, horizon + 1), len(ids)),
        **{name: (part * factor[None]).reshape(-1) for name, part in made.items()},
        "method": np.repeat(method, horizon), "n": np.repeat(n, horizon),
    })  # fmt: skip
    return rows[COLUMNS]


def _errors(errors, ids, months, pasts) -> pd.DataFrame:
    if not len(errors["series"]):
        return _rows({}, ERROR_COLUMNS)
    end, lead = errors["end"].astype(int), errors["lead"].astype(int)
    factors, first = np.stack([one.factor for one in pasts]), pasts[0].end
    back, names = factors[first - end, lead - 1], np.asarray(ids, dtype=object)
    return pd.DataFrame({
        "unique_id": names[errors["series"].astype(int)], "made_in": months[end - 1], "period": months[end + lead - 1],
        "lead_months": lead, "method": "combined", "forecast": errors["forecast"] * back, "actual": errors["actual"] * back,
        "scaled_error": errors["scaled"],
    })[ERROR_COLUMNS]  # fmt: skip


def _entrants(pasts, rolled, watched: list[int], ids: list, months: pd.PeriodIndex) -> pd.DataFrame:
    """Return the past errors of each averaged entrant for some series."""
    at, names = np.asarray(watched, dtype=int), np.asarray(ids, dtype=object)
    found = [(one, told, *np.nonzero(np.isfinite(one.came[at]))) for one, told in zip(pasts, rolled, strict=True)]
    parts = [
        (at[row], np.full(len(row), one.end), lead, np.stack([told[name][at[row], lead] for name in pool.AVERAGED]) * one.factor[lead],
         one.came[at[row], lead] * one.factor[lead])
        for one, told, row, lead in found
    ]  # fmt: skip
    if not any(len(part[0]) for part in parts):
        return _rows({}, ERROR_COLUMNS[:-1])
    row, end, lead, forecast, actual = (np.concatenate(column, axis=-1) for column in zip(*parts, strict=True))
    return pd.concat([
        pd.DataFrame({"unique_id": names[row], "made_in": months[end - 1], "period": months[end + lead], "lead_months": lead + 1,
                      "method": name, "forecast": told, "actual": actual})
        for name, told in zip(pool.AVERAGED, forecast, strict=True)
    ], ignore_index=True)  # fmt: skip


def _rows(content: dict, columns: list[str]) -> pd.DataFrame:
    """Return a table of these columns, the numbers as numbers even where there are none."""
    made = pd.DataFrame(content, columns=columns)
    return made if len(made) else made.astype(dict.fromkeys(set(columns) - _WORDS, float))


def _notes(notes: list[dict]) -> pd.DataFrame:
    made = pd.DataFrame(notes, columns=["unique_id", "kind", "period", "value"])
    made["unique_id"] = made["unique_id"].astype(object).where(made["unique_id"].notna(), None)
    return made
