"""The first lines of the brief: which parts were computed, and whether the data tie out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from salesloop.metrics.brief.parts import STAGES, Parts, have

Sentence = tuple[str, dict]
STATUS = {"stage": "word", "status": "word"}
TIE_OUT = {"table": "word", "line": "word", "rows": "count", "amount": "money_exact"}
_COLUMNS = ["table", "line", "reason", "rows", "amount"]


def status(parts: Parts) -> pd.DataFrame:
    """Return a row a stage: whether it left results.

    Returns
    -------
    DataFrame
        ``stage``, ``status`` (ok, missing), ``n_tables`` (named tables it left).
    """
    rows = [
        (name, "ok" if have(parts, name) else "missing", len(getattr(parts.get(name), "tables", ()))) for name in STAGES
    ]
    return pd.DataFrame(rows, columns=["stage", "status", "n_tables"])


def status_sentences(*, cut_off: dt.date, known_until: dt.date, state_known: str) -> list[Sentence]:
    """Say what limits the whole page: books that are open still, a pipeline known from dates only."""
    told: list[Sentence] = []
    if cut_off < known_until:
        told.append(("brief.status.open", {"day": str(known_until), "cut_off": str(cut_off)}))
    if state_known == "dates":
        told.append(("brief.status.dates", {}))
    return told


def tie_out(meta: Mapping[str, Any]) -> pd.DataFrame:
    """Return how the source's rows and totals become ours.

    Parameters
    ----------
    meta : mapping
        What the freeze noted: ``tie_out``, ``rejects``, ``set_aside``, ``warnings``; any of them may be absent.

    Returns
    -------
    DataFrame
        ``table, line, reason, rows, amount``: what was read, left out by reason, adjusted, and kept.
    """
    rows = [*_lines(meta.get("tie_out"), "read"), *_lines(meta.get("rejects"), "rejected")]
    rows += [*_lines(meta.get("set_aside"), "set_aside"), *_lines(meta.get("warnings"), "warned")]
    frame = pd.DataFrame(rows, columns=_COLUMNS)
    for column in ("rows", "amount"):
        frame[column] = pd.to_numeric(frame[column], errors="coerce").astype(float)
    return frame


def _lines(noted: Any, line: str) -> list[dict[str, Any]]:
    """Return lines from whatever shape a note has: a list of rows, a mapping of reasons to counts, a number."""
    if isinstance(noted, Mapping):
        return [row for key, part in noted.items() for row in _named(key, part, line)]
    if isinstance(noted, (list, tuple)):
        return [row for part in noted for row in _named("", part, line)]
    return [_row({"rows": noted}, line)] if isinstance(noted, (int, float)) and noted else []


def _named(key: object, part: Any, line: str) -> Iterable[dict[str, Any]]:
    if isinstance(part, Mapping):
        flat = {name: found for name, found in part.items() if not isinstance(found, (Mapping, list, tuple))}
        return [_row({"table": key, **flat}, line)]
    if isinstance(part, (list, tuple)):
        return [
            _row({"table": key, **one} if isinstance(one, Mapping) else {"table": key, "reason": one}, line)
            for one in part
        ]
    number = isinstance(part, (int, float)) and not isinstance(part, bool)
    return [_row({"reason": key, "rows": part} if number else {"table": key, "reason": part}, line)]


def _row(found: Mapping[str, Any], line: str) -> dict[str, Any]:
    reason = found.get("reason") or found.get("rule") or found.get("file") or ""
    rows = next((found[name] for name in ("n", "rows", "kept", "read") if found.get(name) is not None), None)
    amount = next((found[name] for name in ("amount", "total", "source_total") if found.get(name) is not None), None)
    return {"table": found.get("table") or "", "line": found.get("line") or line, "reason": str(reason), "rows": rows,
            "amount": amount}  # fmt: skip


def counted(deals: pd.DataFrame) -> tuple[int, float]:
    """Return how many deals the period's book holds and what they amount to, in home money to the cent."""
    return len(deals), round(float(deals["amount"].sum()), 2)


def tie_out_sentences(meta: Mapping[str, Any], counted: Mapping[str, tuple[int, float]]) -> list[Sentence]:
    """Say in one sentence each what was counted, left out and set aside.

    Parameters
    ----------
    meta : mapping
        What the freeze noted.
    counted : mapping of str to (rows, amount)
        What the period's tables hold: deals and their amount.
    """
    n, amount = counted["opportunities"]
    told: list[Sentence] = [("brief.tie_out.counted" if n else "brief.tie_out.none", {"n": n, "amount": amount})]
    lines = tie_out(meta)
    for line in ("rejected", "set_aside", "warned"):
        rows = lines.loc[lines["line"] == line, "rows"].sum()
        if rows > 0:
            told.append((f"brief.tie_out.{line}", {"n": float(rows)}))
    assumed = meta.get("assumptions") or []
    return [*told, ("brief.tie_out.assumed", {"n": len(assumed)})] if assumed else told
