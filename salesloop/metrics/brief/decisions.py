"""What leadership is asked to decide, and what became of the proposal of a month ago."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

Sentence = tuple[str, dict]
AMENDED = ("id", "kind", "parameter", "state", "old", "new", "held")
"""Columns of what became of a proposal: ``state`` is approved, held (the old value holds) or by_hand."""
FATE = {"kind": "word", "parameter": "word", "state": "word"}
_MOST_NAMED = 3


def asked(proposal: pd.DataFrame, *, automatic: Sequence[str], simulation: bool = False) -> pd.DataFrame:
    """Return the decisions that page one asks for, a sentence each.

    Parameters
    ----------
    proposal : DataFrame
        The proposed changes: ``id, kind, parameter, old, new, values`` (the last three as JSON).
    automatic : sequence of str
        The technical values that approve themselves.
    simulation : bool
        Whether the unit decides by itself, as only a made-up one does.

    Returns
    -------
    DataFrame
        ``message, values`` (JSON).
    """
    rows = [
        {**row, **{key: _read(row.get(key)) for key in ("old", "new", "values")}} for row in proposal.to_dict("records")
    ]
    told = [*_targets(rows), *_interventions(rows), *_actions(rows), *_technical(rows, automatic)]
    if told and simulation:
        told.append(("brief.decide.simulation", {}))
    return as_rows(told)


def as_rows(told: Iterable[Sentence]) -> pd.DataFrame:
    """Return sentences as a table of message and values."""
    rows = [(message, json.dumps(values, ensure_ascii=False)) for message, values in told]
    return pd.DataFrame(rows, columns=["message", "values"])


def _read(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _targets(rows: list[dict]) -> list[Sentence]:
    found = [row for row in rows if row["kind"] == "target"]
    company = [row for row in found if row["new"]["level"] == "company" and len(str(row["new"]["period"])) == 7]
    company.sort(key=lambda row: row["new"]["period"])
    if not found:
        return []
    if not company:
        return [("brief.decide.targets_parts", {"n": len(found)})]
    new, old = sum(row["new"]["amount"] for row in company), [row["old"] for row in company]
    values = {"first": company[0]["new"]["period"], "last": company[-1]["new"]["period"], "new": new,
              "months": len(company), "parts": len(found) - len(company)}  # fmt: skip
    alone = "" if values["parts"] else "_alone"
    if any(one is None for one in old):
        return [(f"brief.decide.targets_first{alone}", values)]
    return [(f"brief.decide.targets{alone}", {**values, "old": sum(old)})]


def _interventions(rows: list[dict]) -> list[Sentence]:
    return [_intervention(row) for row in rows if row["kind"] == "intervention"]


def _intervention(row: dict) -> Sentence:
    """Ask for one change to try: by its lever where it has one, else by its own words."""
    plan, values = row["new"], {key: row["values"].get(key) for key in ("effect", "low", "high")}
    if plan.get("lever") and plan.get("change") is not None:
        scope = " / ".join(one for one in (plan.get("stage"), plan.get("applies_to") or "all") if one)
        lever = {"lever": plan["lever"], "scope": scope, "change": plan["change"]}
        return "brief.decide.lever", {**lever, **values}
    return "brief.decide.intervention", {"what": plan.get("what") or row["id"], **values}


def _actions(rows: list[dict]) -> list[Sentence]:
    found = [row for row in rows if row["kind"] == "action"]
    if not found:
        return []
    amount = sum(row["values"].get("amount") or 0.0 for row in found)
    due = sorted(str(row["new"]["due"])[:10] for row in found if row["new"].get("due"))
    if not due:
        return [("brief.decide.actions_undated", {"n": len(found), "amount": amount})]
    return [("brief.decide.actions", {"n": len(found), "amount": amount, "due": due[-1]})]


def _technical(rows: list[dict], automatic: Sequence[str]) -> list[Sentence]:
    return [
        ("brief.decide.technical", {"what": row["parameter"], "n": row["n"]})
        for row in rows if row["kind"] == "technical" and row["parameter"] not in automatic
    ]  # fmt: skip


def held(
    before: Iterable[Mapping[str, Any]], values: Mapping[str, Mapping[str, Any]], plan: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """Return what became of the proposal of the month before.

    Parameters
    ----------
    before : iterable of mapping
        That proposal's changes: ``id, kind, parameter, old, new``.
    values : mapping of str to mapping
        The technical values in force: ``value`` and ``by_hand`` (whether a person set it).
    plan : mapping of str to DataFrame
        The plan files as frozen: targets, actions, interventions.

    Returns
    -------
    DataFrame
        Columns `AMENDED`; ``held`` is the value that holds, as JSON.
    """
    rows = [_fate(change, values, plan) for change in before]
    seen = {row["parameter"] for row in rows}
    rows += [
        {"id": name, "kind": "technical", "parameter": name, "state": "by_hand", "old": None, "new": None, "held": one["value"]}
        for name, one in values.items() if one["by_hand"] and name not in seen
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=list(AMENDED))
    for column in ("old", "new", "held"):
        frame[column] = [json.dumps(one, ensure_ascii=False) for one in frame[column]]
    return frame


def _fate(
    change: Mapping[str, Any], values: Mapping[str, Mapping[str, Any]], plan: Mapping[str, pd.DataFrame]
) -> dict[str, Any]:
    told = {key: change[key] for key in ("id", "kind", "parameter", "old", "new")}
    if change["kind"] == "technical":
        now = values.get(change["parameter"], {"value": None, "by_hand": False})
        state = "by_hand" if now["by_hand"] else "approved" if now["value"] == change["new"] else "held"
        return {**told, "state": state, "held": now["value"]}
    row = change["new"]
    if change["kind"] == "target":
        amount = _planned(plan["targets"], row)
        state = "approved" if amount == row["amount"] else "held" if amount in (None, change["old"]) else "by_hand"
        return {**told, "state": state, "held": amount}
    known = set(plan[f"{change['kind']}s"]["id"].astype(str))
    return {**told, "state": "approved" if str(row["id"]) in known else "held", "held": None}


def _planned(targets: pd.DataFrame, row: Mapping[str, Any]) -> float | None:
    """Return the amount that the plan holds for a target row, the last one said."""
    same = targets
    for column in ("period", "level", "measure", "tier"):
        same = same[same[column].fillna("base" if column == "tier" else "").astype(str) == str(row[column])]
    name = row.get("name")
    same = same[same["name"].isna()] if not name else same[same["name"] == name]
    same = same[same["amount"].notna()].sort_values("valid_from", na_position="first", kind="stable")
    return float(same["amount"].iloc[-1]) if len(same) else None


def held_sentences(fate: pd.DataFrame) -> list[Sentence]:
    """Say what was proposed a month ago and not approved, and what a person set by hand."""
    told: list[Sentence] = []
    waiting = fate[fate["state"] == "held"]
    for kind in ("target", "intervention", "action"):
        n = int((waiting["kind"] == kind).sum())
        if n:
            told.append((f"brief.proposal.held_{kind}", {"n": n}))
    technical = waiting.loc[waiting["kind"] == "technical", "parameter"].head(_MOST_NAMED)
    told += [("brief.proposal.held_technical", {"what": name}) for name in technical]
    hand = fate[fate["state"] == "by_hand"]
    told += [("brief.proposal.by_hand", {"what": name}) for name in hand.loc[hand["kind"] == "technical", "parameter"]]
    amended = int((hand["kind"] == "target").sum())
    return [*told, ("brief.proposal.by_hand_targets", {"n": amended})] if amended else told
