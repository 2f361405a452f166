"""NPS, CSAT and CES with their intervals, pooled over more months where a month holds too few answers."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pandas as pd

from salesloop import periods
from salesloop.metrics import intervals

MEASURES = {"nps": "nps", "csat": "csat5", "ces": "ces7"}
UOM = {"nps": "score", "csat": "share", "ces": "share"}
MONTH_LEAST, QUARTER_LEAST, LEAST = 60, 30, 10
"""Answers for which a month, a quarter stands alone; under `LEAST` no value is shown for a part of the company."""
GROUP_LEAST = 5
"""Reps that a group must have for its answers to be shown."""
SEGMENTS = ("region", "team", "segment", "product")
COLUMNS = (
    "measure", "uom", "scope_kind", "scope", "window", "n", "value", "low", "high", "change", "change_low", "change_high",
    "verdict", "against",
)  # fmt: skip


def answered(said: pd.DataFrame, measure: str, respondent: str = "customer") -> pd.DataFrame:
    """Return the valid, dated answers to one question with ``up`` and ``down`` (1 where it counts for or against).

    NPS counts 9-10 up and 0-6 down; CSAT counts 4-5 of 5 up; CES counts 5-7 of 7 up.
    """
    own = said[
        said["valid"] & (said["scale"] == MEASURES[measure]) & (said["respondent"] == respondent) & ~said["later"]
    ]
    own = own[own["date"].notna()]
    top = {"nps": 9, "csat": 4, "ces": 5}[measure]
    return own.assign(up=(own["score"] >= top).astype(int),
                      down=((own["score"] <= 6) & (measure == "nps")).astype(int))  # fmt: skip


def window(answers: pd.DataFrame, period: pd.Period) -> tuple[int, str]:
    """Return over how many months to pool so that the answers can carry a value, and the name of that window.

    Examples
    --------
    >>> few = pd.DataFrame({"month": pd.PeriodIndex(["2026-10"] * 40, freq="M")})
    >>> window(few, pd.Period("2026-10", "M"))
    (3, '2026-08/2026-10')
    """
    for months, least in ((1, MONTH_LEAST), (3, QUARTER_LEAST)):
        if _inside(answers, period, months).sum() >= least:
            return months, span(period, months)
    return 12, span(period, 12)


def span(period: pd.Period, months: int) -> str:
    """Return the name of the months that end with a period."""
    return str(period) if months == 1 else f"{period - months + 1}/{period}"


def _inside(answers: pd.DataFrame, period: pd.Period, months: int) -> pd.Series:
    return (answers["month"] > period - months) & (answers["month"] <= period)


def measured(answers: pd.DataFrame, measure: str) -> tuple[float, float, float, int]:
    """Return value, low, high (95 %) and n of some answers; NaN without any."""
    n, up, down = len(answers), int(answers["up"].sum()), int(answers["down"].sum())
    if measure == "nps":
        return (*intervals.nps(up, down, n), n)
    return (up / n if n else math.nan), *intervals.wilson(up, n), n


def changed(now: pd.DataFrame, before: pd.DataFrame, measure: str) -> dict[str, float | str | None]:
    """Return the change between two sets of answers, its 95 % interval, and whether it says anything.

    Returns
    -------
    dict
        ``change, change_low, change_high, verdict`` (up, down, noise; None where one side has no answers).
    """
    if not len(now) or not len(before):
        return {"change": math.nan, "change_low": math.nan, "change_high": math.nan, "verdict": None}
    (a, *_), (b, *_) = measured(now, measure), measured(before, measure)
    if measure == "nps":
        error = math.hypot(*(intervals.nps_error(d["up"].mean(), d["down"].mean(), len(d)) for d in (now, before)))
        low, high = a - b - intervals.z(0.95) * error, a - b + intervals.z(0.95) * error
    else:
        low, high = intervals.share_change((now["up"].sum(), len(now)), (before["up"].sum(), len(before)))
    verdict = "up" if low > 0 else "down" if high < 0 else "noise"
    return {"change": a - b, "change_low": low, "change_high": high, "verdict": verdict}


def table(said: pd.DataFrame, period: pd.Period) -> pd.DataFrame:
    """Return every score for the company and its parts, each over the window that its answers can carry.

    Parameters
    ----------
    said : DataFrame
        From `reading.linked`.
    period : Period
        The month.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`: ``measure`` (nps, csat, ces), ``scope_kind`` (company, region, team, segment, product),
        ``window`` (months), ``n`` answers, ``value`` with ``low, high`` (95 %), the change against the months before of
        the same number, its interval, and ``verdict``; ``noise`` means no change can be told. A part's change must
        hold after correction for all parts looked at (Benjamini-Hochberg, 5 %).
    """
    rows = []
    for measure in MEASURES:
        answers = answered(said, measure)
        if answers.empty:
            continue
        months, name = window(answers, period)
        rows.append(_row(answers, measure, "company", None, period, months, name))
        for kind in SEGMENTS:
            parts = answers.dropna(subset=[kind]).groupby(kind, sort=True)
            own = [_row(part, measure, kind, scope, period, *window(part, period)) for scope, part in parts]
            rows += [row for row in own if row["n"] >= LEAST] if len(own) > 1 else []
    return _many_looks(pd.DataFrame(rows, columns=list(COLUMNS)))


def _many_looks(made: pd.DataFrame) -> pd.DataFrame:
    """Call a change of a part of the company one only where it holds after correction for all parts looked at."""
    part = made["scope_kind"] != "company"
    error = (made["change_high"] - made["change_low"]).astype(float) / (2 * intervals.z(0.95))
    size = (made["change"].astype(float).abs() / error.where(error > 0)).to_numpy()
    p = np.array([2 * (1 - NormalDist().cdf(one)) if one == one else np.nan for one in size])
    q = np.full(len(made), np.nan)
    q[part.to_numpy()] = intervals.benjamini_hochberg(p[part.to_numpy()])
    made.loc[(q > 0.05) & made["verdict"].isin(["up", "down"]), "verdict"] = "noise"
    return made


def _row(
    answers: pd.DataFrame, measure: str, kind: str, scope: str | None, period: pd.Period, months: int, name: str
) -> dict:
    now, before = answers[_inside(answers, period, months)], answers[_inside(answers, period - months, months)]
    value, low, high, n = measured(now, measure)
    return {"measure": measure, "uom": UOM[measure], "scope_kind": kind, "scope": scope, "window": name, "n": n, "value": value,
            "low": low, "high": high, **changed(now, before, measure),
            "against": span(period - months, months) if len(before) else None}  # fmt: skip


def company(scores: pd.DataFrame, measure: str) -> dict[str, float]:
    """Return the company's value of a measure as `Stage.value` takes it; NaN where nobody was asked."""
    own = scores[(scores["measure"] == measure) & (scores["scope_kind"] == "company")]
    if own.empty:
        return {"value": math.nan, "low": math.nan, "high": math.nan, "n": 0}
    return {**{key: float(own[key].iloc[0]) for key in ("value", "low", "high")}, "n": int(own["n"].iloc[0])}


def trend(said: pd.DataFrame, period: pd.Period, *, quarters: int = 8, fiscal_start: int = 1) -> pd.DataFrame:
    """Return NPS, else CSAT, by fiscal quarter for the figure.

    Returns
    -------
    DataFrame
        ``quarter``, ``measure``, ``n``, ``value, low, high``; a quarter without answers has no value.
    """
    measure = next((name for name in ("nps", "csat", "ces") if len(answered(said, name))), None)
    if measure is None:
        return pd.DataFrame(columns=["quarter", "measure", "n", "value", "low", "high"])
    answers, rows = answered(said, measure), []
    last = periods.fiscal_quarter(period, fiscal_start)
    for back in range(quarters - 1, -1, -1):
        months = [month - 3 * back for month in last]
        own = answers[answers["month"].isin(months)]
        value, low, high, n = measured(own, measure)
        rows.append((periods.quarter_label(months[0], fiscal_start), measure, n, value, low, high))
    made = pd.DataFrame(rows, columns=["quarter", "measure", "n", "value", "low", "high"])
    return made[made["n"].cumsum() > 0].reset_index(drop=True)


def response(said: pd.DataFrame, deals: pd.DataFrame, period: pd.Period) -> pd.DataFrame:
    """Return how many answered of those asked, and how many customers were heard at all, over 12 months.

    Parameters
    ----------
    said : DataFrame
        From `reading.linked`; rows with neither score nor text are questions without an answer.
    deals : DataFrame
        Deals; accounts with a deal won in the 12 months are the customers.

    Returns
    -------
    DataFrame
        ``what`` (answers, customers), ``n, of, share, low, high``; the share is NaN where it cannot be known.
    """
    year = said[_inside(said, period, 12) & (said["respondent"] == "customer")]
    answers = int((year["score"].notna() | (year["words"] != "")).sum())
    asked = len(year) if answers < len(year) else 0
    won = deals[(deals["status"] == "won") & _closed_within(deals, period)]
    buyers = set(won["account_id"].dropna())
    heard = len(buyers & set(year["account_id"].dropna()))
    rows = [("answers", answers, asked or math.nan), ("customers", heard, len(buyers))]
    return pd.DataFrame(
        [
            (what, n, of, n / of if of > 0 else np.nan, *intervals.wilson(n, of if of > 0 else 0))
            for what, n, of in rows
        ],
        columns=["what", "n", "of", "share", "low", "high"],
    )


def _closed_within(deals: pd.DataFrame, period: pd.Period) -> pd.Series:
    month = deals["closed_on"].dt.to_period("M")
    return (month > period - 12) & (month <= period)


def of_reps(said: pd.DataFrame, period: pd.Period) -> pd.DataFrame:
    """Return what reps answered over 12 months, by team, only for groups of five or more.

    A single hidden group could be told from the total and the others, so the smallest shown one is hidden with it.

    Returns
    -------
    DataFrame
        ``measure, team`` (None for all), ``n_people, n, value, low, high, shown``; hidden rows have no values.
    """
    rows = []
    for measure in MEASURES:
        own = answered(said, measure, "rep")
        own = own[_inside(own, period, 12)]
        if own.empty:
            continue
        groups = [(None, own), *own.dropna(subset=["team"]).groupby("team", sort=True)]
        rows += _hidden([_group(measure, team, part) for team, part in groups])
    columns = ["measure", "uom", "team", "n_people", "n", "value", "low", "high", "shown"]
    return pd.DataFrame(rows, columns=columns)


def _group(measure: str, team: object, part: pd.DataFrame) -> dict:
    named = part["rep"].nunique()
    people = int(named + part["rep"].isna().sum()) if named == 0 else int(named)
    value, low, high, n = measured(part, measure)
    return {"measure": measure, "uom": UOM[measure], "team": team, "n_people": people, "n": n, "value": value, "low": low, "high": high,
            "shown": people >= GROUP_LEAST}  # fmt: skip


def _hidden(rows: list[dict]) -> list[dict]:
    parts = [row for row in rows[1:] if row["team"] is not None]
    hidden = [row for row in parts if not row["shown"]]
    shown = sorted((row for row in parts if row["shown"]), key=lambda row: row["n_people"])
    if len(hidden) == 1 and rows[0]["shown"] and shown:
        shown[0]["shown"] = False
    for row in rows:
        if not row["shown"]:
            row |= {"n_people": None, "n": None, "value": math.nan, "low": math.nan, "high": math.nan}
    return rows
