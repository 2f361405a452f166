"""The SMART audit: one check a letter for every target, each with its reason."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from salesloop import periods
from salesloop.metrics.goals.ground import LEVELS, Ground
from salesloop.metrics.goals.judge import BANDS, NO_STRETCH, NOT_CREDIBLE

LETTERS = ("S", "M", "A", "R", "T")
COLUMNS = ("id", "letter", "ok", "reason", "values", "why")
Check = tuple[bool | None, str, dict[str, Any]]


def audit(
    judged: pd.DataFrame, plan: pd.DataFrame, issues: pd.DataFrame, mismatches: pd.DataFrame, *, ground: Ground,
    objectives: set[str],
) -> pd.DataFrame:  # fmt: skip
    """Return one row a target and letter, of targets that are not over: whether it holds, and why.

    Parameters
    ----------
    judged : DataFrame
        From `judge`; targets added up from months are left to their months.
    plan, issues : DataFrame
        From `plan.read`.
    mismatches : DataFrame
        From `parts.mismatches`.
    ground : Ground
        The unit's calendar.
    objectives : set of str
        The objectives that the unit declares; where it declares none, any will do.

    Returns
    -------
    DataFrame
        ``id, letter, ok`` (None where it cannot be told), ``reason`` (message id), ``values`` (JSON), ``why`` (its word).
    """
    rows: list[dict] = []
    wrong = issues.groupby("id")["issue"].agg(set).to_dict() if len(issues) else {}
    short = set(mismatches.loc[mismatches["difference"] < 0, "id"]) if len(mismatches) else set()
    full = plan.set_index("id").to_dict("index")
    asked = judged[~judged["derived"].fillna(False).astype(bool)]
    for target in asked[(asked["ends"] > str(ground.period)) | (asked["ends"] == "")].to_dict("records"):
        known = wrong.get(target["id"], set())
        checks = {
            "S": _specific(target, known), "M": _measurable(target, known), "A": _achievable(target),
            "R": _relevant(target, full[target["id"]].get("objective"), objectives, target["id"] in short),
            "T": _timely(target, ground),
        }  # fmt: skip
        about = {
            "period": target["period"],
            "level": target["level"],
            "name": told_name(target["name"]),
            "measure": target["measure"],
            "scope": target["scope"],
        }
        for letter, (ok, why, values) in checks.items():
            rows.append({"id": target["id"], "letter": letter, "ok": ok, "reason": f"goals.smart.{why}",
                         "values": json.dumps({**about, **values}, ensure_ascii=False), "why": why})  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def told_name(name: object) -> str:
    """Return a scope's name as a sentence takes it: nothing for the company."""
    return name if isinstance(name, str) else ""


def _specific(target: dict, known: set) -> Check:
    for issue in ("no_name", "unknown_measure", "unknown_region", "unknown_team", "unknown_rep", "departed_rep"):
        if issue in known:
            return False, f"s_{issue}", {}
    return target["level"] in LEVELS, "s_ok", {}


def _measurable(target: dict, known: set) -> Check:
    for issue in ("no_amount", "negative", "base_missing", "base_unreadable", "base_not_over", "base_before_data"):
        if issue in known:
            return False, f"m_{issue}", {}
    if target["verdict"] == "not_measurable":
        return False, "m_no_source" if target["measure"] == "market_share" else "m_no_data", {}
    return True, "m_ok", {"n": int(target["n"])}


def _achievable(target: dict) -> Check:
    p = target["p_hit"]
    if target["verdict"] in ("met", "missed"):
        return None, "a_over", {}
    if pd.isna(p):
        return None, "a_unknown", {}
    low, high = BANDS.get(target["tier"], BANDS["base"])
    values = {"p": round(p, 4), "low": low, "high": high}
    if p > NO_STRETCH:
        return False, "a_no_stretch", values
    if p < NOT_CREDIBLE:
        return False, "a_not_credible", values
    return low <= p <= high, "a_ok" if low <= p <= high else "a_below" if p < low else "a_above", values


def _relevant(target: dict, objective: object, objectives: set[str], short: bool) -> Check:
    named = "" if objective is None or pd.isna(objective) else str(objective).strip()
    if not named:
        return False, "r_no_objective", {}
    if objectives and named not in objectives:
        return False, "r_unknown_objective", {"objective": named[:40]}
    return (False, "r_parts_short", {}) if short else (True, "r_ok", {"objective": named[:40]})


def _timely(target: dict, ground: Ground) -> Check:
    if not target["ends"]:
        return False, "t_no_period", {}
    graded = periods.known_until(pd.Period(target["ends"], "M"), ground.close_lag, ground.country)
    begins = periods.start(pd.Period(target["begins"], "M"))
    return (
        True,
        "t_ok",
        {"start": str(begins), "end": str(periods.end(pd.Period(target["ends"], "M"))), "graded": str(graded)},
    )


def summary(audit: pd.DataFrame) -> pd.DataFrame:
    """Return the audit by letter.

    Returns
    -------
    DataFrame
        ``letter, n`` (targets), ``passed, failed, unknown`` (counts), ``main_reason`` (the word of the most common
        failure).
    """
    rows = []
    for letter in LETTERS:
        own = audit[audit["letter"] == letter]
        failed = own[own["ok"].isin([False])]
        rows.append({"letter": letter, "n": len(own), "passed": int(own["ok"].isin([True]).sum()), "failed": len(failed),
                     "unknown": int(own["ok"].isna().sum()),
                     "main_reason": failed["why"].value_counts().sort_index(kind="stable").idxmax() if len(failed) else None})  # fmt: skip
    return pd.DataFrame(rows)


COMPACT = ("scope", "p_hit", *LETTERS, "first", "failed", "level", "id")
_MARKS = {True: "yes", False: "no"}


def compact(audit: pd.DataFrame, judged: pd.DataFrame) -> pd.DataFrame:
    """Return the audit with one row a target: five letters and the first reason that fails; those that fail most come first.

    Parameters
    ----------
    audit : DataFrame
        From `audit`.
    judged : DataFrame
        From `judge.judge`: which target is whose.

    Returns
    -------
    DataFrame
        ``scope, p_hit``; ``S, M, A, R, T`` (yes, no, unknown); ``first`` (the word of the first failure, None without one),
        ``failed`` (how many letters), ``level, id``; the company first, then regions, teams and reps.
    """
    known = judged.drop_duplicates("id").set_index("id")
    rows = []
    for ident, own in audit.groupby("id", sort=False):
        told = {row["letter"]: _MARKS.get(row["ok"], "unknown") for row in own.to_dict("records")}
        failed = own[own["ok"].isin([False])]
        rows.append({"scope": known.loc[ident, "scope"], "p_hit": known.loc[ident, "p_hit"], **told, "first": failed["why"].iloc[0] if len(failed) else None,
                     "failed": len(failed), "level": known.loc[ident, "level"], "id": ident})  # fmt: skip
    made = pd.DataFrame(rows, columns=list(COMPACT))
    rank = made["level"].map({"company": 0, "region": 1, "team": 2}).fillna(3)
    made = made.assign(rank=rank, more=-made["failed"].astype(float)).sort_values(["rank", "more"], kind="stable")
    return made.drop(columns=["rank", "more"]).reset_index(drop=True)
