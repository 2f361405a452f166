"""Bookings as monthly series: the company and its parts as one panel, forecast in one call, parts brought to the whole."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from salesloop.metrics import series
from salesloop.metrics.forecast import rules
from salesloop.metrics.series import QUANTILES

COMPANY, OTHERS = "company", "-"
LEVELS = ("region", "team", "rep", "product", "segment")
TIERS = (36, 24, 12, 6, 3, 1, 0)
"""Months of history from which another fallback holds."""
_MOST, _YEAR, _LEARNED_LEADS = 100, 12, 3
_NUMBERS = ["mean", *QUANTILES]


@dataclass(frozen=True)
class Monthly:
    """The panel's forecast.

    Attributes
    ----------
    company : DataFrame
        ``period, mean`` and the seven quantiles of the company's own series, one row a month ahead.
    table : DataFrame
        The same of every series: ``level, name`` (None for the company, ``-`` for what has none or is small), ``period,
        lead_months, mean`` and quantiles (home money), ``method, n`` (months known), ``fallback``. The means of each level
        add up to the company's to the cent; bounds are moved along.
    errors : DataFrame
        Of the company: ``made_in, period, lead_months, forecast, actual``, with what was known then.
    notes : DataFrame
        ``level, name, kind, period, value``: what was found and done, as `series.forecast` names it.
    n_errors : int
        Past errors, of all series, in the pool of the next month's interval.
    weights : dict
        ``{lead: {entrant: weight}}`` of the panel by the back-test.
    entrants : DataFrame
        The company's past errors by entrant, ``made_in, period, lead_months, method, forecast, actual``.
    """

    company: pd.DataFrame
    table: pd.DataFrame
    errors: pd.DataFrame
    notes: pd.DataFrame
    n_errors: int
    weights: dict[str, dict[str, float]]
    entrants: pd.DataFrame

    @property
    def wide_leads(self) -> int:
        """How many months ahead 95 % can be stated: those with 19 past errors or more; beyond, 80 % is the widest."""
        known = self.company["p2_5"].notna().to_numpy()
        return int(len(known) if known.all() else known.argmin())


def panel(deals: pd.DataFrame, *, until: pd.Period, levels: Iterable[str] = LEVELS) -> pd.DataFrame:
    """Return won amounts by month of the company and of each level's parts, as far as the deals name them.

    Parameters
    ----------
    deals : DataFrame
        ``Book.deals()``: a level counts where its column names anything; teams and regions are those at close.
    until : Period
        The last month.
    levels : iterable of str
        Columns of `deals`.

    Returns
    -------
    DataFrame
        ``level, name, period, value``. A part begins with its first deal, months without a win are 0; parts that won
        nothing in the last 12 months are left out, what has no name and what is small beyond the hundred largest is one
        part ``-``, so that the parts of a level add up to the company in each of those months.
    """
    deals = deals.reset_index(drop=True)
    won = deals[(deals["status"] == "won") & deals["closed_on"].notna() & deals["amount"].notna()]
    month, begun = won["closed_on"].dt.to_period("M"), deals["created_at"].fillna(deals["closed_on"]).dt.to_period("M")
    won, month = won[month <= until], month[month <= until]
    if won.empty:
        return pd.DataFrame({"level": [], "name": [], "period": pd.PeriodIndex([], freq="M"), "value": []})
    months = pd.period_range(month.min(), until, freq="M")
    place = pd.Series(months.get_indexer(month), index=won.index)
    first = (pd.PeriodIndex(begun).asi8 - months[0].ordinal).clip(0, len(months))
    parts = [_long(np.bincount(place, won["amount"], len(months))[None], np.zeros(1), [None], COMPANY, months)]
    named = [level for level in levels if level in deals and deals[level].notna().any()]
    parts += [_part(won, deals, place, first, level, months) for level in named]
    return pd.concat(parts, ignore_index=True)


def _part(won, deals, place: pd.Series, first: np.ndarray, level: str, months: pd.PeriodIndex) -> pd.DataFrame:
    """Return the parts of a level: the hundred largest of the last year by name, the rest as one."""
    called = deals[level].astype(object).where(deals[level].notna(), OTHERS)
    recent = place >= len(months) - _YEAR
    size = won["amount"][recent].groupby(called[won.index][recent]).sum()
    kept = size[size > 0].drop(OTHERS, errors="ignore").sort_values(ascending=False, kind="stable").index[:_MOST]
    names = [*sorted(kept, key=str), OTHERS]
    code = pd.Index(names).get_indexer(called)
    code = np.where(code < 0, len(names) - 1, code)
    own = code[won.index]
    flat = np.bincount(own * len(months) + place.to_numpy(), won["amount"], len(names) * len(months))
    wide, begin = flat.reshape(len(names), -1), np.full(len(names), len(months))
    np.minimum.at(begin, code, first)
    alive = np.flatnonzero(wide[:, -_YEAR:].sum(axis=1) > 0)
    return _long(wide[alive], begin[alive], [names[i] for i in alive], level, months)


def _long(wide: np.ndarray, first: np.ndarray, names: list, level: str, months: pd.PeriodIndex) -> pd.DataFrame:
    row, column = np.nonzero(np.arange(len(months))[None] >= first[:, None])
    name = pd.Series(np.array(names, dtype=object)[row], dtype=object)
    return pd.DataFrame({"level": level, "name": name, "period": months[column], "value": wide[row, column]})


def forecast(
    deals: pd.DataFrame, *, as_of: dt.date, horizon: int, country: str | None, levels: Iterable[str] = LEVELS,
    weights: Mapping[str, Mapping[str, float]] | None = None,
) -> Monthly:  # fmt: skip
    """Forecast the bookings of the company and its parts as monthly series.

    Parameters
    ----------
    deals : DataFrame
        ``Book.deals()``.
    as_of : date
        The day of the frozen state; a month that has not ended by then is left out and noted.
    horizon : int
        Months ahead.
    country : str
        Whose working days and holidays move the months.
    levels : iterable of str
        Columns of `deals` that split the company.
    weights : mapping, optional
        Of the entrants, by lead, as the loop has learned them.
    """
    rows = panel(deals, until=pd.Period(as_of, "M"), levels=levels)
    keys = rows[["level", "name"]].drop_duplicates(ignore_index=True)
    ids = {key: f"{i:05d}" for i, key in enumerate(_keys(keys))}
    named = {made: key for key, made in ids.items()} | {None: (None, None)}
    given = pd.DataFrame(
        {"unique_id": [ids[key] for key in _keys(rows)], "period": rows["period"], "value": rows["value"]}
    )
    company_id = ids.get((COMPANY, None), "")
    told = series.forecast(
        given, horizon=horizon, as_of=as_of, country=country, weights=weights, detail=[company_id]
    )  # fmt: skip
    table = added_up(_named(told.table, named))
    table["fallback"] = [tier(int(n)) for n in table["n"]]
    company = table[(table["level"] == COMPANY) & table["mean"].notna()].reset_index(drop=True)
    errors = told.errors[told.errors["unique_id"] == company_id].reset_index(drop=True)
    notes = _named(told.notes, named)[["level", "name", "kind", "period", "value"]]
    columns = ["level", "name", "period", "lead_months", *_NUMBERS, "method", "n", "fallback"]
    pool = int((told.errors["lead_months"] == 1).sum())
    shown = company[["period", "method", "n", "fallback", *_NUMBERS]]
    return Monthly(shown, table[columns], errors, notes, pool, told.weights, told.entrants)


def learned(told: Monthly, graded_in: Collection[str]) -> rules.Learned:
    """Return the entrants' weights as graded months teach them, held back towards the back-test's.

    Parameters
    ----------
    told : Monthly
        The panel's forecast, with what each entrant would have said of the company at earlier ends.
    graded_in : collection of str
        The months whose forecasts were promises.
    """
    mine = told.entrants[told.entrants["made_in"].astype(str).isin(list(graded_in))]
    mine = mine[mine["lead_months"] <= _LEARNED_LEADS]
    prior = {lead: row for lead, row in told.weights.items() if int(lead) <= _LEARNED_LEADS}
    return rules.method_weights(mine, prior, list(series.AVERAGED))


def _keys(rows: pd.DataFrame) -> list[tuple]:
    return [
        (level, name if isinstance(name, str) else None)
        for level, name in zip(rows["level"], rows["name"], strict=True)
    ]


def _named(rows: pd.DataFrame, named: dict) -> pd.DataFrame:
    """Return rows with the level and name of their series; a note on the whole panel has neither."""
    found = [named[one if isinstance(one, str) else None] for one in rows["unique_id"]]
    made = pd.DataFrame(found, columns=["level", "name"], index=rows.index, dtype=object)
    return pd.concat([made, rows], axis=1)


def added_up(table: pd.DataFrame) -> pd.DataFrame:
    """Return a forecast whose parts of each level add up to the company's, to the cent, by moving all parts alike.

    Parameters
    ----------
    table : DataFrame
        ``level, name, period, mean`` and quantiles; the company under level ``company``.

    Examples
    --------
    >>> given = pd.DataFrame({"level": ["company", "team", "team"], "name": [None, "A", "B"], "period": 1, "mean": [10.0, 4.0, 8.0]})
    >>> added_up(given.assign(**dict.fromkeys(QUANTILES, 1.0)))["mean"].tolist()
    [10.0, 3.33, 6.67]
    """
    made = table.sort_values(["level", "period"], kind="stable").reset_index(drop=True)
    is_whole = made["level"] == COMPANY
    whole = made["period"].map(made[is_whole].set_index("period")["mean"].round(2))
    parts = made.groupby(["level", "period"])["mean"].transform("sum")
    ratio = np.where(is_whole | ~(parts > 0), 1.0, whole / parts.where(parts > 0, 1.0))
    made[_NUMBERS] = made[_NUMBERS].mul(ratio, axis=0)
    cents = (100 * made.fillna({"mean": 0.0}).groupby(["level", "period"])["mean"].cumsum()).round()
    before = cents.groupby([made["level"], made["period"]]).shift(fill_value=0.0)
    made["mean"] = ((cents - before) / 100).where(made["mean"].notna())
    return made


def tier(months: int) -> str:
    """Return which fallback a history of some months has.

    Examples
    --------
    >>> tier(40), tier(13), tier(0)
    ('history_36', 'history_12', 'history_0')
    """
    return f"history_{next(least for least in TIERS if months >= least)}"


def shown(told: Monthly) -> pd.DataFrame:
    """Return the page's table: next month of every series, the largest of each level first.

    Returns
    -------
    DataFrame
        ``level, name, n, method, fallback, mean, p10, p90, p2_5, p97_5``.
    """
    order = {level: place for place, level in enumerate([COMPANY, *LEVELS])}
    rows = told.table[told.table["lead_months"] == 1]
    rows = rows.assign(place=rows["level"].map(order).fillna(len(order)), size=-rows["mean"])
    rows = rows.sort_values(["place", "level", "size"], kind="stable")
    return rows[["level", "name", "n", "method", "fallback", "mean", "p10", "p90", "p2_5", "p97_5"]].reset_index(
        drop=True
    )


def sampled(company: pd.DataFrame, n: int, seed: int) -> np.ndarray:
    """Return draws of the company's months from the intervals of its series, months x draws.

    A draw that is high in one month is high in all, as errors of a level are.
    """
    from scipy.stats import norm

    shares = np.array(list(QUANTILES.values()))
    at = norm.ppf(np.random.default_rng(seed).permutation((np.arange(n) + 0.5) / n))
    made = np.zeros((len(company), n))
    for month, row in enumerate(company[list(QUANTILES)].to_numpy(dtype=float)):
        known = np.isfinite(row)
        z, value = norm.ppf(shares[known]), row[known]
        ends = np.array([z[0] - 2.0, z[-1] + 2.0])
        reach = value[[0, -1]] + (ends - z[[0, -1]]) * (value[[1, -1]] - value[[0, -2]]) / (z[[1, -1]] - z[[0, -2]])
        made[month] = np.interp(at, [ends[0], *z, ends[1]], [reach[0], *value, reach[1]])
    return np.maximum(made, 0.0)
