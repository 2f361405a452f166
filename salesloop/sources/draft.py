"""A drafted mapping: what the door guessed of files, with samples, doubts and questions, as a file to correct."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from salesloop import whole
from salesloop.errors import SalesloopError, raise_all
from salesloop.params import UnitConfig
from salesloop.schema import TABLES
from salesloop.sources import amounts, build, detect, entered, guess, keys, moments, read, statuses, words, written
from salesloop.sources.guess import Notes, Question
from salesloop.sources.landing import FileReport
from salesloop.sources.mapping import ASK, FileMapping, Mapping, asked, pattern
from salesloop.sources.sheet import Sheet

_ACTIVITY_FILES = {"calls": "call", "call": "call", "events": "meeting", "meetings": "meeting", "tasks": "task", "visits": "visit",
                   "emails": "email", "demos": "demo", "通话": "call", "电话": "call", "拜访": "visit", "外勤": "visit",
                   "任务": "task", "日程": "meeting", "会议": "meeting", "邮件": "email"}  # fmt: skip


@dataclass
class Draft:
    """What the door makes of files before it loads them.

    Attributes
    ----------
    mapping : Mapping
        One entry a kind of file, complete but for places that say ``?``.
    jobs : list of (Sheet, FileMapping, FileReport)
        Sheets of known tables.
    aside : list of FileReport
        Sheets that are no table of ours, with the reason in their notes.
    questions : list of Question
        Doubts that change a number.
    assumptions : list of str
        What is assumed without asking.
    doubts : dict of str to str
        Remarks for the mapping's reader, by ``file: place``.
    """

    mapping: Mapping
    jobs: list[tuple[Sheet, FileMapping, FileReport]] = field(default_factory=list)
    aside: list[FileReport] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    assumptions: list[str] = field(default_factory=list)
    doubts: dict[str, str] = field(default_factory=dict)
    samples: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    known: Mapping | None = None

    def save(self, file: Path | str) -> Path:
        """Write the mapping as YAML with its guesses, samples and questions as comments, in one step."""
        target = Path(file)
        target.parent.mkdir(parents=True, exist_ok=True)
        old = [] if self.questions or self.known is None else self.known.files
        added = written.added(target, old, self.mapping, self.doubts, self.samples) if target.is_file() else ""
        return whole.write(target, added or self.text())

    def lines(self) -> list[str]:
        """Return what the draft holds, for the terminal: files with their tables, assumptions, questions."""
        told = []
        for sheet, entry, report in self.jobs:
            name = f"{report.file} [{report.sheet}]" if report.sheet else report.file
            known = f"{len(entry.columns)} columns known, {len(build.unknown_labels(sheet, entry))} kept aside"
            told.append(f"{name}: {entry.table} ({entry.profile}, {report.encoding}), {sheet.read:,} rows, {known}")
            told += [f"  {note}" for note in report.notes]
        told += [f"{report.file}: {report.notes[0] if report.notes else 'set aside'}" for report in self.aside]
        told += [f"assumed: {text}" for text in self.assumptions]
        return told + [f"question: {one.file}, {one.place}: {one.text}" for one in self.questions]

    def text(self) -> str:
        """Return the mapping as commented YAML."""
        return written.whole(self.mapping, self.questions, self.doubts, self.samples)


def make(paths: Any, config: UnitConfig, known: Mapping | None = None, *, only: str | None = None) -> Draft:
    """Return a draft over files: entries of the known mapping are used and completed, the others are guessed.

    Of several exports of the same table the largest is looked at first; what it shows holds for the others.

    Parameters
    ----------
    paths : path or iterable of paths
        Files, or folders by their first level.
    config : UnitConfig
        Currency and time zone of the unit.
    known : Mapping, optional
        What is said already.
    only : str, optional
        The table that every file holds.

    Raises
    ------
    DataError
        A file is no table at all, or no file has a row.
    """
    known = known or Mapping()
    sheets, aside = _sheets(read.files(paths), known)
    found = [(sheet, entry, _match(sheet, entry, only)) for sheet, entry in sheets]
    made = Draft(known.model_copy(deep=True), aside=aside, known=known)
    source = _source([detect.profile(sheet, match) for sheet, _, match in found])
    asked_for_years = any("period" in match.rivals for _, _, match in found)
    years, orders = _years(found) if asked_for_years else set(), _orders(found)
    place = {id(sheet): at for at, (sheet, _, _) in enumerate(found)}
    for sheet, entry, match in sorted(found, key=lambda one: -len(one[0])):
        _one(made, sheet, entry, match, config, source=source, years=years, orders=orders)
    made.jobs.sort(key=lambda job: place[id(job[0])])
    made.aside.sort(key=lambda report: report.file)
    return made


def _sheets(files: Iterable[Path], known: Mapping) -> tuple[list[tuple[Sheet, FileMapping | None]], list[FileReport]]:
    made: list[tuple[Sheet, FileMapping | None]] = []
    aside: list[FileReport] = []
    problems: list[SalesloopError] = []
    for file in files:
        entry = known.entry(file.name)
        if not read.is_tabular(file) and entry is None:
            archive = file.suffix.lower() in (".7z", ".rar", ".tar", ".tgz")
            why = "an archive: unpack it, then import again" if archive else "no table, by its name"
            aside.append(FileReport(file.name, notes=[f"set aside: {why}"]))
            continue
        if entry is not None and entry.table is None:
            aside.append(FileReport(file.name, notes=["set aside: the mapping leaves it out"]))
            continue
        try:
            made.extend(
                (sheet, _entry_of(known, sheet))
                for sheet in read.read(file, options=entry.options() if entry else None)
            )
        except SalesloopError as error:
            problems.append(error)
    raise_all(problems)
    return made, aside


def _entry_of(known: Mapping, sheet: Sheet) -> FileMapping | None:
    """Return the mapping's entry for a sheet; one of whose columns it has none speaks of another table."""
    entry = known.entry(sheet.file, sheet.sheet)
    if entry is None or entry.sheet or not entry.columns or {*entry.columns.values()} & {*sheet.labels}:
        return entry
    return None


def _match(sheet: Sheet, entry: FileMapping | None, only: str | None) -> detect.Match:
    told = entry.table if entry and entry.table not in (None, ASK) else only
    if sheet.hidden and not told:
        return detect.Match(None, why="a hidden sheet")
    return detect.match(sheet, told)


def _source(profiles: list[str]) -> str:
    """Return whose exports these are: one sure sign speaks for all files of an import."""
    return next((name for name in ("zoho", "fxiaoke") if name in profiles or f"{name} report" in profiles), "file")


def _years(found: list) -> set[int]:
    """Return the years in which the dated facts of the import fall."""
    years: set[int] = set()
    for sheet, _, match in found:
        for column in ("ordered_on", "closed_on", "created_at", "at", "paid_on"):
            label = match.columns.get(column)
            if match.kind and label in sheet.cells:
                texts = sheet.cells[label].dictionary
                parsed = moments.parse(texts)
                years |= set(
                    (
                        parsed.us[parsed.valid].astype("datetime64[us]").astype("datetime64[Y]").astype(int) + 1970
                    ).tolist()
                )
    return years


def _orders(found: list) -> dict[str, set[str]]:
    """Return the sure orders of day and month of all files, by the sign between the parts."""
    orders: dict[str, set[str]] = {}
    for sheet, _, match in found:
        if match.kind is None or match.kind.name not in TABLES:
            continue
        for column, label in match.columns.items():
            if guess.type_of(TABLES[match.kind.name], column) in ("date", "time"):
                order = moments.order_of(sheet.cells[label].dictionary)
                if order.word in ("dmy", "mdy") and not _same_parts(order.word, sheet, label):
                    orders.setdefault(order.separator, set()).add(order.word)
    return orders


def _same_parts(word: str, sheet: Sheet, label: str) -> bool:
    """Return whether a column says nothing about its order, as day and month are always equal."""
    texts = sheet.cells[label].dictionary
    other = "mdy" if word == "dmy" else "dmy"
    one, two = (moments.parse(texts, order=order) for order in (word, other))
    return bool((one.us == two.us).all() and (one.valid == two.valid).all())


def _one(
    made: Draft, sheet: Sheet, entry: FileMapping | None, match: detect.Match, config: UnitConfig, *,
    source: str, years: set[int], orders: dict[str, set[str]],
) -> None:  # fmt: skip
    report = FileReport(sheet.file, sheet=sheet.sheet, encoding=sheet.encoding or sheet.kind, notes=list(sheet.notes))
    if match.kind is None or match.kind.aside:
        report.read = report.rejected = sheet.read
        report.by_rule = {"set_aside": sheet.read} if sheet.read else {}
        report.notes.insert(0, f"set aside: {_why(match)}")
        made.aside.append(report)
        return
    notes = Notes()
    entry = entry or _sibling(made, sheet, match)
    fresh = entry is None
    entry = _entry(sheet, match, source) if entry is None else entry.model_copy(deep=True)
    if not fresh:
        entry.columns = _present(entry, sheet, match, notes)
    if match.close and fresh and entry.table != ASK:
        notes.assumptions.append(f"{sheet.file}: read as {entry.table}; it could also be {match.close}")
    complete(sheet, entry, match, config, notes, years=years, orders=orders, fresh=fresh)
    _keep(made, sheet, entry, notes)
    report.table, report.profile, report.complete = entry.table, entry.profile, entry.complete
    if entry.table != ASK:
        made.jobs.append((sheet, entry, report))


def _sibling(made: Draft, sheet: Sheet, match: detect.Match) -> FileMapping | None:
    """Return the entry that another export of the same table got in this draft."""
    same = (one for one in made.mapping.files if (one.file, one.sheet) == (pattern(sheet.file), sheet.sheet))
    return next(
        (
            one
            for one in same
            if match.kind and one.table == match.kind.name and {*one.columns.values()} & {*sheet.labels}
        ),
        None,
    )


def _why(match: detect.Match) -> str:
    if match.kind is not None:
        return match.kind.aside
    return {"empty": "it is empty", "no header": "no row of labels was found"}.get(match.why, match.why)


def _entry(sheet: Sheet, match: detect.Match, source: str) -> FileMapping:
    assert match.kind is not None
    profile = detect.profile(sheet, match)
    order = {column: at for at, column in enumerate(TABLES[match.kind.name].columns)}
    columns = dict(sorted(match.columns.items(), key=lambda pair: order.get(pair[0], 999)))
    return FileMapping(
        file=pattern(sheet.file), sheet=sheet.sheet, table=match.kind.name, columns=columns, months=match.months,
        profile=source if profile == "file" else profile,
    )  # fmt: skip


def _present(entry: FileMapping, sheet: Sheet, match: detect.Match, notes: Notes) -> dict[str, str]:
    """Return the mapped columns that the file has; those that it lacks are told."""
    if not entry.columns:
        return dict(match.columns)
    missing = [label for label in entry.columns.values() if label not in sheet.cells and label != ASK]
    if missing:
        notes.assumptions.append(
            f"{sheet.file}: has no column {', '.join(map(repr, dict.fromkeys(missing)))}, which the mapping names"
        )
    return {column: label for column, label in entry.columns.items() if label in sheet.cells or label == ASK}


def complete(
    sheet: Sheet, entry: FileMapping, match: detect.Match, config: UnitConfig, notes: Notes, *,
    years: set[int], orders: dict[str, set[str]], fresh: bool,
) -> None:  # fmt: skip
    """Fill what an entry does not say yet from the cells; what cannot be told becomes a question."""
    rivals = match.rivals.get("period", [])
    if entry.table == "targets" and rivals and (fresh or entry.columns.get("period") == ASK):
        entry.columns = {**entry.columns, "period": entry.columns["period"] if fresh else match.columns["period"]}
        guess.period_rival(sheet, entry, rivals, years, notes)
    if entry.table == "opportunities" and (label := statuses.source(entry)):
        entry.columns = {**entry.columns, "status": label}
    if fresh:
        statuses.missing(sheet, entry, notes)
        amounts.amount(sheet, entry, match, notes)
        entered.guess(sheet, entry, notes)
    if entry.table == "activities" and "type" not in entry.columns and "type" not in entry.constants:
        entry.constants = {**entry.constants, "type": _activity_type(sheet)}
    mapped = {column: label for column, label in entry.columns.items() if label != ASK}
    working = entry.model_copy(update={"columns": mapped})
    guess.dates(sheet, working, notes, orders)
    guess.numbers(sheet, working, notes)
    guess.word_values(sheet, working, notes)
    keys.key(sheet, working, notes)
    for name in ("dates", "units", "percent", "decimal", "currency", "values", "key", "repeats"):
        setattr(entry, name, getattr(working, name))
    if fresh:
        amounts.rivals(sheet, entry, match, notes)
        amounts.sound(sheet, entry, notes)
    _tell_stand_ins(entry, notes)
    questions = {question.place for question in notes.questions}
    for place in asked(entry):
        if place not in questions:
            notes.ask(entry, place, "this place of the mapping still says ?")


def _activity_type(sheet: Sheet) -> str:
    said = (sheet.file.rsplit(".")[0] + " " + sheet.sheet).casefold()
    found = next((word for name, word in _ACTIVITY_FILES.items() if name in said), None)
    return found or words.meaning(said, "activity_type") or "task"


def _tell_stand_ins(entry: FileMapping, notes: Notes) -> None:
    from salesloop.sources.labels import key

    label = entry.columns.get("created_at")
    if (
        label
        and entry.table == "opportunities"
        and not any(
            word in key(label)
            for word in (
                "creat",
                "创建",
                "建立",
                "录入",
                "opened",
                "作成",
                "erstell",
                "angelegt",
                "erfasst",
                "création",
                "creación",
            )
        )
    ):
        notes.assumptions.append(f"{entry.file}: {label!r} stands for the day of creation")
    if entry.table == "opportunities" and not {"owner", "owner_id"} & {*entry.columns}:
        notes.assumptions.append(f"{entry.file}: no owner: nothing can be told of people")
    if entry.table == "opportunities" and "created_at" not in entry.columns:
        notes.assumptions.append(f"{entry.file}: no day of creation: ages and cycles cannot be told")


def _keep(made: Draft, sheet: Sheet, entry: FileMapping, notes: Notes) -> None:
    same = [at for at, one in enumerate(made.mapping.files) if (one.file, one.sheet) == (entry.file, entry.sheet)]
    files = list(made.mapping.files)
    if same:
        lacked = {
            column: label
            for column, label in files[same[0]].columns.items()
            if column not in entry.columns and label not in sheet.cells
        }
        entry = entry.model_copy(update={"columns": {**entry.columns, **lacked}})
    files[same[0] if same else len(files) :] = [entry, *files[same[0] + 1 :]] if same else [entry]
    made.mapping = Mapping(files=files)
    made.questions += [question for question in notes.questions if question not in made.questions]
    made.assumptions += [text for text in notes.assumptions if text not in made.assumptions]
    made.doubts |= {f"{entry.file}: {place}": text for place, text in notes.doubts.items()}
    table = TABLES[str(entry.table)] if entry.table in TABLES else None
    shown = {label for column, label in entry.columns.items() if table and guess.type_of(table, column) not in ("id", "text")
             and not (column in table.columns and table.columns[column].pii)}  # fmt: skip
    made.samples[entry.file] = {label: sheet.samples(label) for label in shown if label in sheet.cells}
