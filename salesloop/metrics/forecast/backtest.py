"""Forecasts as they would have been made at earlier month ends, beside what came."""

from __future__ import annotations

import numpy as np
import pandas as pd

from salesloop.metrics import pipeline, series
from salesloop.metrics.forecast.lookback import LookBack

ORIGINS, LEADS, DRAWS = 9, 3, 600
_LEAST_HISTORY = 6
METHODS = ("pipeline", "series", "combined", "seasonal_naive")
COLUMNS = ["made_in", "lead_months", "period", "method", "forecast", "actual", "p10", "p50", "p90"]


def monthly_bookings(deals: pd.DataFrame, last: pd.Period) -> pd.Series:
    """Return won amounts by month from the first month with a win to `last`; months without any are 0.

    Wins without an amount say nothing of it; where none has one there is no month at all.
    """
    won = deals[(deals["status"] == "won") & deals["closed_on"].notna() & deals["amount"].notna()]
    month = won["closed_on"].dt.to_period("M")
    won, month = won[month <= last], month[month <= last]
    if won.empty:
        return pd.Series(dtype=float, index=pd.PeriodIndex([], freq="M"))
    return won.groupby(month)["amount"].sum().reindex(pd.period_range(month.min(), last, freq="M"), fill_value=0.0)


def run(
    deals: pd.DataFrame, look: LookBack | None, *, period: pd.Period, country: str, origins: int = ORIGINS,
    past: pd.DataFrame | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Return back-test forecasts of the company's bookings.

    Parameters
    ----------
    deals : DataFrame
        ``Book.deals()``.
    look : LookBack or None
        The states of the past; None where they are not known: then the pipeline takes no part.
    past : DataFrame, optional
        What the company's series would have told at earlier ends, ``made_in, period, forecast``, from
        `monthly.forecast`; by default each end is forecast anew from the company's series alone.

    Returns
    -------
    DataFrame
        ``made_in`` (Period), ``lead_months``, ``period`` (Period), ``method`` (pipeline, series, seasonal_naive),
        ``forecast`` (mean), ``actual``, ``p10, p50, p90`` (pipeline alone).
    """
    actual = monthly_bookings(deals, period)
    rows: list[dict] = []
    for back in range(origins, 0, -1):
        origin = period - back
        known = actual[actual.index <= origin]
        if len(known) < _LEAST_HISTORY:
            continue
        rows += _series_rows(known, actual, origin, _ahead(known, origin, country, past))
        if look is not None:
            rows += _pipeline_rows(look, actual, origin)
    return pd.DataFrame(rows, columns=COLUMNS)


def _ahead(known: pd.Series, origin: pd.Period, country: str, past: pd.DataFrame | None) -> np.ndarray:
    """Return the series' forecasts of the next months as made at an earlier end; NaN where none was made."""
    if past is None:
        return series.point(known, LEADS, country=country)
    then = past[past["made_in"] == origin].set_index("period")["forecast"]
    return then.reindex(pd.period_range(origin + 1, periods=LEADS, freq="M")).to_numpy(dtype=float)


def _series_rows(known: pd.Series, actual: pd.Series, origin: pd.Period, ahead: np.ndarray) -> list[dict]:
    told = {"series": ahead, "seasonal_naive": series.seasonal_naive(known.to_numpy()[None], LEADS)[0]}
    return [
        {"made_in": origin, "lead_months": lead, "period": origin + lead, "method": name, "forecast": float(ahead[lead - 1]),
         "actual": float(actual[origin + lead]), "p10": np.nan, "p50": np.nan, "p90": np.nan}
        for lead in range(1, LEADS + 1) if origin + lead in actual.index
        for name, ahead in told.items() if np.isfinite(ahead[lead - 1])
    ]  # fmt: skip


def _pipeline_rows(look: LookBack, actual: pd.Series, origin: pd.Period) -> list[dict]:
    if look.model(origin).kind == "none":
        return []
    total = pipeline.totals(look.ready(origin, LEADS), n=DRAWS, seed=origin.ordinal)
    rows = []
    for lead in range(1, LEADS + 1):
        if origin + lead in actual.index:
            low, middle, high = np.quantile(total[lead - 1], (0.1, 0.5, 0.9))
            rows.append({"made_in": origin, "lead_months": lead, "period": origin + lead, "method": "pipeline",
                         "forecast": float(total[lead - 1].mean()), "actual": float(actual[origin + lead]), "p10": low,
                         "p50": middle, "p90": high})  # fmt: skip
    return rows


def with_combined(errors: pd.DataFrame, weights: dict[str, dict[str, float]]) -> pd.DataFrame:
    """Add the combined method: the pipeline's and the series' forecasts by their weights, the pipeline's width moved along."""
    wide = errors[errors["method"].isin(["pipeline", "series"])]
    both = wide.pivot_table(index=["made_in", "lead_months"], columns="method", values="forecast", aggfunc="first")
    rows = []
    for row in errors[errors["method"] == "pipeline"].to_dict("records"):
        parts = both.loc[(row["made_in"], row["lead_months"])]
        share = weights.get(str(row["lead_months"]), {"pipeline": 1.0, "series": 0.0})
        mean = sum(share.get(name, 0.0) * parts.get(name, np.nan) for name in ("pipeline", "series"))
        factor = mean / row["forecast"] if row["forecast"] > 0 else 1.0
        rows.append(
            row | {"method": "combined", "forecast": mean, **{q: row[q] * factor for q in ("p10", "p50", "p90")}}
        )
    return pd.concat([errors, pd.DataFrame(rows, columns=COLUMNS)], ignore_index=True) if rows else errors


def accuracy(errors: pd.DataFrame, actual: pd.Series) -> pd.DataFrame:
    """Return accuracy by method and lead.

    Parameters
    ----------
    errors : DataFrame
        From `run` and `with_combined`.
    actual : Series
        Bookings by month; the year-on-year changes before the first origin scale MASE.

    Returns
    -------
    DataFrame
        ``method, level, lead_months, n`` (forecasts), ``wape, mase, bias`` (shares), ``coverage_80``.
    """
    first = errors["made_in"].min() if len(errors) else None
    train = actual[actual.index <= first].to_numpy() if first is not None else np.zeros(0)
    scale = float(np.abs(train[12:] - train[:-12]).mean()) if len(train) > 12 else float("nan")
    rows = []
    for (method, lead), found in errors.groupby(["method", "lead_months"], sort=True):
        miss, total = found["forecast"] - found["actual"], found["actual"].sum()
        inside = found["p10"].notna()
        held = ((found["actual"] >= found["p10"]) & (found["actual"] <= found["p90"]))[inside]
        rows.append({
            "method": method, "level": "company", "lead_months": int(lead), "n": len(found),
            "wape": miss.abs().sum() / total if total > 0 else np.nan, "mase": miss.abs().mean() / scale if scale else np.nan,
            "bias": miss.sum() / total if total > 0 else np.nan, "coverage_80": held.mean() if len(held) else np.nan,
        })  # fmt: skip
    return pd.DataFrame(rows, columns=["method", "level", "lead_months", "n", "wape", "mase", "bias", "coverage_80"])
