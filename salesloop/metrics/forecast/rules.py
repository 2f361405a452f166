"""What the forecast learns from its errors: weights by lead, the correction of calls, the width of intervals.

Each rule is a pure function of results: ``(value, reason, n, evidence)`` out. The constants were chosen by simulation
of companies with and without something to learn.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

WEIGHT_PRIOR, ERROR_FLOOR = 12.0, 0.05
PERSON_MONTHS, COMPANY_MONTHS, LEAST_MONTHS, HALF_LIFE = 12.0, 6.0, 4, 24.0
SCALE_LAST, SCALE_LEAST, SCALE_CAP = 72, 12, 0.20
BACKTEST_PRIOR = 24.0
"""How many months of the pipeline alone the back-test's weights start from."""
WEIGHT_LAST = 60
"""How many months back the weights of pipeline and series look."""
START = {"pipeline": 0.9, "series": 0.1}
"""Weights where no back-test can be had: at the pipeline model's side."""


class Learned(NamedTuple):
    """A learned value with why, from how many errors, and the table that shows them."""

    value: object
    reason: str
    n: int
    evidence: str


def inverse_error(errors: pd.DataFrame, methods: list[str]) -> dict[str, float] | None:
    """Return weights by inverse mean squared error, each error floored at 5 % of the methods' mean; None without any.

    Examples
    --------
    >>> errors = pd.DataFrame({"method": ["a", "b"], "forecast": [11.0, 12.0], "actual": [10.0, 10.0]})
    >>> {k: round(v, 2) for k, v in inverse_error(errors, ["a", "b"]).items()}
    {'a': 0.8, 'b': 0.2}
    """
    squared = ((errors["forecast"] - errors["actual"]) ** 2).groupby(errors["method"]).mean().reindex(methods)
    if squared.isna().any() or squared.mean() <= 0:
        return None
    inverse = 1.0 / np.maximum(squared, ERROR_FLOOR * squared.mean())
    return (inverse / inverse.sum()).to_dict()


def joint_weights(errors: pd.DataFrame) -> dict[str, float] | None:
    """Return the weights of pipeline and series that would have come nearest, shrunk to the pipeline alone; None without any.

    Least squares over non-negative weights that add up to 1. It looks at where the two differ, so that the luck of a
    month, which both miss alike, makes neither look bad; with n months it counts n/(n+24).

    Parameters
    ----------
    errors : DataFrame
        Of one lead: ``made_in, method, forecast, actual``.

    Examples
    --------
    >>> rows = [(m, method, f, 14.0) for m in range(12) for method, f in (("pipeline", 16.0), ("series", 8.0))]
    >>> found = joint_weights(pd.DataFrame(rows, columns=["made_in", "method", "forecast", "actual"]))
    >>> round(found["pipeline"], 4), round(found["series"], 4)  # 12 months at 0.75, 24 at 1
    (0.9167, 0.0833)
    """
    wide = errors.pivot_table(index="made_in", columns="method", values="forecast", aggfunc="first")
    wide = wide.reindex(columns=["pipeline", "series"]).dropna()
    actual = errors.groupby("made_in")["actual"].first().reindex(wide.index)
    gap, n = wide["pipeline"] - wide["series"], len(wide)
    if n == 0 or not (gap**2).sum() > 0:
        return None
    best = float(np.clip((gap * (actual - wide["series"])).sum() / (gap**2).sum(), 0.0, 1.0))
    share = (n * best + BACKTEST_PRIOR) / (n + BACKTEST_PRIOR)
    return {"pipeline": share, "series": 1.0 - share}


def each_month_once(errors: pd.DataFrame, told: pd.DataFrame | None, actual: pd.Series) -> pd.DataFrame:
    """Return the months that the weights of pipeline and series are learned from, each lead of each month once.

    A month whose run told both stands as it was told then; any other as the back-test has it.

    Parameters
    ----------
    errors : DataFrame
        The back-test: ``made_in, lead_months, period, method, forecast, actual``.
    told : DataFrame, optional
        What earlier runs told: ``made_in, lead_months, period, method, forecast``; months as `Period` or as text.
    actual : Series
        Bookings by month; what is told of other months has not come yet.

    Returns
    -------
    DataFrame
        ``made_in, lead_months, period, method`` (pipeline, series), ``forecast, actual``; the last 60 months told.

    Examples
    --------
    >>> month = pd.Period("2026-01", "M")
    >>> rows = [(month, 1, month + 1, method, 9.0) for method in ("pipeline", "series")]
    >>> tested = pd.DataFrame(rows, columns=["made_in", "lead_months", "period", "method", "forecast"]).assign(actual=8.0)
    >>> told = tested.drop(columns="actual").assign(forecast=[10.0, 11.0])
    >>> each_month_once(tested, told, pd.Series({month + 1: 8.0}))["forecast"].tolist()
    [10.0, 11.0]
    """
    columns = ["made_in", "lead_months", "period", "method", "forecast", "actual"]
    tested = errors.loc[errors["method"].isin(["pipeline", "series"]), columns]
    if told is None or told.empty:
        return tested
    told = told.assign(**{name: pd.PeriodIndex(told[name], freq="M") for name in ("made_in", "period")})
    came = told.assign(actual=told["period"].map(actual).astype(float))[columns].dropna()
    both = came.groupby(["made_in", "lead_months"])["method"].transform("nunique") == 2
    kept = came[both & (came["made_in"] > came["made_in"].max() - WEIGHT_LAST)]
    again = pd.MultiIndex.from_frame(tested[["made_in", "lead_months"]]).isin(
        pd.MultiIndex.from_frame(kept[["made_in", "lead_months"]])
    )
    return pd.concat([kept, tested[~again]] if len(tested[~again]) else [kept], ignore_index=True)


def join_weights(rows: pd.DataFrame, graded_in: Collection[str], leads: int) -> Learned:
    """Return the weights of pipeline and series by lead time, from graded months and the back-test as one estimate.

    A graded month is one more row of the same least squares as the back-test's (`joint_weights`): it never counts twice,
    and without any the weights are the back-test's. Inverse squared errors would ask which of the two has erred less,
    most of which is luck that both share; this asks where between the two the truth lay.

    Parameters
    ----------
    rows : DataFrame
        From `each_month_once`.
    graded_in : collection of str
        The months whose forecasts were promises.
    leads : int
        How many months ahead.

    Returns
    -------
    Learned
        ``{lead: {method: weight}}``; `n` counts the graded months among the rows.

    Examples
    --------
    >>> rows = [(f"2026-{m:02}", 1, method, f, 14.0) for m in range(1, 13) for method, f in (("pipeline", 16.0), ("series", 8.0))]
    >>> told = pd.DataFrame(rows, columns=["made_in", "lead_months", "method", "forecast", "actual"])
    >>> found = join_weights(told, {"2026-01", "2026-02"}, 1)
    >>> found.value, found.n  # 12 months at 0.75, 24 at 1
    ({'1': {'pipeline': 0.9167, 'series': 0.0833}}, 2)
    """
    made = {str(lead): joint_weights(rows[rows["lead_months"] == lead]) or START for lead in range(1, leads + 1)}
    value = {lead: {name: round(share, 4) for name, share in found.items()} for lead, found in made.items()}
    graded = rows[(rows["method"] == "pipeline") & rows["made_in"].astype(str).isin(list(graded_in))]
    n = int(graded["made_in"].nunique())
    return Learned(value, "forecast.reason.join" if n else "forecast.reason.weights_backtest", n, "forecast.accuracy")


def method_weights(errors: pd.DataFrame, prior: Mapping[str, Mapping[str, float]], methods: list[str]) -> Learned:
    """Return the weights of the methods by lead time from graded errors.

    Parameters
    ----------
    errors : DataFrame
        ``lead_months, method, forecast, actual`` of graded forecasts.
    prior : mapping
        The back-test's weights by lead (as text) and method; equal ones where a lead has none.
    methods : list of str
        The methods that are weighted.

    Returns
    -------
    Learned
        ``{lead: {method: weight}}``; weights of a lead add up to 1.

    Examples
    --------
    >>> errors = pd.DataFrame({"lead_months": [1, 1], "method": ["a", "b"], "forecast": [11.0, 12.0], "actual": 10.0})
    >>> round(method_weights(errors, {}, ["a", "b"]).value["1"]["a"], 4)  # 1/13 of the way from 0.5 to 0.8
    0.5231
    """
    made, n = {}, 0
    for lead in sorted({int(key) for key in prior} | set(errors["lead_months"].astype(int))):
        start = dict(prior.get(str(lead), dict.fromkeys(methods, 1 / len(methods))))
        seen = errors[errors["lead_months"] == lead]
        found, months = (
            inverse_error(seen, methods),
            int(seen.groupby("method").size().reindex(methods).min()) if len(seen) else 0,
        )
        share = months / (months + WEIGHT_PRIOR) if found else 0.0
        made[str(lead)] = {
            m: round((1 - share) * start.get(m, 0.0) + share * (found or start).get(m, 0.0), 4) for m in methods
        }
        n = max(n, months if found else 0)
    return Learned(made, "forecast.reason.weights" if n else "forecast.reason.weights_backtest", n, "forecast.accuracy")


def call_correction(calls: pd.DataFrame, *, last: pd.Period) -> Learned:
    """Return the factor by which people's calls are corrected, a person's shrunk to the company's.

    Parameters
    ----------
    calls : DataFrame
        Graded calls at lead 1: ``who, period`` (Period), ``amount, actual``.
    last : Period
        The last graded month, from which age is counted.

    Returns
    -------
    Learned
        ``{"company": factor, "people": {who: factor}}``; empty under 4 graded months.

    Examples
    --------
    >>> months = pd.period_range("2026-01", periods=3, freq="M")
    >>> call_correction(pd.DataFrame({"who": "Ann", "period": months, "amount": 10.0, "actual": 8.0}), last=months[-1]).value
    {}
    """
    months = calls["period"].nunique() if len(calls) else 0
    if months < LEAST_MONTHS or calls["amount"].sum() <= 0 or calls["actual"].sum() <= 0:
        return Learned({}, "forecast.reason.calls_few", months, "forecast.calls")
    weight = 0.5 ** (np.array([(last - p).n for p in calls["period"]]) / HALF_LIFE)
    told = calls.assign(c=calls["amount"] * weight, a=calls["actual"] * weight)
    trust = _trust(told.groupby("period")[["a", "c"]].sum())
    monthly = told["c"].sum() / months
    company = (told["a"].sum() + COMPANY_MONTHS * monthly) / (told["c"].sum() + COMPANY_MONTHS * monthly)
    people = {}
    for who, own in told.groupby("who"):
        base = PERSON_MONTHS * own["c"].sum() / own["period"].nunique()
        ratio = (own["a"].sum() + base * company) / (own["c"].sum() + base) if base > 0 else company  # called nought
        people[str(who)] = round(math.exp(trust * math.log(max(ratio, 1e-3))), 4)
    value = {"company": round(math.exp(trust * math.log(company)), 4), "people": people}
    return Learned(value, "forecast.reason.calls", months, "forecast.calls")


def _trust(monthly: pd.DataFrame) -> float:
    """Return max(0, 1 - 1/t^2) for the t value of the log of the company's ratio."""
    ratio, n = monthly["a"].sum() / monthly["c"].sum(), len(monthly)
    rest = monthly["a"] - ratio * monthly["c"]
    error = math.sqrt(float((rest**2).sum()) * n / (n - 1)) / monthly["c"].sum() / ratio
    if error <= 0:
        return 1.0 if ratio != 1 else 0.0
    t = math.log(ratio) / error
    return max(0.0, 1 - 1 / t**2) if t else 0.0


def interval_scale(errors: pd.DataFrame, old: float | None, backtest: float) -> Learned:
    """Return the factor on the width of the 80 % interval.

    Parameters
    ----------
    errors : DataFrame
        Graded errors, oldest first: ``actual, p50, p10, p90``.
    old : float or None
        The factor in force.
    backtest : float
        The back-test's factor, which holds until 12 errors are there.

    Examples
    --------
    >>> errors = pd.DataFrame({"actual": [2.0] * 12, "p50": 0.0, "p10": -1.0, "p90": 1.0})
    >>> interval_scale(errors, 1.0, 1.0).value
    1.2
    """
    scaled = scaled_errors(errors).iloc[-SCALE_LAST:]
    if len(scaled) < SCALE_LEAST:
        return Learned(
            round(old if old is not None else backtest, 4),
            "forecast.reason.scale_few",
            len(scaled),
            "forecast.accuracy",
        )
    new = float(np.quantile(scaled, min(0.8 * (1 + 1 / len(scaled)), 1.0)))
    base = old if old is not None else backtest
    new = min(max(new, base * (1 - SCALE_CAP)), base * (1 + SCALE_CAP))
    return Learned(round(new, 4), "forecast.reason.scale", len(scaled), "forecast.accuracy")


def scaled_errors(errors: pd.DataFrame) -> pd.Series:
    """Return absolute errors over half the width of the 80 % interval."""
    half = (errors["p90"] - errors["p10"]) / 2
    return ((errors["actual"] - errors["p50"]).abs() / half.where(half > 0)).dropna()


def as_table(learned: Mapping[str, Learned]) -> pd.DataFrame:
    """Return learned values as the ``learned`` table that the proposal reads."""
    caps = {"interval_scale": "20 %"}
    rows = [
        {"parameter": name, "value": json.dumps(found.value), "rule": found.reason.removeprefix("forecast.reason."),
         "cap": caps.get(name, ""), "n": found.n}
        for name, found in learned.items() if found.n
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["parameter", "value", "rule", "cap", "n"])
