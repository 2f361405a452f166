"""What an analyst asks of books, results and stages: a wrong question is an error that helps, never a bare one."""

from __future__ import annotations

import json

import pandas as pd
import pytest

import salesloop
from salesloop.book import Book
from salesloop.errors import SalesloopError
from salesloop.results import Stage

FRAME = pd.DataFrame({"a": [1]})
TWICE = pd.DataFrame([[1, 2]], columns=["a", "a"])
TITLE = {"title": "column.name"}


@pytest.fixture
def unit(own_root) -> str:
    """A unit with two published months and one frozen one."""
    (own_root / "params/north").mkdir(parents=True)
    (own_root / "params/north/unit.yml").write_text("unit: north\n", encoding="utf-8")
    for month, value in (("2026-09", 5.0), ("2026-10", 7.0)):
        folder = own_root / "reports/north" / month / "results"
        (folder / "kpi").mkdir(parents=True)
        FRAME.to_parquet(folder / "kpi/scorecard.parquet")
        told = {"value": value, "uom": "count", "n": 3, "low": None, "high": None, "confidence": None}
        told = {"values": {"deals": told}, "tables": {"scorecard": {"file": "kpi/scorecard.parquet"}}}
        (folder / "kpi.json").write_text(json.dumps(told), encoding="utf-8")
    return "north"


def test_history_holds_a_result_of_every_published_month(unit):
    values = salesloop.history("kpi.deals", unit)
    assert values[["period", "value", "n"]].values.tolist() == [["2026-09", 5.0, 3], ["2026-10", 7.0, 3]]
    assert salesloop.history("kpi.scorecard", unit).values.tolist() == [[1, "2026-09"], [1, "2026-10"]]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (lambda: salesloop.open_book(None), "UNIT: found 'None'"),
        (lambda: salesloop.open_book("nort"), "did you mean north?"),
        (lambda: salesloop.open_book("north", "2026-13"), "a calendar month such as 2026-10"),
        (lambda: salesloop.open_book("north", 202610), "a calendar month such as 2026-10"),
        (lambda: salesloop.open_book("north", pd.Period("2026Q4")), "a calendar month such as 2026-10"),
        (lambda: salesloop.open_book("north", "2026-10"), "found no frozen tables"),
        (lambda: salesloop.open_book("north", "2026-10", "14.10."), "as_of: found '14.10.'"),
        (lambda: salesloop.history(None, "north"), "result 'None': found in no published period"),
        (lambda: salesloop.history("*.deals", "north"), "in no published period"),
        (lambda: salesloop.history("kpi.deals", "nort"), "did you mean north?"),
        (lambda: salesloop.open_stage("../x", "north"), "stage '../x': found a name that no file can bear"),
        (lambda: salesloop.open_stage(None, "north"), "a name that no file can bear"),
    ],
)
def test_a_wrong_question_is_answered(unit, asked, told):
    with pytest.raises(SalesloopError) as caught:
        asked()
    said = str(caught.value)
    assert told in said
    assert all(part in said for part in (": found ", "; allowed: ", "; next: "))


@pytest.fixture
def book():
    return Book.from_tables({"accounts": pd.DataFrame({"account_id": ["A"]})}, period="2026-10")


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (lambda book: book.table("account"), "table 'account': found no such table"),
        (lambda book: book.table(None), "table None: found no such table"),
        (lambda book: book.table("accounts", ["account_id", "nope"]), "table accounts: found no column nope"),
        (lambda book: book.actual("bookings", "planet:x", ["2026-10"]), "scope: found 'planet:x'"),
        (lambda book: book.actual("bookings", None, ["2026-10"]), "scope: found None"),
        (lambda book: book.actual("bookings", "company", ["October"]), "a calendar month such as 2026-10"),
    ],
)
def test_a_book_says_what_it_holds(book, asked, told):
    with pytest.raises(SalesloopError) as caught:
        asked(book)
    assert told in str(caught.value)
    assert "; next: " in str(caught.value)


def test_a_month_may_be_named_as_text():
    deal = {
        "opportunity_id": "D1",
        "status": "won",
        "amount": 9.0,
        "closed_on": "2026-10-07",
        "created_at": "2026-09-01",
    }
    book = Book.from_tables({"opportunities": pd.DataFrame([deal])}, period="2026-10")
    assert book.actual("bookings", "company", "2026-10") == (9.0, 1)
    assert book.actual("bookings", "company", [book.period]) == (9.0, 1)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (lambda s: s.value("n", "Acme owes 7", uom="count"), "own.n: value: found a str"),
        (lambda s: s.value("n", 1.0, uom="count", high=float("inf")), "own.n: high: found an infinite number"),
        (lambda s: s.value("n", FRAME, uom="count"), "own.n: value: found a DataFrame"),
        (lambda s: s.value("../n", 1, uom="count"), "value '../n': found a name that no file can bear"),
        (lambda s: s.table("t", [1, 2], **TITLE), "table own.t: found a list; allowed: a DataFrame"),
        (lambda s: s.table("t", TWICE, **TITLE), "table own.t: found two columns of the name a"),
        (lambda s: s.table("t", FRAME, columns=["b"], **TITLE), "table own.t: found no column 'b'"),
        (lambda s: s.table("t", FRAME.astype(str).replace("1", "Acme"), formats={"a": "money"}, **TITLE), "own.t.a: found a value"),
        (lambda s: s.table("t", pd.DataFrame({"a": [1, "Acme", None]}), **TITLE), "table own.t.a: found values of several kinds"),
        (lambda s: s.table("../../t", FRAME, **TITLE), "a name that no file can bear"),
        (lambda s: s.keep("k", None), "table own.k: found a NoneType"),
        (lambda s: s.tell("review.nothing_due"), "sentence of own: found a str"),
        (lambda s: s.say("review.headline", n=1), "message review.headline: found KeyError: 'kept'"),
        (lambda s: s.figure("f", FRAME, title="column.name", alt="column.name"), "plot own.f: found no such function"),
    ],
)  # fmt: skip
def test_a_stage_keeps_nothing_that_no_page_can_show(book, tmp_path, asked, told):
    with pytest.raises(SalesloopError) as caught:
        asked(Stage("own", book, tmp_path))
    said = str(caught.value)
    assert told in said
    assert all(part in said for part in (": found ", "; allowed: ", "; next: "))
    assert "Acme" not in said


def test_a_sentence_with_an_infinite_number_is_named_when_the_stage_is_saved(book, tmp_path):
    stage = Stage("own", book, tmp_path)
    stage.content["sentences"].append({"id": "x", "values": {"n": float("inf")}})
    with pytest.raises(SalesloopError, match="results of own: found what JSON cannot hold"):
        stage.save()
