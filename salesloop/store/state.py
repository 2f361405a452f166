"""What stood at the end of a period, by what was known when its books closed: the second clock applied to every table."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import duckdb

from salesloop.schema import TABLES
from salesloop.store.base import columns, day_of, literal, moment, picked, versions

EVENTS = {
    "stage_events": "at", "leads": "created_at", "orders": "ordered_on", "order_lines": "ordered_on",
    "payments": "paid_on", "feedback": "date", "forecast_calls": "said_at",
}  # fmt: skip
"""The column that places a row as an event; a row placed after the period's end is no part of it."""
_UNDONE = {
    "leads": {
        "converted": "CASE WHEN converted_at >= {end} THEN false ELSE converted END",
        "opportunity_id": "CASE WHEN converted_at >= {end} THEN NULL ELSE opportunity_id END",
        "status": "CASE WHEN converted_at >= {end} OR closed_at >= {end} THEN NULL ELSE status END",
        "converted_at": "CASE WHEN converted_at < {end} THEN converted_at END",
        "first_response_at": "CASE WHEN first_response_at < {end} THEN first_response_at END",
        "closed_at": "CASE WHEN closed_at < {end} THEN closed_at END",
    },
    "activities": {
        "status": "CASE WHEN done_at >= {end} AND status = 'done' THEN 'planned' ELSE status END",
        "done_at": "CASE WHEN done_at < {end} THEN done_at END",
    },
    "reps": {
        "active": "CASE WHEN left_on > {day} THEN true ELSE active END",
        "left_on": "CASE WHEN left_on <= {day} THEN left_on END",
    },
}  # fmt: skip


@dataclass(frozen=True)
class View:
    """What a frozen state may see.

    Attributes
    ----------
    end : date
        The day that places events: the period's last, or a check-in's.
    until : date
        The last day whose knowledge counts.
    zone : str
        The unit's time zone.
    last_import : int
        The last import that may be read; later ones came after the books were closed.
    cut_off : date
        How far the data reached then: a closing dated after it is no fact yet.
    """

    end: dt.date
    until: dt.date
    zone: str
    last_import: int
    cut_off: dt.date

    @property
    def end_sql(self) -> str:
        """Return SQL for the first moment after the period."""
        return literal(moment(self.end, self.zone, after=True))

    @property
    def until_sql(self) -> str:
        """Return SQL for the first moment whose knowledge no longer counts."""
        return literal(moment(self.until, self.zone, after=True))


def known(name: str, view: View) -> str:
    """Return SQL for the version of each row that holds: the last state seen by `until`, else the first one.

    A row first seen later than `until`, but created before, has but the state it was first seen in. A deletion after
    the period's end is an event to come.
    """
    until = view.until_sql
    return picked(
        name,
        f"_known_at < {until} AND _import_id <= {view.last_import} AND NOT (_deleted AND _known_at >= {view.end_sql})",
        f"_state_at < {until} DESC, CASE WHEN _state_at < {until} THEN _state_at END DESC NULLS LAST, _state_at, _import_id DESC",
    )


def table_state(name: str, view: View) -> str:
    """Return SQL for a table (all but opportunities) as of the view, canonical columns and key, sorted by key."""
    changes = {
        column: sql.format(end=view.end_sql, day=literal(view.end)) for column, sql in _UNDONE.get(name, {}).items()
    }
    chosen = ", ".join(
        f'{changes[column]} AS "{column}"' if column in changes else f'"{column}"' for column in columns(name)
    )
    found = known(name, view)
    if name == "order_lines":
        found = f"""SELECT l.* REPLACE (coalesce(l.ordered_on, o.ordered_on) AS ordered_on) FROM ({found}) l LEFT JOIN (
            SELECT order_id, ordered_on FROM ({known("orders", view)}) WHERE NOT _deleted) o ON l.order_id = o.order_id"""
    return f"SELECT {chosen}, _row_key AS row_key FROM ({found}) WHERE NOT _deleted {_placed(name, view)}"


def _placed(name: str, view: View) -> str:
    if name == "activities":
        return f"AND coalesce(least(created_at, done_at), planned_at, {literal(dt.date(1900, 1, 1))}) < {view.end_sql}"
    if name not in EVENTS:
        return ""
    column = EVENTS[name]
    last = view.end_sql if TABLES[name].columns[column].type == "time" else literal(view.end + dt.timedelta(days=1))
    return f'AND ("{column}" IS NULL OR "{column}" < {last})'


def deals(view: View, wanted: list[str] | None = None) -> str:
    """Return SQL for the deals as of the view; `events` must have been called for it.

    A deal that was open is told column by column by the latest evidence up to the period's end: its own version of then,
    or a dated event after that version. One without a version of then is undone from its later state and the events. One
    whose last event by then closed it, and which was reopened since, was closed then.

    Beside the canonical columns (or those wanted): ``row_key``; ``hindsight``, whether an open deal's stage or amount is
    one that was seen only later; ``known_by`` (version, event, dates); ``fate`` kept, or ahead_won and ahead_lost (a
    closing dated beyond the data).
    """
    return _DEALS.format(
        table=versions("opportunities"), last=known("opportunities", view), at_end=_at_end(view), end=view.end_sql,
        until=view.until_sql, day=literal(view.end), cut_off=literal(view.cut_off),
        chosen=", ".join(_column(name, view) for name in wanted or columns("opportunities")),
        closed_day=f"coalesce(closed_on, {day_of('_closed_known_at', view.zone)})",
    )  # fmt: skip


def _column(name: str, view: View) -> str:
    """Return SQL for one column of the deals: as its version has it, as it stood while open, or undone."""
    cases = [("open", _WHILE_OPEN.get(name)), ("undo", _FROM_EVENTS.get(name)), ("shut", _SHUT.get(name))]
    places = {"end": view.end_sql, "ended_day": day_of("e.ended_at", view.zone)}
    told = " ".join(f"WHEN '{how}' THEN {sql.format(**places)}" for how, sql in cases if sql)
    return f'CASE how {told} ELSE s."{name}" END AS "{name}"' if told else f's."{name}"'


_WHILE_OPEN = {
    "status": "'open'",
    "stage": "CASE WHEN e.stage_at > s._state_at OR s.status <> 'open' THEN e.stage ELSE s.stage END",
    "amount": "CASE WHEN e.amount_at > s._state_at THEN e.amount ELSE s.amount END",
    "probability": "CASE WHEN e.probability_at > s._state_at THEN e.probability WHEN s.status = 'open' THEN s.probability END",
    "expected_close": "CASE WHEN e.close_at > s._state_at THEN e.expected_close WHEN s.status = 'open' THEN s.expected_close END",
    "stage_entered_at": "CASE WHEN e.entered_at > s._state_at THEN e.entered_at ELSE s.stage_entered_at END",
    **{name: f"greatest(s.{name}, CASE WHEN z.{name} < {{end}} THEN z.{name} END)" for name in ("last_activity_at", "modified_at")},
    **{name: f"CASE WHEN s.status = 'open' THEN s.{name} END"
       for name in ("closed_on", "loss_reason", "forecast_category_raw", "forecast_category")},
}  # fmt: skip
_FROM_EVENTS = {
    "status": "'open'", "stage": "coalesce(e.stage, CASE WHEN s.status = 'open' THEN s.stage END)",
    "amount": "coalesce(e.amount, s.amount)", "probability": "e.probability",
    "expected_close": "coalesce(e.expected_close, CASE WHEN s.expected_close IS DISTINCT FROM s.closed_on THEN s.expected_close END)",
    "closed_on": "NULL", "stage_entered_at": "coalesce(e.entered_at, CASE WHEN s.stage_entered_at < {end} THEN s.stage_entered_at END)",
    "modified_at": "CASE WHEN s.modified_at < {end} THEN s.modified_at END",
    "last_activity_at": "CASE WHEN s.last_activity_at < {end} THEN s.last_activity_at END",
    "loss_reason": "NULL", "forecast_category_raw": "NULL", "forecast_category": "NULL", "next_step": "NULL",
}  # fmt: skip
_SHUT = {
    **_FROM_EVENTS, "status": "e.end_status", "stage": "e.end_stage", "closed_on": "{ended_day}", "stage_entered_at": "e.ended_at",
    "amount": "CASE WHEN e.amount_at > s._state_at OR s._state_at >= {end} THEN coalesce(e.amount, s.amount) ELSE s.amount END",
    "probability": "NULL",
}  # fmt: skip


def _at_end(view: View) -> str:
    """Return SQL for the last version of each deal whose content was so by the period's end."""
    end, until = view.end_sql, view.until_sql
    seen = f"_state_at < {end} AND _known_at < {until} AND _import_id <= {view.last_import}"
    return picked("opportunities", seen, "_state_at DESC, _import_id DESC")


def events(connection: duckdb.DuckDBPyConnection, view: View) -> None:
    """Make ``told``: what the dated stage history says of each deal at the period's end, and since when.

    Moves into closing stages (which no open deal has been seen in, and all closed ones for one reason) say when the deal
    was closed by the history, not where it stood while open.
    """
    latest = ", ".join(
        f"""max_by(e.{name}, (e."at", e._row_key)) FILTER (e.{name} IS NOT NULL) AS {name},
            max(e."at") FILTER (e.{name} IS NOT NULL) AS {short}_at"""
        for name, short in (("amount", "amount"), ("probability", "probability"), ("expected_close", "close"))
    )
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE told AS
        WITH known AS (SELECT * FROM ({known("stage_events", view)}) WHERE NOT _deleted AND "at" < {view.until_sql}),
        closing AS (SELECT stage, min(status) AS status FROM {versions("opportunities")}
                    WHERE stage IS NOT NULL AND _known_at < {view.until_sql} AND _import_id <= {view.last_import}
                    GROUP BY stage HAVING min(status) = max(status) AND min(status) <> 'open'),
        marked AS (SELECT k.*, c.stage IS NOT NULL AS ends, c.status AS end_status,
                          coalesce(k.from_stage IN (SELECT stage FROM closing), false) AS ended
                   FROM known k LEFT JOIN closing c ON k.to_stage = c.stage),
        past AS (SELECT opportunity_id AS deal, {latest},
                        max_by(to_stage, ("at", _row_key)) FILTER (NOT ends) AS stage,
                        max_by(from_stage, ("at", _row_key)) FILTER (ends AND NOT ended) AS left_stage,
                        max("at") FILTER (NOT ends) AS stage_at, max("at") FILTER (ends) AS ended_at,
                        max_by(to_stage, ("at", _row_key)) FILTER (ends) AS end_stage,
                        max_by(end_status, ("at", _row_key)) FILTER (ends) AS end_status,
                        max("at") FILTER (NOT ends AND to_stage IS DISTINCT FROM from_stage) AS entered_at
                 FROM marked e WHERE "at" < {view.end_sql} GROUP BY 1),
        next AS (SELECT opportunity_id AS deal, min_by(from_stage, ("at", _row_key)) FILTER (NOT ended) AS stage,
                        bool_or(NOT ends AND to_stage IS NOT NULL) AS reopened
                 FROM marked WHERE "at" >= {view.end_sql} GROUP BY 1)
        SELECT deal, coalesce(p.stage, p.left_stage, n.stage) AS stage, p.* EXCLUDE (deal, stage, left_stage),
               coalesce(n.reopened, false) AS reopened
        FROM past p FULL JOIN next n USING (deal)""")


_DEALS = """
    WITH last AS (
        SELECT *, {closed_day} AS closed_day FROM ({last}) WHERE NOT _deleted),
    at_end AS (
        SELECT *, {closed_day} AS closed_day FROM ({at_end})),
    judged AS (
        SELECT l._row_key AS row_key, l._place AS last_place, a._place AS end_place, l.status AS last_status,
               l.closed_day AS last_closed, l.created_at AS born, i.cut_off AS brought,
               coalesce(l.status <> 'open' AND l.closed_day <= {day} AND l._closed_known_at < {until}, false) AS done,
               coalesce(NOT a._deleted AND a.status <> 'open' AND a.closed_day <= {day} AND a._closed_known_at < {until},
                        false) AS was_done,
               coalesce(NOT a._deleted AND a.status = 'open', false) AS was_open,
               coalesce(e.stage_at > greatest(a._state_at, e.ended_at), false) AS moved_on,
               coalesce(e.ended_at > greatest(e.stage_at, a._state_at, TIMESTAMP '1900-01-01') AND (l.status = 'open' OR e.reopened), false) AS shut
        FROM last l LEFT JOIN at_end a USING (_row_key) LEFT JOIN imports i ON i.import_id = l._import_id
        LEFT JOIN told e ON e.deal = l.opportunity_id),
    chosen AS (
        SELECT row_key, last_place, CASE WHEN done THEN 'last' WHEN was_done AND NOT moved_on THEN 'end' WHEN shut THEN 'shut'
                             WHEN was_done OR was_open THEN 'open' ELSE 'undo' END AS how,
               CASE WHEN NOT done AND (was_done OR was_open) THEN end_place ELSE last_place END AS place,
               CASE WHEN NOT done AND NOT was_done AND NOT shut AND last_status IN ('won', 'lost')
                         AND last_closed > greatest({cut_off}, brought) THEN 'ahead_' || last_status ELSE 'kept' END AS fate
        FROM judged WHERE done OR was_done OR born IS NULL OR born < {end})
    SELECT {chosen}, c.row_key, c.fate, how = 'undo' AND (e.stage IS NULL OR e.amount IS NULL) AS hindsight,
           CASE WHEN how NOT IN ('undo', 'shut') THEN 'version' WHEN e.stage IS NULL THEN 'dates' ELSE 'event' END AS known_by
    FROM {table} s JOIN chosen c ON s.rowid = c.place
    LEFT JOIN {table} z ON how = 'open' AND z.rowid = c.last_place
    LEFT JOIN told e ON how IN ('open', 'undo', 'shut') AND e.deal = s.opportunity_id"""
