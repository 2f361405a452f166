"""The three to six numbers of page one: each with its count, its range and what can be said of its change."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from salesloop import periods
from salesloop.metrics import intervals, measures
from salesloop.metrics.brief.parts import Parts, table, value

NUMBERS = (
    "measure", "about", "value", "uom", "n", "low", "high", "confidence", "change", "against", "verdict", "target",
    "trail", "note", "values",
)  # fmt: skip
TRAIL, WINDOW = 12, 12
_TARGETS = ("period", "level", "name", "measure", "tier", "amount", "actual_to_date", "p_hit")
Facts = Mapping[str, pd.DataFrame]


def numbers(
    parts: Parts, facts: Facts, plan: pd.DataFrame, *, period: pd.Period, currency: str, fiscal_start: int = 1
) -> pd.DataFrame:
    """Return the numbers of page one, three to six rows where the data carry them.

    Parameters
    ----------
    parts : mapping
        The stages' results.
    facts : mapping of str to DataFrame
        The dated facts of bookings, new_customers and win_rate, up to the period's end.
    plan : DataFrame
        The plan's targets.
    period : Period
        The month.
    currency : str
        The unit of measurement of money.
    fiscal_start : int, default 1
        The month in which the fiscal year starts.

    Returns
    -------
    DataFrame
        Columns `NUMBERS`; ``about`` is the month or quarter that the number is of; ``verdict`` is ``noise`` where the change lies inside what luck alone gives, ``clear``
        where it does not, ``ahead`` where the value lies ahead, None where nothing can be said; ``trail`` the last 12 months as JSON.
    """
    made = [
        _bookings(parts, facts["bookings"], plan, period, currency),
        _ahead(parts, plan, period, currency),
        odds(parts, period, fiscal_start),
        _win_rate(parts, facts["win_rate"], period),
        _customers(facts["new_customers"], plan, period),
        _voice(parts),
    ]
    return pd.DataFrame([row for row in made if row is not None and _known(row["value"])], columns=list(NUMBERS))


def _known(number: Any) -> bool:
    return number is not None and not pd.isna(number)


def _number(value: Any) -> float | None:
    return float(value) if _known(value) else None


def _row(measure: str, number: float, uom: str, **rest: Any) -> dict[str, Any]:
    return {**dict.fromkeys(NUMBERS), "measure": measure, "value": number, "uom": uom, **rest}


def target_of(parts: Parts, plan: pd.DataFrame, period: pd.Period, measure: str) -> float:
    """Return the company's base target of a month: the goals stage's, else the plan's last word, else NaN."""
    stated = table(parts, "goals", "targets", _TARGETS)
    found = _company(stated, str(period), measure)
    if found.empty:
        lines = plan[(plan["basis"] != "growth") & plan["amount"].notna()] if len(plan) else plan
        found = _company(lines, str(period), measure)
        found = found.sort_values("valid_from", na_position="first", kind="stable") if len(found) else found
    return float(found["amount"].iloc[-1]) if len(found) and _known(found["amount"].iloc[-1]) else float("nan")


def _company(targets: pd.DataFrame, period: str, measure: str) -> pd.DataFrame:
    if targets.empty:
        return targets
    tier = targets["tier"].fillna("base").astype(str)
    chosen = (targets["level"] == "company") & (targets["measure"] == measure) & (tier == "base")
    return targets[chosen & (targets["period"].astype(str) == period)]


def _month(facts: pd.DataFrame, period: pd.Period) -> np.ndarray:
    return (
        facts.loc[facts["on"].dt.to_period("M") == period, "value"].to_numpy(dtype=float) if len(facts) else np.zeros(0)
    )


def _reference(facts: pd.DataFrame, period: pd.Period) -> pd.Period | None:
    """Return the month to compare with: the same of last year, else the one before, if the data reach so far."""
    first = facts["on"].min().to_period("M") if len(facts) else period
    return next((month for month in (period - 12, period - 1) if month >= first), None)


def _trail(facts: pd.DataFrame, measure: str, period: pd.Period) -> str:
    months = pd.period_range(period - TRAIL + 1, period, freq="M")
    shown = measures.by_month(facts, measure, "company", months)["value"] if len(facts) else pd.Series(dtype=float)
    return json.dumps([None if pd.isna(one) else round(float(one), 2) for one in shown])


def _bookings(parts: Parts, facts: pd.DataFrame, plan: pd.DataFrame, period: pd.Period, currency: str) -> dict | None:
    if facts.empty:
        return None
    now, reference = _month(facts, period), _reference(facts, period)
    change, verdict = math.nan, None
    if reference is not None:
        before = _month(facts, reference)
        change = round(float(now.sum() - before.sum()), 2)
        verdict = luck(now, before)
    return _row("bookings", round(float(now.sum()), 2), currency, about=str(period), n=len(now), change=change, verdict=verdict,
                against=str(reference) if reference is not None else None, target=target_of(parts, plan, period, "bookings"),
                trail=_trail(facts, "bookings", period))  # fmt: skip


def luck(now: np.ndarray, before: np.ndarray) -> str:
    """Return ``noise`` where a difference of two sums is within 1.96 standard errors of deals arriving by chance.

    A sum of deals that arrive at random has the variance of the sum of squared amounts (compound Poisson).

    Examples
    --------
    >>> luck(np.full(15, 10.0), np.full(12, 10.0)), luck(np.full(100, 10.0), np.full(40, 10.0))
    ('noise', 'clear')
    """
    error = math.sqrt(float((now**2).sum() + (before**2).sum()))
    return "noise" if abs(now.sum() - before.sum()) <= 1.96 * error else "clear"


def _ahead(parts: Parts, plan: pd.DataFrame, period: pd.Period, currency: str) -> dict | None:
    told = value(parts, "forecast", "bookings_next")
    if not _known(told["value"]):
        return None
    rest = {key: told[key] for key in ("n", "low", "high", "confidence")}
    return _row(
        "bookings_next",
        told["value"],
        currency,
        about=str(period + 1),
        verdict="ahead",
        target=target_of(parts, plan, period + 1, "bookings"),
        **rest,
    )


def odds(parts: Parts, period: pd.Period, fiscal_start: int = 1) -> dict | None:
    """Return the odds of the company's bookings target of the quarter, else of the year, that is not over yet.

    Returns
    -------
    dict or None
        A row of `NUMBERS`; ``about`` names the quarter, year or month.
    """
    stated = table(parts, "goals", "targets", _TARGETS)
    ahead = period + 1
    year = str(periods.fiscal_year(ahead, fiscal_start))
    for name, label in (("p_hit_quarter", periods.quarter_label(ahead, fiscal_start)), ("p_hit_year", year),
                        ("p_hit_month", str(ahead))):  # fmt: skip
        found = _company(stated, label, "bookings")
        found = found[found["p_hit"].notna()]
        if len(found):
            last = found.iloc[-1]
            values = {"target": float(last["amount"]), "won": _number(last["actual_to_date"])}
            note = "brief.number.odds" if values["won"] is not None else "brief.number.odds_ahead"
            return _row(name, float(last["p_hit"]), "share", about=label, note=note, values=json.dumps(values))
    told = value(parts, "goals", "p_hit_company")
    return _row("p_hit_company", told["value"], "share", n=told["n"]) if _known(told["value"]) else None


def _win_rate(parts: Parts, facts: pd.DataFrame, period: pd.Period) -> dict | None:
    """Return the win rate as the performance stage pooled it; without that stage, over 12 months against the 12 before."""
    asked = ("measure", "value", "n", "low", "high", "change", "verdict", "window")
    told = table(parts, "kpi", "scorecard", asked)
    told = told[(told["measure"] == "win_rate") & told["value"].notna() & told["window"].notna()]
    if len(told):
        row, months = told.iloc[0], int(told["window"].iloc[0])
        verdict = None if pd.isna(row["change"]) else "noise" if row["verdict"] == "no_change" else "clear"
        return _row("win_rate", float(row["value"]), "share", about=_span(period, months), n=row["n"], low=row["low"],
                    high=row["high"], confidence=0.95, change=row["change"], against=_span(period - months, months),
                    verdict=verdict, trail=_rates(facts, period, months))  # fmt: skip
    now, before = (_window(facts, period - shift, WINDOW) for shift in (0, WINDOW))
    if not now[1]:
        return None
    low, high = intervals.wilson(*now)
    down, up = intervals.share_change(now, before)
    change = now[0] / now[1] - before[0] / before[1] if before[1] else math.nan
    verdict = None if math.isnan(down) else "noise" if down <= 0 <= up else "clear"
    return _row("win_rate_rolling", now[0] / now[1], "share", n=now[1], low=low, high=high, confidence=0.95, change=change,
                against="twelve_before", verdict=verdict, trail=_rates(facts, period, WINDOW))  # fmt: skip


def _span(period: pd.Period, months: int) -> str:
    return str(period) if months == 1 else f"{period - months + 1}/{period}"


def _rates(facts: pd.DataFrame, period: pd.Period, months: int) -> str:
    counts = [_window(facts, period - back, months) for back in range(TRAIL - 1, -1, -1)]
    return json.dumps([round(won / n, 4) if n else None for won, n in counts])


def _window(facts: pd.DataFrame, last: pd.Period, months: int) -> tuple[int, int]:
    if facts.empty:
        return 0, 0
    month = facts["on"].dt.to_period("M")
    inside = facts.loc[(month > last - months) & (month <= last), "value"]
    return int(inside.sum()), len(inside)


def _customers(facts: pd.DataFrame, plan: pd.DataFrame, period: pd.Period) -> dict | None:
    if facts.empty:
        return None
    now, reference = len(_month(facts, period)), _reference(facts, period)
    before = len(_month(facts, reference)) if reference is not None else math.nan
    verdict = None if reference is None else "noise" if abs(now - before) <= 1.96 * math.sqrt(now + before) else "clear"
    return _row("new_customers", float(now), "count", about=str(period), change=now - before, verdict=verdict,
                against=str(reference) if reference is not None else None, target=target_of({}, plan, period, "new_customers"),
                trail=_trail(facts, "new_customers", period))  # fmt: skip


def _voice(parts: Parts) -> dict | None:
    """Return NPS, else CSAT, as the feedback stage computed it, with its change."""
    scores = table(parts, "feedback", "scores", ("measure", "scope_kind", "window", "change", "verdict", "against"))
    for name, uom in (("nps", "score"), ("csat", "share")):
        told = value(parts, "feedback", name)
        if _known(told["value"]):
            own = scores[(scores["measure"] == name) & (scores["scope_kind"] == "company")]
            rest = _own(own.iloc[0]) if len(own) else {}
            return _row(name, told["value"], uom, **{k: told[k] for k in ("n", "low", "high", "confidence")}, **rest)
    return None


def _own(row: pd.Series) -> dict[str, Any]:
    return {"about": row["window"], **{key: row[key] for key in ("change", "verdict", "against")}}
