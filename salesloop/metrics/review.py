"""What fell due, and what came of it: promises graded against the frozen facts."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pandas as pd

from salesloop import periods

Z80 = 1.2815515655446004
"""The normal quantile of an 80 % interval."""
PARTS = ("volume", "conversion", "timing", "size")
_RANK = {"forecast": 0, "target": 1, "whatif": 2, "action": 3}
GRADE_COLUMNS = (
    "id", "kind", "made_in", "due", "scope", "measure", "promised", "low", "high", "actual", "error", "outcome", "n",
    "uom", "realised_se",
)  # fmt: skip


def due(promises: pd.DataFrame, period: pd.Period, fiscal_start: int = 1) -> pd.DataFrame:
    """Return the promises that a period's run has to grade: due by now, made before, not graded yet.

    Parameters
    ----------
    promises : DataFrame
        From ``ledger.promises(unit, before=period)``.
    period : Period
        The month under review.

    Returns
    -------
    DataFrame
        The promises' rows with ``months``, the list of months each is about.
    """
    months = [_months(row.due, row.made_in, row.kind, fiscal_start) for row in promises.itertuples()]
    asked = promises.assign(months=pd.Series(months, index=promises.index, dtype=object))
    ready = [bool(m) and m[-1] <= period for m in months]
    return asked[pd.Series(ready, index=asked.index, dtype=bool) & asked["outcome"].isna()].reset_index(drop=True)


def _months(label: str, made_in: str, kind: str, fiscal_start: int) -> list[pd.Period]:
    months = periods.expand(label, fiscal_start)
    if kind in ("whatif", "action"):
        return list(pd.period_range(pd.Period(made_in, "M") + 1, months[-1], freq="M"))
    return months


FORMATS = {
    "kind": "word", "scope": "scope", "measure": "word", "made_in": "period", "due": "period", "outcome": "word", "promised": "uom",
    "low": "uom", "high": "uom", "actual": "uom", "error": "uom", "n": "count",
}  # fmt: skip
SHOWN = ("kind", "scope", "measure", "made_in", "due", "promised", "low", "high", "actual", "outcome", "n")
HISTORY = (
    "id",
    "kind",
    "made_in",
    "due",
    "scope",
    "measure",
    "promised",
    "low",
    "high",
    "actual",
    "outcome",
    "graded_in",
)
LEAD_FORMATS = {"lead_months": "count", "n": "count", "wape": "percent", "bias": "percent", "inside": "percent"}
Sentence = tuple[str, dict]
Actual = Callable[[str, str, list[pd.Period]], tuple[float, int]]


def grade(asked: pd.DataFrame, actual: Actual, *, forecasts: pd.DataFrame, moved: pd.DataFrame) -> pd.DataFrame:
    """Grade promises.

    Parameters
    ----------
    asked : DataFrame
        From `due`.
    actual : callable
        ``(measure, scope, months) -> (value, n)``, the frozen facts.
    forecasts : DataFrame
        All first-edition forecast promises: the baseline that a what-if is graded against.
    moved : DataFrame
        What became of actions: ``id, done, of``.

    Returns
    -------
    DataFrame
        One row a promise: ``id, kind, made_in, due, scope, measure, promised, low, high, actual, error`` (promised
        minus actual), ``outcome, n, uom, realised_se``. A what-if's actual is what came above the forecast issued
        before the change; what-ifs of one run that fall due together share it by what each promised, since nothing
        tells them apart. Its interval is that of the test: the promise, give or take the forecast's own noise.
    """
    shares = _shares(asked)
    rows = [_graded(row, actual, forecasts, moved, shares.get(row.id, 1.0)) for row in asked.itertuples(index=False)]
    return pd.DataFrame(rows, columns=list(GRADE_COLUMNS))


def _shares(asked: pd.DataFrame) -> dict[str, float]:
    """Return each what-if's share of what all of its run promised for the same month."""
    levers = asked[asked["kind"] == "whatif"]
    size = levers["value"].abs()
    whole = size.groupby([levers["made_in"], levers["due"]]).transform("sum")
    return dict(zip(levers["id"], (size / whole).where(whole > 0, 1.0), strict=True))


def _graded(row, actual: Actual, forecasts: pd.DataFrame, moved: pd.DataFrame, share: float) -> dict:
    se = float("nan")
    if row.kind == "action":
        value, n, outcome = _action(row, moved)
    elif row.kind == "whatif":
        value, n, se, outcome = _whatif(row, actual, forecasts, share)
    else:
        value, n = actual(row.measure, row.scope, row.months)
        outcome = _outcome(row, value)
    low, high = (row.value - Z80 * se, row.value + Z80 * se) if se == se else (row.low, row.high)
    return {
        "id": row.id, "kind": row.kind, "made_in": row.made_in, "due": row.due, "scope": row.scope,
        "measure": row.measure, "promised": row.value, "low": low, "high": high, "actual": value,
        "error": row.value - value, "outcome": outcome, "n": n, "uom": row.uom, "realised_se": se,
    }  # fmt: skip


def _outcome(row, value: float) -> str:
    if math.isnan(value) or math.isnan(row.value):
        return "not_measurable"
    if row.kind == "forecast":
        return "inside" if row.low <= value <= row.high else "outside"
    return "met" if value >= row.value else "missed"


def _action(row, moved: pd.DataFrame) -> tuple[float, int, str]:
    found = moved[moved["id"] == row.id.removeprefix("action:")] if len(moved) else moved
    if found.empty or not found["of"].iloc[0]:
        return float("nan"), 0, "not_measurable"
    done, of = float(found["done"].iloc[0]), int(found["of"].iloc[0])
    if math.isnan(done):
        return done, of, "not_measurable"
    return done, of, "met" if done >= row.value else "missed"


def _whatif(row, actual: Actual, forecasts: pd.DataFrame, share: float) -> tuple[float, int, float, str]:
    base = forecasts[(forecasts["made_in"] == row.made_in) & (forecasts["scope"] == "company")]
    base = base[base["due"].isin([str(month) for month in row.months]) & (base["measure"] == row.measure)]
    value, n = actual(row.measure, "company", row.months)
    if len(base) < len(row.months) or math.isnan(value):
        return float("nan"), 0, float("nan"), "not_measurable"
    realised = share * (value - base["value"].sum())
    se = share * math.sqrt((((base["high"] - base["low"]) / (2 * Z80)) ** 2).sum())
    outcome = "inside" if abs(realised - row.value) <= Z80 * se else "outside"
    return realised, n, se, outcome


def page_one(graded: pd.DataFrame, most: int = 7) -> pd.DataFrame:
    """Return the grades that page one shows: of each kind the company's first, then the largest errors.

    Parameters
    ----------
    graded : DataFrame
        From `grade`.
    most : int, default 7
        How many.
    """
    ranked = in_order(graded)
    first = ranked.groupby("kind", sort=False).head(2)
    rest = ranked.drop(first.index)
    return pd.concat([first, rest]).head(most).sort_index().reset_index(drop=True)


def in_order(graded: pd.DataFrame) -> pd.DataFrame:
    """Return grades with forecasts first, then targets, what-ifs, actions; the company's first, the largest errors next."""
    ranked = graded.assign(
        rank=graded["kind"].map(_RANK),
        wide=(graded["scope"] != "company").astype(int),
        size=-graded["error"].abs().fillna(0.0),
    ).sort_values(["rank", "wide", "made_in", "size", "id"], ascending=[True, True, False, True, True])
    return ranked.drop(columns=["rank", "wide", "size"]).reset_index(drop=True)


def month_factors(deals: pd.DataFrame, month: pd.Period) -> dict[str, float]:
    """Return what a month's bookings are made of.

    Parameters
    ----------
    deals : DataFrame
        ``Book.deals()``.
    month : Period
        The month.

    Returns
    -------
    dict
        ``volume`` deals to work on (open at its start or created in it), ``timing`` the share of them closed won or
        lost in the month, ``conversion`` won of those, ``size`` mean won amount. Their product is the bookings.
    """
    first, last = pd.Timestamp(periods.start(month)), pd.Timestamp(periods.start(month + 1))
    closed = deals["closed_on"].fillna(pd.Timestamp("2200-01-01"))
    there = (deals["created_at"] < last) & (closed >= first) & (deals["status"] != "void")
    decided = there & (closed < last) & deals["status"].isin(["won", "lost"])
    won = decided & (deals["status"] == "won")
    n, k, w = int(there.sum()), int(decided.sum()), int(won.sum())
    nan = float("nan")
    return {
        "volume": float(n), "timing": k / n if n else nan, "conversion": w / k if k else nan,
        "size": deals.loc[won, "amount"].sum() / w if w else nan,
    }  # fmt: skip


def error_split(
    deals: pd.DataFrame, *, period: pd.Period, graded: pd.DataFrame, adjustments: float = 0.0
) -> pd.DataFrame:
    """Split forecast minus actual by what the month was made of; the parts add up to the cent.

    The forecast's side is what the twelve months before stood at in volume, timing and conversion, with the deal size
    that makes their product the forecast; each part is its average effect over all orders of replacing forecast by
    actual.

    Parameters
    ----------
    deals : DataFrame
        ``Book.deals()``.
    period : Period
        The month that fell due.
    graded : DataFrame
        From `grade`: the company's forecast of that month, made one month before, is the one that is split.
    adjustments : float
        Facts of earlier months known only now; no part of the month's error, shown for completeness.

    Returns
    -------
    DataFrame
        ``part`` (volume, conversion, timing, size, adjustments, total) and ``amount`` (positive: the forecast was too
        high by this). Empty where there was no such forecast, or the month or the year before has no won deal.
    """
    row = month_forecast(graded, period)
    if row.empty:
        return pd.DataFrame(columns=["part", "amount"])
    forecast, actual = float(row["promised"].iloc[0]), month_factors(deals, period)
    before = pd.DataFrame([month_factors(deals, period - i) for i in range(1, 13)]).mean()
    if (
        any(math.isnan(actual[part]) or not actual[part] for part in PARTS)
        or before[["timing", "conversion"]].isna().any()
    ):
        return pd.DataFrame(columns=["part", "amount"])
    expected = {part: float(before[part]) for part in PARTS}
    expected["size"] = forecast / (expected["volume"] * expected["timing"] * expected["conversion"])
    parts = shapley(expected, actual)
    cents = _whole_cents(parts, forecast - math.prod(actual[part] for part in PARTS))
    rows = [*cents.items(), ("adjustments", round(adjustments, 2)), ("total", round(sum(cents.values()), 2))]
    return pd.DataFrame(rows, columns=["part", "amount"])


def shapley(start: dict[str, float], end: dict[str, float]) -> dict[str, float]:
    """Return each factor's average effect on a product, over all orders of moving from `end` to `start`.

    Examples
    --------
    >>> shapley({"a": 2.0, "b": 1.0}, {"a": 1.0, "b": 3.0})
    {'a': 2.0, 'b': -3.0}
    """
    names, effect = list(start), dict.fromkeys(start, 0.0)
    orders = list(itertools.permutations(names))
    for order in orders:
        now = dict(end)
        for name in order:
            was = math.prod(now.values())
            now[name] = start[name]
            effect[name] += (math.prod(now.values()) - was) / len(orders)
    return effect


def _whole_cents(parts: dict[str, float], whole: float) -> dict[str, float]:
    """Round parts to cents so that they add up to the rounded whole; the last cent goes to the largest part."""
    cents = {name: round(100 * part) for name, part in parts.items()}
    largest = max(cents, key=lambda name: abs(cents[name]))
    cents[largest] += round(100 * whole) - sum(cents.values())
    return {name: cent / 100 for name, cent in cents.items()}


def history(given: pd.DataFrame, graded: pd.DataFrame) -> pd.DataFrame:
    """Return everything graded so far: the grades of earlier runs and those of this one.

    Parameters
    ----------
    given : DataFrame
        From ``ledger.grades(unit, before=period)``.
    graded : DataFrame
        From `grade`.
    """
    parts = [given.rename(columns={"value": "promised"}), graded.assign(graded_in=None)]
    filled = [part for part in parts if len(part)] or parts[1:]
    return pd.concat(filled, ignore_index=True)


def coverage(graded: pd.DataFrame, confidence: float = 0.8) -> tuple[float, int]:
    """Return the share of graded forecasts that came inside their stated interval, and how many were graded."""
    told = graded[(graded["kind"] == "forecast") & graded["outcome"].isin(["inside", "outside"])]
    return (float((told["outcome"] == "inside").mean()) if len(told) else float("nan")), len(told)


def by_lead(graded: pd.DataFrame) -> pd.DataFrame:
    """Return forecast accuracy by lead time over everything graded so far, company level.

    Returns
    -------
    DataFrame
        ``lead_months``, ``n``, ``wape``, ``bias`` (share of the actual sum), ``inside`` (share inside 80 %).
    """
    told = graded[(graded["kind"] == "forecast") & (graded["scope"] == "company") & graded["actual"].notna()]
    if told.empty:
        return pd.DataFrame(columns=["lead_months", "n", "wape", "bias", "inside"])
    lead = [(pd.Period(d, "M") - pd.Period(m, "M")).n for d, m in zip(told["due"], told["made_in"], strict=True)]
    rows = []
    for months, group in told.assign(lead_months=lead).groupby("lead_months"):
        total = group["actual"].sum()
        error = group["promised"] - group["actual"]
        rows.append({"lead_months": months, "n": len(group), "wape": _ratio(error.abs().sum(), total),
                     "bias": _ratio(error.sum(), total), "inside": float((group["outcome"] == "inside").mean())})  # fmt: skip
    return pd.DataFrame(rows)


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else float(np.nan)


def lever_grades(graded: pd.DataFrame) -> pd.DataFrame:
    """Return graded what-ifs as the rule of lever trust needs them.

    Returns
    -------
    DataFrame
        ``lever, promised, realised, realised_se`` in money.
    """
    told = graded[(graded["kind"] == "whatif") & (graded["outcome"] != "not_measurable")]
    return pd.DataFrame({
        "lever": told["scope"].str.split(":").str[0], "promised": told["promised"], "realised": told["actual"],
        "realised_se": told["realised_se"],
    }).reset_index(drop=True)  # fmt: skip


def measured(graded: pd.DataFrame, most: int = 12) -> pd.DataFrame:
    """Return the graded money promises of page one as shares of what was promised, for the figure.

    Returns
    -------
    DataFrame
        ``id, kind, measure, scope, made_in, due, outcome, actual, low, high``, the last three over the promised amount.
    """
    told = page_one(graded[graded["kind"].isin(["forecast", "target"]) & graded["actual"].notna()], most)
    told = told[told["promised"] > 0]
    for column in ("actual", "low", "high"):
        told[column] = told[column] / told["promised"]
    shown = ["id", "kind", "measure", "scope", "made_in", "due", "outcome", "actual", "low", "high"]
    return told[shown].reset_index(drop=True)


def headline(graded: pd.DataFrame) -> Sentence:
    """Return the sentence that opens the review: how many promises fell due, were kept, could be measured."""
    if graded.empty:
        return "review.nothing_due", {}
    measurable = graded[graded["outcome"] != "not_measurable"]
    values = {"n": len(graded), "measurable": len(measurable), "kept": kept(graded)}
    return "review.headline", values


def kept(graded: pd.DataFrame) -> int:
    """Return how many promises were met or came inside their interval."""
    return int(graded["outcome"].isin(["met", "inside"]).sum())


def month_forecast(graded: pd.DataFrame, period: pd.Period) -> pd.DataFrame:
    """Return the company's bookings forecast for a month, made one month before; one row or none."""
    made = str(period - 1)
    of_company = (graded["kind"] == "forecast") & (graded["scope"] == "company") & (graded["measure"] == "bookings")
    return graded[of_company & (graded["due"] == str(period)) & (graded["made_in"] == made)]


def month_sentence(graded: pd.DataFrame, period: pd.Period) -> Sentence:
    """Return what came of the month's own forecast: inside the band, outside it, or none was made."""
    row = month_forecast(graded, period)
    if row.empty or math.isnan(row["actual"].iloc[0]):
        return "review.month_none", {"period": str(period)}
    told = row.iloc[0]
    values = {
        "period": str(period),
        **{key: float(told[key]) for key in ("promised", "actual", "low", "high")},
        "n": int(told["n"]),
    }
    return f"review.month_{told['outcome']}", values


def error_share(graded: pd.DataFrame, period: pd.Period) -> float:
    """Return promised minus actual over actual for the month's own forecast; NaN where there is none."""
    row = month_forecast(graded, period)
    return _ratio(row["error"].iloc[0], row["actual"].iloc[0]) if len(row) else float("nan")


def split_sentence(split: pd.DataFrame) -> Sentence:
    """Return which part of the error weighs most, or that it cannot be split."""
    parts = split[split["part"].isin(PARTS)]
    if parts.empty:
        return "review.split_none", {}
    largest = parts.loc[parts["amount"].abs().idxmax()]
    total = float(split.loc[split["part"] == "total", "amount"].iloc[0])
    message = "review.split_high" if total > 0 else "review.split_low"
    return message, {"total": abs(total), "part": f"part_{largest['part']}", "amount": float(largest["amount"])}


def coverage_sentence(inside: float, n: int) -> Sentence:
    """Return how often the stated intervals held, and whether that says anything yet."""
    if not n:
        return "review.coverage_none", {}
    return ("review.coverage" if n >= 12 else "review.coverage_few"), {"inside": inside, "n": n}


def adjustment_sentence(adjustments: pd.DataFrame) -> Sentence:
    """Return how much of earlier months became known only now."""
    if adjustments.empty:
        return "review.no_adjustments", {}
    return "review.adjustments", {"n": len(adjustments), "amount": adjusted(adjustments)}


def adjusted(adjustments: pd.DataFrame) -> float:
    """Return the sum of prior-period adjustments in home money."""
    return float(round(adjustments["amount"].sum(), 2)) if len(adjustments) else 0.0


def adjustment_formats(adjustments: pd.DataFrame) -> dict[str, str]:
    """Return how the columns of the adjustments are shown, for those that are there."""
    kinds = {"period": "period", "kind": "word", "amount": "money", "known_on": "date"}
    return {column: kind for column, kind in kinds.items() if column in adjustments}
