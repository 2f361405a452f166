"""Deals with a column a stage (the day of entering, of leaving, or the days spent) → the moves between stages."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from salesloop.sources import labels, moments, values, words
from salesloop.sources.frame import Frame
from salesloop.sources.guess import Notes
from salesloop.sources.mapping import ASK, FileMapping
from salesloop.sources.sheet import Sheet

if TYPE_CHECKING:
    from salesloop.sources.build import Built

_IN, _OUT = "entered|reached|moved (?:in)?to|entry|erreicht|eingetreten", "exited|left|exit|verlassen"
_WHEN = r"(?:\s*(?:on|at|date|time|am|datum))*"
_STRONG = {
    "entered": (
        rf"^(?:(?:latest|first|last)\s+)?(?:date|time|datum)\s+(?:{_IN})\s*(?:into|to)?\s*(?:stage)?\s*[:\-]?\s*(?P<s>.+)$",
        r"^hs_(?:v2_)?date_entered_(?P<s>.+)$", rf"^(?P<s>.+?)\s*[-–:_]*\s*(?:stage\s*)?(?:date\s+)?(?:{_IN}){_WHEN}$",
        rf"^(?:entered|reached)\s+(?P<s>.+?){_WHEN}$", r"^进入[“\"「]?(?P<s>.+?)[”\"」]?(?:阶段)?的?(?:时间|日期)$",
        r"^(?P<s>.+?)(?:阶段)?[-–_:：]*(?:进入|到达)(?:时间|日期)$",
    ),
    "left": (
        rf"^(?:(?:latest|first|last)\s+)?(?:date|time|datum)\s+(?:{_OUT})\s*(?:from)?\s*(?:stage)?\s*[:\-]?\s*(?P<s>.+)$",
        r"^hs_(?:v2_)?date_exited_(?P<s>.+)$", rf"^(?P<s>.+?)\s*[-–:_]*\s*(?:stage\s*)?(?:date\s+)?(?:{_OUT}){_WHEN}$",
        rf"^(?:exited|left)\s+(?P<s>.+?){_WHEN}$", r"^(?:离开|退出)[“\"「]?(?P<s>.+?)[”\"」]?(?:阶段)?的?(?:时间|日期)$",
        r"^(?P<s>.+?)(?:阶段)?[-–_:：]*(?:离开|退出)(?:时间|日期)$",
    ),
    "stayed": (
        r"^(?:(?:cumulative|latest|total)\s+)?(?:time|days|duration|dauer|tage)\s+(?:spent\s+)?in\s*(?:stage)?\s*[:\-]?\s*(?P<s>.+)$",
        r"^hs_(?:v2_)?(?:cumulative_|latest_)?time_in_(?P<s>.+)$", r"^time in stage\s*[:\-]\s*(?P<s>.+)$",
        r"^(?P<s>.+?)(?:阶段)?[-–_:：]*停留(?:时长|天数|时间)$", r"^(?P<s>.+?)\s*[-–:_]\s*(?:days|duration|time in stage)$",
    ),
}  # fmt: skip
_WEAK = (rf"^(?P<s>.+?)\s*[-–:_]*\s*(?:stage\s*)?(?:date|on|at|datum){_WHEN}$", r"^date(?: of)?\s*[:\-]?\s*(?P<s>.+)$",
         r"^(?P<s>.+?)(?:阶段)?[-–_:：]*(?:时间|日期)$")  # fmt: skip
_SPAN = re.compile(
    r"(\d+(?:[.,]\d+)?)\s*(weeks?|wks?|w|days?|d|tage?|天|日|hours?|hrs?|h|小时|minutes?|mins?|min|m|分钟?|seconds?|secs?|s|秒)(?![a-z])"
)
_DAYS = {"w": 7.0, "d": 1.0, "t": 1.0, "天": 1.0, "日": 1.0, "h": 1 / 24, "小": 1 / 24, "m": 1 / 1440, "分": 1 / 1440,
         "s": 1 / 86400, "秒": 1 / 86400}  # fmt: skip
_MARK = "_entered:"
_OTHER = {"left": "_left:", "stayed": "_stayed:"}


def guess(sheet: Sheet, entry: FileMapping, notes: Notes) -> None:
    """Fill an entry of deals with the labels that hold when each stage was entered or left, or how long it lasted.

    A label counts where it names a stage of the file's stage column, or says "entered" and another one names one.

    Parameters
    ----------
    sheet : Sheet
        The deals.
    entry : FileMapping
        Its ``entered``, ``left`` and ``stayed`` are filled.
    notes : Notes
        What was assumed.
    """
    stage = entry.columns.get("stage")
    if entry.table != "opportunities" or stage not in sheet.cells:
        return
    known = {labels.key(text): text for text in sheet.uniques(stage)}
    taken = {*entry.columns.values(), *entry.months}
    found: dict[str, dict[str, tuple[str, bool]]] = {name: {} for name in _STRONG}
    for label in sheet.labels:
        if label in taken:
            continue
        how, said, strong = _read(label, known)
        if how and (_dated(sheet, label) if how != "stayed" else _long(sheet, label)):
            found[how][label] = (said, strong)
    for how, told in found.items():
        sure = sum(labels.key(said) in known for said, _ in told.values())
        kept = {label: known.get(labels.key(said), said) for label, (said, strong) in told.items()
                if labels.key(said) in known or (strong and not said.replace("_", "").isdigit())}  # fmt: skip
        if sure and len(kept) >= 2:
            setattr(entry, how, kept)
    if entry.entered:
        entry.left, entry.stayed = {}, {}
    elif entry.left:
        entry.stayed = {}
    _tell(entry, notes)


def _tell(entry: FileMapping, notes: Notes) -> None:
    if n := len(entry.entered or entry.left):
        what = "entered" if entry.entered else "left"
        notes.assumptions.append(
            f"{entry.file}: {n} columns hold when a stage was {what}: they become the stage history"
        )
    elif entry.stayed:
        told = f"{len(entry.stayed)} columns hold how long a stage lasted: the stage history follows from them"
        notes.assumptions.append(f"{entry.file}: {told}, from the day of creation on, in the columns' order")


def _read(label: str, known: dict[str, str]) -> tuple[str, str, bool]:
    """Return what a label says of a stage, which one, and whether it says so by itself; "" where it says nothing."""
    label = re.sub(r"^(?:deal|opportunity|potential|商机)\s+-\s+", "", label, flags=re.I)
    text = " ".join(unicodedata.normalize("NFKC", label).split()).casefold()
    for patterns, strong in ((_STRONG, True), ({"entered": _WEAK}, False)):
        for how, forms in patterns.items():
            for form in forms:
                hit = re.match(form, text)
                name = _name(label, hit) if hit else ""
                if name and (strong or labels.key(name) in known):
                    return how, name, strong
    return "", "", False


def _name(label: str, hit: re.Match[str]) -> str:
    """Return a stage's name as the label spells it, without quotes and the pipeline in brackets."""
    spelt = " ".join(unicodedata.normalize("NFKC", label).split())[hit.start("s") : hit.end("s")]
    bare = spelt.strip(" \"'“”„‘’«»「」:-")
    return re.sub(r"\s*[(（][^()（）]*[)）]$", "", bare).strip(" \"'“”„‘’«»「」") or bare


def _dated(sheet: Sheet, label: str) -> bool:
    texts = sheet.cells[label].dictionary
    texts = texts.filter(pc.invert(values.is_null(texts)))
    return not len(texts) or moments.parse(texts).ok.mean() > 0.8 or bool(moments.order_of(texts).word)


def _long(sheet: Sheet, label: str) -> bool:
    texts = sheet.cells[label].dictionary
    texts = texts.filter(pc.invert(values.is_null(texts)))
    return bool(len(texts)) and np.isfinite(_days_of(texts, label)).mean() > 0.8


def _days_of(texts: pa.Array, label: str) -> np.ndarray:
    """Return how many days texts such as "12", "3 days 4 hours" and "2天" are; plain numbers by the label's unit."""
    number = pc.cast(values.numbers(texts).value, pa.float64()).to_numpy(zero_copy_only=False).copy()
    unit = labels.key(" ".join(labels._BRACKET.findall(label)))
    number /= 24.0 if unit.startswith(("hour", "小时")) else 1440.0 if unit.startswith(("min", "分")) else 1.0
    if np.nanmax(number, initial=0.0) > 1e6:
        number /= 86_400_000.0
    for at, text in enumerate(texts.to_pylist()):
        parts = _SPAN.findall(text.casefold()) if text and not np.isfinite(number[at]) else []
        if parts:
            number[at] = sum(float(amount.replace(",", ".")) * _DAYS[unit[0]] for amount, unit in parts)
    return number


def read(frame: Frame) -> None:
    """Add to a frame of deals one helping column a stage: when it was entered or left, or the days it lasted."""
    entry = frame.entry
    for how, mark in (("entered", _MARK), *_OTHER.items()):
        for label, stage in getattr(entry, how).items():
            if label not in frame.sheet.cells or label == ASK:
                continue
            stage = entry.values.get("stage", {}).get(stage) or stage
            made = _spans(frame, label) if how == "stayed" else _moments(frame, label)
            have = frame.columns.get(mark + stage)
            frame.columns[mark + stage] = made if have is None else pc.coalesce(have, made)


def _moments(frame: Frame, label: str) -> pa.Array:
    cells, entry = frame.sheet.cells[label], frame.entry
    found = moments.parse(
        cells.dictionary, order=entry.dates.get(label, "dmy"), since_1904=frame.sheet.since_1904, first=True
    )
    frame.flag("not_a_date", pc.invert(pa.array(found.ok)).take(cells.indices), "no date", column=label)
    return moments.to_times(found, entry.zone or frame.config.time_zone).take(cells.indices)


def _spans(frame: Frame, label: str) -> pa.Array:
    cells = frame.sheet.cells[label]
    return pa.array(_days_of(cells.dictionary, label), from_pandas=True).take(cells.indices)


def settle(built: Built) -> None:
    """Make the stage history of the deals' columns a stage, where no table of the import holds one.

    Parameters
    ----------
    built : Built
        The tables of an import; changed in place.
    """
    _from_the_one_before(built)
    deals = built.tables.get("opportunities")
    stages = _stages(deals) if deals is not None else {}
    if deals is None or not stages:
        return
    if "stage_events" in built.tables:
        built.assumptions.append("the columns a stage of the deals are left aside: a table of stage changes is there")
        return
    names, at = _entries(deals, stages)
    names, at = _in_order(names, at)
    row, place = np.nonzero(at >= 0)
    order = np.lexsort((at[row, place], row))
    row, place = row[order], place[order]
    first = np.r_[True, row[1:] != row[:-1]]
    stage = pa.array(names, pa.string()).take(pa.array(place))
    before = pc.if_else(
        pa.array(first), None, pa.array(names, pa.string()).take(pa.array(np.r_[place[:1], place[:-1]]))
    )
    chosen = deals.take(pa.array(row))
    deal = chosen.column("opportunity_id")
    made = {"event_id": pc.binary_join_element_wise(deal, stage, ":"), "opportunity_id": deal,
            "at": pa.array(at[row, place], pa.timestamp("us")), "from_stage": before, "to_stage": stage}  # fmt: skip
    kept = ("source", "source_file", "source_row", "_frame", "_at", "_content", "_day")
    made |= {column: chosen.column(column) for column in kept}
    made |= {"known_at": pa.nulls(len(row), pa.timestamp("us")), "extra": pa.nulls(len(row), pa.string())}
    built.tables["stage_events"] = pa.table(made).combine_chunks()
    built.assumptions.append(
        f"{len(row):,} stage changes of {len(np.unique(row)):,} deals come from their columns a stage"
    )


def _stages(deals: pa.Table) -> dict[str, list[str]]:
    """Return the stages by how their columns tell of them."""
    marks = {"entered": _MARK, **_OTHER}
    found = {
        how: [name.removeprefix(mark) for name in deals.column_names if name.startswith(mark)]
        for how, mark in marks.items()
    }
    return {how: names for how, names in found.items() if names}


def _us(deals: pa.Table, column: str) -> np.ndarray:
    if column not in deals.column_names:
        return np.full(deals.num_rows, -1, "int64")
    return pc.fill_null(deals.column(column).cast(pa.int64()), -1).to_numpy()


def _entries(deals: pa.Table, stages: dict[str, list[str]]) -> tuple[list[str], np.ndarray]:
    """Return the stages, and when each deal entered each of them (microseconds, -1: never)."""
    if "entered" in stages:
        names = stages["entered"]
        return names, np.column_stack([_us(deals, _MARK + name) for name in names])
    now = deals.column("stage").to_pylist() if "stage" in deals.column_names else [None] * deals.num_rows
    born = _us(deals, "created_at")
    names = list(dict.fromkeys([*stages.get("left", stages.get("stayed", [])), *(name for name in now if name)]))
    entered = np.full((deals.num_rows, len(names)), -1, "int64")
    place = {name: at for at, name in enumerate(names)}
    if "left" in stages:
        left = np.column_stack([_us(deals, _OTHER["left"] + name) for name in stages["left"]])
        _from_leavings(entered, left, born, [place.get(str(name), -1) for name in now])
    else:
        spent = [deals.column(_OTHER["stayed"] + name).to_numpy() for name in stages["stayed"]]
        _from_stays(entered, np.column_stack(spent), born, [place.get(str(name), -1) for name in now])
    return names, entered


def _from_leavings(entered: np.ndarray, left: np.ndarray, born: np.ndarray, now: list[int]) -> None:
    """A stage was entered when the one before it was left; the first one at the creation, the present one at last."""
    for row in range(len(left)):
        since = born[row]
        for stage in sorted(np.flatnonzero(left[row] >= 0), key=lambda stage: left[row, stage]):
            entered[row, stage], since = since, left[row, stage]
        if now[row] >= 0 and (left[row] >= 0).any() and entered[row, now[row]] < 0:
            entered[row, now[row]] = since


def _from_stays(entered: np.ndarray, spent: np.ndarray, born: np.ndarray, now: list[int]) -> None:
    """A stage was entered after the days of those before it; the present one, if its days are not given, at last."""
    for row in np.flatnonzero(born >= 0):
        since = float(born[row])
        for stage in np.flatnonzero(np.nan_to_num(spent[row]) > 0):
            entered[row, stage] = int(since)
            since += spent[row, stage] * moments.DAY
        if now[row] >= 0 and since > born[row] and entered[row, now[row]] < 0:
            entered[row, now[row]] = int(since)


def _in_order(names: list[str], at: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Return the stages as deals usually pass them, closing ones last, and moments of which no two of a deal are equal."""
    ends = [words.meaning(name, "status") in ("won", "lost", "void") for name in names]
    lead = [sum(_ahead(at[:, one], at[:, other]) for other in range(len(names))) for one in range(len(names))]
    order = sorted(range(len(names)), key=lambda one: (ends[one], -lead[one], one))
    made = at[:, order]
    for one in range(1, len(order)):
        for _ in range(one):
            same = (made[:, :one] == made[:, one : one + 1]).any(1) & (made[:, one] >= 0)
            made[same, one] += 1_000_000
    return [names[one] for one in order], made


def _ahead(one: np.ndarray, other: np.ndarray) -> float:
    """Return by how much one stage comes before another, among the deals that entered both: 1 always, -1 never."""
    both = (one >= 0) & (other >= 0)
    return float(np.sign(other[both] - one[both]).mean()) if both.any() else 0.0


def _from_the_one_before(built: Built) -> None:
    """Tell which stage a deal came from by its change before, where a table of changes names the new stage alone."""
    table = built.tables.get("stage_events")
    if table is None or not {"to_stage", "at", "opportunity_id"} <= set(table.column_names):
        return
    if "from_stage" in table.column_names and table.column("from_stage").null_count < table.num_rows:
        return
    moves = table.select(["opportunity_id", "at", "to_stage"]).to_pandas()
    known = moves.dropna().sort_values(["opportunity_id", "at"], kind="stable")
    before = known.groupby("opportunity_id")["to_stage"].shift().reindex(moves.index)
    made = pa.array(before.astype(object).where(before.notna(), None), pa.string())
    table = table.drop_columns(["from_stage"]) if "from_stage" in table.column_names else table
    built.tables["stage_events"] = table.append_column("from_stage", made)
