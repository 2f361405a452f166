"""By which columns a row of a file is known again in the next export."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow.compute as pc

from salesloop.schema import TABLES, Table
from salesloop.sources import labels
from salesloop.sources.guess import Notes
from salesloop.sources.mapping import ASK, FileMapping
from salesloop.sources.sheet import Sheet

_ID_ENDS = ("id", "key", "编号", "编码", "number", "no", "code", "工号", "数据id")
_COMBINE = ("name", "account", "owner", "created_at", "order_id", "product", "_product_id", "_account", "subject",
            "ordered_on", "paid_on", "date")  # fmt: skip
_NATURAL = {"accounts": "name", "reps": "name", "products": "product"}
_MANY = 0.2


def key(sheet: Sheet, entry: FileMapping, notes: Notes) -> None:
    """Decide by which labels a row is known again: its id, a unique column, a unique combination, or its content."""
    table = TABLES[str(entry.table)]
    own = entry.columns.get(table.key[0])
    if entry.key and entry.key != [own] and ASK not in entry.key and len(table.key) == 1:
        _tell_key(entry, notes, table)
    if entry.key or len(table.key) != 1 or not len(sheet):
        return
    if own and is_damaged(sheet, own):
        notes.doubts["key"] = f"{own!r} was damaged by a spreadsheet (numbers past 2^53)"
        own = None
        _replace_damaged(sheet, entry, notes)
        return
    if own and not sheet.filled(own):
        entry.columns = {column: label for column, label in entry.columns.items() if column != table.key[0]}
        own = None
    if own:
        entry.key = [own] if not _repeats(sheet, entry, own, notes) else [ASK]
        return
    candidates = [label for label in sheet.labels if _unique(sheet, [label])]
    named = [label for label in candidates if labels.key(label).endswith(_ID_ENDS)]
    natural = entry.columns.get(_NATURAL.get(table.name, ""))
    if natural and (natural in candidates or table.name != "accounts"):
        entry.key = [natural]
    elif named:
        entry.key = named[:1]
    else:
        entry.key = _combination(sheet, entry)
    _tell_key(entry, notes, table)


def _repeats(sheet: Sheet, entry: FileMapping, own: str, notes: Notes) -> bool:
    """Return whether an id is borne by many rows of different content, none later than the other; then it is asked."""
    cells = sheet.cells[own]
    if (
        len(cells.dictionary) == len(sheet)
        or entry.table in _NATURAL
        or {"modified_at", "_modified_at"} & {*entry.columns}
    ):
        return False
    ids = cells.indices.to_numpy(zero_copy_only=False).astype("uint64")
    states = len(np.unique(np.stack([ids, sheet.content()]), axis=1).T)
    extra = states - len(np.unique(ids))
    if extra < _MANY * len(sheet):
        return False
    if _are_lines(sheet, entry, ids, _FACTS):
        entry.repeats = "first"
        notes.assumptions.append(
            f"{entry.file}: {extra:,} rows are further lines of a deal (its amount and stage are the same in each); it counts once"
        )
        return False
    more = _combination(sheet, entry, [own])
    proposal = f"proposed: {more}" if more else "no unique combination of columns was found"
    if "product" in entry.columns and _are_lines(sheet, entry, ids, _FACTS[1:]):
        proposal = (
            f"if they are products of one deal whose amounts add up: key: [{own!r}] and repeats: sum; else {proposal}"
        )
    notes.ask(
        entry,
        "key",
        f"{extra:,} of {len(sheet):,} rows bear an id of {own!r} again with other contents; by which columns is a row known? {proposal}",
    )
    return True


def _are_lines(sheet: Sheet, entry: FileMapping, ids: np.ndarray, same: tuple[str, ...]) -> bool:
    """Return whether the rows of an id agree in all that makes a deal, as an export with a row a product has them."""
    if entry.table != "opportunities" or not {"amount", "status"} <= {*entry.columns}:
        return False
    n = len(np.unique(ids))
    facts = {entry.columns[column] for column in same if column in entry.columns}
    for label in facts & {*sheet.cells}:
        pairs = np.stack([ids, sheet.cells[label].indices.to_numpy(zero_copy_only=False).astype("uint64")])
        if len(np.unique(pairs, axis=1).T) != n:
            return False
    return True


_FACTS = (
    "amount",
    "status",
    "stage",
    "closed_on",
    "expected_close",
    "created_at",
    "owner",
    "owner_id",
    "account",
    "name",
)


def _tell_key(entry: FileMapping, notes: Notes, table: Table) -> None:
    if entry.key:
        notes.assumptions.append(
            f"{entry.file}: no id of its own; a row is known again by {' + '.join(map(repr, entry.key))}"
        )
    else:
        keep = table.name in ("activities", "feedback", "order_lines")
        entry.repeats = "keep" if keep else "drop"
        what = "each is kept" if keep else "one is kept"
        notes.assumptions.append(
            f"{entry.file}: no id and no unique columns; a row is known by its content, and of equal rows {what}"
        )


def _replace_damaged(sheet: Sheet, entry: FileMapping, notes: Notes) -> None:
    table = TABLES[str(entry.table)]
    combination = _combination(sheet, entry)
    entry.key = [ASK]
    proposal = f"proposed: {combination}" if combination else "no unique combination of columns was found"
    notes.ask(
        entry,
        "key",
        f"the ids of {table.name} were damaged by a spreadsheet; by which columns is a row known? {proposal}",
    )


def is_damaged(sheet: Sheet, label: str) -> bool:
    """Return whether an id column holds numbers that a spreadsheet made inexact."""
    if label in sheet.damaged and bool(sheet.damaged[label].any()):
        return True
    texts = sheet.cells[label].dictionary
    if not len(texts):
        return False
    rounded = pc.match_substring_regex(texts, r"^\d(\.\d+)?[eE]\+\d{2}$")
    if pc.sum(rounded).as_py() > 0:
        return True
    long = pc.match_substring_regex(texts, r"^(zcrm_)?\d{17,20}$")
    n = pc.sum(long).as_py() or 0
    cut = pc.sum(pc.match_substring_regex(texts, r"^(zcrm_)?\d{15}0{2,5}$")).as_py() or 0
    return n >= 5 and cut > 0.8 * n


def _combination(sheet: Sheet, entry: FileMapping, first: list[str] | None = None) -> list[str]:
    usable = list(dict.fromkeys(entry.columns[column] for column in _COMBINE if column in entry.columns))
    lead = first or []
    for size in (1, 2, 3) if lead else (2, 3, 4):
        for tried in itertools.combinations([label for label in usable if label not in lead], size):
            if _unique(sheet, [*lead, *tried]) and (lead or _telling(entry, tried)):
                return [*lead, *tried]
    return []


_TELLING = {"opportunities": ("name", "created_at"), "orders": ("order_id", "ordered_on"), "payments": ("order_id", "paid_on"),
            "order_lines": ("order_id", "ordered_on")}  # fmt: skip


def _telling(entry: FileMapping, tried: tuple[str, ...]) -> bool:
    """Return whether a combination tells a customer's next deal or order from this one, unique as it may be now."""
    wanted, said = _TELLING.get(str(entry.table)), entry.columns
    if wanted is None:
        return True
    whose = [said[column] for column in ("account", "_account") if column in said and entry.table != "opportunities"]
    if whose and said.get("order_id") not in tried and not {*whose} & {*tried}:
        return False
    return any(said.get(column) in tried for column in wanted)


def _unique(sheet: Sheet, names: list[str]) -> bool:
    cells = [sheet.cells[name] for name in names]
    if len(names) == 1:
        texts = cells[0].dictionary
        return (
            len(texts) == len(sheet)
            and not pc.any(pc.equal(texts, "")).as_py()
            and pc.count_distinct(texts).as_py() == len(sheet)
        )
    code = np.zeros(len(sheet), "int64")
    for column in cells:
        code = code * (len(column.dictionary) + 1) + column.indices.to_numpy(zero_copy_only=False)
    return len(np.unique(code)) == len(sheet)
