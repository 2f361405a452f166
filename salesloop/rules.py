"""The rules by which a period's results become the next period's parameters; pure, capped, each with its reason.

Every rule takes results and returns `Change` rows. The constants stand here, those of targets in `salesloop.targets`, and
nowhere else; they were chosen by simulation of companies with and without something to learn.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from salesloop import periods
from salesloop.targets import (
    TARGET_MONTHS,
    Parts,
    annual_level,
    rows_of,
    seasonal_shares,
    stated_amount,
    wholes,
)  # fmt: skip

MONTHLY_CAP = 0.20
"""The most that a stall limit may move in a month, as a share of its old value."""
STALL_N = 20
"""Won deals a stage needs before its stall limit is learned."""
WATCH_MOST = 3
ACTIONS_MOST = 7


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


def next_targets(
    bookings: pd.DataFrame, targets: pd.DataFrame, *, period: pd.Period, growth: float, locked: list[pd.Period],
    fiscal_start: int = 1, unit: float | None = None, within: Mapping[str, Mapping[str, str]] | None = None,
) -> list[Change]:  # fmt: skip
    """Propose the bookings targets of the next quarter that is not locked, for the company and its parts.

    The company's annual level follows the rule; its parts keep the shares that the plan gives them, so that what a team
    or a rep sells moves their own target by no more than their share of the company's.

    Parameters
    ----------
    bookings : DataFrame
        ``level, name, period, value`` by month up to `period`, company, region and team.
    targets : DataFrame
        The plan's base targets of bookings, the last said last: ``period, level, name, amount``. The rows of quarters,
        years and longer periods are moved to the sum of their months.
    period : Period
        The month just evaluated.
    growth : float
        The growth stated in unit.yml; it stands outside the cap.
    locked : list of Period
        Months whose targets may not move.
    unit : float, optional
        Targets are rounded to multiples of it; by default three digits of a month's, at most 1,000.
    within : mapping, optional
        ``{"team": {team: region}, "rep": {rep: team}}`` of today: teams then add up to their region. Reps move with
        their team only where the plan has rows for them.
    """
    history = bookings[(bookings["level"] == "company")].set_index("period")["value"].sort_index()
    if len(history) < TARGET_MONTHS:
        return []
    quarter, shares = _first_free_quarter(period, locked, fiscal_start), seasonal_shares(history)
    last_year = history.iloc[-TARGET_MONTHS:]
    company = targets[targets["level"] == "company"]
    stated = stated_amount(company, last_year.index, shares, fiscal_start)
    previous = stated if stated > 0 else last_year.sum()
    if previous <= 0 or last_year.sum() <= 0:
        return []
    level = annual_level(previous, last_year.sum(), growth)
    unit = unit or min(1000.0, 10.0 ** (math.floor(math.log10(level / 12)) - 2))
    values = {"actual": last_year.sum(), "previous": previous, "growth": growth, "period": str(quarter[0])}
    recent = bookings[bookings["period"] > period - TARGET_MONTHS]
    parts = Parts(recent, targets, quarter, list(last_year.index), within or {}, unit)
    made = []
    for month in quarter:
        whole = round(round(level * shares[month.month] / unit) * unit, 2)
        amounts = {("company", None): (whole, "plan"), **parts.of(month, whole)}
        first = "loop.reason.target_first" if not stated > 0 else None
        made += [_target(str(month), part, name, amount, targets, values, len(history), basis=basis,
                         reason=first if part == "company" else None)
                 for (part, name), (amount, basis) in amounts.items()]  # fmt: skip
    made += _wholes(made, targets, values, len(history), fiscal_start)
    return [change for change in made if change.old != change.new["amount"]]


def _wholes(months: list[Change], targets: pd.DataFrame, values: dict, n: int, fiscal_start: int) -> list[Change]:
    """Return the rows of quarters, years and longer periods that the plan has, so that they agree with their moved months."""
    moved: dict[tuple[str, str | None], dict[str, float]] = {}
    for change in months:
        moved.setdefault((change.new["level"], change.new["name"]), {})[change.new["period"]] = change.new["amount"]
    made = []
    for (level, name), amounts in moved.items():
        rows = rows_of(targets, level, name)
        plan = dict(zip(rows["period"].astype(str), rows["amount"].astype(float), strict=True))
        for label, amount in wholes(plan, amounts, fiscal_start).items():
            kind = "quarter" if "Q" in label else "year"
            made.append(_target(label, level, name, amount, targets, values, n, reason=f"loop.reason.target_{kind}"))
    return made


def _first_free_quarter(period: pd.Period, locked: list[pd.Period], fiscal_start: int) -> list[pd.Period]:
    month = max([period, *locked]) + 1
    while (month.month - fiscal_start) % 3:
        month += 1
    return [month, month + 1, month + 2]


def _target(label, level, name, amount, targets, values, n, reason=None, basis="plan") -> Change:
    scoped = rows_of(targets, level, name)
    same = scoped[scoped["period"].astype(str) == label]
    row = {"period": label, "level": level, "name": name, "measure": "bookings", "tier": "base",
           "basis": "amount", "amount": amount, "objective": _objective(scoped, same)}  # fmt: skip
    scope = level if name is None else f"{level}:{name}"
    part = "loop.reason.target_share" if basis == "plan" else "loop.reason.target_team"
    reason = reason or ("loop.reason.target" if name is None else part)
    return Change(f"target:{label}:{scope}", "target", f"targets {label} {scope}",
                  float(same["amount"].iloc[-1]) if len(same) else None, row, "symmetric_ratchet", "10 %", n,
                  "goals.targets", reason, values)  # fmt: skip


def _objective(scoped: pd.DataFrame, same: pd.DataFrame) -> str | None:
    """Return the objective that the moved row serves, else that of the scope's last row that names one."""
    for rows in (same, scoped):
        told = rows["objective"].dropna() if "objective" in rows else rows.index[:0]
        if len(told):
            return str(told.iloc[-1])
    return None


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
