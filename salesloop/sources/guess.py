"""What the labels leave open, read from the cells: date order, percent, units, word values, the key."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from salesloop.params import UnitConfig
from salesloop.schema import TABLES, Table
from salesloop.sources import labels, moments, statuses, values, words
from salesloop.sources.mapping import ASK, FileMapping
from salesloop.sources.sheet import Sheet

HELP_TYPES = {
    "_modified_at": "time", "_start": "time", "_end": "time", "_created_at": "time", "_lost_at": "date", "_won_at": "date", "_annual": "money",
    "_fiscal_year": "text", "_manager_id": "id", "_rep_id": "id", "_owner_id": "id", "_account_id": "id",
    "_product_id": "id", "_is_won": "flag", "_is_closed": "flag", "_is_lost": "flag", "_active": "flag", "_est_amount": "money", "_won_amount": "money",
}  # fmt: skip
_MOST_WORDS = 200
_FEW = 0.05
_ORDERS = ("dmy", "mdy", "ymd")
_PAIRS = (("created_at", "closed_on"), ("created_at", "modified_at"), ("created_at", "_modified_at"), ("_start", "_end"),
          ("from_on", "to_on"), ("started_on", "left_on"), ("created_at", "converted_at"), ("created_at", "expected_close"))  # fmt: skip


@dataclass(frozen=True)
class Question:
    """A doubt that changes a number: where, what is asked, and the key of the mapping that answers it."""

    file: str
    place: str
    text: str


@dataclass
class Notes:
    """What came up while a mapping was completed."""

    questions: list[Question] = field(default_factory=list)
    assumptions: list[str] = field(default_factory=list)
    doubts: dict[str, str] = field(default_factory=dict)

    def ask(self, entry: FileMapping, place: str, text: str) -> None:
        """Add a question."""
        self.questions.append(Question(entry.file, place, text))


def type_of(table: Table, column: str) -> str:
    """Return the type of a canonical or helping column."""
    if column in table.columns:
        return table.columns[column].type
    return HELP_TYPES.get(column, "text")


def labels_of(entry: FileMapping, *types: str) -> dict[str, str]:
    """Return the columns of some types and their labels."""
    table = TABLES[str(entry.table)]
    return {column: label for column, label in entry.columns.items() if type_of(table, column) in types}


def dates(sheet: Sheet, entry: FileMapping, notes: Notes, elsewhere: dict[str, set[str]]) -> None:
    """Decide the order of day and month of each column whose layout leaves it open.

    By impossible days; else as another column of the file has it; else by which order puts what comes first
    first; else as the other files have it; else it is asked.
    """
    found = {label: moments.order_of(sheet.cells[label].dictionary)
             for label in dict.fromkeys([*labels_of(entry, "date", "time").values(), *entry.entered, *entry.left])
             if label in sheet.cells}  # fmt: skip
    found = {label: order for label, order in found.items() if order.word is not None}
    _certain(sheet, entry, notes, {label: str(order.word) for label, order in found.items() if order.word in _ORDERS})
    sure: dict[str, set[str]] = {}
    for order in found.values():
        if order.word in _ORDERS:
            sure.setdefault(order.separator, set()).add(order.word)
    open_labels = [label for label, order in found.items()
                   if order.word in ("", "mixed") and entry.dates.get(label) in (None, ASK)]  # fmt: skip
    if not open_labels:
        return
    known = set().union(*(sure.get(found[label].separator, set()) for label in open_labels))
    word, why = (known.pop(), "as in the file's other columns") if len(known) == 1 else ("", "")
    if not word:
        word, why = _by_sequence(sheet, entry, open_labels)
    if not word and not known:
        others = set().union(*(elsewhere.get(found[label].separator, set()) for label in open_labels))
        word, why = (others.pop(), "as in the other files") if len(others) == 1 else ("", "")
    if word and any(found[label].word == "mixed" for label in open_labels):
        word = ""
    few = [label for label in open_labels if found[label].share < _FEW and not word]
    if few:
        entry.dates = {**entry.dates, **dict.fromkeys(few, "none")}  # type: ignore[arg-type]
        open_labels = [label for label in open_labels if label not in few]
        for label in few:
            notes.assumptions.append(
                f"{entry.file}: a few texts of {label!r} could be day-month or month-day; they are no dates"
            )
    entry.dates = {**entry.dates, **dict.fromkeys(open_labels, word or ASK)}  # type: ignore[arg-type]
    for label in open_labels:
        if word:
            notes.assumptions.append(f"{entry.file}: {label!r} is read as {word}, {why}")
        else:
            both = "its texts mix both orders; best export it again with days such as 2026-06-30, else: "
            mixed = both if found[label].word == "mixed" else ""
            notes.ask(entry, f"dates.{label}", f"{mixed}is {label!r} day before month (dmy) or month before day (mdy)?")


def _certain(sheet: Sheet, entry: FileMapping, notes: Notes, words: dict[str, str]) -> None:
    """Note the orders that impossible days decide, where need be against the mapping's word."""
    for label, word in words.items():
        said = entry.dates.get(label)
        if said not in (None, ASK, word) and _must(sheet, label, word):
            notes.assumptions.append(f"{entry.file}: {label!r} is {word}; the mapping's {said} has impossible days")
        entry.dates = {**entry.dates, label: word}  # type: ignore[dict-item]


def _must(sheet: Sheet, label: str, word: str) -> bool:
    texts = sheet.cells[label].dictionary
    bad = {order: int((~moments.parse(texts, order=order).ok).sum()) for order in _ORDERS}
    return bad[word] <= min(bad.values())


def _by_sequence(sheet: Sheet, entry: FileMapping, open_labels: list[str]) -> tuple[str, str]:
    """Return the order under which what must come first does, where the other order breaks that often."""
    broken = {}
    for word in ("dmy", "mdy"):
        total = 0
        for first, last in _PAIRS:
            pair = entry.columns.get(first), entry.columns.get(last)
            if pair[0] is None or pair[1] is None or pair[0] == pair[1] or not {*pair} & {*open_labels}:
                continue
            own = {label: word if label in open_labels else entry.dates.get(str(label), word) for label in pair}
            us, ok = zip(*(_row_moments(sheet, str(label), own[label]) for label in pair))
            both = ok[0] & ok[1]
            total += int((us[0][both] // moments.DAY > us[1][both] // moments.DAY).sum())
        broken[word] = total
    low, high = sorted(broken, key=lambda word: broken[word])
    clear = broken[low] * 10 < broken[high] and broken[high] >= 3
    return (low, "as under the other order dates that must follow would come first") if clear else ("", "")


def _row_moments(sheet: Sheet, label: str, word: str) -> tuple[np.ndarray, np.ndarray]:
    cells = sheet.cells[label]
    found = moments.parse(cells.dictionary, order=word, since_1904=sheet.since_1904)
    at = cells.indices.to_numpy(zero_copy_only=False)
    return found.us[at], found.valid[at]


def numbers(sheet: Sheet, entry: FileMapping, notes: Notes) -> None:
    """Decide units that the header or a title above it names, percent or share, the decimal sign, and the currency."""
    wide = dict.fromkeys(entry.months, "money") if entry.table == "targets" else {}
    titled = [labels.unit_of_title(text) for text in sheet.titles]
    scaled: dict[tuple[int, str], list[str]] = {}
    for column, label in [*labels_of(entry, "money", "number", "count", "rate").items(), *zip(wide, wide)]:
        shift, currency, _ = labels.unit_of(label)
        money = column in wide or column == "amount" or type_of(TABLES[str(entry.table)], column) == "money"
        above = next((pair for pair in titled if any(pair)), (0, None)) if money else (0, None)
        where = "its header" if shift or not above[0] else "the title above the table"
        shift, currency = shift or above[0], currency or above[1]
        if shift and entry.units.get(label, shift) == shift:
            entry.units = {**entry.units, label: shift}
            scaled.setdefault((shift, where), []).append(label)
        if currency and len(currency) == 3 and entry.currency is None and column != "list_price":
            entry.currency = currency
    for (shift, where), names in scaled.items():
        told = ", ".join(map(repr, names[:4])) + (" ..." if len(names) > 4 else "")
        notes.assumptions.append(f"{entry.file}: {told} {'are' if len(names) > 1 else 'is'} in 10^{shift}, by {where}")
    _decimal(sheet, entry, notes, [*labels_of(entry, "money", "number", "rate").values(), *wide])
    for label in labels_of(entry, "rate").values():
        if label not in entry.percent:
            entry.percent = {**entry.percent, label: _in_percent(sheet, label, entry, notes)}


_BY_POINT = r"^\D{0,4}-?(\d{1,3}(,\d{3})*\.\d{1,2}|\d+\.(\d{1,2}|\d{4,})|\d{1,3}(,\d{3}){2,})\D{0,4}$"
_EITHER = r"^\D{0,4}-?\d{1,3}\.\d{3}\D{0,4}$"


def _decimal(sheet: Sheet, entry: FileMapping, notes: Notes, names: list[str]) -> None:
    """Decide the file's decimal sign by numbers that can be read in one way only; where they disagree it is asked."""
    if entry.decimal != ".":
        return
    comma: dict[str, int] = {}
    either: dict[str, int] = {}
    point = 0
    for label in dict.fromkeys(names):
        texts = pc.utf8_normalize(sheet.cells[label].dictionary, "NFKC")
        hits = pc.and_(pc.match_substring_regex(texts, values.EUROPEAN), pc.invert(values.numbers(texts).ok))
        n = pc.sum(hits).as_py() or 0
        by_point = pc.sum(pc.match_substring_regex(texts, _BY_POINT)).as_py() or 0
        same = pc.sum(pc.match_substring_regex(texts, _EITHER)).as_py() or 0
        comma |= {label: n} if n >= max(1, _FEW * len(texts)) else {}
        either |= {label: same} if same >= 3 and same > 0.8 * (len(texts) - 1) else {}
        point += by_point
    if comma and point <= _FEW * sum(comma.values()):
        entry.decimal = ","
        notes.assumptions.append(
            f"{entry.file}: the decimal sign is a comma, as in {sum(comma.values())} numbers of {next(iter(comma))!r}"
        )
    elif comma or (either and not point):
        label, n = next(iter((comma or either).items()))
        entry.decimal = "?"
        like = "1.234,50" if comma else "1.234"
        notes.ask(
            entry,
            "decimal",
            f"{n} numbers of {label!r} look like {like}: is the decimal sign a comma (',') or a point ('.')?",
        )


def _in_percent(sheet: Sheet, label: str, entry: FileMapping, notes: Notes) -> bool:
    found = values.numbers(sheet.cells[label].dictionary)
    value = pc.cast(pc.if_else(found.percent, pa.scalar(None, found.value.type), found.value), pa.float64())
    most = pc.max(value).as_py()
    if most is None or most > 1:
        return most is not None
    between = pc.any(pc.and_(pc.greater(value, 0), pc.less(value, 1))).as_py()
    kind = "between 0 and 1" if between else "0 and 1 alone"
    says = "says % but " if labels.unit_of(label)[2] else ""
    notes.assumptions.append(f"{entry.file}: {label!r} {says}holds {kind}; read as shares of 1")
    return False


def word_values(sheet: Sheet, entry: FileMapping, notes: Notes) -> None:
    """Guess what each text of a column of words means; an unknown status is asked for by name."""
    table = TABLES[str(entry.table)]
    for column, label in list(entry.columns.items()):
        words_name = words.list_of(table.name, column)
        free = column in table.columns and not table.columns[column].allowed
        if not words_name or (free and column != "measure"):
            continue
        known = dict(entry.values.get(column, {}))
        texts = [text for text in sheet.uniques(label) if text.casefold() not in values.TEXT_NULLS]
        if len(texts) > _MOST_WORDS:
            notes.doubts[f"values.{column}"] = f"{len(texts)} different texts: is this the right column?"
            texts = texts[:_MOST_WORDS]
        allowed = table.columns[column].allowed if column in table.columns else ()
        for text in texts:
            if text not in known:
                found = words.meaning(text, words_name)
                known[text] = (found or text) if free else found if found in allowed else None
        if (table.name, column) == ("opportunities", "status"):
            statuses.settle(sheet, entry, notes, label, known)
        entry.values = {**entry.values, column: known}


def period_rival(sheet: Sheet, entry: FileMapping, rivals: list[str], years: set[int], notes: Notes) -> None:
    """Choose among columns that could be the period: the one whose years meet those of the other files' facts."""
    from salesloop.sources.spans import year_of

    tried = [entry.columns["period"], *rivals]
    meeting = {label: {year_of(text) for text in sheet.uniques(label)} & years for label in tried}
    most = sorted(tried, key=lambda label: -len(meeting[label]))
    if years and len(meeting[most[0]]) > len(meeting[most[1]]):
        entry.columns = {**entry.columns, "period": most[0]}
        notes.assumptions.append(f"{entry.file}: the period is {most[0]!r}: its years meet those of the other files")
        return
    entry.columns = {**entry.columns, "period": ASK}
    notes.ask(entry, "columns.period", f"which column is the period: {', '.join(map(repr, tried))}?")


def currency_of(sign: str, config: UnitConfig) -> str:
    """Return the currency that a sign shared by several currencies stands for in a unit.

    Examples
    --------
    >>> currency_of("$", UnitConfig(unit="a")), currency_of("$", UnitConfig(unit="a", currency="SGD"))
    ('USD', 'SGD')
    """
    if sign == "$":
        return config.currency if config.currency in ("USD", "AUD", "CAD", "SGD", "HKD", "NZD", "TWD") else "USD"
    if sign == "¥":
        return config.currency if config.currency in ("CNY", "JPY") else "CNY"
    return sign
