"""Opportunities: what follows from their typed columns (status, closing date, forecast category) and what contradicts itself."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from salesloop.sources import entered, statuses, values, words
from salesloop.sources.frame import Frame

_DEAD = ("作废", "无效", "invalid", "void", "ineffective", "未生效", "审核中", "under review", "under_review")


def shape_deals(frame: Frame) -> None:
    """Fill status, closing date and forecast category, and flag what contradicts itself."""
    entered.read(frame)
    _by_flags(frame)
    if frame.entry.columns.get("status") == frame.entry.columns.get("_is_won", "") and frame.has("status"):
        blank = pc.is_null(frame.get("status"))
        frame.columns["status"] = pc.if_else(pc.and_(blank, _blank(frame, "status")), "open", frame.get("status"))
    _void_by_life(frame)
    _put_away(frame)
    _amount(frame)
    status = frame.get("status")
    frame.flag(
        "missing_status",
        pc.is_null(status),
        "neither a stage nor a status",
        column=frame.label("status"),
        quarantine=True,
    )
    closed = pc.fill_null(pc.is_in(status, value_set=pa.array(["won", "lost", "void"])), False)
    if not frame.has("closed_on") and pc.any(closed).as_py():
        _closing_by_stand_in(frame)
    if frame.has("closed_on", "_won_at"):
        signed = pc.coalesce(frame.get("_won_at"), frame.get("closed_on"))
        frame.columns["closed_on"] = pc.if_else(pc.equal(status, "won"), signed, frame.get("closed_on"))
    if frame.has("closed_on", "_lost_at"):
        frame.columns["closed_on"] = pc.coalesce(frame.get("closed_on"), frame.get("_lost_at"))
    if frame.has("closed_on"):
        _losing_by_stand_in(frame, status)
    if frame.has("closed_on"):
        day = frame.get("closed_on")
        if frame.entry.columns.get("closed_on", frame.label("expected_close")) != frame.label("expected_close"):
            ended = pc.and_(pc.equal(status, "open"), pc.is_valid(day))
            frame.flag(
                "open_with_closing_date", ended, "an open deal with a day of closing", column=frame.label("closed_on")
            )
        frame.columns["closed_on"] = pc.if_else(closed, day, pa.scalar(None, pa.date32()))
        if not frame.has("expected_close"):
            frame.columns["expected_close"] = pc.if_else(closed, pa.scalar(None, pa.date32()), day)
    if frame.has("forecast_category_raw") and not frame.has("forecast_category"):
        frame.columns["forecast_category"] = _standard(frame.get("forecast_category_raw"), "forecast_category")
    _check_deals(frame, status)


def _blank(frame: Frame, column: str) -> pa.Array:
    return values.is_empty(frame.sheet.cells[frame.label(column)])


def _by_flags(frame: Frame) -> None:
    """Let flags of won and closed deals decide where they contradict what the status's word says."""
    won, closed, lost = (
        statuses.flag(frame.sheet, frame.entry, name) for name in ("_is_won", "_is_closed", "_is_lost")
    )
    if won is None or (closed is None and lost is None):
        return
    over = np.logical_or.reduce([mask for mask in (closed, lost) if mask is not None])
    said = frame.get("status")
    keep = pc.fill_null(pc.equal(said, "void"), False)
    told = pc.if_else(pa.array(won), "won", pc.if_else(pa.array(over), "lost", "open"))
    made = pc.if_else(keep, said, told)
    changed = pc.and_(pc.is_valid(said), pc.not_equal(said, made))
    frame.flag(
        "status_by_flag", changed, "a stage whose meaning the flags of the row correct", column=frame.label("_is_won")
    )
    frame.columns["status"] = made


def _put_away(frame: Frame) -> None:
    """Take open deals that are not active and bear a day of closing as lost: some systems put lost deals away like this."""
    active = statuses.flag(frame.sheet, frame.entry, "_active")
    if (
        active is None
        or "closed_on" not in frame.entry.columns
        or frame.label("closed_on") == frame.label("expected_close")
    ):
        return
    said, ended = frame.get("status"), pc.is_valid(frame.get("closed_on"))
    lost = pc.and_(pc.and_(pc.invert(pa.array(active)), ended), pc.fill_null(pc.equal(said, "open"), False))
    frame.flag(
        "lost_by_being_put_away",
        lost,
        "a deal that is not active and has a day of closing; it is lost",
        column=frame.label("_active"),
    )
    frame.columns["status"] = pc.if_else(lost, "lost", said)


def _amount(frame: Frame) -> None:
    """Take a won deal's actual revenue, else the estimate, where a source keeps the two apart."""
    have = [name for name in ("_won_amount", "_est_amount") if frame.has(name)]
    if not have:
        return
    won = pc.fill_null(pc.equal(frame.get("status"), "won"), False)
    nothing = pa.scalar(None, values.MONEY)
    actual = pc.if_else(won, frame.get("_won_amount"), nothing)
    frame.columns["amount"] = pc.coalesce(actual, frame.get("amount"), frame.get("_est_amount"))
    told = [*have[:1], *(name for name in ("amount", *have[1:]) if frame.has(name))]
    names = " for won deals, else ".join(repr(frame.label(name)) for name in dict.fromkeys(told))
    frame.report.notes.append(f"the amount is {names}")


def _closing_by_stand_in(frame: Frame) -> None:
    """Take the day of the last change of stage, else the expected one, where a source has no closing date."""
    days = []
    if frame.has("stage_entered_at"):
        days.append((frame.local_days("stage_entered_at"), frame.label("stage_entered_at")))
    if frame.has("expected_close"):
        days.append((frame.get("expected_close"), frame.label("expected_close")))
    if days:
        expected = frame.columns.get("expected_close")
        frame.columns["closed_on"] = pc.coalesce(*(day for day, _ in days))
        if expected is None:
            frame.columns["expected_close"] = pa.nulls(len(frame), pa.date32())
        names = ", else ".join(repr(label) for _, label in days)
        frame.report.notes.append(f"no closing date in this file: {names} stands for it where a deal is closed")


def _losing_by_stand_in(frame: Frame, status: pa.Array) -> None:
    """Take a stand-in for the day of losing where the closing date is one of winning, so that no lost deal has it."""
    lost = pc.fill_null(pc.is_in(status, value_set=pa.array(["lost", "void"])), False)
    undated = pc.and_(lost, pc.is_null(frame.get("closed_on")))
    n, bare = (int(pc.sum(mask).as_py() or 0) for mask in (lost, undated))
    if not n or bare < 0.9 * n:
        return
    days = [(frame.local_days("stage_entered_at"), "stage_entered_at")] if frame.has("stage_entered_at") else []
    if frame.has("expected_close") and frame.label("expected_close") != frame.label("closed_on"):
        days.append((frame.get("expected_close"), "expected_close"))
    if days:
        stand_in = pc.coalesce(*(day for day, _ in days))
        frame.columns["closed_on"] = pc.if_else(undated, stand_in, frame.get("closed_on"))
        names = ", else ".join(repr(frame.label(name)) for _, name in days)
        frame.report.notes.append(f"lost deals have no {frame.label('closed_on')!r}: {names} stands for it")


def _void_by_life(frame: Frame) -> None:
    if not frame.has("_life_status", "status"):
        return
    dead = pc.is_in(pc.utf8_lower(frame.get("_life_status")), value_set=pa.array(_DEAD))
    frame.flag(
        "life_status",
        dead,
        "a record that is invalid or not in force; its status is void",
        column=frame.label("_life_status"),
    )
    frame.columns["status"] = pc.if_else(pc.fill_null(dead, False), "void", frame.get("status"))


def _standard(raw: pa.Array, words_name: str) -> pa.Array:
    table = {text: found for text in pc.unique(raw).to_pylist() if text and (found := words.meaning(text, words_name))}
    return values._lookup(raw, table, pa.string())


def _check_deals(frame: Frame, status: pa.Array) -> None:
    won, amount = pc.equal(status, "won"), frame.get("amount")
    frame.flag(
        "won_without_amount",
        pc.and_(won, pc.is_null(amount)),
        "a won deal without an amount",
        column=frame.label("amount"),
    )
    done = pc.is_in(status, value_set=pa.array(["won", "lost"]))
    undated = pc.and_(done, pc.is_null(frame.get("closed_on")))
    if frame.has("closed_on"):
        frame.flag(
            "closed_without_date",
            undated,
            "a won or lost deal without a closing date",
            column=frame.label("closed_on"),
        )
    elif pc.any(done).as_py():
        frame.report.notes.append("no closing date in this file: its won and lost deals cannot be placed in a month")
    if frame.has("created_at", "closed_on"):
        early = pc.less(frame.get("closed_on"), frame.local_days("created_at"))
        frame.flag(
            "closed_before_created", early, "a closing date before the creation", column=frame.label("closed_on")
        )
    _check_probability(frame, status)
    lost = pc.and_(pc.equal(status, "lost"), pc.is_valid(amount))
    n = pc.sum(lost).as_py() or 0
    if (
        n >= 20
        and pc.all(pc.equal(amount.filter(pc.fill_null(lost, False)), pa.scalar(Decimal(0), amount.type))).as_py()
    ):
        frame.report.notes.append(f"the amount of all {n:,} lost deals is 0: no win rate by value")


def _check_probability(frame: Frame, status: pa.Array) -> None:
    """Note where the stated probability contradicts how deals ended."""
    share = frame.get("probability")
    wrong = pc.or_(
        pc.and_(pc.equal(status, "won"), pc.less(share, 0.5)), pc.and_(pc.equal(status, "lost"), pc.greater(share, 0.5))
    )
    closed = pc.and_(pc.is_in(status, value_set=pa.array(["won", "lost"])), pc.is_valid(share))
    n, of = (pc.sum(mask).as_py() or 0 for mask in (wrong, closed))
    if of >= 20 and n > 0.1 * of:
        label = frame.label("probability")
        frame.report.notes.append(
            f"{label!r} contradicts the outcome of {n:,} of {of:,} closed deals: do not weigh by it"
        )
