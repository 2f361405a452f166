"""Which canonical table a sheet is, and which of its columns is which, by labels and the file's name alone."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import PurePath

import pyarrow.compute as pc

from salesloop.schema import TABLES
from salesloop.sources import labels, spans, values
from salesloop.sources.labels import Kind, key, kinds, known_keys
from salesloop.sources.sheet import Sheet

SHARED = ({"expected_close", "closed_on"}, {"stage", "status"}, {"planned_at", "_start"}, {"ordered_on", "_created_at"},
          {"forecast_category", "forecast_category_raw"})  # fmt: skip
"""Pairs of columns that one label may fill together."""

MONTHS = {
    **{name: at for at, names in enumerate((
        ("jan", "january"), ("feb", "february"), ("mar", "march"), ("apr", "april"), ("may",), ("jun", "june"),
        ("jul", "july"), ("aug", "august"), ("sep", "sept", "september"), ("oct", "october"), ("nov", "november"),
        ("dec", "december")), 1) for name in (*names, *(f"{full}value" for full in names), *(f"{full}target" for full in names))},
    **{f"{n}月": n for n in range(1, 13)}, **{f"{n}月目标": n for n in range(1, 13)},
    **{f"{sign}月": n for n, sign in enumerate("一二三四五六七八九", 1)}, "十月": 10, "十一月": 11, "十二月": 12,
}  # fmt: skip
_DATED = re.compile(r"^(20\d{2})年?[-/.]?(1[0-2]|0?[1-9])月?$")
_QUARTER = re.compile(r"^(?:(20\d{2})年?)?(?:q([1-4])|第?([1-4一二三四])季度)$")
_OF_WINNING = re.compile(r"won|赢单|成交|签")
_LEAST = 3.0
_FLAGS = ("_is_won", "_is_closed", "_is_lost", "_active")


@dataclass
class Match:
    """A sheet's kind and columns, and how sure the guess is.

    Attributes
    ----------
    kind : Kind or None
        None where no kind of file fits.
    columns : dict of str to str
        Canonical (or helping) column → label.
    months : dict of str to str
        For tables that are wide by month: label → ``2026-10``, ``10`` or ``Q4``.
    rivals : dict of str to list of str
        Columns for which several labels would do.
    close : str
        Another table that fits about as well, or "".
    """

    kind: Kind | None
    columns: dict[str, str] = field(default_factory=dict)
    months: dict[str, str] = field(default_factory=dict)
    rivals: dict[str, list[str]] = field(default_factory=dict)
    close: str = ""
    why: str = ""


def match(sheet: Sheet, only: str | None = None) -> Match:
    """Return what a sheet is.

    Parameters
    ----------
    sheet : Sheet
        A table of texts.
    only : str, optional
        The table, where the mapping or a plan file's name says it.
    """
    if sheet.problem or not sheet.labels:
        return Match(None, why=sheet.problem or "no columns")
    if only is None and describes_columns(sheet):
        return Match(None, why="it describes columns and holds no records")
    names = [only] if only else list(kinds())
    found = [scored for name in names if (scored := _score(sheet, kinds()[name], bool(only)))]
    found.sort(key=lambda pair: -pair[0])
    if not found or (found[0][0] < _LEAST and not only):
        return Match(None, why="no known table has such columns")
    best = found[0][1]
    instead = [one for _, one in found if best.kind and one.kind and one.kind.name == best.kind.unless]
    best = (
        instead[0]
        if instead
        else _named_closer(sheet, best, [one for score, one in found if score > 0.6 * found[0][0]])
    )
    if len(found) > 1 and found[1][0] > found[0][0] - 0.5 and not _hint(sheet, best.kind):
        best.close = found[1][1].kind.name if found[1][1].kind else ""
    return best


def _named_closer(sheet: Sheet, best: Match, others: list[Match]) -> Match:
    """Return the match whose word in the file's name holds the best one's, as "opportunity history" holds "opportunity"."""
    word = _word(sheet, best.kind)
    closer = [one for one in others if word and word in (longer := _word(sheet, one.kind)) and longer != word]
    return closer[0] if closer else best


def describes_columns(sheet: Sheet) -> bool:
    """Return whether a sheet lists labels (a data dictionary) in place of records: many different ones."""
    if len(sheet) > 300:
        return False
    names = {word + end for kind in kinds().values() for word in kind.in_name for end in ("", "s")}
    words = {*known_keys(), *names, *map(key, sheet.labels)}
    cells = [text for label in sheet.labels for text in sheet.uniques(label)]
    named = sum(1 for text in cells if key(text) in words and not text.isdigit())
    return bool(cells) and named > 0.4 * len(cells)


def _score(sheet: Sheet, kind: Kind, told: bool) -> tuple[float, Match] | None:
    hint = _hint(sheet, kind)
    if kind.only_hinted and not hint:
        return None
    columns, rivals = _assign(sheet, kind, bool(hint) or told)
    months = _months(sheet, columns) if kind.name == "targets" else {}
    if kind.name == "targets" and not months and "period" not in columns:
        _period_by_stem(sheet, columns, rivals)
    have = {*columns, *(["_months"] if months else [])}
    lacking = [group for group in kind.needs if not group & have]
    only_won = (
        kind.name == "opportunities" and {"amount", "closed_on"} <= have and _of_closed_deals(columns, bool(hint))
    )
    if not told and lacking and not only_won:
        return None
    weight = sum(_weight(kind, column, label) for column, label in columns.items()) + 0.5 * len(months)
    used = len({*columns.values(), *months}) / max(1, len(sheet.labels))
    return weight + hint + 3 * used, Match(kind, columns, months, rivals)


def _of_closed_deals(columns: dict[str, str], named: bool) -> bool:
    """Return whether amounts and closing dates alone make a table of deals: by its name, or as the dates are of winning."""
    return named or is_of_winning(columns["closed_on"])


def _weight(kind: Kind, column: str, label: str) -> float:
    if key(label) in kind.special:
        return 2.0
    return 0.5 if column.startswith("_") else 1.0


def _hint(sheet: Sheet, kind: Kind | None) -> float:
    """Return how strongly a file's or sheet's name speaks of a kind: 0 or 1.5 and more, by the word's length."""
    word = _word(sheet, kind)
    return 1.5 + 0.25 * len(word) * (3 if word[0] > "\u2e80" else 1) if word else 0.0


def _word(sheet: Sheet, kind: Kind | None) -> str:
    """Return the longest of a kind's words that the file's or the sheet's name holds."""
    said = [key(re.split(r"[.]", PurePath(sheet.file).name)[0]), key(sheet.sheet)]
    fitting = (word for word in (kind.in_name if kind else ()) if len(word) >= (2 if word[0] > "\u2e80" else 3))
    return next((word for word in fitting if any(word in name for name in said)), "")


def _keys(sheet: Sheet) -> dict[str, str]:
    """Return the labels as they are compared, without a word and dash that most of them begin with."""
    starts = [label.partition(" - ")[0] for label in sheet.labels if " - " in label]
    common = max(set(starts), key=starts.count) if starts else ""
    shared = len(starts) > 3 and starts.count(common) > 0.6 * len(sheet.labels)
    return {label: key(label.removeprefix(f"{common} - ") if shared else label) for label in sheet.labels}


def _assign(sheet: Sheet, kind: Kind, hinted: bool) -> tuple[dict[str, str], dict[str, list[str]]]:
    wanted: list[tuple[bool, int, bool, int, str, str]] = []
    for at, (label, said) in enumerate(_keys(sheet).items()):
        found = [*kind.exact.get(said, []), *(kind.hinted.get(said, []) if hinted else [])]
        found += [] if found else [(column, rank) for text, column, rank in kind.within if text in label.casefold()]
        found = [pair for pair in found if pair[0] not in _FLAGS or _says_yes_or_no(sheet, label)]
        blank = not sheet.filled(label) if len(sheet) else False
        lookup = label.endswith((")", "）", ").id")) and not any(labels.unit_of(label))
        wanted.extend((blank, rank, lookup, at, column, label) for column, rank in found)
    columns: dict[str, str] = {}
    rivals: dict[str, list[str]] = {}
    owners: dict[str, set[str]] = {}
    for blank, _, _, _, column, label in sorted(wanted):
        have = owners.setdefault(label, set())
        if have and not any(have | {column} <= pair for pair in SHARED):
            continue
        if column in columns:
            if not blank and label != columns[column] and label not in columns.values():
                rivals.setdefault(column, []).append(label)
            continue
        columns[column] = label
        have.add(column)
    if kind.name == "opportunities":
        _closing_of_all(columns, rivals)
    return columns, rivals


def is_of_winning(label: str) -> bool:
    """Return whether a label of a closing date speaks of won deals alone."""
    return bool(_OF_WINNING.search(key(label)))


def _closing_of_all(columns: dict[str, str], rivals: dict[str, list[str]]) -> None:
    """Let a closing date of all deals go before one of won deals alone, which then holds for them."""
    label = columns.get("closed_on", "")
    others = [
        other for other in rivals.get("closed_on", []) if not is_of_winning(other) and other not in columns.values()
    ]
    if is_of_winning(label) and others:
        columns["_won_at"], columns["closed_on"] = label, others[0]


def _says_yes_or_no(sheet: Sheet, label: str) -> bool:
    """Return whether nearly all texts of a column mean yes or no."""
    texts = sheet.cells[label].dictionary
    texts = texts.filter(pc.invert(values.is_null(texts)))
    return bool(len(texts)) and values.flag(texts).null_count <= 0.1 * len(texts)


def _period_by_stem(sheet: Sheet, columns: dict[str, str], rivals: dict[str, list[str]]) -> None:
    """Take labels that begin with a word for a period; where there are several, they stay rivals."""
    stems = ("quarter", "month", "period", "fiscal", "季度", "月份", "期间")
    free = [label for label in sheet.labels if key(label).startswith(stems) and label not in columns.values()]
    if free:
        columns["period"] = free[0]
        rivals["period"] = free[1:]


def _months(sheet: Sheet, columns: dict[str, str]) -> dict[str, str]:
    """Return the columns that are months or quarters; a few of them are needed to believe it."""
    made: dict[str, str] = {}
    for label in sheet.labels:
        text, dated = key(label), _DATED.match(label.strip())
        quarter = _QUARTER.match(text)
        if dated:
            made[label] = f"{dated[1]}-{int(dated[2]):02d}"
        elif text in MONTHS:
            made[label] = str(MONTHS[text])
        elif quarter:
            number = quarter[2] or str("一二三四".find(quarter[3]) + 1 or quarter[3])
            made[label] = f"{quarter[1] or ''}Q{number}"
        elif (said := spans.period(label)) and len(said) > 4:
            made[label] = said
    made = {label: month for label, month in made.items() if label not in columns.values()}
    return made if len(made) >= 3 else {}


def profile(sheet: Sheet, found: Match) -> str:
    """Return by whom a sheet was exported: zoho, fxiaoke, or file where nothing says it.

    Zoho's exports have a ``Record Id`` and lookups as two columns ending in ``.id``, or ids that start with ``zcrm_``;
    its reports repeat a lookup's label in brackets. Fxiaoke's have Chinese labels of its own.
    """
    labels = [label.casefold() for label in sheet.labels]
    pairs = any(label.endswith(".id") for label in labels)
    if ("record id" in labels and pairs) or any(
        sheet.cells[label].dictionary.slice(0, 1).to_pylist()[:1][0:1] and str(sheet.cells[label].dictionary[0]).startswith("zcrm_")
        for label in sheet.labels if len(sheet.cells[label].dictionary)
    ):  # fmt: skip
        return "zoho"
    if any(re.search(r"\w ?\([^)]+\)(\.id)?$", label) for label in labels if pairs):
        return "zoho report"
    own = {
        "数据id",
        "唯一性id",
        "生命状态",
        "锁定状态",
        "负责人主属部门",
        "归属部门",
        "相关团队",
        "最后修改人",
        "商机2.0",
        "销售流程",
    }
    if sheet.chinese and own & {key(label) for label in sheet.labels}:
        return "fxiaoke"
    modules = {"potentialname", "potentialowner", "leadid", "potentialid", "salesorderid", "whatid", "semodule"}
    if modules & {key(label) for label in sheet.labels} and found.kind and found.kind.name in TABLES:
        return "zoho"
    return "file"
