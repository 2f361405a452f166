"""What a frozen period holds: its tables, and the notes that say where they come from and what was left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pyarrow as pa

from salesloop.errors import DataError
from salesloop.params import UnitConfig
from salesloop.schema import TABLES
from salesloop.store import adjust, log, money, rules, stages, tieout
from salesloop.store.base import columns, filled, one, quoted, versions
from salesloop.store.state import View, deals, events, table_state

_NEEDED = ("reps", "memberships", "stage_events")
_FACTS = ["opportunity_id", "status", "closed_on", "amount", "currency"]
_SEEN = ["opportunity_id", "owner_id", "pipeline", "status", "stage", "amount", "currency", "probability", "expected_close",
         "closed_on", "forecast_category"]  # fmt: skip
_KEPT = "(SELECT * FROM {} WHERE fate = 'kept' AND rate IS NOT NULL)"


def prepare(connection: duckdb.DuckDBPyConnection, config: UnitConfig, view: View, before: View) -> list[str]:
    """Make the frozen state of every table as temporary tables; return the tables that were derived from other data.

    Parameters
    ----------
    connection : DuckDBPyConnection
        The store.
    config : UnitConfig
        Home currency and plan rates.
    view, before : View
        What the period may see, and what the period before could.
    """
    _deals(connection, config, view, before)
    for name in _others(connection):
        connection.execute(f"CREATE OR REPLACE TEMP TABLE f_{name} AS {_rows(name, config, view)}")
    derived = {"stage_events": stages.events(connection, view), "stages": stages.make(connection, view)}
    return [name for name, done in derived.items() if done]


def tables(connection: duckdb.DuckDBPyConnection, view: View) -> Iterator[tuple[str, pa.Table]]:
    """Yield the tables of a prepared snapshot by name, each sorted by key; empty ones but the first three are left out."""
    own = [*columns("opportunities"), "amount_home", "hindsight"]
    late = ["opportunity_id", "period", "kind", "amount", "known_on"]
    yield "opportunities", _table(connection, "SELECT * FROM deals_kept", own)
    yield (
        "adjustments",
        _table(connection, "SELECT * REPLACE (row_key || period || kind AS row_key) FROM adjustments", late),
    )
    yield "opportunity_versions", _versions(connection, view)
    for name, source in (("stages", "stages_now"), *((name, f"f_{name}") for name in _others(connection))):
        found = _table(connection, f"SELECT * FROM {source}", columns(name))
        if found.num_rows:
            yield name, found


def _others(connection: duckdb.DuckDBPyConnection) -> list[str]:
    have = {*_NEEDED, *filled(connection)}
    return [name for name in TABLES if name in have and name not in ("opportunities", "stages")]


def _deals(connection: duckdb.DuckDBPyConnection, config: UnitConfig, view: View, before: View) -> None:
    """Make the deals as of this period and as of the one before, each with home money, and what changed since."""
    for seen, name, wanted in ((before, "deals_before", _FACTS), (view, "deals_now", None)):
        events(connection, seen)
        money.rates(connection, seen, config)
        home = money.with_home(deals(seen, wanted), "opportunities", config=config, end=seen.end)
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {home}")
    connection.execute(f"CREATE OR REPLACE TEMP VIEW deals_kept AS {_KEPT.format('deals_now')}")
    adjust.make(connection, _KEPT.format("deals_before"), "deals_kept", last=before, view=view)


def _rows(name: str, config: UnitConfig, view: View) -> str:
    """Return SQL for a table as of the view, with home money where it has money."""
    rows = table_state(name, view)
    if name in money.DATED:
        return f"SELECT * FROM ({money.with_home(rows, name, config=config, end=view.end)}) WHERE rate IS NOT NULL"
    if name == "stage_events":
        return f"""SELECT e.*, CAST(round(CAST(e.amount AS DECIMAL(28,2)) * coalesce(d.rate, 1), 2) AS DECIMAL(18,2)) AS amount_home
                   FROM ({rows}) e LEFT JOIN deals_now d USING (opportunity_id)"""
    return rows


def _table(connection: duckdb.DuckDBPyConnection, query: str, wanted: list[str]) -> pa.Table:
    """Return a query's canonical columns (and home money), sorted by key, in one piece."""
    have = [row[0] for row in connection.execute(f"DESCRIBE {query}").fetchall()]
    extra = [name for name in ("amount_home",) if name in have and name not in wanted]
    chosen = quoted(*(name for name in [*wanted, *extra] if name in have))
    found = connection.sql(f"SELECT {chosen} FROM ({query}) ORDER BY row_key").to_arrow_table()
    return found.combine_chunks().replace_schema_metadata(None)


def _versions(connection: duckdb.DuckDBPyConnection, view: View) -> pa.Table:
    """Return every state of a deal seen by then (what of it moves), with when it was known and so."""
    names = quoted(*_SEEN)
    found = connection.sql(f"""
        SELECT {names}, _known_at AS known_at, _state_at AS state_at, _closed_known_at AS closed_known_at,
               _deleted AS deleted
        FROM {versions("opportunities")} WHERE _known_at < {view.until_sql} AND _import_id <= {view.last_import}
        ORDER BY _row_key, _state_at, _import_id""")
    return found.to_arrow_table().combine_chunks().replace_schema_metadata(None)


def notes(connection: duckdb.DuckDBPyConnection, config: UnitConfig, view: View, derived: list[str]) -> dict[str, Any]:
    """Return what the snapshot says of itself: tie-out, what was set aside, broken rules, the imports used."""
    told = log.told(connection, log.used(connection, view))
    unrated = _without_rate(connection)
    broken = rules.check(connection, "deals_kept", config.time_zone)
    tie = tieout.lines(connection, view, tieout.tie_import(connection, view))
    _agree(connection, tie)
    n_late, n_open = one(
        connection, "SELECT count(*) FILTER (hindsight), count(*) FROM deals_kept WHERE status = 'open'"
    )
    return {
        **told, "currency": config.currency, "state_known": _state_known(connection, view), "derived": derived,
        "tie_out": tie, "set_aside": _set_aside(connection, view), "without_rate": unrated,
        "rules": dict(sorted(broken.items())), "hindsight": {"open": n_open, "hindsight": n_late},
    }  # fmt: skip


def _set_aside(connection: duckdb.DuckDBPyConnection, view: View) -> list[dict[str, Any]]:
    """Return the closings dated beyond the data: ``rule, n, amount`` (home money), ``after`` (the cut-off)."""
    rows = connection.execute("""SELECT fate, count(*), coalesce(sum(amount_home), 0) FROM deals_now
        WHERE fate <> 'kept' GROUP BY fate ORDER BY fate DESC""").fetchall()
    return [{"rule": f"{fate.removeprefix('ahead_')}_after_cut_off", "n": n, "amount": f"{amount:.2f}",
             "after": str(view.cut_off)} for fate, n, amount in rows]  # fmt: skip


def _without_rate(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Return the deals whose currency has no rate: ``currency, n, amount`` (as the source has it)."""
    rows = connection.execute("""SELECT currency, count(*), coalesce(sum(amount), 0) FROM deals_now
        WHERE fate = 'kept' AND rate IS NULL GROUP BY 1 ORDER BY 1""").fetchall()
    return [{"currency": currency[:3], "n": n, "amount": f"{amount:.2f}"} for currency, n, amount in rows]


def _state_known(connection: duckdb.DuckDBPyConnection, view: View) -> str:
    """Return how open deals' states are known: by own versions, by the source's dated history, or by dates alone."""
    if log.observed(connection, view):
        return "observed"
    guessed, whole = one(
        connection, "SELECT count(*) FILTER (known_by = 'dates'), count(*) FROM deals_kept WHERE status = 'open'"
    )
    (n,) = one(connection, "SELECT count(*) FROM f_stage_events")
    return "events" if n and guessed <= _GUESSED * whole else "dates"


_GUESSED = 0.5


def _agree(connection: duckdb.DuckDBPyConnection, tie: list[dict[str, Any]]) -> None:
    """Stop where the tie-out does not end at the frozen deals: that would be an error of ours."""
    n, amount = one(connection, "SELECT count(*), coalesce(sum(amount_home), 0) FROM deals_kept")
    if tie and (tie[-1]["n"], tie[-1]["amount"]) != (n, f"{amount:.2f}"):
        raise DataError(
            "tie-out", found=f"{tie[-1]['n']} deals, {tie[-1]['amount']}", allowed=f"{n} deals, {amount:.2f}",
            next_step="report this as a fault of salesloop",
        )  # fmt: skip
