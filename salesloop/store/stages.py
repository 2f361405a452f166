"""The stages of each pipeline, where no plan file gives them: from the data's own moves and chances."""

from __future__ import annotations

import duckdb

from salesloop.store.base import noon, one, versions
from salesloop.store.state import View, table_state


def make(connection: duckdb.DuckDBPyConnection, view: View) -> bool:
    """Make the temporary table ``stages_now`` and return whether it was derived from the data.

    Derived, a stage's kind is the status that most of its deals have; open stages stand by the typical place at which
    deals enter them (from the stage history); without one by the usual order of such names, if all are usual; then by
    their typical chance, then by how long ago their deals began; closed ones come after them.
    """
    (planned,) = one(connection, f"SELECT count(*) FROM ({table_state('stages', view)})")
    if planned:
        connection.execute(f"CREATE OR REPLACE TEMP TABLE stages_now AS {table_state('stages', view)}")
        return False
    connection.execute(_DERIVED.format(
        table=versions("opportunities"), number=view.last_import, until=view.until_sql, end=view.end_sql,
        usual=_usual(),
    ))  # fmt: skip
    return True


def events(connection: duckdb.DuckDBPyConnection, view: View) -> bool:
    """Fill ``f_stage_events`` from the versions seen, where the source gives no stage history; say whether it was done.

    A stage that differs between two versions of a deal is a move at the later one's own time (a closing on its day).
    """
    (n,) = one(connection, "SELECT count(*) FROM f_stage_events")
    if n:
        return False
    connection.execute(_SEEN.format(
        table=versions("opportunities"), number=view.last_import, until=view.until_sql, end=view.end_sql,
        closed=noon("closed_on", view.zone),
    ))  # fmt: skip
    (n,) = one(connection, "SELECT count(*) FROM f_stage_events")
    return n > 0


_SEEN = """
    INSERT INTO f_stage_events BY NAME
    WITH seen AS (
        SELECT *, lag(stage) OVER (PARTITION BY _row_key ORDER BY _state_at, _import_id) AS before FROM {table}
        WHERE _known_at < {until} AND _state_at < {until} AND _import_id <= {number} AND NOT _deleted),
    moves AS (
        SELECT *, CASE WHEN status <> 'open' THEN coalesce(least({closed}, _state_at), _state_at) ELSE _state_at END AS moved
        FROM seen WHERE before IS NOT NULL AND stage IS NOT NULL AND stage <> before)
    SELECT opportunity_id || '@' || strftime(_state_at, '%Y-%m-%d %H:%M:%S.%f') AS event_id, opportunity_id, moved AS "at",
           before AS from_stage, stage AS to_stage, amount, probability, expected_close,
           _row_key || '@' || strftime(_state_at, '%Y-%m-%d %H:%M:%S.%f') AS row_key
    FROM moves WHERE moved < {end}"""
_USUAL = (
    "lead|prospect|线索|潜在", "qualif|initial contact|discover|验证|初步|立项", "need|analysis|engag|需求|调研",
    "demo|value|solution|演示|方案", "decision|percept|决策", "propos|quot|offer|报价|招|投标", "negotiat|review|谈判|审核|商务",
    "contract|commit|verbal|合同|签约",
)  # fmt: skip
"""What stages of sales are commonly called, in their usual order."""


def _usual() -> str:
    """Return SQL for the usual place of a stage's name, NULL where the name is none of the usual ones."""
    whens = " ".join(f"WHEN regexp_matches(lower(stage), '{words}') THEN {i}" for i, words in enumerate(_USUAL, 1))
    return f"CASE {whens} END"


_DERIVED = """
    CREATE OR REPLACE TEMP TABLE stages_now AS
    WITH deals AS (
        SELECT * FROM {table} WHERE _known_at < {until} AND _import_id <= {number} AND NOT _deleted AND stage IS NOT NULL),
    pipes AS (SELECT opportunity_id, min(pipeline) AS pipeline FROM deals GROUP BY 1),
    entries AS (
        SELECT p.pipeline, e.to_stage AS stage, e.opportunity_id, min(e."at") AS entered
        FROM f_stage_events e JOIN pipes p USING (opportunity_id) WHERE e.to_stage IS NOT NULL GROUP BY ALL),
    places AS (
        SELECT pipeline, stage, row_number() OVER (PARTITION BY opportunity_id ORDER BY entered, stage) AS place FROM entries),
    typical AS (SELECT pipeline, stage, CAST(sum(place) AS DOUBLE) / count(*) AS place FROM places GROUP BY ALL),
    counted AS (SELECT pipeline, stage, status, count(*) AS n FROM deals GROUP BY ALL),
    kinds AS (
        SELECT pipeline, stage, status AS kind FROM counted
        QUALIFY row_number() OVER (PARTITION BY pipeline, stage ORDER BY n DESC, status) = 1),
    chances AS (
        SELECT pipeline, stage, quantile_disc(probability, 0.5) AS probability,
               coalesce(quantile_disc(date_diff('day', created_at, {end}), 0.5), 0) AS age
        FROM deals GROUP BY ALL),
    found AS (
        SELECT pipeline, stage, kind FROM kinds UNION
        SELECT pipeline, stage, 'open' FROM typical t WHERE NOT EXISTS
            (SELECT 1 FROM kinds k WHERE k.stage = t.stage AND k.pipeline IS NOT DISTINCT FROM t.pipeline)),
    named AS (
        SELECT pipeline, stage, {usual} AS usual,
               count(*) FILTER (({usual}) IS NULL) OVER (PARTITION BY pipeline) AS unusual FROM found WHERE kind = 'open')
    SELECT f.pipeline, f.stage, row_number() OVER (
               PARTITION BY f.pipeline
               ORDER BY f.kind <> 'open', t.place NULLS LAST, CASE WHEN n.unusual = 0 THEN n.usual END, c.probability NULLS FIRST, c.age, f.stage) AS "order",
           f.kind, c.probability, concat_ws(chr(31), coalesce(f.pipeline, ''), f.stage) AS row_key
    FROM found f
    LEFT JOIN typical t ON t.stage = f.stage AND t.pipeline IS NOT DISTINCT FROM f.pipeline
    LEFT JOIN named n ON n.stage = f.stage AND n.pipeline IS NOT DISTINCT FROM f.pipeline
    LEFT JOIN chances c ON c.stage = f.stage AND c.pipeline IS NOT DISTINCT FROM f.pipeline"""
