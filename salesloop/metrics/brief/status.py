"""The first lines of the brief: which parts were computed, and whether the data tie out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pandas as pd

from salesloop.metrics.brief.parts import STAGES, Parts, have

Sentence = tuple[str, dict]
STATUS = {"stage": "word", "status": "word"}
TIE_OUT = {"part": "word", "table": "word", "line": "word", "n": "count", "amount": "money_exact"}
_COLUMNS = ("part", "table", "line", "n", "amount")


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
    """Return how the source's deals and their total become ours, and what was rejected, set aside or kept with a warning.

    Parameters
    ----------
    meta : mapping
        What the freeze noted: ``tie_out``, ``rejects``, ``set_aside``, ``without_rate``, ``rules``; any may be absent.

    Returns
    -------
    DataFrame
        ``part`` (tie_out, rejected, warned, set_aside), ``table``, ``line`` (what, or the rule), ``n`` rows, ``amount``. The
        lines of ``tie_out`` but the last add up to the last, to the cent.
    """
    rejects = [
        {**row, "part": "warned" if row.get("severity") == "warn" else "rejected"} for row in meta.get("rejects") or ()
    ]
    broken = [{"rule": rule, "table": "opportunities", **row} for rule, row in (meta.get("rules") or {}).items()]
    unrated = [{"rule": "currency_without_rate", **row} for row in meta.get("without_rate") or ()]
    rows = [_line("tie_out", row) for row in meta.get("tie_out") or ()]
    rows += [_line(row["part"], row) for row in sorted(rejects, key=lambda row: row["part"])]
    rows += [_line("set_aside", row) for row in (*(meta.get("set_aside") or ()), *unrated)]
    rows += [_line("warned", row) for row in broken if row.get("severity") == "warn"]
    return pd.DataFrame(rows, columns=list(_COLUMNS)).astype({"n": float, "amount": float})


def _line(part: str, row: Mapping[str, Any]) -> tuple:
    amount = row.get("amount")
    named = row.get("table") or "opportunities"
    return (
        part,
        named,
        row.get("line") or row.get("rule"),
        float(row.get("n") or 0),
        None if amount is None else float(amount),
    )


def counted(deals: pd.DataFrame) -> tuple[int, float]:
    """Return how many deals the period's book holds and what they amount to, in home money to the cent."""
    return len(deals), round(float(deals["amount"].sum()), 2)


def tie_out_sentences(meta: Mapping[str, Any], counted: Mapping[str, tuple[int, float]]) -> list[Sentence]:
    """Say what the source holds, what is counted of it, and what was left out or kept with a warning.

    Parameters
    ----------
    meta : mapping
        What the freeze noted.
    counted : mapping of str to (rows, amount)
        What the period's tables hold: deals and their amount.
    """
    n, amount = counted["opportunities"]
    lines = tie_out(meta)
    source = lines[(lines["part"] == "tie_out") & (lines["line"] == "source")]
    told: list[Sentence] = [("brief.tie_out.counted" if n else "brief.tie_out.none", {"n": n, "amount": amount})]
    if len(source) and n:
        read, whole = int(source["n"].iloc[0]), float(source["amount"].iloc[0])
        message = "brief.tie_out.whole" if (read, whole) == (n, amount) else "brief.tie_out.part"
        told = [(message, {"n": n, "amount": amount, "read": read, "whole": whole})]
    for part in ("rejected", "set_aside", "warned"):
        rows = float(lines.loc[lines["part"] == part, "n"].sum())
        told += [(f"brief.tie_out.{part}", {"n": rows})] if rows else []
    assumed = len(meta.get("assumptions") or ())
    return [*told, ("brief.tie_out.assumed", {"n": assumed})] if assumed else told
