"""The plan as it stands: versions by date, growth turned into amounts, and every row that cannot be taken as it is."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from salesloop import periods
from salesloop.errors import ParameterError
from salesloop.metrics.goals.ground import KNOWN, LEVELS, Ground, scope, uom
from salesloop.targets import months_of

COLUMNS = (
    "id", "period", "level", "name", "measure", "tier", "amount", "opening", "basis", "stated", "against", "objective",
    "valid_from", "versions", "derived", "usable", "months", "base_label", "base_amount",
)  # fmt: skip
ISSUES = ("id", "issue", "done", "amount", "scope")
TIERS = ("base", "target", "stretch")
_SHARES = ("win_rate", "csat", "market_share", "grr", "nrr")
_LARGE_GROWTH, _LARGEST_SHARE = 3.0, 2.0


def read(targets: pd.DataFrame, *, ground: Ground) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the targets in force with the months they are about, and what is wrong with any row of the plan.

    Parameters
    ----------
    targets : DataFrame
        The plan's rows as people wrote them.
    ground : Ground
        Who and what there is.

    Returns
    -------
    plan, issues : DataFrame
        `COLUMNS`: one row a target, its current version (`amount`) beside the one at its start (`opening`); growth is
        an amount by now; `usable` says whether it can be judged. `ISSUES`: ``id, issue, done, amount, scope``.
    """
    issues: list[dict] = []
    rows = [_clean(row, place, ground, issues) for place, row in enumerate(targets.to_dict("records"))]
    if not rows:
        return pd.DataFrame(columns=list(COLUMNS)), pd.DataFrame(columns=list(ISSUES))
    by_id: dict[str, list[dict]] = {}
    for row in rows:
        by_id.setdefault(row["id"], []).append(row)
    until = pd.Timestamp(periods.known_until(ground.period, ground.close_lag, ground.country))
    plan = pd.DataFrame([_in_force(versions, until, issues) for versions in by_id.values()])
    plan = plan[plan["versions"] > 0]
    plan = _with_sums(plan, ground)
    made = pd.DataFrame([resolve(row, ground, issues) for row in plan.to_dict("records")], columns=list(COLUMNS))
    _tiers(made, ground, issues)
    return made.reset_index(drop=True), pd.DataFrame(issues, columns=list(ISSUES)).drop_duplicates(ignore_index=True)


def _clean(row: dict, place: int, ground: Ground, issues: list[dict]) -> dict[str, Any]:
    level = _word(row.get("level")) or "company"
    period, tier = str(row.get("period") or "").strip().upper(), _word(row.get("tier")) or "base"
    name = None if level == "company" else _named(row.get("name"), level, ground)
    measure = _word(row.get("measure")) or ""
    where = level if level == "company" else f"{level}:{name}"
    made = {**row, "id": f"{period}:{where}:{measure}:{tier}", "period": period, "level": level, "name": name,
            "measure": measure, "tier": tier, "place": place, "usable": True, "months": []}  # fmt: skip
    try:
        made["months"] = months_of(period, ground.fiscal_start)
    except ParameterError:
        _bad(made, "period_unreadable", issues)
    amount = row.get("amount")
    if amount is None or not math.isfinite(float(amount)):
        _bad(made, "no_amount", issues)
    elif float(amount) < 0 and row.get("basis") != "growth":
        _bad(made, "negative", issues)
    else:
        _odd(made, float(amount), issues)
    if level not in LEVELS or (level != "company" and name is None):
        _bad(made, "no_name", issues)
    elif level != "company" and name not in ground.names.get(level, ()):
        _bad(made, f"unknown_{level}", issues)
    elif level == "rep" and name in ground.departed and made["months"] and made["months"][-1] >= ground.ahead[0]:
        _note(made, "departed_rep", "kept", issues)
    if measure not in (*KNOWN, *ground.declared, "grr", "nrr"):
        _bad(made, "unknown_measure", issues)
    return made


def _odd(row: dict, amount: float, issues: list[dict]) -> None:
    """Note amounts and tiers that are taken as written although they are hardly meant so."""
    growth = row.get("basis") == "growth"
    if amount == 0 and not growth:
        _note(row, "zero", "kept", issues)
    if row["measure"] in _SHARES and not growth and amount > _LARGEST_SHARE:
        _note(row, "not_a_share", "kept", issues)
    if row["tier"] not in TIERS:
        _note(row, "unknown_tier", "as_base", issues)


def _tiers(plan: pd.DataFrame, ground: Ground, issues: list[dict]) -> None:
    """Note each tier that asks for less than a lower one of the same target."""
    told = plan[plan["usable"] & plan["amount"].notna() & plan["tier"].isin(TIERS)]
    told = told[[months[-1] > ground.period for months in told["months"]]]
    for _, upper in tier_gaps(told, ground):
        _note(upper, "tier_order", "kept", issues)


def tier_gaps(told: pd.DataFrame, ground: Ground) -> list[tuple[dict, dict]]:
    """Return each pair of neighbouring tiers of one target whose upper one asks for less: ``(lower row, upper row)``."""
    made: list[tuple[dict, dict]] = []
    groups: dict[tuple, list[dict]] = {}
    for row in told.to_dict("records"):
        groups.setdefault((row["period"], row["level"], str(row["name"]), row["measure"]), []).append(row)
    for rows in groups.values():
        rows = sorted((row for row in rows if row["tier"] in TIERS), key=lambda row: TIERS.index(row["tier"]))
        sign = -1 if rows and ground.is_lower_better(rows[0]["measure"]) else 1
        made += [(a, b) for a, b in pairwise(rows) if sign * b["amount"] < sign * a["amount"]]
    return made


def _word(value: object) -> str | None:
    text = "" if value is None or (isinstance(value, float) and math.isnan(value)) else str(value).strip()
    return text or None


def _named(name: object, level: str, ground: Ground) -> str | None:
    """Return the known name that a plan's name means, whatever its case and spaces."""
    told = _word(name)
    same = {" ".join(known.split()).casefold(): known for known in sorted(ground.names.get(level, ()))}
    return told if told is None else same.get(" ".join(told.split()).casefold(), told)


def _bad(row: dict, issue: str, issues: list[dict]) -> None:
    row["usable"] = False
    _note(row, issue, "not_judged", issues)


def _note(row: dict, issue: str, done: str, issues: list[dict]) -> None:
    amount = row.get("amount")
    told = float(amount) if isinstance(amount, (int, float)) else float("nan")
    issues.append({"id": row["id"], "issue": issue, "done": done, "amount": told, "scope": scope(row)})


def known_versions(targets: pd.DataFrame, *, ground: Ground) -> dict[str, list[dict]]:
    """Return each target's versions as far as they hold by what is known, oldest first, with ``since`` and ``scope``.

    Of rows with the same date the later one counts; a first version may have no date.
    """
    until = pd.Timestamp(periods.known_until(ground.period, ground.close_lag, ground.country))
    told: dict[str, dict[pd.Timestamp, dict]] = {}
    for place, row in enumerate(targets.to_dict("records")):
        made = _clean(row, place, ground, [])
        since = _since(row)
        amount = float("nan") if made.get("amount") is None else float(made["amount"])
        if since <= until:
            told.setdefault(made["id"], {})[since] = made | {"since": row.get("valid_from"), "amount": amount, "scope": scope(made),
                                                             "uom": "share" if row.get("basis") == "growth" else uom(made["measure"], ground)}  # fmt: skip
    return {ident: [found[day] for day in sorted(found)] for ident, found in told.items()}


def _since(row: dict) -> pd.Timestamp:
    return pd.Timestamp("1900-01-01") if pd.isna(row.get("valid_from")) else pd.Timestamp(row["valid_from"])


def _in_force(versions: list[dict], until: pd.Timestamp, issues: list[dict]) -> dict[str, Any]:
    """Return the version in force at what is known, with the one in force when the period began."""
    known: dict[pd.Timestamp, dict] = {}
    for row in versions:
        since = _since(row)
        if since in known:
            _note(row, "doubled", "last_row", issues)
        if since <= until:
            known[since] = row
    if not known:
        _note(versions[0], "not_yet_valid", "left_out", issues)
        return {**versions[0], "versions": 0}
    dates = sorted(known)
    now = known[dates[-1]]
    begin = pd.Timestamp(periods.start(now["months"][0])) if now["months"] else dates[0]
    early = [date for date in dates if date <= begin]
    opening = known[early[-1] if early else dates[0]]["amount"]
    return {**now, "opening": opening, "versions": len(dates), "stated": now["amount"], "derived": False}


def _with_sums(plan: pd.DataFrame, ground: Ground) -> pd.DataFrame:
    """Add quarters and years that the plan gives by month only, as the sum of their months."""
    monthly = plan[plan["usable"] & (plan["months"].map(len) == 1) & plan["measure"].isin(_summed(ground))]
    monthly = monthly[monthly["basis"] != "growth"]
    have, made = set(plan["id"]), []
    for (level, name, measure, tier), rows in monthly.fillna({"name": ""}).groupby(
        ["level", "name", "measure", "tier"]
    ):
        by_month = {row["months"][0]: row for row in rows.to_dict("records")}
        for label in sorted(_labels(by_month, ground.fiscal_start)):
            months, where = months_of(label, ground.fiscal_start), level if level == "company" else f"{level}:{name}"
            ident = f"{label}:{where}:{measure}:{tier}"
            if ident not in have and all(month in by_month for month in months):
                parts = [by_month[month] for month in months]
                made.append({
                    **parts[-1], "id": ident, "period": label, "name": name or None, "months": months, "derived": True,
                    "amount": sum(part["amount"] for part in parts), "opening": sum(p["opening"] for p in parts),
                    "stated": sum(part["amount"] for part in parts),
                })  # fmt: skip
    return pd.concat([plan, pd.DataFrame(made)], ignore_index=True) if made else plan


def _summed(ground: Ground) -> list[str]:
    """Return the measures whose months add up."""
    sums = [name for name, spec in ground.declared.items() if spec.how != "mean"]
    return ["bookings", "new_customers", "pipeline_created", "collected", "activities", *sums]


def _labels(by_month: dict, fiscal_start: int) -> set[str]:
    quarters = {periods.quarter_label(month, fiscal_start) for month in by_month}
    return quarters | {str(periods.fiscal_year(month, fiscal_start)) for month in by_month}


def resolve(row: dict, ground: Ground, issues: list[dict]) -> dict[str, Any]:
    """Return a target with its growth turned into an amount against the base it names.

    A base that is not over yet counts as what is booked of it and what the draws expect of the rest, and is named so.
    """
    none = {"base_label": None, "base_amount": float("nan")}
    if row.get("basis") != "growth" or not row["usable"]:
        return row | none | {"basis": "amount" if row.get("basis") != "growth" else "growth"}
    base, label, why = base_of(row, ground)
    if why and not math.isfinite(base):
        _bad(row, why, issues)
        return row | none | {"amount": float("nan"), "opening": float("nan"), "base_label": label}
    if why:
        _note(row, why, "as_expected", issues)
    if abs(row["stated"]) >= _LARGE_GROWTH:
        _note(row, "growth_large", "kept", issues)
    return row | {"amount": base * (1 + row["stated"]), "opening": base * (1 + row["opening"]), "base_label": label,
                  "base_amount": base}  # fmt: skip


def base_of(row: dict, ground: Ground) -> tuple[float, str | None, str]:
    """Return the base of a growth target, the period it is, and what is wrong with it.

    The base is a period named in ``against``, ``previous`` for the months just before, or ``last_year`` for the same months
    a year earlier.
    """
    told, months, none = _word(row.get("against")), row["months"], float("nan")
    if told is None:
        return none, None, "base_missing"
    try:
        base = _base_months(told, months, ground.fiscal_start)
    except ParameterError:
        return none, None, "base_unreadable"
    label, first = label_of(base, ground.fiscal_start), ground.first_fact(row["measure"])
    if first is None or base[0] < first:
        return none, label, "base_before_data"
    value, _ = ground.actual(row["measure"], row["level"], row["name"], base)
    if base[-1] > ground.period:
        drawn = row["measure"] == "bookings" and ground.has_draws and base[-1] <= ground.ahead[-1]
        left = float(np.median(ground.left(row["level"], row["name"], base))) if drawn else none
        return float(np.nan_to_num(value)) + left, label, "base_not_over"
    return (value, label, "") if math.isfinite(value) and value > 0 else (none, label, "base_missing")


def label_of(months: list[pd.Period], fiscal_start: int) -> str:
    """Return how a plan would write some months: a month, a quarter, a year, else the first and the last with a stroke.

    Examples
    --------
    >>> label_of(list(pd.period_range("2026-10", "2026-12", freq="M")), 1), label_of(list(pd.period_range("2026-09", "2026-10", freq="M")), 1)
    ('2026Q4', '2026-09/2026-10')
    """
    first = months[0]
    for label in (
        str(first),
        periods.quarter_label(first, fiscal_start),
        str(periods.fiscal_year(first, fiscal_start)),
    ):
        if months_of(label, fiscal_start) == list(months):
            return label
    return f"{first}/{months[-1]}"


def _base_months(told: str, months: list[pd.Period], fiscal_start: int) -> list[pd.Period]:
    word = told.lower().replace(" ", "_")
    if word in ("last_year", "previous_year", "same_period_last_year", "yoy"):
        return [month - 12 for month in months]
    if word in ("previous", "previous_period", "last_period"):
        return [month - len(months) for month in months]
    return months_of(told.upper(), fiscal_start)
