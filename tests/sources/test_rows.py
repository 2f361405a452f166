"""Rows kept or rejected: ids, duplicates, conflicts, contradictions, links."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from decimal import Decimal

import pyarrow as pa
import pytest

from salesloop import schema
from salesloop.sources import load
from salesloop.sources.landing import ORIGIN, REJECT_COLUMNS

HEAD = "Deal Id,Deal Name,Deal Owner,Stage,Amount,Closing Date,Created Time,Modified Time\n"
ROW = "D1,Alpha,Ann,Closed Won,100,2026-03-31,2026-01-05,2026-03-31 10:00:00\n"


def _load(put, unit, rows, head=HEAD, name="deals.csv"):
    landing = load(put(name, head + rows), unit, mapping={})
    assert all(report.read == report.kept + report.rejected for report in landing.files)
    return landing


def _deals(landing):
    return landing.tables["opportunities"].to_pylist()


def _rules(landing):
    return Counter((row["rule"], row["severity"]) for row in landing.rejects.to_pylist())


def test_the_form_of_a_landing(put, unit):
    landing = _load(put, unit, ROW)
    table = landing.tables["opportunities"]
    kinds = {"id": pa.string(), "text": pa.string(), "word": pa.string(), "date": pa.date32(), "time": pa.timestamp("us"),
             "money": pa.decimal128(18, 2), "rate": pa.float64(), "number": pa.float64()}  # fmt: skip
    known = schema.table("opportunities").columns
    for field in table.schema:
        assert field.type == (ORIGIN[field.name] if field.name in ORIGIN else kinds[known[field.name].type])
    assert tuple(landing.rejects.column_names) == REJECT_COLUMNS
    assert _deals(landing)[0]["known_at"] == dt.datetime(2026, 3, 31, 2, 0)
    assert (_deals(landing)[0]["source"], _deals(landing)[0]["source_file"]) == ("file", "deals.csv")


def test_equal_rows_are_duplicates(put, unit):
    landing = _load(put, unit, ROW + ROW + ROW)
    assert _rules(landing) == {("duplicate", "quarantine"): 2}
    assert [row["source_row"] for row in _deals(landing)] == [1]


def test_of_two_states_the_later_modified_wins(put, unit):
    landing = _load(put, unit, ROW.replace("100", "300").replace("31 10", "31 12") + ROW)
    assert [row["amount"] for row in _deals(landing)] == [Decimal("300.00")]
    assert _rules(landing) == {("older_state", "quarantine"): 1}


def test_of_two_contents_none_is_kept_where_nothing_says_which_is_later(put, unit):
    landing = _load(put, unit, ROW + ROW.replace("100", "300") + ROW.replace("D1", "D2"))
    assert [row["opportunity_id"] for row in _deals(landing)] == ["D2"]
    assert _rules(landing) == {("conflicting_rows", "quarantine"): 2}


def test_the_same_row_in_two_exports(put, unit):
    put(
        "Deals_2026_03_31.csv",
        "Deal Id,Stage,Amount,Created Time\nD1,Qualification,5,2026-01-05\nD2,Won,7,2026-01-05\n",
    )
    file = put("Deals_2026_04_30.csv", "Deal Id,Stage,Amount,Created Time\nD1,Won,6,2026-01-05\nD2,Won,7,2026-01-05\n")
    landing = load(file.parent, unit)
    assert {row["opportunity_id"]: (row["status"], row["amount"]) for row in _deals(landing)} == {
        "D1": ("won", 6),
        "D2": ("won", 7),
    }
    assert _rules(landing) == {("older_state", "quarantine"): 1, ("duplicate", "quarantine"): 1}
    assert landing.as_of == dt.date(2026, 4, 30)


def test_a_row_without_id_is_rejected(put, unit):
    landing = _load(put, unit, ROW + ROW.replace("D1", "", 1))
    (reject,) = landing.rejects.to_pylist()
    assert (reject["rule"], reject["severity"], reject["column"], reject["row"]) == (
        "missing_id",
        "quarantine",
        "Deal Id",
        2,
    )
    assert '"Deal Name": "Alpha"' in reject["record"]


def test_what_contradicts_itself_is_kept_and_told(put, unit):
    rows = ("D1,A,Ann,Closed Won,100,2026-01-01,2026-01-05,\nD2,B,Ann,Closed Won,,2026-03-31,2026-01-05,\nD3,C,Ann,Closed Lost,5,,2026-01-05,\n"
            "D4,D,Ann,Qualification,5,2026-01-01,2026-01-05,\nD5,E,Ann,Closed Won,five,2026-03-31,2026-01-05,\nD6,F,Ann,Qualification,5,soon,2026-01-05,\n")  # fmt: skip
    landing = _load(put, unit, rows)
    assert len(_deals(landing)) == 6
    assert _rules(landing) == {
        ("closed_before_created", "warn"): 1, ("won_without_amount", "warn"): 2, ("closed_without_date", "warn"): 1,
        ("not_a_number", "warn"): 1, ("not_a_date", "warn"): 1}  # fmt: skip
    assert landing.files[0].by_rule["won_without_amount"] == 2


def test_found_never_quotes_the_data(put, unit):
    landing = _load(put, unit, ROW.replace("100", "sEcReT") + ROW.replace("D1", "", 1))
    assert landing.rejects.num_rows == 3
    assert all("sEcReT" not in row["found"] for row in landing.rejects.to_pylist())


def test_a_deal_won_on_its_first_day_is_not_closed_before_created(put, unit):
    """2026-01-05 07:00 in Shanghai is the 4th in UTC."""
    landing = _load(put, unit, "D1,A,Ann,Closed Won,100,2026-01-05,2026-01-05 07:00,\n")
    assert not _rules(landing)


def test_status_and_closing_date_share_one_column(put, unit):
    rows = "D1,A,Ann,Closed Won,1,2026-03-31,2026-01-05,\nD2,B,Ann,Qualification,1,2026-04-30,2026-01-05,\n"
    won, open_ = _deals(_load(put, unit, rows))
    assert (won["closed_on"], won["expected_close"]) == (dt.date(2026, 3, 31), dt.date(2026, 3, 31))
    assert (open_["closed_on"], open_["expected_close"]) == (None, dt.date(2026, 4, 30))


def test_zoho_ids_lose_their_prefix_and_join(put, unit):
    text = ("Record Id,Deal Owner.id,Deal Owner,Amount,Deal Name,Closing Date,Account Name.id,Account Name,Stage,Created Time\n"
            "zcrm_3652397000000049001,zcrm_3652397000000191001,Ann,5,A,2026-03-31,zcrm_3652397000000055001,Acme,Closed Won,2026-01-05\n")  # fmt: skip
    landing = load(put("Deals_2026_05_28.csv", text), unit)
    row = _deals(landing)[0]
    assert (row["opportunity_id"], row["owner_id"], row["account_id"]) == (
        "3652397000000049001", "3652397000000191001", "3652397000000055001")  # fmt: skip
    assert row["source"] == "zoho"
    assert landing.tables["reps"].select(["rep_id", "name"]).to_pylist() == [
        {"rep_id": "3652397000000191001", "name": "Ann"}
    ]


def test_a_zoho_report_with_repeated_labels(put, unit):
    text = ("Deal Name,Record Id,Stage,Amount,Closing Date,Created Time,Account Name (Account Name),Account Name (Account Name).id,"
            "Created Time (Account Name),Industry (Account Name)\nA,zcrm_1000000000000000001,Closed Won,5,2026-03-31,2026-01-05,Acme,zcrm_2000000000000000001,2020-01-01,Steel\n")  # fmt: skip
    row = _deals(load(put("report.csv", text), unit))[0]
    assert (row["account"], row["account_id"]) == ("Acme", "2000000000000000001")
    assert row["created_at"] == dt.datetime(2026, 1, 4, 16, 0)
    assert "Industry (Account Name)" in row["extra"]


def test_fxiaoke_labels_states_and_life(put, unit):
    text = ("*商机名称,客户名称,商机金额（元）,预计成交日期,销售阶段,商机状态,赢率,负责人,负责人主属部门,创建时间,最后修改时间,生命状态,竞争对手,数据ID\n"
            "甲,子公司,1.5万,2026年3月31日,商务谈判,进行中,60%,张三,华东一组,2026-01-05 09:00,2026-02-01 10:00,正常,丙；丁,5f0a\n"
            "乙,丑公司,20000,2026-02-28,赢单,赢单,100%,李四,华东一组,2026-01-06 09:00,2026-02-28 10:00,正常,无,5f0b\n"
            "丙,寅公司,100,2026-02-28,赢单,赢单,100%,李四,华东一组,2026-01-06 09:00,2026-02-28 10:00,作废,,5f0c\n")  # fmt: skip
    landing = load(put("商机2.0_20260331.csv", text), unit)
    first, second, third = _deals(landing)
    assert (first["amount"], first["status"], first["stage"], first["probability"]) == (15000, "open", "商务谈判", 0.6)
    assert first["competitor"] == "丙；丁"
    assert (second["status"], second["closed_on"]) == ("won", dt.date(2026, 2, 28))
    assert third["status"] == "void"
    assert first["source"] == "fxiaoke"
    assert landing.as_of == dt.date(2026, 3, 31)
    assert _rules(landing) == {("life_status", "warn"): 1}
    assert {row["team"] for row in landing.tables["memberships"].to_pylist()} == {"华东一组"}


def test_an_own_id_of_another_table_serves_as_key(put, unit):
    text = "Potential Name,Stage,Amount,Created Time,LEADID\nSame,Closed Won,5,2026-01-05,7\nSame,Closed Won,5,2026-01-05,8\n"
    landing = load(put("Potentials.csv", text), unit)
    assert [row["opportunity_id"] for row in _deals(landing)] == ["LEADID:7", "LEADID:8"]
    assert [row["lead_id"] for row in _deals(landing)] == ["7", "8"]


def test_a_combination_serves_as_key_and_else_the_content(put, unit):
    head = "Deal Name,Account Name,Stage,Amount,Created Time\n"
    landing = _load(put, unit, "A,X,Won,1,2026-01-05\nA,Y,Won,1,2026-01-05\nB,X,Won,1,2026-01-05\n", head)
    assert [row["opportunity_id"] for row in _deals(landing)] == ["A|X", "A|Y", "B|X"]
    landing = _load(put, unit, "A,X,Won,1,2026-01-05\nA,X,Won,2,2026-01-05\nA,X,Won,2,2026-01-05\n", head)
    ids = [row["opportunity_id"] for row in _deals(landing)]
    assert len(ids) == len(set(ids)) == 2
    assert _rules(landing) == {("duplicate", "quarantine"): 1}
    again = _load(put, unit, "A,X,Won,2,2026-01-05\nA,X,Won,1,2026-01-05\n", head, "other.csv")
    assert [row["opportunity_id"] for row in _deals(again)] == ids[::-1]


def test_equal_activities_without_id_are_each_kept(put, unit):
    text = "Task Owner,Subject,Created Time,Due Date,Status\n" + "Ann,Call,2026-01-05,2026-01-06,Completed\n" * 3
    landing = load(put("Tasks.csv", text), unit)
    ids = landing.tables["activities"].column("activity_id").to_pylist()
    assert len(set(ids)) == 3
    assert any("equal to another row" in note for note in landing.files[0].notes)


def test_unknown_columns_are_kept_aside_as_json(put, unit):
    head = HEAD.replace("\n", ',"Own ""field""",备注\n')
    landing = _load(put, unit, ROW.replace("\n", ',"a ""b"" \\c",行\n'), head)
    import json

    assert json.loads(_deals(landing)[0]["extra"]) == {'Own "field"': 'a "b" \\c', "备注": "行"}
    assert landing.files[0].unknown == ['Own "field"', "备注"]


HOSTILE = [
    "<script>alert(1)</script>",
    "$x$",
    "=HYPERLINK(1)",
    "\u202egnp.exe",
    "a\u0000b",
    '";DROP TABLE x;--',
    "{{7*7}}",
    "\x1b[31m",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_comes_through_as_text(put, unit, text):
    row = _deals(_load(put, unit, ROW.replace("Alpha", '"' + text.replace('"', '""') + '"')))[0]
    assert row["name"] == text


def test_two_people_of_one_name_are_not_mixed(put, unit):
    put("users.csv", "User Id,Full Name,Email\n1,张三,a@x\n2,张三,b@x\n3,李四,c@x\n")
    file = put(
        "deals.csv", "Deal Id,Owner,Stage,Amount,Created Time\nD1,张三,Won,1,2026-01-05\nD2,李四,Won,1,2026-01-05\n"
    )
    landing = load(file.parent, unit)
    assert [(row["owner_id"], row["owner"]) for row in _deals(landing)] == [(None, "张三"), ("3", "李四")]
    assert _rules(landing) == {("ambiguous_owner", "warn"): 1}


def test_one_person_spelled_twice_is_one(put, unit):
    landing = load(put("deals.csv", "Deal Id,Owner,Stage,Amount,Created Time\nD1,Ann  Lee,Won,1,2026-01-05\nD2,ann lee,Won,1,2026-01-05\n"), unit)  # fmt: skip
    assert {row["owner_id"] for row in _deals(landing)} == {"Ann  Lee"}
    assert landing.tables["reps"].num_rows == 1


def test_ids_that_differ_by_file_are_joined_by_the_users_name(put, unit):
    put("users.csv", "User Id,Full Name,Email\n1001,Ann,a@x\n")
    file = put(
        "deals.csv", "Deal Id,Deal Owner.id,Deal Owner,Stage,Amount,Created Time\nD1,zcrm_77,Ann,Won,1,2026-01-05\n"
    )
    assert [row["owner_id"] for row in _deals(load(file.parent, unit))] == ["1001"]


def test_accounts_by_name(put, unit):
    put("accounts.csv", "Account Id,Account Name,Industry\n1,Acme Ltd,Steel\n2,Twice,Steel\n3,Twice,Wood\n")
    rows = "D1,Acme Ltd,Won,1,2026-01-05\nD2,acme ltd,Won,1,2026-01-05\nD3,Twice,Won,1,2026-01-05\nD4,Acmee Ltd,Won,1,2026-01-05\n"
    file = put("deals.csv", "Deal Id,Account Name,Stage,Amount,Created Time\n" + rows)
    landing = load(file.parent, unit)
    assert [row["account_id"] for row in _deals(landing)] == ["1", "1", None, "Acmee Ltd"]
    rejects = {row["rule"]: row["found"] for row in landing.rejects.to_pylist()}
    assert set(rejects) == {"ambiguous_account", "unknown_account"}
    assert "1 are nearly one of its names" in rejects["unknown_account"]


def test_a_later_file_with_names_alone_meets_the_stored_ids(put, unit, root):
    from salesloop import store
    from salesloop.params import write_yaml

    write_yaml(root / "params" / "u" / "unit.yml", {"currency": "CNY"})
    put("users.csv", "User Id,Full Name,Email\n1001,Ann,a@x\n")
    put("accounts.csv", "Account Id,Account Name,Industry\n1,Acme Ltd,Steel\n")
    put("products.csv", "Product,Series,Price\nGTX Pro,GTX,5\n")
    deals = "Deal Id,Owner,Account Name,Product,Stage,Amount,Created Time\nD1,Ann,Acme Ltd,GTXPro,Won,1,2026-01-05\n"
    store.land("u", load(put("deals.csv", deals).parent, unit))
    landing = load(put("deals.csv", deals), unit)
    row = _deals(landing)[0]
    assert (row["owner_id"], row["account_id"], row["product"]) == ("1001", "1", "GTX Pro")
    assert "reps" not in landing.tables
    assert store.compare("u", landing).empty


def test_labels_that_begin_alike_and_two_closing_times(put, unit):
    text = ("Deal - ID,Deal - Title,Deal - Owner,Deal - Value,Deal - Currency of Value,Deal - Stage,Deal - Status,Deal - Deal created,"
            "Deal - Won time,Deal - Lost time\n1,Big,Ann,5000,EUR,Proposal,Won,2026-01-05 10:00:00,2026-03-30 10:00:00,\n"
            "2,Bad,Ann,10,EUR,Proposal,Lost,2026-01-05 10:00:00,,2026-03-31 10:00:00\n")  # fmt: skip
    first, second = _deals(load(put("all deals.csv", text), unit))
    assert (first["name"], first["amount"], first["currency"], first["closed_on"]) == (
        "Big",
        5000,
        "EUR",
        dt.date(2026, 3, 30),
    )
    assert (second["status"], second["closed_on"]) == ("lost", dt.date(2026, 3, 31))


def test_traditional_labels(put, unit):
    text = "機會名稱,所屬客戶,預計金額,預計簽單日期,商機階段,負責人,創建時間,唯一性ID\n甲,子,5萬,2026.03.31,赢单,张三,2026/1/5 上午9:05,1\n"
    row = _deals(load(put("export.csv", text), unit))[0]
    assert (row["name"], row["account"], row["amount"], row["owner"], row["opportunity_id"]) == (
        "甲",
        "子",
        50000,
        "张三",
        "1",
    )
    assert row["created_at"] == dt.datetime(2026, 1, 5, 1, 5)


def test_a_probability_that_contradicts_the_outcome_is_told(put, unit):
    head = HEAD.replace("\n", ",Probability\n")
    rows = "".join(
        f"D{i},A,Ann,Closed {'Won' if i % 2 else 'Lost'},1,2026-03-31,2026-01-05,,{100 if i < 20 else 0}\n"
        for i in range(40)
    )
    (report,) = _load(put, unit, rows, head).files
    assert any("'Probability' contradicts the outcome of 20 of 40 closed deals" in note for note in report.notes)


def test_a_mapping_for_one_table_is_not_forced_on_another(put, unit, root):
    load(put("export.csv", HEAD + ROW), unit)
    landing = load(put("export.csv", "Account Id,Account Name,Industry\n1,Acme,Steel\n"), unit)
    assert set(landing.tables) == {"accounts"}
