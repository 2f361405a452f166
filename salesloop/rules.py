"""The rules by which a period's results become the next period's parameters; pure, capped, each with its reason.

Every rule takes results and returns `Change` rows. The constants stand here and nowhere else; they were chosen by
simulation of companies with and without something to learn.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from salesloop import periods

MONTHLY_CAP = 0.20
"""The most that a stall limit may move in a month, as a share of its old value."""
STALL_N = 20
"""Won deals a stage needs before its stall limit is learned."""
WATCH_MOST = 3
ACTIONS_MOST = 7
TARGET_CAP = 0.10
"""The most by which a beaten or missed year moves the next annual level, in logs."""
TARGET_PASS = 0.5
"""The share of the log of actual over previous that passes into the next level."""
TARGET_MONTHS = 12
SEASON_PRIOR = 24
"""Months of a flat season that the seasonal shares are shrunk with."""


@dataclass(frozen=True)
class Change:
    """One proposed change of a parameter or of a plan row.

    Attributes
    ----------
    id : str
        Stable name, for approval by id.
    kind : {"technical", "target", "action", "intervention"}
        Technical values may be approved automatically, the rest is people's to decide.
    parameter : str
        The technical value, or the plan file and row.
    old, new
        Values before and after; for a plan row `new` is the row.
    rule, cap, n, evidence
        The rule's name, its cap in words, the count behind it, the report and result that show it.
    reason, values
        A message id and its values: why, in a sentence.
    """

    id: str
    kind: str
    parameter: str
    old: Any
    new: Any
    rule: str
    cap: str
    n: int
    evidence: str
    reason: str
    values: dict[str, Any] = field(default_factory=dict)


def capped(old: float | None, new: float, cap: float = MONTHLY_CAP) -> float:
    """Return `new`, at most `cap` away from `old` as a share of it.

    Examples
    --------
    >>> capped(10.0, 20.0), capped(10.0, 9.0), capped(None, 7.0)
    (12.0, 9.0, 7.0)
    """
    return new if old is None else min(max(new, old * (1 - cap)), old * (1 + cap))


def stall_limits(limits: pd.DataFrame, old: dict[str, float]) -> list[Change]:
    """Propose the days after which a deal counts as stalled, a stage at a time.

    Parameters
    ----------
    limits : DataFrame
        ``pipeline, stage, n_won, p75_days``: the 75th percentile of won stays, shrunk to the pipeline.
    old : dict
        The limits in force, by ``"pipeline / stage"``.
    """
    ready = limits[(limits["n_won"] >= STALL_N) & limits["p75_days"].notna()] if len(limits) else limits
    new = dict(old)
    for row in ready.itertuples():
        key = f"{row.pipeline} / {row.stage}"
        new[key] = round(capped(old.get(key), float(row.p75_days)), 1)
    if new == old:
        return []
    moved = sum(new[key] != old.get(key) for key in new)
    return [
        Change("stall_limits", "technical", "stall_limits", old or None, new, "p75_of_won_stays", "20 %",
               int(ready["n_won"].sum()), "bottlenecks.stall_limits", "loop.reason.stall_limits", {"moved": moved}),
    ]  # fmt: skip


def watched(name: str, watch: pd.DataFrame, key: list[str], old: list[str]) -> list[Change]:
    """Propose what to watch: at most three, flagged after correction for many looks."""
    best = watch.sort_values("q_value").head(WATCH_MOST) if len(watch) else watch
    new = [" / ".join(str(row[part]) for part in key) for _, row in best.iterrows()]
    if new == list(old or []):
        return []
    reason = f"loop.reason.{name}" if new else f"loop.reason.{name}_none"
    return [
        Change(name, "technical", name, list(old or []) or None, new, "flagged_after_correction", "3", len(new),
               f"{'bottlenecks' if name == 'watched_stages' else 'feedback'}.watch", reason, {"n": len(new)}),
    ]  # fmt: skip


def lever_update(prior_mean: float, prior_sd: float, estimate: float, se: float) -> tuple[float, float]:
    """Return mean and sd of a lever's effect after one graded estimate (normal prior, normal noise).

    Examples
    --------
    >>> lever_update(0.0, 1.0, 1.0, 1.0)
    (0.5, 0.7071067811865476)
    """
    weight = prior_sd**2 / (prior_sd**2 + se**2)
    return prior_mean + weight * (estimate - prior_mean), prior_sd * math.sqrt(1 - weight)


def lever_priors(graded: pd.DataFrame, old: dict[str, dict[str, float]]) -> list[Change]:
    """Propose each lever's trust: the posterior of realised over promised effect, prior centred at 1.

    Parameters
    ----------
    graded : DataFrame
        Graded what-ifs: ``lever, promised, realised, realised_se``, money; realised against the forecast issued
        before the change.
    old : dict
        ``{lever: {"mean", "sd", "n"}}`` in force.
    """
    new = {lever: dict(row) for lever, row in old.items()}
    for row in graded.itertuples():
        if not (row.promised and row.realised_se > 0 and math.isfinite(row.realised)):
            continue
        prior = new.get(row.lever, {"mean": 1.0, "sd": 0.5, "n": 0})
        se = row.realised_se / abs(row.promised)
        mean, sd = lever_update(prior["mean"], prior["sd"], row.realised / row.promised, se)
        new[row.lever] = {"mean": round(mean, 4), "sd": round(sd, 4), "n": int(prior["n"]) + 1}
    if new == old:
        return []
    return [
        Change("lever_priors", "technical", "lever_priors", old or None, new, "normal_update", "", len(graded),
               "review.grades", "loop.reason.lever_priors", {"n": len(graded)}),
    ]  # fmt: skip


def annual_level(previous: float, actual: float, growth: float) -> float:
    """Return the next year's level: previous x (1 + growth) x exp(half the log of actual over previous, capped).

    Symmetric on purpose: a level that rises more after a beat than it falls after a miss makes sellers hold back.

    Examples
    --------
    >>> round(annual_level(100.0, 130.0, 0.0), 2), round(annual_level(100.0, 100.0, 0.2), 2)
    (110.52, 120.0)
    """
    step = np.clip(TARGET_PASS * math.log(actual / previous), -TARGET_CAP, TARGET_CAP)
    return previous * (1 + growth) * math.exp(step)


def seasonal_shares(monthly: pd.Series) -> pd.Series:
    """Return twelve shares of a year by calendar month, shrunk towards equal ones.

    Parameters
    ----------
    monthly : Series
        Amounts by month (PeriodIndex); under 24 months the shares are equal.
    """
    flat = pd.Series(1 / 12, index=range(1, 13))
    if len(monthly) < 24 or monthly.sum() <= 0:
        return flat
    by_month = monthly.groupby(monthly.index.month).mean()
    shares = (by_month / by_month.sum()).reindex(range(1, 13)).fillna(1 / 12)
    weight = len(monthly) / (len(monthly) + SEASON_PRIOR)
    return weight * shares + (1 - weight) * flat


def largest_remainder(parts: pd.Series, whole: float, unit: float = 1.0) -> pd.Series:
    """Round parts to multiples of `unit` so that they add up to the whole exactly.

    Examples
    --------
    >>> largest_remainder(pd.Series([1.0, 1.0, 1.0]), 100.0).tolist()
    [34.0, 33.0, 33.0]
    """
    if parts.sum() <= 0:
        parts = parts * 0 + 1.0
    steps = round(whole / unit)
    exact = parts / parts.sum() * steps
    floor = np.floor(exact)
    order = (exact - floor).sort_values(ascending=False, kind="stable").index[: int(steps - floor.sum())]
    floor[order] += 1
    return floor * unit


def next_targets(
    bookings: pd.DataFrame, targets: pd.DataFrame, *, period: pd.Period, growth: float, locked: list[pd.Period],
    fiscal_start: int = 1, unit: float | None = None,
) -> list[Change]:  # fmt: skip
    """Propose the bookings targets of the next quarter that is not locked, for the company, each region and team.

    Parameters
    ----------
    bookings : DataFrame
        ``level, name, period, value`` by month up to `period`, company, region and team.
    targets : DataFrame
        The plan's base targets of bookings, the last said last: ``period, level, name, amount``. A quarter's own row
        is moved to the sum of its months.
    period : Period
        The month just evaluated.
    growth : float
        The growth stated in unit.yml; it stands outside the cap.
    locked : list of Period
        Months whose targets may not move.
    unit : float, optional
        Targets are rounded to multiples of it; by default three digits of a month's, at most 1,000.
    """
    history = bookings[(bookings["level"] == "company")].set_index("period")["value"].sort_index()
    if len(history) < TARGET_MONTHS:
        return []
    quarter = _first_free_quarter(period, locked, fiscal_start)
    last_year = history.iloc[-TARGET_MONTHS:]
    stated = _stated(targets, last_year.index)
    previous = stated if stated > 0 else last_year.sum()
    if previous <= 0 or last_year.sum() <= 0:
        return []
    level = annual_level(previous, last_year.sum(), growth)
    unit = unit or min(1000.0, 10.0 ** (math.floor(math.log10(level / 12)) - 2))
    shares = seasonal_shares(history)
    values = {"actual": last_year.sum(), "previous": previous, "growth": growth, "period": str(quarter[0])}
    made, recent = [], bookings[bookings["period"] > period - TARGET_MONTHS]
    for month in quarter:
        whole = round(round(level * shares[month.month] / unit) * unit, 2)
        made += [_target(str(month), "company", None, whole, targets, values, len(history))]
        for part in ("region", "team"):
            parts = recent[recent["level"] == part].groupby("name")["value"].sum().sort_index()
            for name, amount in largest_remainder(parts, whole, unit).items() if len(parts) > 1 else ():
                made.append(_target(str(month), part, name, round(float(amount), 2), targets, values, len(history)))
    label = periods.quarter_label(quarter[0], fiscal_start)
    made += _quarter(label, made, targets, values, len(history))
    return [change for change in made if change.old != change.new["amount"]]


def _quarter(label: str, months: list[Change], targets: pd.DataFrame, values: dict[str, Any], n: int) -> list[Change]:
    """Return the quarter's own rows, where the plan has any: each the sum of its months, so that the two agree."""
    stated = targets[targets["period"].astype(str) == label]
    names = stated["name"].astype(object).where(stated["name"].notna(), None)
    have = set(zip(stated["level"], names, strict=True))
    sums: dict[tuple[str, str | None], float] = {}
    for change in months:
        scope = (change.new["level"], change.new["name"])
        sums[scope] = round(sums.get(scope, 0.0) + change.new["amount"], 2)
    return [
        _target(label, level, name, amount, targets, values, n, reason="loop.reason.target_quarter")
        for (level, name), amount in sums.items() if (level, name) in have
    ]  # fmt: skip


def _first_free_quarter(period: pd.Period, locked: list[pd.Period], fiscal_start: int) -> list[pd.Period]:
    month = max([period, *locked]) + 1
    while (month.month - fiscal_start) % 3:
        month += 1
    return [month, month + 1, month + 2]


def _stated(targets: pd.DataFrame, months: pd.Index) -> float:
    """Return the sum of the months' targets as last said, 0 unless every month has one."""
    of_company = targets[(targets["level"] == "company") & targets["period"].isin([str(m) for m in months])]
    of_company = of_company.drop_duplicates("period", keep="last")
    return float(of_company["amount"].sum()) if len(of_company) == len(months) else 0.0


def _target(label, level, name, amount, targets, values, n, reason=None) -> Change:
    same = targets[(targets["period"].astype(str) == label) & (targets["level"] == level)]
    same = same[same["name"].isna()] if name is None else same[same["name"] == name]
    row = {"period": label, "level": level, "name": name, "measure": "bookings", "tier": "base",
           "basis": "amount", "amount": amount}  # fmt: skip
    scope = level if name is None else f"{level}:{name}"
    reason = reason or ("loop.reason.target" if name is None else "loop.reason.target_team")
    return Change(f"target:{label}:{scope}", "target", f"targets {label} {scope}",
                  float(same["amount"].iloc[-1]) if len(same) else None, row, "symmetric_ratchet", "10 %", n,
                  "goals.targets", reason, values)  # fmt: skip


def open_actions(actions: pd.DataFrame) -> list[Change]:
    """Propose the actions that are worth doing next: at most seven, most money first."""
    best = actions.sort_values("amount", ascending=False, kind="stable").head(ACTIONS_MOST) if len(actions) else actions
    columns = ("id", "what", "deal_set", "measure", "expected_move", "owner", "due")
    return [
        Change(f"action:{row['id']}", "action", f"actions {row['id']}", None,
               {column: _text(row.get(column)) for column in columns}, "most_money_first", "7", _size(row["deal_set"]),
               _text(row.get("evidence")) or "execution.open_actions_proposed", "loop.reason.action",
               {"amount": float(row["amount"]), "n": _size(row["deal_set"]), "due": _text(row["due"])})
        for _, row in best.iterrows()
    ]  # fmt: skip


def interventions(proposals: pd.DataFrame) -> list[Change]:
    """Propose the few complementary changes that the what-if stage found worth making."""
    made = []
    for _, row in proposals.iterrows():
        plan = {"id": row["id"], "what": _text(row.get("what")) or f"{row['lever']}: {row['scope']}", "lever": row["lever"],
                "applies_to_kind": _text(row.get("scope_kind")) or "scope", "applies_to": _text(row["scope"]),
                "start": _text(row["start"]), "end": _text(row["due"]), "expected_effect": float(row["expected_effect"]),
                "cost": None if pd.isna(row.get("cost")) else float(row["cost"]), "stage": _text(row.get("stage")), "change": float(row["change"])}  # fmt: skip
        values = {"lever": row["lever"], "scope": _text(row["scope"]), "effect": float(row["expected_effect"]),
                  "low": float(row["low"]), "high": float(row["high"])}  # fmt: skip
        made.append(Change(f"intervention:{row['id']}", "intervention", f"interventions {row['id']}", None, plan,
                           "best_complementary", "3", int(row.get("n") or 0), "whatif.proposals",
                           "loop.reason.intervention", values))  # fmt: skip
    return made


def locked_months(period: pd.Period, horizon: str, fiscal_start: int) -> list[pd.Period]:
    """Return the months whose targets may no longer move once the month after `period` has begun."""
    month = period + 1
    if horizon == "none":
        return []
    if horizon == "month":
        return [month]
    if horizon == "fiscal_quarter":
        return periods.fiscal_quarter(month, fiscal_start)
    return periods.expand(str(periods.fiscal_year(month, fiscal_start)), fiscal_start)


def _size(deal_set: object) -> int:
    return len([part for part in str(deal_set or "").split(";") if part.strip()])


def _text(value: object) -> str | None:
    missing = value is None or (isinstance(value, float) and math.isnan(value)) or value is pd.NaT
    return None if missing else str(value)[:10] if isinstance(value, (pd.Timestamp, pd.Period)) else str(value)


def as_frame(changes: list[Change]) -> pd.DataFrame:
    """Return changes as the brief's ``proposal`` table; old, new and values as JSON text."""
    rows = [
        {**{key: getattr(change, key) for key in ("id", "kind", "parameter", "rule", "cap", "n", "evidence", "reason")},
         "old": _json(change.old), "new": _json(change.new), "values": _json(change.values)}
        for change in changes
    ]  # fmt: skip
    columns = ["id", "kind", "parameter", "old", "new", "rule", "cap", "n", "evidence", "reason", "values"]
    return pd.DataFrame(rows, columns=columns)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=False)
