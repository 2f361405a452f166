"""What the brief proposes for the next period, in words: from what to what, why, on which evidence, who approves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from salesloop.clean import plain
from salesloop.messages import Text
from salesloop.params import UnitConfig
from salesloop.report.items import Items
from salesloop.report.page import STAGES, stage_name

KINDS = ("target", "intervention", "action", "technical")
MOST_SHOWN, MOST_SCOPES = 7, 12
_LEVELS = ("company", "region", "team", "rep")
_ACTIONS = {"execution.open_actions_proposed": ("execution", "open_actions_proposed")}


def changes(own: Items | None) -> list[dict[str, Any]]:
    """Return the proposal's rows with their values read."""
    frame = own.results.table("proposal") if own else None
    if frame is None or frame.empty:
        return []
    rows = frame.to_dict("records")
    return [{**row, **{key: _read(row.get(key)) for key in ("old", "new", "values")}} for row in rows]


def _read(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


def groups(own: Items | None, config: UnitConfig, every: Mapping[str, Items]) -> list[dict[str, Any]]:
    """Return the proposed changes by kind, people's first: targets as one table, of the others the first few in sight.

    What approves itself stands behind a fold of its own; what waits for people never does.
    """
    if own is None:
        return []
    found, made, hand = changes(own), [], _by_hand(own)
    for kind in (*KINDS, *sorted({row["kind"] for row in found} - set(KINDS))):
        rows = [row for row in found if row["kind"] == kind]
        told = [_told(row, own, config, every, hand) for row in rows]
        name = own.text.t(f"report.proposal.{kind if kind in KINDS else 'other'}")
        if kind == "technical":
            asked, alone = [row for row in told if row["open"]], [row for row in told if not row["open"]]
            made += [_group(name, asked), _group(name, alone, folded=True)]
        elif kind == "target" and all(_is_target(row["new"]) for row in rows):
            made.append(_targets(name, rows, told, own))
        else:
            made.append(_group(name, told))
    return [group for group in made if group.get("shown") or group.get("scopes")]


def _group(name: str, told: list[dict], *, folded: bool = False) -> dict[str, Any]:
    shown, more = told[:MOST_SHOWN], told[MOST_SHOWN:]
    return {
        "name": name,
        "folded": folded,
        "n": len(told),
        "periods": [],
        "shown": shown,
        "more": more,
        **_common(told),
    }


def _common(told: list[dict]) -> dict[str, Any]:
    """Return what a group's rows have in common: approval and evidence, and the ids of those that wait for people."""
    first = told[0] if told else {}
    return {"meta": first, "ids": [row["id"] for row in told if row["open"]], "open": any(row["open"] for row in told)}


def _is_target(plan: Any) -> bool:
    return isinstance(plan, dict) and {"period", "level", "measure", "amount"} <= plan.keys()


def _targets(name: str, rows: list[dict], told: list[dict], own: Items) -> dict[str, Any]:
    """Return targets as a table: a row a scope, the company first, a column a month, quarter or year."""
    text, plans = own.text, [row["new"] for row in rows]
    periods = sorted({str(plan["period"]) for plan in plans}, key=lambda label: (-len(label), label))
    measures = {plan["measure"] for plan in plans}
    cells = {(_scope_of(row["new"]), str(row["new"]["period"])): _moved(row, text) for row in rows}
    scopes = sorted({_scope_of(plan) for plan in plans}, key=lambda one: (one[0], _level(one[1]), one[2]))
    lines = [
        {"name": own.mask(_scope_words(one, text, with_measure=len(measures) > 1)),
         "cells": [cells.get((one, period), ("", "")) for period in periods]} for one in scopes
    ]  # fmt: skip
    return {
        "name": f"{name} · {text.word(next(iter(measures)))}" if len(measures) == 1 else name, "folded": False,
        "periods": [text.period(period) for period in periods], "scopes": lines[:MOST_SCOPES], "more": lines[MOST_SCOPES:],
        "whys": list(dict.fromkeys(row["why"] for row in told if row["why"])), **_common(told),
    }  # fmt: skip


def _scope_of(plan: Mapping[str, Any]) -> tuple[str, str, str]:
    return str(plan["measure"]), str(plan["level"]), plain(plan.get("name") or "")


def _level(level: str) -> int:
    return _LEVELS.index(level) if level in _LEVELS else len(_LEVELS)


def _scope_words(scope: tuple[str, str, str], text: Text, *, with_measure: bool) -> str:
    measure, level, name = scope
    whose = f"{name} ({text.word(level)})" if name and level != "rep" else name or text.word(level)
    return f"{whose} · {text.word(measure)}" if with_measure else whose


def _moved(row: Mapping[str, Any], text: Text) -> tuple[str, str]:
    """Return a target before and after, in as many digits as tell them apart."""
    new, old = row["new"], row.get("old")
    if new.get("basis") == "growth":
        return _value(old, row, text) if old is not None else "", text.percent(new["amount"])
    if new["measure"] not in ("bookings", "pipeline_created", "collected"):
        return text.number(old) if old is not None else "", text.number(new["amount"])
    before, after = text.moneys(old, new["amount"])
    return before if old is not None else "", after


def decisions(own: Items | None, config: UnitConfig) -> list[str]:
    """Return the sentences that ask for a decision, as the brief's notebook wrote them."""
    rows = own.results.table("decisions").to_dict("records") if own else []
    return [own.words(row["message"], _read(row.get("values")) or {}) for row in rows if row.get("message")]  # type: ignore[union-attr]


def asked(own: Items | None) -> int:
    """Return how many decisions page one asks for."""
    rows = own.results.table("decisions").to_dict("records") if own else []
    return sum(bool(row.get("message")) and row["message"] != "brief.decide.simulation" for row in rows)


def _by_hand(own: Items | None) -> set[str]:
    """Return the technical values that a person set by hand; they approve nothing by themselves."""
    frame = own.results.table("last_proposal") if own else None
    if frame is None or frame.empty:
        return set()
    return set(frame.loc[(frame["kind"] == "technical") & (frame["state"] == "by_hand"), "parameter"])


def _told(
    row: Mapping[str, Any], own: Items, config: UnitConfig, every: Mapping[str, Items], hand: set[str]
) -> dict[str, Any]:
    text = own.text
    stage = str(row.get("evidence") or "").partition(".")[0]
    by_itself = row["kind"] == "technical" and row["parameter"] in config.approve_automatically
    by_itself = by_itself and row["parameter"] not in hand
    return {
        "id": plain(row["id"]), "what": own.mask(_what(row, text, every)), "new": own.mask(_new(row, text)),
        "moves": [] if row["kind"] != "technical" else [own.mask(one) for one in _moves(row.get("old"), row["new"], text)],
        "why": _why(row, own), "n": text.t("report.proposal.n", n=row["n"]) if row.get("n") else "",
        "cap": text.t("report.proposal.cap", cap=plain(row["cap"])) if row.get("cap") else "",
        "evidence": stage_name(stage, text) if stage in STAGES else plain(row.get("evidence") or ""),
        "href": f"{STAGES[stage]}.{text.lang}.html" if stage in every and stage in STAGES and own.manner.linked else "",
        "approval": text.t(f"report.proposal.{_approval(by_itself, config)}"), "open": not by_itself and not config.simulation,
    }  # fmt: skip


def _approval(by_itself: bool, config: UnitConfig) -> str:
    return "automatic" if by_itself else "simulation" if config.simulation else "people"


def _why(row: Mapping[str, Any], own: Items) -> str:
    """Return the reason as a sentence; without a message its own words."""
    reason = row.get("reason") or ""
    if reason == "loop.reason.action":  # what it says stands in the row already
        return ""
    return own.words(reason, row.get("values") or {}) if own.text.has(reason) else own.mask(plain(reason))


def _what(row: Mapping[str, Any], text: Text, every: Mapping[str, Items]) -> str:
    """Return what changes: a plan row by its content, a technical value by its name."""
    plan = row.get("new")
    if isinstance(plan, dict) and _is_target(plan):
        return f"{text.period(plan['period'])} · {_scope_words(_scope_of(plan), text, with_measure=True)}"
    if isinstance(plan, dict) and plan.get("lever") and isinstance(plan.get("change"), (int, float)):
        scope = plain(" / ".join(text.word(one) for one in (plan.get("stage"), plan.get("applies_to") or "all") if one))
        return f"{text.word(plan['lever'])} · {scope} · {plan['change']:+.1%}"
    if isinstance(plan, dict) and plan.get("what"):
        return _action(row, plan, text, every)
    name = str(row.get("parameter") or row["id"])
    return plain(text.word(name, "brief")).replace("_", " ")


def _action(row: Mapping[str, Any], plan: Mapping[str, Any], text: Text, every: Mapping[str, Items]) -> str:
    """Return an action in the reader's language where the stage that proposed it kept its rule, else in its own words."""
    stage, table = _ACTIONS.get(str(row.get("evidence")), ("", ""))
    frame = every[stage].results.table(table) if stage in every else None
    rules = (
        dict(zip(frame["id"].astype(str), frame["rule"], strict=True)) if frame is not None and "rule" in frame else {}
    )
    rule, move = rules.get(str(plan.get("id"))), f"report.action.{plan.get('expected_move')}"
    if not isinstance(rule, str) or not text.has(move):
        return plain(plan["what"])
    n = row.get("n") or 0
    return f"{text.t(f'{move}_1' if n == 1 else move, n=n)} · {text.word(rule, stage)}"


def _new(row: Mapping[str, Any], text: Text) -> str:
    """Return what a plan row says at its end: a target's amount, an action's owner and day, a change's effect."""
    plan = row.get("new")
    if row["kind"] == "technical" or not isinstance(plan, dict):
        return "" if row["kind"] == "technical" else _value(plan, row, text)
    if plan.get("amount") is not None:
        return text.money(plan["amount"]) if plan.get("basis") != "growth" else text.percent(plan["amount"])
    parts = [plain(plan.get("owner") or ""), text.date(plan["due"]) if plan.get("due") else ""]
    if row["kind"] == "action" and (row.get("values") or {}).get("amount") is not None:
        parts.insert(1, text.money(row["values"]["amount"]))
    if plan.get("expected_effect") is not None:
        parts.append(("+" if plan["expected_effect"] >= 0 else "") + text.money(plan["expected_effect"]))
    return " · ".join(part for part in parts if part)


def _moves(old: Any, new: Any, text: Text, within: str = "") -> list[str]:
    """Return what changes in a technical value, a line a part: its name, from what, to what."""
    if isinstance(new, dict):
        before = old if isinstance(old, dict) else {}
        keys = [key for key in new if new[key] != before.get(key)] + [key for key in before if key not in new]
        parts = [_moves(before.get(key), new.get(key), text, f"{within}{_part(key, text)} ") for key in keys]
        return [line for part in parts for line in part]
    told = [_value(one, {"kind": "technical"}, text) for one in (old, new)]
    return [f"{within}{told[0]} → {told[1]}" if old is not None else f"{within}{told[1]}"] if told[0] != told[1] else []


def _part(key: object, text: Text) -> str:
    """Return the name of a part of a technical value: a lead time in months, a method, a lever, a stage, a person."""
    name = str(key)
    if name.isdigit():
        return plain(text.t("report.proposal.lead", n=int(name)))
    own = text.word(name, "forecast")
    return plain(own if own != name else text.word(name, "brief"))


def _value(value: Any, row: Mapping[str, Any], text: Text) -> str:
    """Return a value before or after in brief."""
    if row["kind"] == "target" and isinstance(value, (int, float)):
        return text.money(value)
    if isinstance(value, dict):
        return ", ".join(f"{plain(key)} {_value(part, row, text)}" for key, part in value.items())[:200]
    if isinstance(value, list):
        return ", ".join(_value(part, row, text) for part in value) or "–"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return text.number(value)
    return plain("–" if value is None else text.word(value))[:120]
