"""The measures that targets, actions and the ledger speak of: one fact table each, one way to add it up.

A measure is a table of dated facts with a ``value`` and a ``weight``. An additive measure (bookings, new customers)
is the sum of its values; a rate (win rate, CSAT, NPS) is the sum of values over the sum of weights.
"""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

ADDITIVE = ("bookings", "new_customers", "pipeline_created", "collected", "activities")
RATES = ("win_rate", "csat", "nps")
CREDIT = ("rep", "team", "region")
COLUMNS = ("on", "value", "weight", *CREDIT)
_READ = ("opportunity_id", "account_id", "status", "amount", "created_at", "closed_on", *CREDIT)


def facts(
    measure: str, *, deals: pd.DataFrame, activities: pd.DataFrame | None = None,
    payments: pd.DataFrame | None = None, feedback: pd.DataFrame | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Return the dated facts of a measure.

    Parameters
    ----------
    measure : str
        One of `ADDITIVE` or `RATES`.
    deals : DataFrame
        ``Book.deals()``: opportunities with rep, team and region credited.
    activities, payments, feedback : DataFrame, optional
        The canonical tables with rep, team and region credited, where the unit has them.

    Returns
    -------
    DataFrame
        ``on`` (the day that places the fact), ``value``, ``weight`` (NaN for additive measures), ``rep``, ``team``,
        ``region``. Empty where the data do not carry the measure.

    Examples
    --------
    >>> deals = pd.DataFrame({"status": ["won", "lost"], "closed_on": pd.to_datetime(["2026-10-05", "2026-10-09"]),
    ...                       "amount": [100.0, 50.0], "rep": "Ann", "team": "A", "region": "N"})
    >>> facts("win_rate", deals=deals)[["value", "weight"]].sum().tolist()
    [1.0, 2.0]
    """
    if measure in _OF_DEALS:
        made = _OF_DEALS[measure](deals[[name for name in _READ if name in deals]])
    else:
        made = _of_tables(measure, activities, payments, feedback)
    for column in COLUMNS:
        if column not in made:
            made[column] = float("nan") if column in ("value", "weight") else None
    return made.dropna(subset=["on", "value"])[list(COLUMNS)].reset_index(drop=True)


def declared(frame: pd.DataFrame, *, date: str, column: str | None, how: str, where: dict[str, str]) -> pd.DataFrame:
    """Return the dated facts of a measure that a unit declares.

    Parameters
    ----------
    frame : DataFrame
        The table it names, with rep, team and region credited where it has an owner.
    date, column : str
        The column that places a row, and the one added up or averaged.
    how : {"sum", "count", "mean"}
        A mean carries a weight of 1 a row and is a rate; the others add up.
    where : dict
        Only rows with these values.

    Examples
    --------
    >>> visits = pd.DataFrame({"type": ["visit", "call"], "done_at": pd.to_datetime(["2026-10-05", "2026-10-09"])})
    >>> declared(visits, date="done_at", column=None, how="count", where={"type": "visit"})["value"].tolist()
    [1.0]
    """
    if date not in frame or (how != "count" and column not in frame) or not set(where) <= set(frame.columns):
        frame, where = frame[:0].assign(**{date: pd.NaT}), {}
    for name, wanted in where.items():
        frame = frame[frame[name].astype(str) == str(wanted)]
    value = 1.0 if how == "count" or column not in frame else frame[column].astype(float)
    made = frame.assign(on=frame[date], value=value, weight=1.0 if how == "mean" else float("nan"))
    for name in CREDIT:
        if name not in made:
            made[name] = None
    return made.dropna(subset=["on", "value"])[list(COLUMNS)].reset_index(drop=True)


def is_rate(facts: pd.DataFrame, measure: str) -> bool:
    """Return whether a measure is a ratio of sums: one of `RATES`, or a declared mean."""
    return measure in RATES or (len(facts) > 0 and bool(facts["weight"].notna().any()))


def _bookings(deals: pd.DataFrame) -> pd.DataFrame:
    return deals[deals["status"] == "won"].assign(on=lambda d: d["closed_on"], value=lambda d: d["amount"])


def _new_customers(deals: pd.DataFrame) -> pd.DataFrame:
    won = deals[(deals["status"] == "won") & deals["account_id"].notna()]
    first = won.sort_values(["closed_on", "opportunity_id"]).drop_duplicates("account_id")
    return first.assign(on=first["closed_on"], value=1.0)


def _pipeline_created(deals: pd.DataFrame) -> pd.DataFrame:
    return deals.assign(on=deals["created_at"].dt.normalize(), value=deals["amount"])


LEAST_WON = 20
"""From so many won deals without a single lost one on, losses are taken as not recorded."""


def losses_known(deals: pd.DataFrame) -> bool:
    """Return whether lost deals are in the data at all; where many are won and none is lost, a win rate cannot be told.

    Examples
    --------
    >>> losses_known(pd.DataFrame({"status": ["won"] * 20})), losses_known(pd.DataFrame({"status": ["won"] * 20 + ["lost"]}))
    (False, True)
    """
    return bool((deals["status"] == "lost").any() or (deals["status"] == "won").sum() < LEAST_WON)


def _win_rate(deals: pd.DataFrame) -> pd.DataFrame:
    if not losses_known(deals):
        deals = deals[:0]
    closed = deals[deals["status"].isin(["won", "lost"])]
    return closed.assign(on=closed["closed_on"], value=(closed["status"] == "won").astype(float), weight=1.0)


_OF_DEALS = {
    "bookings": _bookings, "new_customers": _new_customers, "pipeline_created": _pipeline_created,
    "win_rate": _win_rate,
}  # fmt: skip


def _of_tables(measure, activities, payments, feedback) -> pd.DataFrame:
    if measure == "activities" and activities is not None and len(activities):
        done = activities[activities["done_at"].notna()]
        return done.assign(on=done["done_at"].dt.normalize(), value=1.0)
    if measure == "collected" and payments is not None and len(payments):
        return payments.assign(on=payments["paid_on"], value=payments["amount"])
    if measure in ("csat", "nps") and feedback is not None and len(feedback):
        return _scores(measure, feedback)
    return pd.DataFrame({"on": pd.Series(dtype="datetime64[us]"), "value": pd.Series(dtype="float64")})


_SCALES = {"csat5": (1, 5), "nps": (0, 10)}
_ANSWER = ("date", "respondent", "account", "opportunity", "rep", "scale", "score", "text")
_COPIES, _SENTENCE = 3, 12


def copied(feedback: pd.DataFrame) -> pd.Series:
    """Return which answers are copies of an earlier one: the same day, account, score and sentence three times or more.

    No customer answers so; a form sent many times or an import that went wrong does. Each such answer counts once. Answers
    of nobody named are never taken for copies: many people may say the same.

    Examples
    --------
    >>> rows = pd.DataFrame({"date": pd.Timestamp("2026-10-05"), "scale": "nps", "score": [10.0] * 3 + [9.0],
    ...                      "text": "Great product, no complaints", "account": "Acme"})
    >>> copied(rows).tolist()
    [False, True, True, False]
    """
    if not {"text", "account"} <= set(feedback.columns) or not len(feedback):
        return pd.Series(False, index=feedback.index)
    told = feedback[[name for name in _ANSWER if name in feedback]]
    long = (
        told["text"].map(lambda text: isinstance(text, str) and len(text) > _SENTENCE).astype(bool)
        & told["account"].notna()
    )
    twin = told.duplicated(keep=False) & long
    size = told[twin].groupby(list(told.columns), dropna=False)["text"].transform("size").reindex(told.index)
    return twin & (size >= _COPIES) & told.duplicated()


def _scores(measure: str, feedback: pd.DataFrame) -> pd.DataFrame:
    scale, top = ("csat5", 4) if measure == "csat" else ("nps", 9)
    inside = feedback["score"].between(*_SCALES[scale])
    said = feedback[(feedback["scale"] == scale) & (feedback["respondent"] != "rep") & inside & ~copied(feedback)]
    value = (said["score"] >= top).astype(float)
    if measure == "nps":
        value = 100.0 * (value - (said["score"] <= 6))
    return said.assign(on=said["date"], value=value, weight=1.0)


def monthly(facts: pd.DataFrame, level: str) -> dict[tuple[str | None, int], tuple[float, float, int]]:
    """Return the sum of values, the sum of weights and the count by scope and month (as an ordinal), for many look-ups.

    Examples
    --------
    >>> facts = pd.DataFrame({"on": pd.to_datetime(["2026-10-05"]), "value": [2.5], "weight": [1.0], "team": ["A"]})
    >>> monthly(facts, "team")
    {('A', 681): (2.5, 1.0, 1)}
    """
    month = facts["on"].dt.year * 12 + facts["on"].dt.month - 1 - 12 * 1970
    name = pd.Series([None] * len(facts), dtype=object) if level == "company" else facts[level].reset_index(drop=True)
    table = pd.DataFrame({"name": name, "month": month.to_numpy(), "value": facts["value"].to_numpy(),
                          "weight": facts["weight"].to_numpy()})  # fmt: skip
    groups = table.groupby(["name", "month"], dropna=False)
    sums = groups[["value", "weight"]].sum()
    return {
        (None if level == "company" else key[0], int(key[1])): (float(value), float(weight), int(n))
        for key, value, weight, n in zip(sums.index, sums["value"], sums["weight"], groups.size(), strict=True)
    }


def actual(
    facts: pd.DataFrame, measure: str, level: str, name: str | None, months: Iterable[pd.Period],
    sums: dict[tuple[str | None, int], tuple[float, float, int]] | None = None,
) -> tuple[float, int]:  # fmt: skip
    """Return a measure's value and its count for one scope over some months.

    Parameters
    ----------
    facts : DataFrame
        From `facts`, of this measure.
    measure : str
        Decides whether values are added up or divided by weights.
    level : {"company", "region", "team", "rep"}
        The organisation's level; `name` says which of it, and is ignored for the company.
    months : iterable of Period
        The months counted.
    sums : dict, optional
        ``monthly(facts, level)``, where it is there already.

    Returns
    -------
    value, n
        A rate with no facts is NaN; an additive measure with none is 0 if there are facts of other months,
        else NaN: nothing was ever measured.
    """
    if facts.empty:
        return float("nan"), 0
    sums = monthly(facts, level) if sums is None else sums
    scope = None if level == "company" else name
    found = [sums[scope, month.ordinal] for month in set(months) if (scope, month.ordinal) in sums]
    value, weight, n = (sum(part) for part in zip(*found, strict=True)) if found else (0.0, 0.0, 0)
    if is_rate(facts, measure):
        return (value / weight if weight else float("nan")), n
    return float(round(value, 2)), n


def by_month(facts: pd.DataFrame, measure: str, level: str, months: Iterable[pd.Period]) -> pd.DataFrame:
    """Return a measure by scope and month.

    Returns
    -------
    DataFrame
        ``name`` (None for the company), ``period`` (Period), ``value`` (0 for an additive measure with nothing in a
        month, NaN for such a rate), ``n`` (facts counted).
    """
    months = list(months)
    inside = facts.assign(period=facts["on"].dt.to_period("M") if len(facts) else pd.PeriodIndex([], freq="M"))
    inside = inside[inside["period"].isin(months)]
    names = [None] if level == "company" else sorted(facts[level].dropna().unique())
    inside = inside.assign(name="" if level == "company" else inside[level])
    grid = pd.MultiIndex.from_product([["" if n is None else n for n in names], months], names=["name", "period"])
    sums = inside.groupby(["name", "period"], observed=True)[["value", "weight"]].sum().reindex(grid, fill_value=0.0)
    count = inside.groupby(["name", "period"], observed=True).size().reindex(grid, fill_value=0)
    value = sums["value"] / sums["weight"].where(sums["weight"] > 0) if is_rate(facts, measure) else sums["value"]
    table = pd.DataFrame({"value": value, "n": count}).reset_index()
    return table.assign(name=table["name"].where(table["name"] != "", None))
