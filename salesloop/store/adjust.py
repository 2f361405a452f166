"""Prior-period adjustments: facts of earlier months that became known after those months' books were closed."""

from __future__ import annotations

import duckdb

from salesloop.store.base import day_of, literal
from salesloop.store.state import View, known


def make(connection: duckdb.DuckDBPyConnection, before: str, now: str, *, last: View, view: View) -> None:
    """Make the temporary table ``adjustments``: what the months up to `last` gained or lost since its books closed.

    Parameters
    ----------
    connection : DuckDBPyConnection
        The store.
    before, now : str
        The deals with home money, as the earlier period's snapshot has them and as this one's has.
    last, view : View
        What the two may see.

    Notes
    -----
    One row a change: ``opportunity_id``, ``period`` (the month concerned), ``kind`` (late_win, late_loss,
    amount_changed, date_changed, reopened, status_changed, deleted, rate_changed), ``amount`` (the change of that
    month's bookings in home money), ``known_on`` (the day it became known). Their sum is the change of bookings.
    """
    connection.execute(_ADJUSTMENTS.format(
        before=before, now=now, end=literal(last.end), latest=known("opportunities", view),
        version_day=day_of("_known_at", view.zone), closing_day=day_of("_closed_known_at", view.zone),
    ))  # fmt: skip


_ADJUSTMENTS = """
    CREATE OR REPLACE TEMP TABLE adjustments AS
    WITH old AS (SELECT row_key, opportunity_id, status, closed_on, amount, amount_home FROM {before}
                 WHERE status IN ('won', 'lost') AND closed_on <= {end}),
    new AS (SELECT row_key, opportunity_id, status, closed_on, amount, amount_home FROM {now}),
    pairs AS (
        SELECT row_key, coalesce(n.opportunity_id, o.opportunity_id) AS opportunity_id, o.status AS was, n.status AS now,
               o.closed_on AS was_on, n.closed_on AS now_on,
               CASE WHEN o.status = 'won' THEN coalesce(o.amount_home, 0) ELSE 0 END AS was_amount,
               CASE WHEN n.status = 'won' THEN coalesce(n.amount_home, 0) ELSE 0 END AS now_amount,
               o.amount IS NOT DISTINCT FROM n.amount AS same, n.row_key IS NULL AS gone,
               n.status IN ('won', 'lost') AND n.closed_on <= {end} AS settled
        FROM old o FULL JOIN new n USING (row_key)
        WHERE o.row_key IS NOT NULL OR (n.status IN ('won', 'lost') AND n.closed_on <= {end})),
    moved AS (
        SELECT *, last_day(was_on) <> last_day(now_on) AS elsewhere,
               CASE WHEN was = now THEN 'date_changed' ELSE 'status_changed' END AS changed
        FROM pairs WHERE was IS NOT NULL AND settled),
    told AS (
        SELECT row_key, opportunity_id, now_on AS on_day, CASE now WHEN 'won' THEN 'late_win' ELSE 'late_loss' END AS kind,
               now_amount AS amount FROM pairs WHERE was IS NULL
        UNION ALL SELECT row_key, opportunity_id, was_on, 'deleted', -was_amount FROM pairs WHERE gone
        UNION ALL SELECT row_key, opportunity_id, was_on, 'reopened', -was_amount FROM pairs
            WHERE was IS NOT NULL AND NOT gone AND NOT settled
        UNION ALL SELECT row_key, opportunity_id, was_on,
            CASE WHEN was <> now THEN 'status_changed' WHEN same THEN 'rate_changed' ELSE 'amount_changed' END,
            now_amount - was_amount FROM moved WHERE NOT elsewhere AND (was <> now OR was_amount <> now_amount)
        UNION ALL SELECT row_key, opportunity_id, was_on, changed, -was_amount FROM moved
            WHERE elsewhere AND (was_amount <> 0 OR now_amount = 0)
        UNION ALL SELECT row_key, opportunity_id, now_on, changed, now_amount FROM moved
            WHERE elsewhere AND now_amount <> 0),
    stamps AS (SELECT _row_key AS row_key,
               {version_day} AS version_day, CASE WHEN _first_seen THEN {closing_day} END AS closing_day FROM ({latest}))
    SELECT t.opportunity_id, strftime(t.on_day, '%Y-%m') AS period, t.kind, CAST(t.amount AS DECIMAL(18,2)) AS amount,
           coalesce(s.closing_day, s.version_day) AS known_on, t.row_key
    FROM told t LEFT JOIN stamps s USING (row_key)"""
