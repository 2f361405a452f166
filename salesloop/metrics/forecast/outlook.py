"""The outlook: draws of the pipeline and the series joined, summed by level, told as quantiles."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from salesloop.metrics import series
from salesloop.metrics.forecast import monthly, rules
from salesloop.metrics.pipeline import PARTS, Draws
from salesloop.metrics.pipeline.simulate import NOBODY
from salesloop.metrics.series import past, pool

QUANTILES = {"p2_5": 0.025, "p10": 0.1, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p90": 0.9, "p97_5": 0.975}
LEVELS = ("company", "region", "team", "rep")


@dataclass(frozen=True)
class Outlook:
    """The one set of draws, finished.

    Attributes
    ----------
    draws : Draws
        Parts x owners x months x draws of home money, after weighting and scaling.
    basis : {"combined", "pipeline", "series", "none"}
        What it rests on.
    weights : DataFrame
        ``lead_months, pipeline, series`` as used.
    narrow : tuple of Period
        The months whose widest interval is 80 %: there is a series alone, with fewer than 19 past errors that far ahead.
    """

    draws: Draws
    basis: str
    weights: pd.DataFrame
    narrow: tuple[pd.Period, ...] = ()


def join(
    drawn: Draws,
    history: pd.Series,
    weights: dict[str, dict[str, float]],
    *,
    shares: np.ndarray,
    scale: float = 1.0,
    seed: int = 1,
    country: str | None = None,
    ahead: pd.DataFrame | None = None,
) -> Outlook:
    """Move the pipeline's draws to the weighted mean of pipeline and series, and widen or narrow them.

    Parameters
    ----------
    drawn : Draws
        From `pipeline.simulate`.
    history : Series
        The company's bookings by complete month.
    weights : dict
        ``{lead: {"pipeline": w, "series": w}}``; a lead beyond the last takes the last one's.
    shares : ndarray
        The owners' shares of bookings, from `owner_shares`: who gets what where there is a series alone.
    scale : float
        Factor on the distance from the median.
    seed : int
        For the draws where there is a series alone.
    country : str, optional
        Whose working days and holidays move the months of the series.
    ahead : DataFrame, optional
        The company's months as its series tells them, mean and quantiles: `Monthly.company`. By default its series is
        forecast here, alone.

    Returns
    -------
    Outlook
        Every level adds up in every draw, because all are sums of the same amounts by owner.
    """
    horizon = len(drawn.months)
    told = _series_mean(history, horizon, country, ahead)
    has_pipeline = drawn.total().any()
    if not has_pipeline and not len(history):
        return Outlook(drawn, "none", _weight_table(horizon, {}))
    if not has_pipeline:
        return Outlook(
            _series_only(drawn, history, told, shares, seed, ahead),
            "series",
            _weight_table(horizon, {"1": {"pipeline": 0.0, "series": 1.0}}),
            narrow=_narrow(drawn.months, ahead),
        )
    used = _weight_table(horizon, weights if len(history) >= 3 else {"1": {"pipeline": 1.0, "series": 0.0}})
    return Outlook(_moved(drawn, told, used, scale), "combined" if (used["series"] > 0).any() else "pipeline", used)


def _series_mean(history: pd.Series, horizon: int, country: str | None, ahead: pd.DataFrame | None) -> np.ndarray:
    if ahead is not None and len(ahead) >= horizon:
        return ahead["mean"].to_numpy(dtype=float)[:horizon]
    return series.point(history, horizon, country=country) if len(history) else np.full(horizon, np.nan)


def _narrow(months: pd.PeriodIndex, ahead: pd.DataFrame | None) -> tuple[pd.Period, ...]:
    """Return the months for which the series states no 95 % interval; all where its own forecast is not given."""
    told = ahead.loc[ahead["p2_5"].notna(), "period"].tolist() if ahead is not None and len(ahead) else []
    return tuple(month for month in months if month not in told)


def owner_shares(deals: pd.DataFrame, owners: list[str], last: pd.Period) -> np.ndarray:
    """Return each owner's share of the bookings of the last twelve months; equal ones where there are none."""
    won = deals[(deals["status"] == "won") & (deals["closed_on"].dt.to_period("M") > last - 12)]
    sums = (
        won.groupby(won["owner_id"].fillna(NOBODY).astype(str))["amount"].sum().reindex(owners).fillna(0.0).to_numpy()
    )
    return sums / sums.sum() if sums.sum() > 0 else np.full(len(owners), 1 / max(len(owners), 1))


def _weight_table(horizon: int, weights: dict[str, dict[str, float]]) -> pd.DataFrame:
    rows, last = [], rules.START
    for lead in range(1, horizon + 1):
        last = weights.get(str(lead), last)
        rows.append({"lead_months": lead, "pipeline": last.get("pipeline", 0.0), "series": last.get("series", 0.0)})
    return pd.DataFrame(rows, columns=["lead_months", "pipeline", "series"])


def _moved(drawn: Draws, told: np.ndarray, used: pd.DataFrame, scale: float) -> Draws:
    total = drawn.total()
    mean = total.mean(axis=1)
    aim = np.where(np.isfinite(told), used["pipeline"] * mean + used["series"] * np.nan_to_num(told), mean)
    factor = np.where(mean > 0, aim / np.maximum(mean, 1e-9), 1.0)
    middle = np.median(total, axis=1, keepdims=True)
    wide = np.maximum(middle + scale * (total - middle), 0.0) * factor[:, None]
    ratio = np.where(total > 0, wide / np.maximum(total, 1e-9), 0.0)
    amount = np.round(drawn.amount * ratio[None, None]).astype(np.float32)
    return replace(drawn, amount=amount)


def _series_only(
    drawn: Draws, history: pd.Series, told: np.ndarray, shares: np.ndarray, seed: int, ahead: pd.DataFrame | None
) -> Draws:
    """Draw from the series' intervals, and give each month to the owners by their share; all of it is new business."""
    horizon, n = len(drawn.months), drawn.n
    if ahead is not None and len(ahead) >= horizon:
        total = monthly.sampled(ahead.iloc[:horizon], n, seed)
    else:
        ratios = _past_ratios(history.to_numpy())
        total = told[:, None] * ratios[np.random.default_rng(seed).integers(0, len(ratios), n)][None]
    amount = np.zeros_like(drawn.amount)
    amount[PARTS.index("new")] = np.round(shares[:, None, None] * total[None])
    return replace(drawn, amount=amount)


def _past_ratios(values: np.ndarray) -> np.ndarray:
    """Return actual over forecast one month ahead in the past; a wide guess under 4 errors."""
    before = past.earlier(values[None], 1, most=24)
    ratio = [
        float(one.came[0, 0] / told["average"][0, 0])
        for one, told in zip(before, pool.rolling(before, 1), strict=True)
        if told["average"][0, 0] > 0 and np.isfinite(one.came[0, 0])
    ]
    return np.clip(np.array(ratio), 0.0, 5.0) if len(ratio) >= 4 else np.array([0.3, 0.6, 0.8, 1.0, 1.0, 1.2, 1.5, 2.0])


def members(owners: list[str], credit: pd.DataFrame) -> pd.DataFrame:
    """Return who belongs where today: ``owner_id, rep, team, region``.

    Parameters
    ----------
    owners : list of str
        The owners of the draws, in order.
    credit : DataFrame
        ``rep, team, region`` of these owners, from ``Book.credit`` at the day of the forecast.
    """
    made = credit.reset_index(drop=True)[["rep", "team", "region"]].astype(object)
    made = made.where(made.notna(), None)
    made.insert(0, "owner_id", owners)
    made["rep"] = made["rep"].where(made["rep"].notna(), made["owner_id"])
    return made


def by_level(outlook: Outlook, who: pd.DataFrame, made_in: pd.Period) -> pd.DataFrame:
    """Return ``bookings_forecast``: the outlook by level and month.

    Parameters
    ----------
    outlook : Outlook
        From `join`.
    who : DataFrame
        From `members`.
    made_in : Period
        The period whose run this is.

    Returns
    -------
    DataFrame
        ``made_in, level, name`` (None for the company), ``period, lead_months, mean`` and the seven quantiles, home money.
        The 95 % bounds are NaN where the forecast rests on fewer than 19 past errors and no deal model.
    """
    if outlook.basis == "none":
        return pd.DataFrame(columns=["made_in", "level", "name", "period", "lead_months", "mean", *QUANTILES])
    owner = outlook.draws.amount.sum(axis=0, dtype=np.float64)
    tables = []
    for level in LEVELS:
        groups = {None: np.arange(len(who))} if level == "company" else who.groupby(level, sort=True).indices
        for name, rows in groups.items():
            tables.append(_told(owner[rows].sum(axis=0), outlook.draws.months).assign(level=level, name=name))
    made = pd.concat(tables, ignore_index=True)
    made["name"] = made["name"].astype(object).where(made["name"].notna(), None)
    made.loc[made["period"].isin(list(outlook.narrow)), ["p2_5", "p97_5"]] = np.nan
    made.insert(0, "made_in", made_in)
    return made[["made_in", "level", "name", "period", "lead_months", "mean", *QUANTILES]]


def _told(total: np.ndarray, months: pd.PeriodIndex) -> pd.DataFrame:
    quantiles = np.quantile(total, list(QUANTILES.values()), axis=1)
    made = pd.DataFrame({"period": months, "lead_months": np.arange(1, len(months) + 1), "mean": total.mean(axis=1)})
    return made.assign(**dict(zip(QUANTILES, quantiles, strict=True)))


def window(outlook: Outlook, months: list[pd.Period], won: float) -> dict[str, float]:
    """Return the outlook of several months as one number: won so far, mean, median and the 80 % interval.

    Parameters
    ----------
    outlook : Outlook
        From `join`.
    months : list of Period
        The months, past ones included.
    won : float
        What is won in the months already past.
    """
    inside = outlook.draws.months.isin(months)
    total = outlook.draws.total()[inside].sum(axis=0) + won
    low, middle, high = np.quantile(total, (0.1, 0.5, 0.9))
    return {"won": won, "mean": float(total.mean()), "p50": float(middle), "p10": float(low), "p90": float(high)}


def composition(outlook: Outlook, months: list[pd.Period], won: pd.Series) -> pd.DataFrame:
    """Return what the outlook is made of by month: won, open pipeline, to be created, renewals; means that add up.

    Returns
    -------
    DataFrame
        ``period, part, amount``.
    """
    rows = [{"period": month, "part": "won", "amount": float(won.get(month, 0.0))} for month in months]
    means = outlook.draws.amount.sum(axis=1, dtype=np.float64).mean(axis=2)
    for part, name in enumerate(PARTS):
        rows += [
            {"period": month, "part": name, "amount": float(means[part, i])}
            for i, month in enumerate(outlook.draws.months) if month in months
        ]  # fmt: skip
    return pd.DataFrame(rows, columns=["period", "part", "amount"])


def draws_table(outlook: Outlook, who: pd.DataFrame) -> pd.DataFrame:
    """Return the draws for later stages: ``draw, owner_id, rep, team, region, period, part, amount``, zeros left out."""
    made = outlook.draws.frame()
    code = made["owner_id"].cat.codes.to_numpy()
    for column in ("rep", "team", "region"):
        values = pd.Categorical(who[column])
        made.insert(2, column, pd.Categorical.from_codes(values.codes[code], values.categories))
    return made
