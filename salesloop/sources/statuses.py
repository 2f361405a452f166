"""What each text of a status, stage or probability means: open, won, lost or void; what cannot be told is asked."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from salesloop.sources import detect, moments, values, words
from salesloop.sources.mapping import ASK, FileMapping
from salesloop.sources.sheet import Sheet

if TYPE_CHECKING:
    from salesloop.sources.guess import Notes

_FLAGS = ("_is_won", "_is_closed", "_is_lost")


def source(entry: FileMapping) -> str | None:
    """Return the label from which a file without a status tells one: its stage, a flag of won deals, the probability."""
    if "status" in entry.columns or "status" in entry.constants:
        return None
    return next((entry.columns[name] for name in ("stage", "_is_won", "probability") if name in entry.columns), None)


def missing(sheet: Sheet, entry: FileMapping, notes: Notes) -> None:
    """Tell by the file's name how deals without any status ended, as in "won deals 2026"; else it is asked."""
    if entry.table != "opportunities" or source(entry) or {"status", "stage"} & {*entry.columns, *entry.constants}:
        return
    told = words.meaning(f"{PurePath(sheet.file).stem} {sheet.sheet}".replace("_", " "), "status")
    closing = entry.columns.get("closed_on", "")
    signed = detect.is_of_winning(closing) and closing != entry.columns.get("expected_close")
    told = told if told in ("won", "lost") else "won" if signed and sheet.filled(closing) == len(sheet) else None
    entry.constants = {**entry.constants, "status": told or ASK}
    if told:
        notes.assumptions.append(f"{entry.file}: no status: all its deals are {told}, as its name or {closing!r} says")
    else:
        notes.ask(entry, "constants.status", "no column says how a deal ended: are all of them won, lost or open?")


def settle(sheet: Sheet, entry: FileMapping, notes: Notes, label: str, known: dict[str, str | None]) -> None:
    """Fill the meaning of a status's texts from other columns where words do not tell it; what is left is asked."""
    unsure = [text for text, status in known.items() if status in (None, ASK)]
    flagged = _by_flags(sheet, entry, label, unsure)
    if flagged:
        used = " and ".join(repr(entry.columns[name]) for name in _FLAGS if name in entry.columns)
        notes.assumptions.append(f"{entry.file}: what {len(flagged)} texts of {label!r} mean is told by {used}")
    yes_no = _by_yes_and_no(sheet, entry, label, unsure)
    if yes_no:
        notes.assumptions.append(
            f"{entry.file}: no stage and no status: they follow from {label!r} and the closing date"
        )
    chances = _by_probability(sheet, entry, label, unsure)
    if chances:
        notes.assumptions.append(
            f"{entry.file}: no stage and no status: {label!r} of 100 % is won, of 0 % lost, the rest open"
        )
    known.update(told := flagged | yes_no | chances)
    unsure = [text for text in unsure if text not in told]
    for text in list(unsure):
        if _looks_open(sheet, entry, label, text, known):
            known[text] = "open"
            unsure.remove(text)
            notes.assumptions.append(f"{entry.file}: stage {text!r} is open: none of its deals has a closing date")
    known.update(dict.fromkeys(unsure, ASK))
    if unsure:
        shown = ", ".join(repr(text[:40]) for text in unsure[:12]) + (" ..." if len(unsure) > 12 else "")
        notes.ask(entry, "values.status", f"does {shown} mean open, won, lost or void?")


def _rows(sheet: Sheet, label: str, names: list[str]) -> np.ndarray:
    cells = sheet.cells[label]
    hits = pc.is_in(cells.dictionary, value_set=pa.array(names, pa.string()))
    return hits.take(cells.indices).to_numpy(zero_copy_only=False)


def flag(sheet: Sheet, entry: FileMapping, column: str) -> np.ndarray | None:
    """Return which rows a flag says yes to, None where the file has no such flag or it says nothing."""
    name = entry.columns.get(column)
    if name is None or name not in sheet.cells:
        return None
    made = values.by_unique(sheet.cells[name], values.flag)
    return None if made.null_count == len(made) else pc.fill_null(made, False).to_numpy(zero_copy_only=False)


def _by_flags(sheet: Sheet, entry: FileMapping, label: str, unsure: list[str]) -> dict[str, str]:
    won, closed, lost = (flag(sheet, entry, column) for column in _FLAGS)
    if won is None or (closed is None and lost is None):
        return {}
    over = np.zeros(len(sheet), bool)
    for mask in (closed, lost):
        over |= mask if mask is not None else False
    found = {}
    for text in unsure:
        rows = _rows(sheet, label, [text])
        if rows.any():
            found[text] = "won" if won[rows].mean() > 0.5 else "lost" if over[rows].mean() > 0.5 else "open"
    return found


def _by_yes_and_no(sheet: Sheet, entry: FileMapping, label: str, unsure: list[str]) -> dict[str, str]:
    """Return the status of yes and no of a flag of won deals: no is lost where such deals have a closing date, else open."""
    if label != entry.columns.get("_is_won"):
        return {}
    said = dict(zip(unsure, values.flag(pa.array(unsure, pa.string())).to_pylist()))
    found = {text: "won" for text, yes in said.items() if yes}
    no = [text for text, yes in said.items() if yes is False]
    closing = entry.columns.get("closed_on")
    if no and closing is not None and closing != entry.columns.get("expected_close"):
        dated = pc.invert(values.is_empty(sheet.cells[closing])).to_numpy(zero_copy_only=False)[_rows(sheet, label, no)]
        if len(dated) and not 0.1 < dated.mean() < 0.9:
            found |= dict.fromkeys(no, "lost" if dated.mean() >= 0.9 else "open")
    return found


def _by_probability(sheet: Sheet, entry: FileMapping, label: str, unsure: list[str]) -> dict[str, str]:
    """Return the status of each probability; 0 % is lost only where nearly all such deals lie in the past."""
    if label != entry.columns.get("probability"):
        return {}
    texts = pa.array(unsure, pa.string())
    share = values.rate(values.numbers(texts), hundred=entry.percent.get(label, False)).to_pylist()
    found = {
        text: "won" if chance == 1 else "open"
        for text, chance in zip(unsure, share)
        if chance is not None and 0 < chance <= 1
    }
    none = [text for text, chance in zip(unsure, share) if chance == 0]
    if none and _past(sheet, entry, _rows(sheet, label, none)):
        found |= dict.fromkeys(none, "lost")
    return found


def _past(sheet: Sheet, entry: FileMapping, rows: np.ndarray) -> bool:
    """Return whether nearly all of some deals were to close before the last deal of the file was created."""
    closing = entry.columns.get("closed_on") or entry.columns.get("expected_close")
    created = entry.columns.get("created_at")
    if closing is None or created is None:
        return False
    day = {}
    for name in (closing, created):
        cells = sheet.cells[name]
        found = moments.parse(cells.dictionary, order=entry.dates.get(name, "dmy"), since_1904=sheet.since_1904)
        at = cells.indices.to_numpy(zero_copy_only=False)
        day[name] = np.where(found.valid[at], found.us[at], -1)
    return bool((day[closing][rows] <= day[created].max() + 31 * moments.DAY).mean() > 0.9)


def _looks_open(sheet: Sheet, entry: FileMapping, label: str, text: str, known: dict[str, str | None]) -> bool:
    """Return whether deals of a stage have no closing date while those of won and lost stages do."""
    closing = entry.columns.get("closed_on")
    if closing is None or not {"won", "lost"} <= set(known.values()):
        return False
    dated = pc.invert(values.is_empty(sheet.cells[closing])).to_numpy(zero_copy_only=False)
    mine = dated[_rows(sheet, label, [text])]
    closed = dated[_rows(sheet, label, [name for name, status in known.items() if status in ("won", "lost")])]
    return bool(len(mine) and len(closed) and mine.mean() < 0.02 and closed.mean() > 0.9)
