"""People's calls: how far off, how much correction they earn, and whether they add to a naive forecast."""

from __future__ import annotations

import numpy as np
import pandas as pd

_RESAMPLES = 1000
COLUMNS = ["who", "n", "wape", "bias", "factor", "fva", "low", "high"]


def submitted(calls: pd.DataFrame) -> pd.DataFrame:
    """Return usable calls with their lead: the last said by each person for each scope, month and lead.

    Calls of a single category are summed as given where a person states no total. A call without a date, an amount or
    a calendar month is left out; `dropped` counts them.
    """
    usable = calls[
        calls["said_at"].notna() & calls["amount"].notna() & calls["period"].astype(str).str.fullmatch(r"\d{4}-\d{2}")
    ]
    made = usable.assign(
        period=pd.PeriodIndex(usable["period"].astype(str), freq="M") if len(usable) else pd.PeriodIndex([], freq="M")
    )
    said = made["said_at"].dt.to_period("M") if len(made) else made["period"]
    made["lead_months"] = [(p - s).n for p, s in zip(made["period"], said, strict=True)]
    made = made[made["lead_months"] >= 0].sort_values("said_at", kind="stable")
    key = ["who", "level", "name", "period", "lead_months", "category"]
    made = made.drop_duplicates(key, keep="last")
    best = made[made["category"].isin(["commit", "most_likely"]) | made["category"].isna()]
    best = best.assign(rank=best["category"].map({"most_likely": 0, "commit": 1}).fillna(0))
    return best.sort_values("rank", kind="stable").drop_duplicates(key[:-1]).drop(columns="rank").reset_index(drop=True)


def dropped(calls: pd.DataFrame) -> int:
    """Return how many calls lack a date, an amount or a calendar month."""
    whole = (
        calls["said_at"].notna() & calls["amount"].notna() & calls["period"].astype(str).str.fullmatch(r"\d{4}-\d{2}")
    )
    return int((~whole).sum())


def graded(said: pd.DataFrame, actual, *, last: pd.Period) -> pd.DataFrame:
    """Return calls at lead 1 with what came and the seasonal naive forecast of the same scope.

    Parameters
    ----------
    said : DataFrame
        From `submitted`.
    actual : callable
        ``(measure, scope, months) -> (value, n)``, such as ``Book.actual``.
    last : Period
        The last month with facts.
    """
    due = said[(said["lead_months"].clip(upper=1) == said["lead_months"]) & (said["period"] <= last)]
    due = due.sort_values("lead_months", kind="stable").drop_duplicates(["who", "level", "name", "period"], keep="last")
    rows = []
    for row in due.itertuples():
        scope = "company" if row.level in ("company", None) else f"{row.level}:{row.name}"
        came = actual("bookings", scope, [row.period])[0]
        naive = float(np.nan_to_num(actual("bookings", scope, [row.period - 12])[0]))
        rows.append({"who": row.who, "period": row.period, "amount": row.amount, "actual": came, "naive": naive})
    return pd.DataFrame(rows, columns=["who", "period", "amount", "actual", "naive"]).dropna(subset=["actual"])


def summary(told: pd.DataFrame, correction: dict, *, seed: int = 1) -> pd.DataFrame:
    """Return each person's record, by name and never as a ranking.

    Returns
    -------
    DataFrame
        ``who, n`` (months), ``wape, bias`` (shares), ``factor`` (the correction in force from next month), ``fva`` (WAPE of
        seasonal naive minus the person's), ``low, high`` (80 % by resampling months; NaN under 4).
    """
    rows = []
    for who, own in told.groupby("who", sort=True):
        total = own["actual"].sum()
        miss, naive = (own["amount"] - own["actual"]), (own["naive"] - own["actual"]).abs()
        value = (naive.sum() - miss.abs().sum()) / total if total > 0 else np.nan
        low, high = _resampled(naive.to_numpy() - miss.abs().to_numpy(), own["actual"].to_numpy(), seed)
        rows.append({
            "who": who, "n": len(own), "wape": miss.abs().sum() / total if total > 0 else np.nan,
            "bias": miss.sum() / total if total > 0 else np.nan, "factor": correction.get("people", {}).get(str(who), 1.0),
            "fva": value, "low": low, "high": high,
        })  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)


def _resampled(gain: np.ndarray, actual: np.ndarray, seed: int) -> tuple[float, float]:
    if len(gain) < 4 or not actual.sum() > 0:
        return float("nan"), float("nan")
    pick = np.random.default_rng(seed).integers(0, len(gain), (_RESAMPLES, len(gain)))
    total = actual[pick].sum(axis=1)
    share = gain[pick].sum(axis=1)[total > 0] / total[total > 0]
    low, high = np.quantile(share, (0.1, 0.9))
    return float(low), float(high)
