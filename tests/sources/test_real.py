"""The public data: their counts and traps, known from outside this code."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from decimal import Decimal
from functools import cache

import pyarrow.compute as pc

from salesloop.params import UnitConfig
from salesloop.sources import load

UNIT = UnitConfig(unit="u")


@cache
def _load(folder):
    return load(folder, UNIT, mapping={})


def _counts(landing, column="status"):
    return Counter(landing.tables["opportunities"].column(column).to_pylist())


def _balanced(landing):
    return all(report.read == report.kept + report.rejected for report in landing.files)


def _facts(table):
    return table.drop_columns(["source_file"]).to_pylist()


def test_maven_goes_in_without_a_question(shared):
    landing = _load(shared("crm_maven"))
    assert _counts(landing) == {"won": 4238, "lost": 2473, "open": 2089}
    assert _counts(landing, "stage") == {"Won": 4238, "Lost": 2473, "Engaging": 1589, "Prospecting": 500}
    deals = landing.tables["opportunities"]
    won = deals.filter(pc.equal(deals.column("status"), "won"))
    assert pc.sum(won.column("amount")).as_py() == Decimal("10005534.00")
    assert deals.column("account").null_count == 1425
    assert deals.column("created_at").null_count == 500
    assert deals.column("closed_on").null_count == deals.column("amount").null_count == 2089
    assert pc.min_max(deals.column("closed_on")).as_py() == {"min": dt.date(2017, 3, 1), "max": dt.date(2017, 12, 31)}
    assert _balanced(landing)
    (report,) = (report for report in landing.files if report.table == "opportunities")
    assert (report.read, report.kept, report.source_total) == (8800, 8800, "10005534.00")


def test_maven_spelling_errors_are_reported_and_the_dictionary_set_aside(shared):
    landing = _load(shared("crm_maven"))
    told = " ".join(landing.assumptions)
    assert "'GTXPro' is read as 'GTX Pro'" in told
    assert "'technolgy'" in told
    assert "'Philipines'" in told
    assert "GTXPro" not in set(landing.tables["opportunities"].column("product").to_pylist())
    assert [report.file for report in landing.files if report.table is None] == ["data_dictionary.csv"]


def test_maven_reps_without_deals_stay_and_teams_are_the_managers(shared):
    landing = _load(shared("crm_maven"))
    owners = set(landing.tables["opportunities"].column("owner_id").to_pylist())
    reps = set(landing.tables["reps"].column("rep_id").to_pylist())
    assert len(reps) == 35
    assert len(reps - owners) == 5
    members = {row["rep"]: row for row in landing.tables["memberships"].to_pylist()}
    assert members["Anna Snelling"]["team"] == members["Anna Snelling"]["manager"] == "Dustin Brinkmann"
    assert members["Anna Snelling"]["region"] == "Central"


def test_three_date_layouts_of_one_truth_are_one_table(shared, unit):
    folder = shared("crm_maven")
    files = [folder / "sales_pipeline.csv", folder / "variants" / "sales_pipeline__mdy.csv",
             folder / "variants" / "sales_pipeline__dd-mm-yy_extra_cols.csv"]  # fmt: skip
    first, second, third = (load(file, unit, mapping={}).tables["opportunities"] for file in files)
    assert _facts(first) == _facts(second)
    assert _facts(first.drop_columns(["extra"])) == _facts(third.drop_columns(["extra"]))
    assert third.column("extra")[0].as_py() == '{"engage_quarter": "Q4 2016", "close_quarter": "Q1 2017"}'


def test_a_written_mapping_gives_the_same_tables_again(shared, unit, root):
    first = load(shared("crm_maven"), unit)
    file = root / "params" / "u" / "mapping.yml"
    text = file.read_text(encoding="utf-8")
    second = load(shared("crm_maven"), unit)
    assert file.read_text(encoding="utf-8") == text
    assert {name: table.to_pylist() for name, table in first.tables.items()} == {
        name: table.to_pylist() for name, table in second.tables.items()
    }
    assert first.assumptions == second.assumptions


def test_zoho_demo_counts(shared):
    landing = _load(shared("crm_zoho_demo"))
    deals = landing.tables["opportunities"]
    assert _counts(landing) == {"won": 1425, "lost": 485, "open": 1722}
    assert deals.num_rows == len(set(deals.column("opportunity_id").to_pylist())) == 3632
    assert {name: landing.tables[name].num_rows for name in ("leads", "accounts", "contacts", "orders")} == {
        "leads": 3900, "accounts": 2229, "contacts": 1265, "orders": 2061}  # fmt: skip
    types = Counter(landing.tables["activities"].column("type").to_pylist())
    assert types == {"call": 4100, "meeting": 2978, "task": 2978}
    assert landing.tables["reps"].num_rows == 11
    assert set(deals.column("owner_id").to_pylist()) <= {str(number) for number in range(1001, 1012)}
    assert _balanced(landing)
    assert any("known again by 'LEADID'" in text for text in landing.assumptions)
    assert {report.profile for report in landing.files if report.table} == {"zoho"}
    assert pc.max(deals.column("closed_on")).as_py() == dt.date(2021, 5, 20)  # after the newest creation, and kept


def test_zoho_demo_values(shared):
    landing = _load(shared("crm_zoho_demo"))
    first = landing.tables["opportunities"].slice(0, 1).to_pylist()[0]
    assert (first["amount"], first["currency"], first["type"]) == (Decimal("22700.00"), "USD", "expansion")
    assert first["created_at"] == dt.datetime(2021, 4, 14, 16, 2)  # 00:02 in Shanghai
    assert (first["expected_close"], first["closed_on"]) == (dt.date(2021, 4, 16), None)
    order = landing.tables["orders"].slice(0, 1).to_pylist()[0]
    assert (order["order_id"], order["amount"], order["ordered_on"]) == (
        "21000837",
        Decimal("7982.00"),
        dt.date(2021, 7, 3),
    )
    aside = {report.file for report in landing.files if report.table is None}
    assert aside == {"Campaign_Lead_Status.csv", "Campaigns.csv", "Cases.csv", "Invoice_Line_Items.csv", "Invoices.csv",
                     "Price_Books.csv", "Quotes.csv"}  # fmt: skip


def test_quotas_find_their_period_and_their_reps(shared, unit):
    landing = load(shared("quotas_adventureworks"), unit)
    targets = landing.tables["targets"].to_pylist()
    assert {"2018Q1"} & {row["period"] for row in targets} == set()  # a quarter of quotas is missing
    assert {row["period"] for row in targets} >= {"2017Q3", "2019Q2"}
    assert {row["name"] for row in targets} <= set(landing.tables["reps"].column("name").to_pylist())
    assert (
        next(row for row in targets if row["name"] == "Michael Blythe" and row["period"] == "2017Q3")["amount"]
        == 367000.0
    )
    managers = {row["rep"]: row["manager"] for row in landing.tables["memberships"].to_pylist()}
    assert managers["Michael Blythe"] == "Stephen Jiang"
    assert landing.tables["orders"].num_rows == 1994
    assert pc.sum(landing.tables["orders"].column("amount")).as_py() == Decimal("44408822.13")


def test_ibm_duplicates_and_conflicts(shared, unit):
    landing = load(shared("crm_ibm_winloss"), unit)
    (report,) = landing.files
    assert (report.read, report.by_rule["duplicate"]) == (78025, 55)
    assert report.kept + report.rejected == report.read
    assert report.by_rule["conflicting_rows"] == 78025 - 55 - report.kept
    counts = _counts(landing)
    assert abs(counts["won"] / report.kept - 0.226) < 0.001


def test_xeducation_select_means_missing(shared, unit):
    landing = load(shared("crm_xeducation") / "Leads.csv.gz", unit)
    leads = landing.tables["leads"]
    assert leads.num_rows == 9240
    assert round(sum(leads.column("converted").to_pylist()) / 9240, 3) == 0.385
    assert leads.column("lead_source").null_count == 36
