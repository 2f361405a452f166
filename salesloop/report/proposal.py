"""What the brief proposes for the next period, in words: from what to what, why, on which evidence, who approves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from salesloop.clean import plain
from salesloop.messages import Text
from salesloop.params import UnitConfig
from salesloop.report.items import Items
from salesloop.report.page import STAGES

KINDS = ("target", "intervention", "action", "technical")
MOST_SHOWN = 6


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
    """Return the proposed changes by kind, people's first; of each kind the first few in sight, the rest folded."""
    found, made, hand = changes(own), [], _by_hand(own)
    for kind in (*KINDS, *sorted({row["kind"] for row in found} - set(KINDS))):
        rows = [_told(row, own, config, every, hand) for row in found if row["kind"] == kind]  # type: ignore[arg-type]
        if rows:
            named = f"report.proposal.{kind if kind in KINDS else 'other'}"
            made.append({"name": own.text.t(named), "shown": rows[:MOST_SHOWN], "more": rows[MOST_SHOWN:]})  # type: ignore[union-attr]
    return made


def decisions(own: Items | None, config: UnitConfig) -> list[str]:
    """Return the sentences that ask for a decision, as the brief's notebook wrote them."""
    rows = own.results.table("decisions").to_dict("records") if own else []
    return [own.words(row["message"], _read(row.get("values")) or {}) for row in rows if row.get("message")]  # type: ignore[union-attr]


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
        "id": plain(row["id"]), "what": own.mask(_what(row, text)),
        "old": own.mask(_value(row.get("old"), row, text)) if row.get("old") is not None else "",
        "new": own.mask(_value(row.get("new"), row, text)),
        "why": _why(row, own), "n": text.t("report.proposal.n", n=row["n"]) if row.get("n") else "",
        "cap": text.t("report.proposal.cap", cap=plain(row["cap"])) if row.get("cap") else "",
        "evidence": plain(row.get("evidence") or ""),
        "href": f"{STAGES[stage]}.{text.lang}.html" if stage in every and stage in STAGES and own.manner.linked else "",
        "approval": text.t(f"report.proposal.{_approval(by_itself, config)}"), "open": not by_itself and not config.simulation,
    }  # fmt: skip


def _approval(by_itself: bool, config: UnitConfig) -> str:
    return "automatic" if by_itself else "simulation" if config.simulation else "people"


def _why(row: Mapping[str, Any], own: Items) -> str:
    """Return the reason as a sentence; without a message its own words."""
    reason = row.get("reason") or ""
    return own.words(reason, row.get("values") or {}) if own.text.has(reason) else own.mask(plain(reason))


def _what(row: Mapping[str, Any], text: Text) -> str:
    """Return what changes: a plan row by its content, a technical value by its name."""
    plan = row.get("new")
    if isinstance(plan, dict) and {"period", "level", "measure"} <= plan.keys():
        whose = plain(plan.get("name") or "") or text.word(plan["level"])
        return f"{text.period(plan['period'])} · {whose} · {text.word(plan['measure'])}"
    if isinstance(plan, dict) and plan.get("lever") and isinstance(plan.get("change"), (int, float)):
        scope = plain(" / ".join(text.word(one) for one in (plan.get("stage"), plan.get("applies_to") or "all") if one))
        return f"{text.word(plan['lever'])} · {scope} · {text.points(plan['change']).partition(' ')[0]}%"
    if isinstance(plan, dict) and plan.get("what"):
        return plain(plan["what"])
    name = str(row.get("parameter") or row["id"])
    return plain(text.word(name, "brief")).replace("_", " ")


def _value(value: Any, row: Mapping[str, Any], text: Text) -> str:
    """Return a value before or after: money of a target, owner and day of an action, a technical value in brief."""
    if isinstance(value, dict) and row["kind"] != "technical":
        return _plan_value(value, text)
    if row["kind"] == "target" and isinstance(value, (int, float)):
        return text.money(value)
    if isinstance(value, dict):
        return ", ".join(f"{plain(key)} {_value(part, row, text)}" for key, part in list(value.items())[:4]) + (
            " …" if len(value) > 4 else ""
        )
    if isinstance(value, list):
        return ", ".join(_value(part, row, text) for part in value[:4]) + (" …" if len(value) > 4 else "") or "–"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return text.number(value)
    return plain("–" if value is None else value)[:120]


def _plan_value(plan: Mapping[str, Any], text: Text) -> str:
    if plan.get("amount") is not None:
        return text.money(plan["amount"]) if plan.get("basis") != "growth" else text.percent(plan["amount"])
    parts = [plain(plan.get("owner") or ""), text.date(plan["due"]) if plan.get("due") else ""]
    if plan.get("expected_effect") is not None:
        parts.append("+" + text.money(plan["expected_effect"]))
    return " · ".join(part for part in parts if part)
