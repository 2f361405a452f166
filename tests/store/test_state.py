"""What an event after the period's end undoes, and how the state is said to be known."""

import json

import pandas as pd

from salesloop import store
from salesloop.book import open_book
from tests.store.landings import deal, landing, unit


def frozen(acme, period="2026-10"):
    folder = store.freeze(acme, period)
    return open_book(acme, period), json.loads((folder / "meta.json").read_text(encoding="utf-8"))


def row(book, ident):
    return book.table("opportunities").set_index("opportunity_id").loc[ident]


def test_by_dates_a_deal_closed_later_is_open_and_hindsight(acme):
    closed = deal("a", "lost", "100.00", closed_on="2026-11-12", expected_close="2026-11-12", loss_reason="price")
    store.land(
        acme, landing(as_of="2026-12-15", opportunities=[closed, deal("b", "won", "5.00", closed_on="2026-10-09")])
    )
    book, meta = frozen(acme)
    found = row(book, "a")
    assert (found["status"], found["stage"], found["loss_reason"]) == ("open", None, None)
    assert pd.isna(found["closed_on"]) and pd.isna(found["expected_close"])  # the day it closed on was not known
    assert (found["amount"], found["hindsight"]) == (100.0, True)
    assert not row(book, "b")["hindsight"]
    assert (meta["state_known"], meta["hindsight"]) == ("dates", {"open": 1, "hindsight": 1})


def test_by_dated_events_stage_amount_and_closing_date_are_undone(acme):
    event = {"opportunity_id": "a", "from_stage": "Qualify", "to_stage": "Propose"}
    store.land(acme, landing(
        as_of="2026-12-15", opportunities=[deal("a", "won", "130.00", closed_on="2026-11-12"), deal("b", "won", "9.00", closed_on="2026-11-05"),
                                           deal("quiet", amount="4.00")],
        stage_events=[
            {**event, "event_id": "1", "at": "2026-10-10 02:00", "amount": "100.00", "probability": 0.4, "expected_close": "2026-12-01"},
            {**event, "event_id": "2", "at": "2026-11-12 02:00", "from_stage": "Propose", "to_stage": "Won", "amount": "130.00"},
            {**event, "event_id": "3", "at": "2026-11-05 02:00", "opportunity_id": "b", "from_stage": "Qualify", "to_stage": "Won"},
        ],
    ))  # fmt: skip
    book, meta = frozen(acme)
    a, b = row(book, "a"), row(book, "b")
    assert (a["status"], a["stage"], a["amount"], a["probability"], str(a["expected_close"])[:10], a["hindsight"]) == (
        "open", "Propose", 100.0, 0.4, "2026-12-01", False,
    )  # fmt: skip
    assert (b["stage"], b["amount"], b["hindsight"]) == ("Qualify", 9.0, True)  # where it stood before its first move
    assert meta["state_known"] == "events"
    assert len(book.table("stage_events")) == 1


def test_a_move_known_only_after_the_books_closed_tells_nothing(acme):
    event = {
        "event_id": "1",
        "opportunity_id": "a",
        "at": "2026-12-01 02:00",
        "from_stage": "Qualify",
        "to_stage": "Propose",
    }
    store.land(acme, landing(as_of="2026-12-15", opportunities=[deal("a", amount="1.00")], stage_events=[event]))
    found = row(frozen(acme)[0], "a")
    assert (found["stage"], found["hindsight"]) == (
        "Propose",
        True,
    )  # the only stage that is known, and said to be late


def test_own_versions_give_the_state_as_it_was(acme):
    states = [
        ("2026-10-20", "100.00", "Qualify"),
        ("2026-11-04", "150.00", "Propose"),
        ("2026-12-10", "180.00", "Close"),
    ]
    for day, amount, stage in states:
        store.land(acme, landing(as_of=day, opportunities=[{**deal("a", amount=amount), "stage": stage}]))
    book, meta = frozen(acme)
    found = row(book, "a")
    assert (found["stage"], found["amount"], found["hindsight"], meta["state_known"]) == (
        "Qualify",
        100.0,
        False,
        "observed",
    )
    november, meta = frozen(acme, "2026-11")
    assert row(november, "a")["amount"] == 150.0
    moves = november.table("stage_events")[["from_stage", "to_stage"]].to_dict("records")
    assert moves == [{"from_stage": "Qualify", "to_stage": "Propose"}]
    assert meta["derived"] == ["stage_events", "stages"]


def moved(ident, at, before, after, **others):
    """Return a row of the stage history of deal ``a``."""
    return {"event_id": ident, "opportunity_id": "a", "at": at, "from_stage": before, "to_stage": after, **others}


def test_a_move_after_the_earlier_export_counts_though_the_deal_moved_again_later(acme):
    start = deal(
        "a",
        amount="100.00",
        probability=0.2,
        expected_close="2026-10-31",
        known_at="2026-10-04 02:00",
        last_activity_at="2026-10-03 02:00",
    )
    later = {
        **deal("a", amount="150.00", probability=0.8, expected_close="2026-12-31", known_at="2026-11-03 02:00"),
        "stage": "Close",
        "last_activity_at": "2026-10-26 02:00",
    }
    moves = [
        moved("1", "2026-09-10 02:00", None, "Qualify", amount="90.00", probability=0.1, expected_close="2026-10-15"),
        moved("2", "2026-10-20 02:00", "Qualify", "Propose", amount="120.00"),
        moved("3", "2026-10-24 02:00", "Propose", "Propose", expected_close="2026-11-30"),  # the date alone
        moved(
            "4", "2026-11-03 02:00", "Propose", "Close", amount="150.00", probability=0.8, expected_close="2026-12-31"
        ),
    ]
    store.land(acme, landing(as_of="2026-10-05", opportunities=[{**start, "stage": "Qualify"}], stage_events=moves[:1]))
    store.land(acme, landing(as_of="2026-11-06", opportunities=[later], stage_events=moves))
    book, meta = frozen(acme)
    found = row(book, "a")
    # stage and amount from the move of the 20th, the date from the 24th, the chance from the export of the 5th
    assert (found["stage"], found["amount"], found["probability"], str(found["expected_close"])[:10]) == (
        "Propose", 120.0, 0.2, "2026-11-30",
    )  # fmt: skip
    assert str(found["stage_entered_at"]) == "2026-10-20 10:00:00"  # local time
    assert str(found["last_activity_at"]) == "2026-10-26 10:00:00"  # told by the later export, and before the end
    assert (found["hindsight"], meta["state_known"]) == (False, "observed")


def test_a_version_after_the_last_move_is_the_better_evidence(acme):
    typed = {**deal("a", amount="130.00", known_at="2026-10-25 02:00"), "stage": "Propose"}
    moves = [moved("1", "2026-10-20 02:00", "Qualify", "Propose", amount="120.00"),
             moved("2", "2026-11-03 02:00", "Propose", "Close", amount="150.00")]  # fmt: skip
    store.land(acme, landing(as_of="2026-10-28", opportunities=[typed], stage_events=moves[:1]))
    store.land(acme, landing(as_of="2026-11-06", opportunities=[
        {**deal("a", amount="150.00", known_at="2026-11-03 02:00"), "stage": "Close"}], stage_events=moves))  # fmt: skip
    found = row(frozen(acme)[0], "a")
    assert (found["stage"], found["amount"]) == ("Propose", 130.0)


def test_a_deal_reopened_between_two_exports_is_open_where_it_went(acme):
    moves = [moved("1", "2026-09-20 02:00", "Propose", "Lost"), moved("2", "2026-10-10 02:00", "Lost", "Propose"),
             moved("3", "2026-11-04 02:00", "Propose", "Close")]  # fmt: skip
    lost = deal("a", "lost", "7.00", closed_on="2026-09-20", loss_reason="price", known_at="2026-09-20 02:00")
    store.land(acme, landing(as_of="2026-10-01", opportunities=[lost], stage_events=moves[:1]))
    store.land(acme, landing(as_of="2026-11-06", opportunities=[
        {**deal("a", amount="7.00", known_at="2026-11-04 02:00"), "stage": "Close"}], stage_events=moves))  # fmt: skip
    found = row(frozen(acme, "2026-09")[0], "a")
    assert (found["status"], found["stage"]) == ("lost", "Lost")
    found = row(frozen(acme)[0], "a")
    assert (found["status"], found["stage"], found["loss_reason"]) == ("open", "Propose", None)
    assert pd.isna(found["closed_on"])


def test_a_deal_closed_by_an_event_and_reopened_with_no_export_between_was_closed_then(acme):
    moves = [moved("1", "2026-10-10 02:00", "Propose", "Lost"), moved("2", "2026-11-04 02:00", "Lost", "Close")]
    other = deal("z", "lost", "1.00", closed_on="2026-09-20", known_at="2026-09-20 02:00")
    store.land(acme, landing(as_of="2026-09-30", opportunities=[other, deal("a", amount="7.00", probability=0.4)]))
    again = {**deal("a", amount="9.00", known_at="2026-11-04 02:00"), "stage": "Close"}
    store.land(acme, landing(as_of="2026-12-15", opportunities=[other, again], stage_events=moves))
    assert row(frozen(acme, "2026-09")[0], "a")["status"] == "open"
    found = row(frozen(acme)[0], "a")
    assert (found["status"], found["stage"], str(found["closed_on"])[:10], found["amount"]) == (
        "lost",
        "Lost",
        "2026-10-10",
        7.0,
    )
    assert pd.isna(found["probability"]) and not found["hindsight"]
    book = frozen(acme, "2026-11")[0]
    assert (row(book, "a")["status"], row(book, "a")["stage"]) == ("open", "Close")
    told = book.table("adjustments")
    assert told[["opportunity_id", "period", "kind"]].values.tolist() == [["a", "2026-10", "reopened"]]


def test_one_late_export_tells_a_loss_before_a_reopening_and_a_win(acme):
    moves = [moved("1", "2026-10-10 02:00", "Propose", "Lost"), moved("2", "2026-11-04 02:00", "Lost", "Close"),
             moved("3", "2026-11-20 02:00", "Close", "Won")]  # fmt: skip
    other = deal("z", "lost", "1.00", closed_on="2026-09-20")
    won = deal("a", "won", "9.00", closed_on="2026-11-20", forecast_category="closed", next_step="invoice",
               last_activity_at="2026-11-19 02:00")  # fmt: skip
    store.land(acme, landing(as_of="2026-12-15", opportunities=[other, won], stage_events=moves))
    found = row(frozen(acme)[0], "a")
    assert (found["status"], found["stage"], str(found["closed_on"])[:10]) == ("lost", "Lost", "2026-10-10")
    found = row(frozen(acme, "2026-09")[0], "a")
    assert (found["status"], found["stage"]) == ("open", "Propose")
    assert all(pd.isna(found[name]) for name in ("closed_on", "forecast_category", "next_step", "last_activity_at"))
    assert row(frozen(acme, "2026-11")[0], "a")["status"] == "won"


def test_a_win_dated_ahead_is_open_in_the_stage_before(acme):
    moves = [moved("1", "2026-10-10 02:00", "Qualify", "Propose"), moved("2", "2026-10-30 02:00", "Propose", "Won")]
    store.land(acme, landing(as_of="2026-10-12", opportunities=[deal("a", amount="7.00")], stage_events=moves[:1]))
    won = deal("a", "won", "7.00", closed_on="2026-11-03", known_at="2026-10-30 02:00")
    store.land(acme, landing(as_of="2026-11-06", opportunities=[won], stage_events=moves))
    found = row(frozen(acme)[0], "a")
    assert (found["status"], found["stage"]) == ("open", "Propose")


def test_a_deletion_after_the_period_is_undone_and_then_adjusts(acme):
    won = deal("a", "won", "10.00", closed_on="2026-10-05")
    store.land(acme, landing(as_of="2026-10-31", opportunities=[won, deal("b")]))
    store.land(acme, landing(as_of="2026-11-20", complete=["opportunities"], opportunities=[deal("b")]))
    store.land(acme, landing(as_of="2026-12-20", opportunities=[deal("b", amount="1.00")]))
    assert row(frozen(acme)[0], "a")["amount"] == 10.0
    book, _ = frozen(acme, "2026-11")
    assert book.table("opportunities")["opportunity_id"].tolist() == ["b"]
    assert book.table("adjustments")[["kind", "period", "amount"]].to_dict("records") == [
        {"kind": "deleted", "period": "2026-10", "amount": -10.0}
    ]


def test_corrections_of_closed_months_are_told_by_kind(acme):
    before = [deal(i, "won", "10.00", closed_on="2026-10-05") for i in "abcd"] + [
        deal("e", "lost", "10.00", closed_on="2026-10-05")
    ]
    after = [
        deal("a", "won", "12.50", closed_on="2026-10-05"), deal("b", "won", "10.00", closed_on="2026-09-30"),
        deal("c", "lost", "10.00", closed_on="2026-10-05"), deal("d", amount="10.00"),
        deal("e", "won", "11.00", closed_on="2026-10-06"),
    ]  # fmt: skip
    store.land(acme, landing(as_of="2026-10-31", opportunities=before))
    store.land(acme, landing(as_of="2026-11-28", opportunities=after))
    store.land(acme, landing(as_of="2026-12-20", opportunities=[deal("z", created="2026-12-12 02:00")]))
    frozen(acme)
    told = frozen(acme, "2026-11")[0].table("adjustments")
    rows = [tuple(line) for line in told[["opportunity_id", "period", "kind", "amount"]].itertuples(index=False)]
    assert rows == [
        ("a", "2026-10", "amount_changed", 2.5), ("b", "2026-09", "date_changed", 10.0), ("b", "2026-10", "date_changed", -10.0),
        ("c", "2026-10", "status_changed", -10.0), ("d", "2026-10", "reopened", -10.0), ("e", "2026-10", "status_changed", 11.0),
    ]  # fmt: skip
    # the change of all earlier months' bookings is their sum: 40 before; 12.5 + 10 + 11 after
    assert told["amount"].sum() == 33.5 - 40.0


def test_leads_activities_and_orders_are_undone_too(acme):
    store.land(acme, landing(
        as_of="2026-12-15", opportunities=[deal("a")],
        leads=[{"lead_id": "l1", "created_at": "2026-10-02 02:00", "converted": True, "converted_at": "2026-11-03 02:00",
                "opportunity_id": "a", "status": "Converted", "first_response_at": "2026-10-03 02:00"},
               {"lead_id": "l2", "created_at": "2026-11-02 02:00"}],
        activities=[{"activity_id": "1", "type": "call", "created_at": "2026-10-20 02:00", "done_at": "2026-11-03 02:00", "status": "done"}],
        orders=[{"order_id": "o1", "ordered_on": "2026-10-31", "amount": "5.00"}, {"order_id": "o2", "ordered_on": "2026-11-01", "amount": "6.00"}],
        order_lines=[{"line_id": "1", "order_id": "o1", "amount": "5.00"}, {"line_id": "2", "order_id": "o2", "amount": "6.00"}],
        feedback=[{"id": "f1", "date": "2026-10-31", "scale": "nps", "score": 9.0}, {"id": "f2", "date": "2026-11-03", "scale": "nps", "score": 1.0}],
    ))  # fmt: skip
    book, _ = frozen(acme)
    (lead,) = book.table("leads").to_dict("records")
    assert (lead["converted"], lead["opportunity_id"], lead["status"]) == (False, None, None)
    assert pd.isna(lead["converted_at"]) and str(lead["first_response_at"]) == "2026-10-03 10:00:00"  # local time
    (call,) = book.table("activities").to_dict("records")
    assert call["status"] == "planned" and pd.isna(call["done_at"])
    assert book.table("orders")["order_id"].tolist() == ["o1"]
    assert book.table("order_lines")["line_id"].tolist() == ["1"]
    assert book.table("feedback")["id"].tolist() == ["f1"]


def test_home_money_by_plan_rate_then_by_month_then_not_at_all(tmp_path, acme):
    unit(tmp_path, plan_rates={2026: {"USD": 7.0}}, fiscal_year_start=4)  # fiscal 2026 = April 2025 to March 2026
    eur = [
        {"month": "2026-02", "currency": "EUR", "rate_to_home": 7.5},
        {"month": "2026-03", "currency": "EUR", "rate_to_home": 8.0},
    ]
    deals = [
        ("usd", "USD", "2026-03-31"), ("eur2", "EUR", "2026-02-10"), ("eur3", "EUR", "2026-03-10"), ("home", None, "2026-03-10"),
        ("early", "EUR", "2026-01-31"), ("unknown", "XTS", "2026-03-10"),
    ]  # fmt: skip
    store.land(acme, landing(as_of="2026-04-30", fx_rates=eur, opportunities=[
        deal(i, "won", "100.01", created="2025-12-01 02:00", currency=code, closed_on=day) for i, code, day in deals]))  # fmt: skip
    book, meta = frozen(acme, "2026-03")
    assert book.table("opportunities").set_index("opportunity_id")["amount"].to_dict() == {
        "usd": 700.07, "eur2": 750.08, "eur3": 800.08, "home": 100.01,
    }  # fmt: skip
    assert meta["without_rate"] == [
        {"currency": "EUR", "n": 1, "amount": "100.01"},
        {"currency": "XTS", "n": 1, "amount": "100.01"},
    ]
    assert meta["tie_out"][-1] == {"line": "ours", "n": 4, "amount": "2350.24"}


def test_prices_and_order_lines_are_home_money_too(tmp_path, acme):
    unit(tmp_path, plan_rates={2026: {"USD": 7.0}})
    store.land(acme, landing(
        as_of="2026-11-30", opportunities=[deal("a")], orders=[{"order_id": "o", "ordered_on": "2026-10-05", "amount": "2.00", "currency": "USD"}],
        order_lines=[{"line_id": "1", "order_id": "o", "net_price": "1.01", "list_price": "1.50", "amount": "2.02", "currency": "usd"}],
        products=[{"product": "p", "list_price": "1.50", "currency": "USD"}, {"product": "q", "list_price": "1.50"}],
    ))  # fmt: skip
    book, _ = frozen(acme)
    line = book.table("order_lines").iloc[0]
    assert (line["net_price"], line["list_price"], line["amount"], line["amount_original"]) == (7.07, 10.5, 14.14, 2.02)
    assert book.table("orders")["amount"].tolist() == [14.0]
    assert book.table("products").set_index("product")["list_price"].to_dict() == {"p": 10.5, "q": 1.5}


def test_stages_are_taken_from_the_plan_else_derived(acme):
    event = {"opportunity_id": "a", "event_id": "1", "at": "2026-09-03 02:00", "from_stage": None, "to_stage": "Zeta"}
    store.land(acme, landing(as_of="2026-11-30", opportunities=[deal("a"), deal("b", "won", closed_on="2026-10-01")], stage_events=[
        event, {**event, "event_id": "2", "at": "2026-09-08 02:00", "from_stage": "Zeta", "to_stage": "Propose"}]))  # fmt: skip
    book, meta = frozen(acme)
    told = book.table("stages").sort_values("order")[["stage", "kind"]]
    assert [tuple(r) for r in told.itertuples(index=False)] == [("Zeta", "open"), ("Propose", "open"), ("Won", "won")]
    assert meta["derived"] == ["stages"]


def test_plan_stages_hold_for_every_period(acme):
    plan = [{"stage": "Propose", "order": 1, "kind": "open"}, {"stage": "Won", "order": 2, "kind": "won"}]
    store.land(acme, landing(as_of="2026-11-30", opportunities=[deal("a"), deal("x", "lost", closed_on="2026-10-02")]))
    store.land(acme, landing(as_of="2026-12-30", stages=plan))
    book, meta = frozen(acme)
    assert sorted(book.table("stages")["stage"]) == ["Propose", "Won"]
    assert meta["derived"] == [] and meta["rules"]["stage_unknown"] == {"n": 1, "severity": "warn"}


def test_usual_names_stand_in_their_usual_order(acme):
    names = ["Negotiation/Review", "Qualification", "Proposal/Price Quote", "Needs Analysis"]
    store.land(
        acme, landing(as_of="2026-11-30", opportunities=[{**deal(str(i)), "stage": n} for i, n in enumerate(names)])
    )
    told = frozen(acme)[0].table("stages").sort_values("order")["stage"].tolist()
    assert told == ["Qualification", "Needs Analysis", "Proposal/Price Quote", "Negotiation/Review"]


def test_a_book_with_deals_only_and_one_with_nothing_known_yet(acme):
    store.land(acme, landing(as_of="2026-11-30", opportunities=[deal("a", created="2026-11-02 02:00")], leads=[
        {"lead_id": "l", "created_at": "2026-09-02 02:00"}]))  # fmt: skip
    book, meta = frozen(acme)
    assert book.deals().empty and meta["tables"]["opportunities"]["rows"] == 0
    assert not book.has("activities")
