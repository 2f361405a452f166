"""Promises that fell due, graded against the frozen facts; which of them page one shows."""

from __future__ import annotations

import math
from collections.abc import Callable

import pandas as pd

from salesloop import periods

Z80 = 1.2815515655446004
"""The normal quantile of an 80 % interval."""
_RANK = {"forecast": 0, "target": 1, "whatif": 2, "action": 3}
GRADE_COLUMNS = (
    "id", "kind", "made_in", "due", "scope", "measure", "promised", "low", "high", "actual", "error", "outcome", "n",
    "uom", "realised_se",
)  # fmt: skip
FORMATS = {
    "kind": "word", "scope": "scope", "measure": "word", "made_in": "period", "due": "period", "outcome": "word", "promised": "uom",
    "low": "uom", "high": "uom", "actual": "uom", "error": "uom", "n": "count",
}  # fmt: skip
SHOWN = ("kind", "scope", "measure", "made_in", "due", "promised", "low", "high", "actual", "outcome", "n")
SHARES = {"actual": "percent", "low": "percent", "high": "percent"}
"""How the figure's table is shown: what came, and the range, as shares of what was promised."""
Actual = Callable[[str, str, list[pd.Period]], tuple[float, int]]


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


def measured(graded: pd.DataFrame, most: int = 12) -> pd.DataFrame:
    """Return the graded money promises of page one as shares of what was promised, for the figure.

    Returns
    -------
    DataFrame
        ``kind, measure, scope, due, made_in, outcome, actual, low, high``, the last three as shares of the promised amount.
    """
    told = page_one(graded[graded["kind"].isin(["forecast", "target"]) & graded["actual"].notna()], most)
    told = told[told["promised"] > 0]
    for column in ("actual", "low", "high"):
        told[column] = told[column] / told["promised"]
    shown = ["kind", "measure", "scope", "due", "made_in", "outcome", "actual", "low", "high"]
    return told[shown].reset_index(drop=True)


def kept(graded: pd.DataFrame) -> int:
    """Return how many promises were met or came inside their interval."""
    return int(graded["outcome"].isin(["met", "inside"]).sum())
