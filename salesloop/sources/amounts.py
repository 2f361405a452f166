"""Whether money and days are where they are looked for: which column is the amount, and columns full of something else."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from salesloop.schema import TABLES
from salesloop.sources import guess, labels, moments, values
from salesloop.sources.detect import Match
from salesloop.sources.guess import Notes
from salesloop.sources.mapping import ASK, FileMapping
from salesloop.sources.sheet import Sheet

_MUST_BE = {
    "opportunities": ("amount", "closed_on", "expected_close", "created_at"),
    "orders": ("amount", "ordered_on"),
    "order_lines": ("amount",),
}


def sound(sheet: Sheet, entry: FileMapping, notes: Notes) -> None:
    """Ask about a column of money or days of which many texts are none: it may be the wrong one, or of a kind not known."""
    for column in _MUST_BE.get(str(entry.table), ()):
        label = entry.columns.get(column)
        if (
            label not in sheet.cells
            or f"dates.{label}" in {question.place for question in notes.questions}
            or entry.decimal == ASK
        ):
            continue
        texts = sheet.cells[label].dictionary.slice(0, _SAMPLE)
        texts = texts.filter(pc.invert(values.is_null(texts)))
        if guess.type_of(TABLES[str(entry.table)], column) == "money":
            ok, what = (
                values.numbers(texts, chinese=sheet.chinese, decimal=entry.decimal).ok.to_numpy(zero_copy_only=False),
                "numbers",
            )
        else:
            ok, what = moments.parse(texts, order=entry.dates.get(label, "dmy"), since_1904=sheet.since_1904).ok, "days"
        if (~ok).sum() >= _LEAST_BAD and (~ok).mean() > _MANY_BAD:
            bad = texts.filter(pa.array(~ok))
            like = re.sub(r"[^\W\d_]", "x", re.sub(r"\d", "9", str(bad[0])))[:20]
            entry.columns = {**entry.columns, column: ASK}
            notes.ask(entry, f"columns.{column}", f"{len(bad):,} of {len(texts):,} texts of {label!r} are no {what} (such as {like!r}): which column is it? "
                      f"write {label!r} to leave those out, or delete the line if none is")  # fmt: skip


_MANY_BAD, _LEAST_BAD, _SAMPLE = 0.3, 3, 5000
_NO_MONEY = ("id", "no", "nr", "number", "编号", "phone", "tel", "zip", "year", "age", "day", "count", "qty", "quantit", "probab", "percent",
             "score", "rank", "序号", "年", "天", "数量", "概率", "赢率", "电话")  # fmt: skip


def amount(sheet: Sheet, entry: FileMapping, match: Match, notes: Notes) -> None:
    """Ask which column is the money of deals and orders where none is known by its label but some hold numbers."""
    if entry.table not in ("opportunities", "orders") or not len(sheet):
        return
    if {"amount", "_est_amount", "_won_amount"} & {*entry.columns}:
        return
    found = [label for label in sheet.labels if label not in entry.columns.values() and _is_money(sheet, label)]
    if found:
        entry.columns = {**entry.columns, "amount": ASK}
        told = ", ".join(map(repr, found[:6]))
        notes.ask(entry, "columns.amount", f"which column is the amount: {told}? delete the line if none is")
    else:
        notes.assumptions.append(f"{entry.file}: no amount: nothing can be told of money")


def rivals(sheet: Sheet, entry: FileMapping, match: Match, notes: Notes) -> None:
    """Decide between several columns of money: one of won deals alone holds for them; a doubt that changes sums is asked."""
    chosen = entry.columns.get("amount", "")
    others = [label for label in dict.fromkeys(match.rivals.get("amount", [])) if label not in entry.columns.values()]
    others = [label for label in others if _is_money(sheet, label)]
    if chosen not in sheet.cells or not others or match.kind is None:
        return
    of_won = next((label for label in others if _of_won_deals(sheet, entry, label)), None)
    if of_won and "_won_amount" not in entry.columns and entry.table == "opportunities":
        entry.columns = {**entry.columns, "_won_amount": of_won}
        titled = next((pair for text in sheet.titles if any(pair := labels.unit_of_title(text))), (0, None))
        if shift := labels.unit_of(of_won)[0] or titled[0]:
            entry.units = {**entry.units, of_won: shift}
        notes.assumptions.append(f"{entry.file}: the amount is {of_won!r} for won deals, else {chosen!r}")
        return
    told = ", ".join(map(repr, others))
    rank = min(
        (rank for column, rank in match.kind.exact.get(labels.key(chosen), []) if column == "amount"), default=99
    )
    alike = [label for label in others if labels.key(label) == labels.key(chosen) or rank > _SURE]
    if any(_differ(sheet, entry, chosen, label) for label in alike):
        entry.columns = {**entry.columns, "amount": ASK}
        notes.ask(entry, "columns.amount", f"which column is the amount: {chosen!r}, {told}? their sums differ")
    else:
        notes.assumptions.append(f"{entry.file}: the amount is {chosen!r}; {told} could be it as well")


_SURE = 4
"""The first labels of amounts say plainly that they are the deal's."""


def _of_won_deals(sheet: Sheet, entry: FileMapping, label: str) -> bool:
    """Return whether a column is filled for nearly all won deals and hardly any other."""
    known, status = entry.values.get("status", {}), entry.columns.get("status", "")
    if status not in sheet.cells or "won" not in known.values():
        return False
    cells = sheet.cells[status]
    names = pa.array([text for text, meaning in known.items() if meaning == "won"], pa.string())
    won = pc.is_in(cells.dictionary, value_set=names).take(cells.indices).to_numpy(zero_copy_only=False)
    value = _sums(sheet, entry, label)
    filled = np.isfinite(value) & (value != 0)
    return bool(won.any() and not won.all() and filled[won].mean() > 0.9 and filled[~won].mean() < 0.1)


def _sums(sheet: Sheet, entry: FileMapping, label: str) -> np.ndarray:
    cells = sheet.cells[label]
    found = values.numbers(
        cells.dictionary,
        chinese=sheet.chinese,
        shift=labels.unit_of(label)[0],
        decimal="," if entry.decimal == "," else ".",
    )
    return pc.cast(found.value, pa.float64()).take(cells.indices).to_numpy(zero_copy_only=False)


def _differ(sheet: Sheet, entry: FileMapping, one: str, other: str) -> bool:
    a, b = (_sums(sheet, entry, label) for label in (one, other))
    both = np.isfinite(a) & np.isfinite(b)
    return bool(both.any() and abs(a[both].sum() - b[both].sum()) > 0.005 * abs(a[both]).sum())


def _is_money(sheet: Sheet, label: str) -> bool:
    """Return whether a column could hold money: nearly all its texts are numbers, most of them of some size."""
    said = labels.key(label)
    if any(said.startswith(sign) or said.endswith(sign) for sign in _NO_MONEY):
        return False
    texts = sheet.cells[label].dictionary
    texts = texts.filter(pc.invert(values.is_null(texts)))
    if len(texts) < 2:
        return False
    found = values.numbers(
        texts,
        chinese=sheet.chinese,
        decimal="," if pc.any(pc.match_substring_regex(texts, values.EUROPEAN)).as_py() else ".",
    )
    large = pc.greater(pc.abs(pc.cast(found.value, pa.float64())), 100.0)
    return bool(
        pc.mean(pc.cast(found.ok, pa.float64())).as_py() > 0.9
        and (pc.mean(pc.cast(large, pa.float64())).as_py() or 0) > 0.5
    )
