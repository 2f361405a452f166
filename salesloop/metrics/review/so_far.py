"""Everything graded so far: how far off, how often inside the range, what the levers brought."""

from __future__ import annotations

import pandas as pd

HISTORY = (
    "id", "kind", "made_in", "due", "scope", "measure", "promised", "low", "high", "actual", "outcome", "graded_in",
)  # fmt: skip
LEAD_FORMATS = {"lead_months": "count", "n": "count", "wape": "percent", "bias": "percent", "inside": "percent"}


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
    return float(part / whole) if whole else float("nan")


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


def month_forecast(graded: pd.DataFrame, period: pd.Period) -> pd.DataFrame:
    """Return the company's bookings forecast for a month, made one month before; one row or none."""
    made = str(period - 1)
    of_company = (graded["kind"] == "forecast") & (graded["scope"] == "company") & (graded["measure"] == "bookings")
    return graded[of_company & (graded["due"] == str(period)) & (graded["made_in"] == made)]


def error_share(graded: pd.DataFrame, period: pd.Period) -> float:
    """Return promised minus actual over actual for the month's own forecast; NaN where there is none."""
    row = month_forecast(graded, period)
    return _ratio(row["error"].iloc[0], row["actual"].iloc[0]) if len(row) else float("nan")
