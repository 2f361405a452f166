"""Rules across rows: each counts what breaks it; most warn, a few set rows apart."""

from __future__ import annotations

from typing import Any

import duckdb

from salesloop.store.base import day_of, one

_CHECKS = {
    "closed_before_created": ("warn", "SELECT count(*) FROM {deals} WHERE closed_on < {created}"),
    "won_without_amount": ("warn", "SELECT count(*) FROM {deals} WHERE status = 'won' AND coalesce(amount, 0) = 0"),
    "negative_amount": ("warn", "SELECT count(*) FROM {deals} WHERE amount < 0"),
    "closed_without_day": ("warn", "SELECT count(*) FROM {deals} WHERE status IN ('won', 'lost') AND closed_on IS NULL"),
    "open_without_created": ("warn", "SELECT count(*) FROM {deals} WHERE status = 'open' AND created_at IS NULL"),
    "owner_unknown": ("warn", """SELECT count(*) FROM {deals} WHERE owner_id IS NOT NULL
        AND owner_id NOT IN (SELECT rep_id FROM f_reps WHERE rep_id IS NOT NULL) AND (SELECT count(*) FROM f_reps) > 0"""),
    "stage_unknown": ("warn", """SELECT count(*) FROM {deals} WHERE stage IS NOT NULL
        AND stage NOT IN (SELECT stage FROM stages_now WHERE stage IS NOT NULL)"""),
    "memberships_overlap": ("warn", """SELECT count(*) FROM (
        SELECT from_on, lag(coalesce(to_on, DATE '9999-12-31')) OVER (PARTITION BY rep_id ORDER BY from_on) AS before,
               to_on, lag(to_on) OVER (PARTITION BY rep_id ORDER BY from_on) AS ended
        FROM f_memberships WHERE rep_id IS NOT NULL) WHERE ended IS NOT NULL AND from_on < ended"""),
}  # fmt: skip


def check(connection: duckdb.DuckDBPyConnection, deals: str, zone: str) -> dict[str, dict[str, Any]]:
    """Return how many frozen rows break each rule: ``{rule: {n, severity}}``, rules that none breaks left out.

    Parameters
    ----------
    connection : DuckDBPyConnection
        With the temporary tables ``f_reps``, ``f_memberships`` and ``stages_now``.
    deals : str
        The table of frozen deals.
    zone : str
        The unit's time zone.
    """
    broken = {}
    for rule, (severity, query) in _CHECKS.items():
        (n,) = one(connection, query.format(deals=deals, created=day_of("created_at", zone)))
        if n:
            broken[rule] = {"n": int(n), "severity": severity}
    return broken
