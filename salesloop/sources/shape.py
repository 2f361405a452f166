"""Table by table: what follows from the typed columns of a source (status, closing date, names, month columns ...)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from salesloop.sources import detect, guess, values
from salesloop.sources.deals import shape_deals
from salesloop.sources.frame import Frame
from salesloop.sources.labels import _ISO, key


def shape(frame: Frame) -> Frame:
    """Fill the columns that a table's meaning gives, and flag what contradicts itself."""
    _known_at(frame)
    step = _STEPS.get(frame.table.name)
    if step:
        step(frame)
    _currency(frame)
    _defaults(frame)
    return frame


def _known_at(frame: Frame) -> None:
    stamped = "modified_at" if frame.has("modified_at") else "_modified_at"
    label = next((label for label in frame.sheet.labels if key(label) == "knownat"), None)
    if label:
        from salesloop.sources import moments

        cells = frame.sheet.cells[label]
        found = moments.parse(cells.dictionary, order=frame.entry.dates.get(label, "dmy"))
        frame.columns["known_at"] = moments.to_times(found, frame.config.time_zone).take(cells.indices)
    elif frame.has(stamped):
        frame.columns["known_at"] = frame.get(stamped)


def _currency(frame: Frame) -> None:
    if "currency" not in frame.table.columns:
        frame.currencies = {frame.entry.currency} if frame.entry.currency else set()
        return
    sign = frame.columns.pop("_sign", None)
    made = frame.columns.get("currency")
    if made is not None:
        made = pc.utf8_upper(made)
        found = {text: _code(text) or text[:40] for text in pc.unique(made).to_pylist() if text}
        made = values._lookup(made, found, pa.string()) if found else made
    if sign is not None:
        table = {text: _of_sign(text, frame) for text in pc.unique(sign).to_pylist() if text}
        said = values._lookup(sign, table, pa.string())
        made = said if made is None else pc.coalesce(made, said)
    said = frame.entry.currency or None
    frame.currencies = {one for one in [said, *(pc.unique(made).to_pylist() if made is not None else [])] if one}
    told = said or frame.config.currency
    frame.columns["currency"] = pa.repeat(told, len(frame)) if made is None else pc.fill_null(made, told)


def _of_sign(sign: str, frame: Frame) -> str:
    """Return a sign's currency; ¥ in a file with Japanese labels is the yen."""
    if sign == "¥" and any("\u3040" <= letter <= "\u30ff" for label in frame.sheet.labels for letter in label):
        return "JPY"
    return guess.currency_of(sign, frame.config)


def _code(text: str) -> str | None:
    from salesloop.sources.values import _CODES

    bare = text.strip()
    if len(bare) == 3 and bare.isascii() and bare.isalpha():
        return bare
    inside = next((iso for iso in _ISO if iso in bare), None)
    code = inside or _CODES.get(bare.casefold()) or _named_currencies().get(bare.casefold())
    return code if code and len(code) == 3 else None


@cache
def _named_currencies() -> dict[str, str]:
    """Return the currencies by their names, as in "US Dollar", in the languages of the labels."""
    from babel import Locale

    names = [
        (str(name).casefold(), code)
        for lang in ("ja", "es", "fr", "de", "zh", "en")
        for code, name in Locale(lang).currencies.items()
    ]
    return dict(sorted(names, key=lambda pair: pair[1] in _ISO))


def _defaults(frame: Frame) -> None:
    for column, text in _DEFAULTS.get(frame.table.name, {}).items():
        made = frame.get(column)
        frame.columns[column] = pc.fill_null(made, text)


_DEFAULTS = {
    "targets": {"level": "company", "measure": "bookings", "tier": "base", "basis": "amount"},
    "forecast_calls": {"level": "company", "category": "commit"},
    "stages": {"pipeline": ""},
    "feedback": {"scale": "none"},
}


def _leads(frame: Frame) -> None:
    _full_name(frame)
    if not frame.has("converted") and frame.has("converted_at"):
        frame.columns["converted"] = pc.is_valid(frame.get("converted_at"))
    elif not frame.has("converted") and frame.has("status"):
        status = pc.utf8_lower(frame.get("status"))
        done = pc.is_in(status, value_set=pa.array(["converted", "已转换", "已转化", "qualified and converted"]))
        if pc.any(done).as_py():
            frame.columns["converted"] = pc.fill_null(done, False)


def _full_name(frame: Frame) -> None:
    if frame.has("name") or not frame.has("_last_name"):
        return
    last, first = frame.get("_last_name"), frame.get("_first_name")
    chinese = frame.sheet.chinese
    frame.columns["name"] = values.joined([last, first] if chinese else [first, last], "" if chinese else " ")


def _activities(frame: Frame) -> None:
    if frame.has("_content") and not frame.has("subject"):
        frame.columns["subject"] = pc.utf8_slice_codeunits(frame.get("_content"), 0, 200)
    status = frame.get("status")
    start = frame.get("_start")
    if not frame.has("status"):
        done = pa.repeat("done", len(frame)) if not frame.has("planned_at") or frame.has("_start") else None
        if done is not None:
            status = frame.columns["status"] = done
            frame.report.notes.append("no status in this file: its activities are taken as done")
        elif frame.has("done_at"):
            status = frame.columns["status"] = pc.if_else(pc.is_valid(frame.get("done_at")), "done", "planned")
    if not frame.has("planned_at") and frame.has("_start"):
        frame.columns["planned_at"] = start
    if not frame.has("done_at"):
        stand_in = start if frame.has("_start") else frame.get("planned_at")
        for column in ("_end", "_modified_at", "created_at") if not frame.has("_start") else ():
            stand_in = frame.get(column) if frame.has(column) and column == "_modified_at" else stand_in
        finished = pc.fill_null(pc.equal(status, "done"), False)
        frame.columns["done_at"] = pc.if_else(finished, stand_in, pa.scalar(None, pa.timestamp("us")))
    if not frame.has("minutes") and frame.has("_start", "_end"):
        span = pc.subtract(frame.get("_end").cast(pa.int64()), start.cast(pa.int64()))
        minutes = pc.divide(pc.cast(span, pa.float64()), 60e6)
        sound = pc.and_(pc.greater_equal(minutes, 0), pc.less_equal(minutes, 1440))
        frame.columns["minutes"] = pc.if_else(sound, minutes, pa.scalar(None, pa.float64()))


def _orders(frame: Frame) -> None:
    if not frame.has("ordered_on") and frame.has("_created_at"):
        frame.columns["ordered_on"] = frame.local_days("_created_at")
        frame.report.notes.append("no order date in this file: the day of creation stands for it")


def _stage_events(frame: Frame) -> None:
    if not frame.has("_field", "_new"):
        return
    field = frame.sheet.cells[frame.label("_field")]
    names = [_changed(text) for text in field.dictionary.to_pylist()]
    which = pa.array(names, pa.string()).take(field.indices)
    stage = pc.fill_null(pc.equal(which, "stage"), False)
    new, old = frame.get("_new"), frame.get("_old")
    nothing = pa.scalar(None, pa.string())
    frame.columns["to_stage"] = pc.if_else(stage, new, nothing)
    frame.columns["from_stage"] = pc.if_else(stage, old, nothing)
    _changed_values(frame, which)
    frame.flag(
        "other_field",
        pc.is_null(which),
        "a change of a field that is not followed",
        column=frame.label("_field"),
        quarantine=True,
    )


def _changed(label: str) -> str | None:
    kind = detect.kinds()["opportunities"]
    found = sorted(kind.exact.get(key(label), []), key=lambda pair: pair[1])
    column = found[0][0] if found else ""
    column = {"closed_on": "expected_close", "status": "stage"}.get(column, column)
    return column if column in ("stage", "amount", "expected_close", "probability") else None


def _changed_values(frame: Frame, which: pa.Array) -> None:
    from salesloop.sources import moments

    texts = frame.get("_new")
    number = values.numbers(pc.fill_null(texts, ""), chinese=frame.sheet.chinese)
    nothing = lambda kind: pa.scalar(None, kind)  # noqa: E731
    frame.columns["amount"] = pc.if_else(pc.equal(which, "amount"), values.money(number.value), nothing(values.MONEY))
    share = values.rate(number, hundred=True)
    frame.columns["probability"] = pc.if_else(pc.equal(which, "probability"), share, nothing(pa.float64()))
    day = moments.to_dates(moments.parse(pc.fill_null(texts, "")), frame.config.time_zone)
    frame.columns["expected_close"] = pc.if_else(pc.equal(which, "expected_close"), day, nothing(pa.date32()))


def _feedback(frame: Frame) -> None:
    if frame.has("scale") or not frame.has("score"):
        return
    said = key(frame.sheet.file + " " + frame.label("score") + frame.sheet.sheet)
    most = pc.max(frame.get("score")).as_py() or 0
    scale = (
        "nps"
        if "nps" in said or "推荐" in said
        else "ces7"
        if "ces" in said and most <= 7
        else "csat5"
        if most <= 5
        else "nps"
    )
    frame.columns["scale"] = pa.repeat(scale, len(frame))
    frame.report.notes.append(f"no scale in this file: the scores are read as {scale}")


def _targets(frame: Frame) -> None:
    if not frame.has("level") and (frame.has("_rep_id") or frame.has("name")):
        frame.columns["level"] = pa.repeat(_level_by_label(frame), len(frame))
    if not frame.has("name") and frame.has("_rep_id"):
        frame.columns["name"] = frame.get("_rep_id")


def _level_by_label(frame: Frame) -> str:
    said = key(frame.label("name")) if frame.has("name") else key(frame.label("_rep_id"))
    for level, signs in (("team", ("team", "团队", "部门", "小组")), ("region", ("region", "区域", "大区"))):
        if any(sign in said for sign in signs):
            return level
    return "rep"


_STEPS: dict[str, Callable[[Frame], None]] = {
    "opportunities": shape_deals, "leads": _leads, "contacts": _full_name, "reps": _full_name,
    "activities": _activities, "orders": _orders, "stage_events": _stage_events, "feedback": _feedback,
    "targets": _targets,
}  # fmt: skip


def unpivot(frame: Frame) -> Frame:
    """Turn targets in month columns into one row a month; a row stays one row of the report."""
    months = {label: word for label, word in frame.entry.months.items() if label in frame.sheet.cells}
    if not months:
        return frame
    n, keep = len(frame), np.flatnonzero(~frame.out)
    year = _years(frame)
    start = frame.config.fiscal_year_start
    rows: list[np.ndarray] = []
    period: list[str] = []
    amount: list[pa.Array] = []
    for label, word in months.items():
        cells = frame.sheet.cells[label]
        found = values.numbers(cells.dictionary, chinese=frame.sheet.chinese, shift=frame.entry.units.get(label, 0))
        value = pc.cast(found.value, pa.float64()).take(cells.indices)
        frame.flag("not_a_number", pc.invert(found.ok).take(cells.indices), "no number", column=label)
        has = np.intersect1d(keep, np.flatnonzero(pc.is_valid(value).to_numpy(zero_copy_only=False)))
        rows.append(has)
        period.extend(_period(word, year[row], start) for row in has)
        amount.append(value.take(pa.array(has)))
    where = np.concatenate(rows) if rows else np.empty(0, "int64")
    order = np.argsort(where, kind="stable")
    frame.columns = {name: column.take(pa.array(where[order])) for name, column in frame.columns.items()}
    frame.columns["period"] = pa.array(period, pa.string()).take(pa.array(order))
    frame.columns["amount"] = pa.concat_arrays(amount).take(pa.array(order)) if amount else pa.nulls(0, pa.float64())
    frame.columns["_row"] = pa.array(where[order])
    frame.report.notes.append(f"{len(months)} month columns of {n:,} rows became {len(where):,} targets")
    return frame


def _years(frame: Frame) -> list[str]:
    if frame.has("_fiscal_year"):
        return [
            str(text or "")[:4]
            for text in pc.replace_substring_regex(pc.fill_null(frame.get("_fiscal_year"), ""), r"\D", "").to_pylist()
        ]
    if frame.has("period"):
        return [str(text or "")[:4] for text in frame.get("period").to_pylist()]
    return [""] * len(frame)


def _period(word: str, year: str, start: int) -> str:
    """Return the calendar month or quarter of a month column in a fiscal year."""
    if "-" in word or word[:2] == "20":
        return word
    if word.startswith("Q"):
        return f"{year}{word}"
    month = int(word)
    first = int(year) if year else 0
    return f"{first + (1 if start > 1 and month < start else 0):04d}-{month:02d}"
