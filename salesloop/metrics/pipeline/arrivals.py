"""Deals not yet created: how many a month, what they are like, when they are won; renewals come from what was won."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from salesloop import periods
from salesloop.metrics.pipeline.coded import labels, matched
from salesloop.metrics.pipeline.steps import first_month

_ALPHAS = (0.05, 0.1, 0.2, 0.35, 0.5)
_SEASON_MONTHS, _SEASON_PRIOR = 24, 3.0
_PROFILE_MONTHS = 12
_LONGEST_LAG = 26
_LEAST = 3
_KIND_PRIOR, _MOST_DUE, _AGED = 6.0, 0.9, 18
_WORTH = (0.2, 5.0)
NO_MONTH = int(np.datetime64("NaT").astype(np.int64))
"""What stands for a missing day's month."""


@dataclass(frozen=True)
class Arrivals:
    """New deals expected in each month ahead, as one term (new business, or renewals).

    Attributes
    ----------
    rate : ndarray
        Expected number by month.
    log_sd : ndarray
        Standard deviation of the log of the level, by month ahead: it grows with the lead.
    profiles : DataFrame
        The deals whose features, owners and amounts new ones are drawn from: those of the last twelve months, or the
        renewals that won deals will ask for.
    due : ndarray, optional
        Profiles x months: how many of each are expected; without it all profiles are alike.
    open_leads : int
        Leads now open that are part of it.
    from_leads : ndarray, optional
        Expected number by month that begin as leads; None where leads are no term of their own.
    to_arrive : ndarray, optional
        Profiles x months: how many of `due` begin as leads that are still to arrive.
    """

    rate: np.ndarray
    log_sd: np.ndarray
    profiles: pd.DataFrame
    due: np.ndarray | None = None
    open_leads: int = 0
    from_leads: np.ndarray | None = None
    to_arrive: np.ndarray | None = None

    @property
    def numbers(self) -> np.ndarray:
        """Return how many deals of each profile are expected by month, profiles x months."""
        if self.due is not None:
            return self.due
        return np.tile(self.rate / max(len(self.profiles), 1), (len(self.profiles), 1))


def monthly_counts(deals: pd.DataFrame, *, as_of: dt.date) -> pd.Series:
    """Return deals created by complete month, from the first month with any to the last complete one."""
    last = first_month(as_of) - 1
    month = months_of(deals["created_at"])
    month = month[(month > NO_MONTH) & (month <= last.ordinal)]
    if not len(month):
        return pd.Series(dtype=float)
    first = month.min()
    counts = np.bincount(month - first, minlength=last.ordinal - first + 1).astype(float)
    return pd.Series(counts, index=pd.period_range(end=last, periods=len(counts), freq="M"))


def months_of(days: pd.Series) -> np.ndarray:
    """Return the month that each day lies in, as the ordinal of its period; `NO_MONTH` where there is none.

    Examples
    --------
    >>> months_of(pd.Series(pd.to_datetime(["2026-10-31", None]))).tolist() == [pd.Period("2026-10", "M").ordinal, NO_MONTH]
    True
    """
    return days.to_numpy().astype("datetime64[M]").astype(np.int64)


def season_of(counts: pd.Series, country: str) -> dict[int, float]:
    """Return a factor for each calendar month on top of its working days, shrunk towards 1; all 1 under 24 months."""
    flat = dict.fromkeys(range(1, 13), 1.0)
    if len(counts) < _SEASON_MONTHS or counts.sum() <= 0:
        return flat
    level = counts.rolling(12, center=True, min_periods=6).mean() * _work(counts.index, country)
    found = {}
    for month in range(1, 13):
        chosen = counts.index.month == month
        seen, expected = counts[chosen].sum(), level[chosen].sum()
        prior = _SEASON_PRIOR * max(expected / max(chosen.sum(), 1), 1e-9)
        found[month] = (seen + prior) / (expected + prior)
    mean = float(np.mean(list(found.values())))
    return {month: value / mean for month, value in found.items()}


def _work(months: pd.PeriodIndex, country: str) -> np.ndarray:
    return np.array([periods.working_days(month, country) for month in months]) / 20.9


def _level(clean: np.ndarray, weight: np.ndarray) -> tuple[float, float, float]:
    """Return the smoothed level, the monthly sd of its log steps and the sd of its log now, best alpha one step ahead."""
    best = (np.inf, 0.0, 0.0)
    for alpha in _ALPHAS:
        level, loss = clean[: min(6, len(clean))].mean(), 0.0
        for value, share in zip(clean, weight, strict=True):
            expected = max(level * share, 1e-9)
            loss += expected - (value * share) * np.log(expected)
            level += alpha * (value - level)
        if loss < best[0] - 1e-9:
            best = (loss, level, alpha)
    _, level, alpha = best
    noise = 1.0 / np.sqrt(max(level, 0.2))
    return level, alpha * noise, noise * np.sqrt(alpha / (2 - alpha))


def new_business(deals: pd.DataFrame, *, as_of: dt.date, months: pd.PeriodIndex, country: str = "CN") -> Arrivals:
    """Return the deals to be created, renewals apart.

    Parameters
    ----------
    deals : DataFrame
        All deals but renewals, with ``created_at``.
    months : PeriodIndex
        The months ahead.
    country : str
        Whose working days count.
    """
    counts = monthly_counts(deals, as_of=as_of)
    if len(counts) < _LEAST or counts.iloc[-_PROFILE_MONTHS:].sum() < _LEAST:
        return Arrivals(np.zeros(len(months)), np.zeros(len(months)), deals[:0])
    rate, log_sd = level_ahead(deals, as_of=as_of, months=months, country=country)
    return Arrivals(rate, log_sd, recent(deals, as_of))


def level_ahead(
    made: pd.DataFrame, *, as_of: dt.date, months: pd.PeriodIndex, country: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return how many are expected by month, by level, season and working days, and the sd of the log of the level.

    Parameters
    ----------
    made : DataFrame
        ``created_at`` of deals or leads.
    """
    counts = monthly_counts(made, as_of=as_of)
    season = season_of(counts, country)
    weight = _work(counts.index, country) * np.array([season[month] for month in counts.index.month])
    level, step_sd, level_sd = _level(counts.to_numpy() / np.maximum(weight, 1e-9), weight)
    ahead = _work(months, country) * np.array([season[month] for month in months.month])
    return level * ahead, np.sqrt(level_sd**2 + step_sd**2 * np.arange(1, len(months) + 1))


def recent(deals: pd.DataFrame, as_of: dt.date) -> pd.DataFrame:
    """Return the deals created in the last twelve complete months, by id."""
    last = first_month(as_of).ordinal - 1
    month = months_of(deals["created_at"])
    return deals[(month > last - _PROFILE_MONTHS) & (month <= last)].sort_values("opportunity_id")


def renewals(deals: pd.DataFrame, *, as_of: dt.date, months: pd.PeriodIndex) -> Arrivals:
    """Return the renewals to be created: each won deal that has not asked for one may, as past ones did at its age.

    A renewal to come is like its won deal (owner, segment, product) at that deal's amount times what past renewals
    were worth against theirs. Where the oldest win is under 18 months old, who
    asked for what cannot be told yet: then only their number follows the wins, and they are like those of the last year.

    Parameters
    ----------
    deals : DataFrame
        All deals, with ``account_id, type, status, created_at, closed_on, product, amount``.
    months : PeriodIndex
        The months ahead; what is won in them asks for nothing within the horizon.
    """
    again = deals[(deals["type"] == "renewal") & deals["created_at"].notna() & deals["account_id"].notna()]
    last = first_month(as_of) - 1
    wins = deals[(deals["status"] == "won") & deals["closed_on"].notna()]
    if len(recent(again, as_of)) < _LEAST or wins.empty:
        return Arrivals(np.zeros(len(months)), np.zeros(len(months)), deals[:0])
    age = last.ordinal - months_of(wins["closed_on"])
    if age.max() < _AGED:
        noise = np.full(len(months), 1.0 / np.sqrt(len(again)))
        return Arrivals(_by_lag(again, wins, last, months), noise, recent(again, as_of))
    pairs = _paired(again, wins)
    lag = pd.Series(pairs["lag"].to_numpy(dtype=float), index=pairs["win"]).reindex(range(len(wins))).to_numpy()
    waits = _waiting(age, lag, labels(wins["product"])[0], len(months))
    open_still = np.isnan(lag) & (waits.sum(axis=1) > 1e-3)
    worth = wins["amount"] * _worth(pairs, wins)
    coming = wins[open_still].assign(type="renewal", amount=worth[open_still])
    noise = np.full(len(months), 1.0 / np.sqrt(len(again)))
    return Arrivals(waits[open_still].sum(axis=0), noise, coming, waits[open_still])


def _by_lag(again: pd.DataFrame, wins: pd.DataFrame, last: pd.Period, months: pd.PeriodIndex) -> np.ndarray:
    """Return renewals expected by month as past ones followed wins, whoever has asked already."""
    lags, won = _lag_rates(again, wins, last), wins["closed_on"].dt.to_period("M").value_counts()
    return np.array(
        [sum(lags[lag] * won.get(month - lag, 0) for lag in range(1, _LONGEST_LAG + 1)) for month in months]
    )


def _paired(again: pd.DataFrame, wins: pd.DataFrame) -> pd.DataFrame:
    """Return each renewal with the win of its account that it most likely follows: the latest one of its product.

    Returns
    -------
    DataFrame
        ``opportunity_id, win`` (row), ``lag`` (months, at least 1), ``ratio`` of its amount to the win's.
    """
    account = np.concatenate(matched(again["account_id"], wins["account_id"])[0])
    product = np.concatenate(matched(again["product"], wins["product"])[0])
    both = np.where(account < 0, -1, account * (product.max() + 1) + product)
    won = _last_before(both, again, wins)
    won = np.where(won < 0, _last_before(account, again, wins), won)
    again, won = again[won >= 0], won[won >= 0]
    made, at = again["created_at"], wins["closed_on"].iloc[won]
    lag = (made.dt.year.to_numpy() - at.dt.year.to_numpy()) * 12 + made.dt.month.to_numpy() - at.dt.month.to_numpy()
    worth = wins["amount"].to_numpy(float)[won]
    ratio = again["amount"].to_numpy(float) / np.where(worth > 0, worth, np.nan)
    pairs = pd.DataFrame(
        {"opportunity_id": again["opportunity_id"].to_numpy(), "win": won, "lag": lag.clip(min=1), "ratio": ratio}
    )
    return pairs.sort_values(["win", "lag", "opportunity_id"]).drop_duplicates("win")


def _worth(pairs: pd.DataFrame, wins: pd.DataFrame) -> float:
    """Return what past renewals were worth over what their wins were: sums, so that a win taken wrongly adds nothing.

    The mean of single ratios would: a small win beside a large renewal counts for more than a large one beside a small.
    """
    known = pairs.dropna(subset=["ratio"])
    base = wins["amount"].to_numpy(float)[known["win"]]
    return float((known["ratio"].clip(*_WORTH) * base).sum() / base.sum()) if len(known) >= _LEAST else 1.0


def _last_before(kind: np.ndarray, again: pd.DataFrame, wins: pd.DataFrame) -> np.ndarray:
    """Return for each renewal the row of the last win of its kind closed before it was created, itself apart; -1 for none.

    Parameters
    ----------
    kind : ndarray of int
        Of the renewals, then of the wins; -1 for none.
    """
    n = len(again)
    times = np.concatenate([again["created_at"].to_numpy(), wins["closed_on"].to_numpy()]).astype("datetime64[us]")
    rank = np.unique(times, return_inverse=True)[1]
    key = kind * (len(times) + 1) + rank
    order = np.argsort(key[n:], kind="stable")
    place = np.searchsorted(key[n:][order], key[:n]) - 1
    (own, ids), _ = matched(again["opportunity_id"], wins["opportunity_id"])
    ids = ids[order]
    place = place - ((place >= 0) & (ids[place] == own))
    found = order[place]
    return np.where((place >= 0) & (kind[:n] >= 0) & (kind[n:][found] == kind[:n]), found, -1)


def _waiting(age: np.ndarray, lag: np.ndarray, kind: np.ndarray, horizon: int) -> np.ndarray:
    """Return each win's chance to ask for its renewal in each month ahead, given that it has not yet.

    The chance at an age is what wins of that age that had not asked did; a kind of product asks more or less often,
    shrunk towards alike.
    """
    seen = np.where(np.isnan(lag), age, lag)
    hazard = np.zeros(_LONGEST_LAG + horizon + 1)
    for one in range(1, _LONGEST_LAG + 1):
        hazard[one] = (lag == one).sum() / max(int((seen >= one).sum()), 1)
    asked = np.cumsum(hazard)[np.clip(seen, 0, _LONGEST_LAG).astype(int)]
    table = pd.DataFrame({"kind": kind, "came": ~np.isnan(lag), "expected": asked}).groupby("kind").sum()
    each = ((table["came"] + _KIND_PRIOR) / (table["expected"] + _KIND_PRIOR)).drop(index=-1, errors="ignore")
    factor = each.reindex(kind).to_numpy(float)
    left, made = np.ones(len(age)), np.zeros((len(age), horizon))
    for ahead in range(horizon):
        chance = np.minimum(hazard[np.clip(age + ahead + 1, 0, len(hazard) - 1)] * factor, _MOST_DUE)
        made[:, ahead], left = left * chance, left * (1 - chance)
    return made


def _lag_rates(again: pd.DataFrame, wins: pd.DataFrame, last: pd.Period) -> dict[int, float]:
    """Return renewals created per win by months since it, counting only wins old enough to have shown that lag."""
    pairs = again[["opportunity_id", "account_id", "created_at"]].merge(
        wins[["opportunity_id", "account_id", "closed_on"]], on="account_id", suffixes=("", "_won")
    )
    pairs = pairs[(pairs["closed_on"] < pairs["created_at"]) & (pairs["opportunity_id"] != pairs["opportunity_id_won"])]
    pairs = pairs.sort_values(["opportunity_id", "closed_on"]).drop_duplicates("opportunity_id", keep="last")
    gap = (
        (pairs["created_at"].dt.year - pairs["closed_on"].dt.year) * 12
        + pairs["created_at"].dt.month
        - pairs["closed_on"].dt.month
    )
    seen = gap.clip(lower=1).value_counts()
    old = (last.year - wins["closed_on"].dt.year) * 12 + last.month - wins["closed_on"].dt.month
    return {lag: float(seen.get(lag, 0)) / max(int((old >= lag).sum()), 1) for lag in range(1, _LONGEST_LAG + 1)}
