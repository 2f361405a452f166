"""Landing: what becomes a version, what does not, and when it counts as known."""

import datetime as dt
import json

import duckdb
import pytest

from salesloop import paths, store
from salesloop.errors import DataError, ParameterError
from tests.store.landings import deal, landing, unit


def rows(name, query):
    with duckdb.connect(str(paths.store(name)), read_only=True) as connection:
        return connection.execute(query).fetchall()


OCTOBER = {"as_of": "2026-10-31"}


def test_an_import_repeated_adds_nothing(acme):
    given = landing(
        **OCTOBER, opportunities=[deal("a", amount="10.00"), deal("b", "won", "5.00", closed_on="2026-10-02")],
        activities=[{"type": "call", "done_at": "2026-10-05 03:00"}, {"type": "call", "done_at": "2026-10-05 03:00"}],
    )  # fmt: skip
    first = store.land(acme, given)
    again = store.land(acme, given)
    assert first.tables["opportunities"] == {"new": 2, "changed": 0, "unchanged": 0, "deleted": 0, "rejected": 0}
    assert first.tables["activities"]["new"] == 2  # equal rows without an id are two rows
    assert again.repeated and again.tables["activities"]["unchanged"] == 2
    assert len(store.import_log(acme)) == 1
    assert rows(acme, "SELECT count(*) FROM v_opportunities") == [(2,)]


def test_a_later_export_adds_versions_only_where_content_differs(acme):
    store.land(acme, landing(**OCTOBER, opportunities=[deal("a", amount="10.00"), deal("b", amount="5.00")]))
    summary = store.land(
        acme,
        landing(as_of="2026-11-30", opportunities=[deal("a", amount="12.00"), deal("b", amount="5.00"), deal("c")]),
    )
    assert summary.tables["opportunities"] == {"new": 1, "changed": 1, "unchanged": 1, "deleted": 0, "rejected": 0}
    told = rows(acme, "SELECT opportunity_id, amount, CAST(_state_at AS DATE) FROM v_opportunities ORDER BY ALL")
    assert [(i, float(a or 0), str(day)) for i, a, day in told] == [
        ("a", 10.0, "2026-10-31"), ("a", 12.0, "2026-11-30"), ("b", 5.0, "2026-10-31"), ("c", 0.0, "2026-11-30"),
    ]  # fmt: skip


def test_a_value_that_goes_back_is_a_version_again_and_old_exports_repeat_nothing(acme):
    exports = [
        landing(as_of=day, opportunities=[deal("a", amount=amount)])
        for day, amount in (("2026-09-30", "10.00"), ("2026-10-31", "12.00"), ("2026-11-30", "10.00"))
    ]
    assert [store.land(acme, one).tables["opportunities"]["changed"] for one in exports] == [0, 1, 1]
    assert all(store.land(acme, one).repeated for one in exports)
    assert rows(acme, "SELECT count(*) FROM v_opportunities") == [(3,)]


def test_a_missing_id_is_a_deletion_only_in_a_complete_export(acme):
    store.land(acme, landing(**OCTOBER, opportunities=[deal("a"), deal("b")]))
    part = store.land(acme, landing(as_of="2026-11-01", opportunities=[deal("a")]))
    whole = store.land(acme, landing(as_of="2026-11-02", complete=["opportunities"], opportunities=[deal("a")]))
    back = store.land(
        acme, landing(as_of="2026-11-03", complete=["opportunities"], opportunities=[deal("a"), deal("b")])
    )
    assert part.tables["opportunities"]["deleted"] == 0
    assert whole.tables["opportunities"]["deleted"] == 1
    assert back.tables["opportunities"]["changed"] == 1


def test_first_version_is_known_from_creation_and_its_closing_from_its_day(acme):
    # made in 2024, closed in March 2025, touched on 4 March 2025, first exported long after
    won = deal("a", "won", "7.00", created="2024-05-06 02:00", closed_on="2025-03-02", modified_at="2025-03-04 02:00",
               known_at="2025-03-04 02:00")  # fmt: skip
    store.land(acme, landing(as_of="2025-06-30", opportunities=[won]))
    (found,) = rows(acme, "SELECT _known_at, _state_at, _closed_known_at FROM v_opportunities")
    assert found == (
        dt.datetime(2024, 5, 6, 2),
        dt.datetime(2025, 3, 4, 2),
        dt.datetime(2025, 3, 2, 4),
    )  # noon in Shanghai


def test_a_closing_is_known_later_where_the_source_dates_its_entry_later(acme):
    store.land(acme, landing(
        as_of="2026-11-30",
        opportunities=[deal("entered", "won", created="2026-11-20 02:00", closed_on="2026-10-28"),
                       deal("moved", "won", closed_on="2026-10-28")],
        stage_events=[{"event_id": "1", "opportunity_id": "moved", "at": "2026-11-12 02:00", "to_stage": "Won"}],
    ))  # fmt: skip
    told = dict(rows(acme, "SELECT opportunity_id, CAST(_closed_known_at AS DATE) FROM v_opportunities"))
    assert told == {"entered": dt.date(2026, 11, 20), "moved": dt.date(2026, 11, 12)}


def test_a_first_export_tells_late_entries_only_where_its_stamps_are_entries(tmp_path, acme):
    def closings(late_share):
        for i in range(40):
            late = i < 40 * late_share
            yield deal(
                f"d{i}", "won", closed_on="2026-10-28", modified_at="2026-11-20 02:00" if late else "2026-10-29 02:00"
            )

    told = {}
    for name, share in (("entries", 0.05), ("touched", 0.5)):
        unit(tmp_path, name)
        store.land(name, landing(as_of="2026-12-15", opportunities=list(closings(share))))
        told[name] = dict(
            rows(
                name, "SELECT CAST(CAST(_closed_known_at AS DATE) AS VARCHAR), count(*) FROM v_opportunities GROUP BY 1"
            )
        )
    assert told == {"entries": {"2026-10-28": 38, "2026-11-20": 2}, "touched": {"2026-10-28": 40}}


def test_a_closed_deal_that_an_earlier_export_lacked_is_known_from_its_own_stamp(acme):
    store.land(acme, landing(**OCTOBER, opportunities=[deal("a")]))
    late = deal("b", "won", closed_on="2026-10-28", modified_at="2026-11-20 02:00")
    seen = deal("c", "won", closed_on="2026-10-28", modified_at="2026-10-29 02:00")
    store.land(acme, landing(as_of="2026-11-30", opportunities=[deal("a"), late, seen]))
    told = dict(rows(acme, "SELECT opportunity_id, CAST(_closed_known_at AS DATE) FROM v_opportunities"))
    assert told == {"a": None, "b": dt.date(2026, 11, 20), "c": dt.date(2026, 10, 28)}


def test_two_states_of_one_deal_in_one_import_are_two_versions(acme):
    store.land(acme, landing(as_of="2026-11-30", opportunities=[
        deal("a", amount="1.00", known_at="2026-11-05 02:00"), deal("a", amount="2.00", known_at="2026-10-05 02:00"),
    ]))  # fmt: skip
    assert rows(acme, "SELECT CAST(amount AS INT), _first_seen FROM v_opportunities ORDER BY _state_at") == [
        (2, True), (1, False),
    ]  # fmt: skip


def test_one_id_with_two_contents_is_quarantined_with_its_reason(acme):
    summary = store.land(acme, landing(**OCTOBER, opportunities=[deal("a", amount="1.00"), deal("a", amount="2.00")]))
    assert summary.tables["opportunities"]["rejected"] == 1
    (row,) = store.rejects(acme).to_dict("records")
    assert (row["rule"], row["severity"], row["row"]) == ("duplicate_key", "quarantine", 2)
    assert json.loads(row["record"])["amount"] == "2.00"
    assert "2.00" not in row["found"]


def test_plan_rows_are_known_from_their_own_day_else_from_the_import(acme):
    target = {"period": "2026-12", "level": "company", "measure": "bookings", "tier": "base", "amount": 5.0}
    summary = store.land(acme, landing(
        as_of="2026-11-12", targets=[{**target, "valid_from": "2026-01-05"}, target],
        fx_rates=[{"month": "2026-03", "currency": "USD", "rate_to_home": 7.0}],
    ))  # fmt: skip
    days = rows(acme, "SELECT CAST(_known_at AS DATE) FROM v_targets ORDER BY 1")
    assert [str(day) for (day,) in days] == ["2026-01-05", "2026-11-12"]
    assert [str(day) for (day,) in rows(acme, "SELECT CAST(_known_at AS DATE) FROM v_fx_rates")] == ["2026-03-01"]
    assert summary.notes == ["targets: 1 rows bear no valid_from; they count as known from 2026-11-12 on"]


def test_rows_of_a_month_a_quarter_or_a_year_are_known_by_its_calendar(tmp_path, acme):
    unit(tmp_path, fiscal_year_start=4)  # fiscal 2026 begins in April 2025
    rated = {"rater": "Ann", "subject": "Bob", "dimension": "teamwork", "score": 4.0}
    store.land(acme, landing(
        as_of="2026-11-12", market=[{"period": "2026", "segment": "A", "size": "5.00"}],
        assessments=[{**rated, "period": label} for label in ("2026-02", "2026Q2", "2026", "soon")],
    ))  # fmt: skip
    told = dict(rows(acme, "SELECT period, CAST(_known_at AS DATE) FROM v_assessments"))
    assert {label: str(day) for label, day in told.items()} == {
        "2026-02": "2026-03-01", "2026Q2": "2025-10-01", "2026": "2026-04-01", "soon": "2026-11-12",
    }  # fmt: skip
    assert str(rows(acme, "SELECT CAST(_known_at AS DATE) FROM v_market")[0][0]) == "2025-04-01"


def test_plan_files_alone_do_not_move_the_cut_off(acme):
    store.land(acme, landing(**OCTOBER, opportunities=[deal("a")]))
    store.land(acme, landing(as_of="2027-05-01", targets=[{"period": "2027-06", "measure": "bookings", "amount": 1.0}]))
    assert store.cut_off(acme) == dt.date(2026, 10, 31)


def test_a_currency_without_a_rate_is_named(tmp_path, acme):
    summary = store.land(acme, landing(**OCTOBER, opportunities=[deal("a", currency="XTS"), deal("b", currency="cny")]))
    assert summary.notes == ["opportunities: 1 rows are in a currency without a rate; they count once it has one"]
    assert store.rejects(acme)["rule"].tolist() == ["currency_without_rate"]


def test_compare_names_what_differs_and_changes_nothing(acme):
    store.land(acme, landing(**OCTOBER, opportunities=[deal("a", amount="1.00"), deal("b"), deal("c")]))
    before = paths.store(acme).read_bytes()
    other = landing(as_of="2026-11-30", opportunities=[deal("a", amount="2.00", owner="Zoe"), deal("b"), deal("d")])
    told = store.compare(acme, other)
    assert told.to_dict("records") == [
        {"table": "opportunities", "key": "a", "change": "changed", "columns": "owner, amount"},
        {"table": "opportunities", "key": "c", "change": "missing", "columns": ""},
        {"table": "opportunities", "key": "d", "change": "added", "columns": ""},
    ]  # fmt: skip
    assert paths.store(acme).read_bytes() == before
    assert len(store.import_log(acme)) == 1


def test_an_unknown_unit_is_refused(acme):
    with pytest.raises(ParameterError, match="acme"):
        store.land("nobody", landing(**OCTOBER, opportunities=[deal("a")]))


def test_money_is_exact_however_many_rows(tmp_path, acme):
    many = [deal(f"d{i}", "won", "0.10", closed_on="2026-10-05") for i in range(1000)]
    store.land(acme, landing(**OCTOBER, opportunities=many))
    assert rows(acme, "SELECT CAST(sum(amount) AS VARCHAR) FROM v_opportunities") == [("100.00",)]


def test_units_are_apart(tmp_path, acme):
    other = unit(tmp_path, "other")
    store.land(acme, landing(**OCTOBER, opportunities=[deal("a")]))
    store.land(other, landing(**OCTOBER, opportunities=[deal("a"), deal("b")]))
    assert rows(acme, "SELECT count(*) FROM v_opportunities") == [(1,)]


def test_the_tie_out_with_the_source_is_printed(acme):
    given = landing(
        **OCTOBER, opportunities=[deal("a", amount="1000.25"), deal("b", amount="2.00"), deal("b", amount="3.00")]
    )
    given.files[0].source_total, given.files[0].read = "1009.25", 4
    assert store.land(acme, given).lines() == [
        "opportunities: 2 new, 1 rejected", "tie-out: 4 deals, 1,009.25 in the files - 2 left out, 7.00 = 2 kept, 1,002.25",
    ]  # fmt: skip


def test_the_current_view_holds_what_is_and_the_versions_what_was(acme):
    store.land(acme, landing(**OCTOBER, opportunities=[deal("a", amount="1.00"), deal("b")]))
    store.land(acme, landing(as_of="2026-11-30", complete=["opportunities"], opportunities=[deal("a", amount="2.00")]))
    assert rows(acme, "SELECT opportunity_id, CAST(amount AS INT), _source_file, _source_row FROM opportunities") == [
        ("a", 2, "opportunities.csv", 1)
    ]
    assert rows(acme, "SELECT count(*) FROM opportunity_versions") == [(4,)]


def test_empty_tables_and_tables_with_hardly_a_column_go_in(acme):
    import pyarrow as pa

    bare = landing(opportunities=[deal("a")])
    bare.tables = {
        "opportunities": pa.table({"opportunity_id": ["a", "b"]}),
        "leads": pa.table({"lead_id": pa.array([], pa.string()), "created_at": pa.array([], pa.timestamp("us"))}),
        "stage_events": pa.table({"opportunity_id": pa.array([], pa.string())}),
    }
    summary = store.land(acme, bare, as_of=dt.date(2026, 10, 31))
    assert summary.tables["opportunities"]["new"] == 2 and summary.tables["leads"]["new"] == 0
    with pytest.raises(DataError, match=r"rows of .* allowed: deals with the day"):
        store.cut_off(acme)
    store.land(acme, landing(as_of="2026-11-30", opportunities=[deal("c", amount="1.00")]))
    assert (store.freeze(acme, "2026-10") / "meta.json").is_file()


def test_a_store_made_before_a_column_was_added_takes_it_on(acme):
    store.land(acme, landing(as_of="2026-10-31", interventions=[{"id": "i1", "what": "x", "start": "2026-10-01"}]))
    with duckdb.connect(str(paths.store(acme))) as connection:
        connection.execute("DROP VIEW interventions")
        connection.execute("ALTER TABLE v_interventions DROP COLUMN stage")
        connection.execute("CREATE VIEW interventions AS SELECT id, what FROM v_interventions")
    later = {"id": "i2", "what": "y", "start": "2026-11-01", "stage": "Propose", "change": 0.2}
    store.land(acme, landing(as_of="2026-11-30", interventions=[later]))
    with duckdb.connect(str(paths.store(acme))) as connection:
        told = connection.execute("SELECT id, stage, change FROM interventions ORDER BY id").fetchall()
    assert told == [("i1", None, None), ("i2", "Propose", 0.2)]
