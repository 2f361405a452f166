"""Every target judged: attainment to date, what it will come to with nothing changed, P(hit), what it would take."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from salesloop.metrics.goals.ahead import Ahead, look
from salesloop.metrics.goals.ground import Ground, scope, uom

COLUMNS = (
    "id", "period", "level", "name", "measure", "tier", "uom", "amount", "opening", "actual_to_date", "attainment", "n",
    "baseline", "low", "high", "p_hit", "verdict", "need_50", "need_80", "growth_needed", "basis", "derived", "locked",
    "begins", "ends", "stated", "base_label", "base_amount", "scope",
)  # fmt: skip
BANDS = {"base": (0.3, 0.8), "target": (0.3, 0.8), "stretch": (0.1, 0.3)}
NO_STRETCH, NOT_CREDIBLE = 0.95, 0.05


def judge(plan: pd.DataFrame, ground: Ground, *, locked: list[pd.Period]) -> pd.DataFrame:
    """Return every target with where it stands and where it is heading.

    Parameters
    ----------
    plan : DataFrame
        From `plan.read`.
    ground : Ground
        Facts and draws.
    locked : list of Period
        The months whose targets may not move any more.

    Returns
    -------
    DataFrame
        `COLUMNS`: ``opening`` (the version at the start), ``actual_to_date`` credited to the team at close,
        ``attainment`` of the current version, ``baseline, low, high`` (median and 80 % range with nothing changed, by
        today's team), ``p_hit``, ``verdict`` (met, missed, on_course, at_risk, no_stretch, not_credible, too_far,
        cannot_tell, not_measurable), ``need_50, need_80`` (what more would make P(hit) 50 and 80 %), ``growth_needed``
        (a year, against the last twelve months; for targets past the draws' horizon), ``basis``.
    """
    rows = [_row(target, ground, set(locked)) for target in plan.to_dict("records")]
    made = pd.DataFrame(rows, columns=list(COLUMNS))
    made["order"] = made["ends"] < str(ground.period)
    made["rank"] = made["level"].map({"company": 0, "region": 1, "team": 2}).fillna(3)
    made = made.sort_values(["order", "rank", "ends", "begins", "name", "measure", "tier"], kind="stable")
    made["name"] = made["name"].astype(object).where(made["name"].notna(), None)
    return made.drop(columns=["order", "rank"]).reset_index(drop=True)


def _row(target: dict, ground: Ground, locked: set) -> dict:
    made = {column: target.get(column) for column in COLUMNS} | dict.fromkeys(
        ("actual_to_date", "attainment", "baseline", "low", "high", "p_hit", "need_50", "need_80", "growth_needed"),
        float("nan"),
    )
    months = target["months"]
    made |= {"n": 0, "verdict": "not_measurable", "basis": "unmeasured", "uom": uom(target["measure"], ground),
             "begins": str(months[0]) if months else "", "ends": str(months[-1]) if months else "",
             "locked": bool(months) and all(month in locked or month <= ground.period for month in months),
             "scope": scope(target)}  # fmt: skip
    if not target["usable"]:
        return made
    told = look(target["measure"], target["level"], target["name"], months, target["period"], ground=ground)
    lower = ground.is_lower_better(target["measure"])
    amount = float(target["amount"])
    p = p_hit(told, amount, lower=lower)
    made |= {"actual_to_date": told.actual, "n": told.n, "basis": told.basis, "baseline": told.quantile(0.5),
             "low": told.quantile(0.1), "high": told.quantile(0.9), "p_hit": p,
             "attainment": told.actual / amount if amount else float("nan")}  # fmt: skip
    if len(told.final):
        made |= {f"need_{aim}": need(told.final, amount, aim / 100, lower=lower) for aim in (50, 80)}
    if told.basis == "too_far":
        made["growth_needed"] = growth_needed(target, ground)
    return made | {"verdict": verdict(told, amount, p, target["tier"], lower=lower)}


def p_hit(told: Ahead, amount: float, *, lower: bool = False) -> float:
    """Return the share of draws at or above the target; at or below it where lower is better.

    Examples
    --------
    >>> p_hit(Ahead(0.0, 0, np.array([1.0, 2.0, 3.0, 4.0]), "draws"), 2.0)
    0.75
    """
    if not len(told.final):
        return float("nan")
    return float((told.final <= amount).mean() if lower else (told.final >= amount - 1e-9 * abs(amount)).mean())


def need(final: np.ndarray, amount: float, aim: float, *, lower: bool = False) -> float:
    """Return what would have to be added to every draw for P(hit) to be `aim`; 0 where it is already.

    Examples
    --------
    >>> need(np.arange(1.0, 102.0), 61.0, 0.5), need(np.arange(1.0, 102.0), 20.0, 0.5)
    (10.0, 0.0)
    """
    if lower:
        return max(float(np.quantile(final, aim)) - amount, 0.0)
    return max(amount - float(np.quantile(final, 1 - aim)), 0.0)


def verdict(told: Ahead, amount: float, p: float, tier: str, *, lower: bool = False) -> str:
    """Return the verdict on a target as a word."""
    if told.basis == "unmeasured" or (told.basis == "over" and not math.isfinite(told.actual)):
        return "not_measurable"
    if told.basis == "over":
        return "met" if (told.actual <= amount if lower else told.actual >= amount) else "missed"
    if told.basis in ("too_far", "few"):
        return "too_far" if told.basis == "too_far" else "cannot_tell"
    if p > NO_STRETCH:
        return "no_stretch"
    if p < NOT_CREDIBLE:
        return "not_credible"
    return "on_course" if p >= BANDS.get(tier, BANDS["base"])[0] else "at_risk"


def growth_needed(target: dict, ground: Ground) -> float:
    """Return the growth a year that a target far ahead asks for, from the last twelve months to its own years."""
    months = target["months"]
    past, _ = ground.actual(target["measure"], target["level"], target["name"], pd.period_range(ground.period - 11, ground.period, freq="M"))  # fmt: skip
    first = ground.first_fact(target["measure"])
    if not past > 0 or first is None or first > ground.period - 11:
        return float("nan")
    done, _ = ground.actual(
        target["measure"], target["level"], target["name"], [m for m in months if m <= ground.period]
    )
    lead = np.array([(month - ground.period).n for month in months if month > ground.period])
    return solve_growth(past / 12, lead, float(target["amount"]) - np.nan_to_num(done))


def solve_growth(monthly: float, lead: np.ndarray, amount: float) -> float:
    """Return the yearly growth at which months `lead` ahead of a level centred half a year ago add up to `amount`.

    Examples
    --------
    >>> round(solve_growth(10.0, np.arange(1, 13), 132.0), 2)
    0.1
    """
    low, high = -0.99, 20.0
    years = (lead + 5.5) / 12
    for _ in range(80):
        middle = (low + high) / 2
        if (monthly * (1 + middle) ** years).sum() < amount:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def needs(
    judged: pd.DataFrame,
    rates: Mapping[str, float],
    ground: Ground,
    *,
    own: Mapping[tuple, Mapping[str, float]] | None = None,
) -> pd.DataFrame:
    """Return what it would take to make P(hit) of each target ahead 50 and 80 %.

    Parameters
    ----------
    judged : DataFrame
        From `judge`.
    rates : mapping
        The company's ``size`` (mean won amount), ``win_rate`` and ``conversion_<k>`` (share of the open amount won within k
        months), from `past_rates`.
    own : mapping, optional
        The same by ``(level, name)``, for those with enough deals of their own.

    Returns
    -------
    DataFrame
        ``id, period, level, name, measure, tier, uom, scope, p_hit, aim, amount`` (more of the measure); for bookings
        ``deals`` (more wins at the usual size), ``pipeline`` (more open amount now, at the share of it that is usually won in
        those months), ``win_rate`` (the rate at which the same deals would do; NaN where even 100 % would not).
    """
    rows = []
    for target in judged[judged["p_hit"].notna()].to_dict("records"):
        usual = (own or {}).get((target["level"], target["name"]), rates)
        for aim in (50, 80):
            more = target[f"need_{aim}"]
            rows.append({**{key: target[key] for key in _OF_NEEDS}, "aim": aim / 100, "amount": more,
                         **(_in_deals(target, more, aim / 100, usual, ground) if target["measure"] == "bookings" else {})})  # fmt: skip
    return pd.DataFrame(rows, columns=[*_OF_NEEDS, "aim", "amount", "deals", "pipeline", "win_rate"])


_OF_NEEDS = ("id", "period", "level", "name", "measure", "tier", "uom", "scope", "p_hit")


def _in_deals(target: dict, more: float, aim: float, rates: Mapping[str, float], ground: Ground) -> dict[str, float]:
    """Return what more bookings mean in wins, in open pipeline and as a win rate."""
    left = (pd.Period(target["ends"], "M") - ground.period).n
    begin = max((pd.Period(target["begins"], "M") - ground.period).n - 1, 0)
    missing = float("nan")
    conversion = rates.get(f"conversion_{min(left, 12)}", missing) - rates.get(f"conversion_{min(begin, 11)}", 0.0)
    return {"deals": math.ceil(more / rates["size"]) if rates["size"] > 0 else missing,
            "pipeline": more / conversion if conversion > 0 else missing,
            "win_rate": _reachable(rates["win_rate"] * _factor(target, _left_draws(target, ground), aim))}  # fmt: skip


def _left_draws(target: dict, ground: Ground) -> np.ndarray:
    months = pd.period_range(target["begins"], target["ends"], freq="M")
    return ground.left(target["level"], target["name"], months)


def _factor(target: dict, drawn: np.ndarray, aim: float) -> float:
    open_part = float(np.quantile(drawn, 1 - aim))
    missing = target["amount"] - np.nan_to_num(target["actual_to_date"])
    return 1.0 if target[f"need_{round(100 * aim)}"] <= 0 else missing / open_part if open_part > 0 else float("inf")


def _reachable(rate: float) -> float:
    return rate if rate <= 1 else float("nan")


def past_rates(deals: pd.DataFrame, ground: Ground) -> dict[str, float]:
    """Return the usual deal size, win rate and conversion of open amount within 1 to 12 months.

    Parameters
    ----------
    deals : DataFrame
        ``Book.deals()``.

    Returns
    -------
    dict
        ``size, win_rate`` of the last twelve months, ``n`` closed deals behind them, ``conversion_1 ... conversion_12``
        pooled over the month ends of the last two years; NaN where nothing closed.
    """
    closed = deals[deals["status"].isin(["won", "lost"]) & (deals["closed_on"].dt.to_period("M") > ground.period - 12)]
    won = closed[closed["status"] == "won"]
    made = {"n": float(len(closed)), "size": float(won["amount"].mean()) if len(won) else float("nan"),
            "win_rate": len(won) / len(closed) if len(closed) else float("nan")}  # fmt: skip
    arrays = (deals["amount"].fillna(0.0).to_numpy(), deals["created_at"].to_numpy(),
              deals["closed_on"].fillna(pd.Timestamp("2200-01-01")).to_numpy(), (deals["status"] == "won").to_numpy())  # fmt: skip
    return made | {f"conversion_{k}": _conversion(*arrays, ground, k) for k in range(1, 13)}


def _conversion(
    amount: np.ndarray, created: np.ndarray, closed: np.ndarray, won: np.ndarray, ground: Ground, months: int
) -> float:
    """Return the share of the amount open at past month ends that was won within some months."""
    seen = taken = 0.0
    for end in [(ground.period - back).end_time for back in range(months, months + 12)]:
        day, until = end.to_datetime64(), (end + pd.DateOffset(months=months)).to_datetime64()
        there = (created <= day) & (closed > day)
        seen += amount[there].sum()
        taken += amount[there & won & (closed <= until)].sum()
    return taken / seen if seen > 0 else float("nan")


OWN_DEALS = 20
"""Closed deals of a year from which a scope's own size, win rate and conversion are used."""


def own_rates(deals: pd.DataFrame, ground: Ground) -> dict[tuple[str, str | None], dict[str, float]]:
    """Return `past_rates` by ``(level, name)`` of the regions, teams and reps that closed 20 deals within a year."""
    made: dict[tuple[str, str | None], dict[str, float]] = {}
    recent = deals[deals["status"].isin(["won", "lost"]) & (deals["closed_on"].dt.to_period("M") > ground.period - 12)]
    for level in ("region", "team", "rep"):
        counts = recent[level].value_counts()
        groups = deals.groupby(level)
        made |= {
            (level, name): past_rates(groups.get_group(name), ground) for name in counts[counts >= OWN_DEALS].index
        }
    return made
