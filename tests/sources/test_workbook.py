"""Workbooks: raw cells, damaged ids, both epochs, several and hidden sheets; Parquet."""

from __future__ import annotations

import datetime as dt
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from salesloop.errors import DataError
from salesloop.sources import load

openpyxl = pytest.importorskip("openpyxl", reason="openpyxl makes the workbooks of these tests")
HEAD = ["Deal Id", "Deal Name", "Owner", "Stage", "Amount", "Closing Date", "Created Time"]


def _book(put, name, pages, *, since_1904=False, hidden=()):
    book = openpyxl.Workbook()
    if since_1904:
        from openpyxl.utils.datetime import CALENDAR_MAC_1904

        book.epoch = CALENDAR_MAC_1904
    book.remove(book.active)
    for title, rows in pages.items():
        page = book.create_sheet(title)
        page.sheet_state = "hidden" if title in hidden else "visible"
        for row in rows:
            page.append(row)
    out = io.BytesIO()
    book.save(out)
    return put(name, out.getvalue())


def _deals(landing):
    return landing.tables["opportunities"].to_pylist()


def test_cells_of_mixed_kinds(put, unit):
    rows = [
        ["D1", "A", "Ann", "Closed Won", 100, dt.date(2026, 3, 31), dt.datetime(2026, 1, 5, 9, 0)],
        ["D2", "B", "Ann", "Closed Won", "1,200.50", 46112, "2026/1/5 下午2:05"],
        ["D3", "C", "Ann", "Closed Won", "", "2026年3月31日", 46027.375],
        [4, "D", "Ann", "Qualification", 1.5, None, None],
    ]
    deals = _deals(load(_book(put, "deals.xlsx", {"Deals": [HEAD, *rows]}), unit))
    assert [row["opportunity_id"] for row in deals] == ["D1", "D2", "D3", "4"]
    assert [row["closed_on"] for row in deals[:3]] == [dt.date(2026, 3, 31)] * 3
    assert [row["created_at"] for row in deals[:3]] == [
        dt.datetime(2026, 1, 5, 1, 0), dt.datetime(2026, 1, 5, 6, 5), dt.datetime(2026, 1, 5, 1, 0)]  # fmt: skip
    assert [str(row["amount"]) for row in deals] == ["100.00", "1200.50", "None", "1.50"]


def test_days_that_count_from_1904(put, unit):
    rows = [
        ["D1", "A", "Ann", "Closed Won", 1, dt.date(2026, 3, 31), None],
        ["D2", "B", "Ann", "Closed Won", 1, 44650, None],
    ]
    landing = load(_book(put, "deals.xlsx", {"Deals": [HEAD, *rows]}, since_1904=True), unit)
    assert [row["closed_on"] for row in _deals(landing)] == [dt.date(2026, 3, 31)] * 2
    assert any("1904" in note for note in landing.files[0].notes)


def test_ids_that_a_spreadsheet_damaged_are_asked_about(put, unit):
    """3652397000000049001 as a number is the double 3652397000000049152."""
    rows = [
        [3652397000000049001 + i, f"N{i}", "Ann", "Closed Won", 1, dt.date(2026, 3, 31), dt.date(2026, 1, i + 1)]
        for i in range(3)
    ]
    file = _book(put, "deals.xlsx", {"Deals": [HEAD, *rows]})
    with pytest.raises(DataError, match="damaged by a spreadsheet") as caught:
        load(file, unit)
    assert "proposed: ['Deal Name', 'Owner']" in str(caught.value)
    answer = {"files": [{"file": "deals.xlsx", "table": "opportunities", "key": ["Deal Name", "Owner"]}]}
    landing = load(file, unit, mapping=answer)
    assert [row["opportunity_id"] for row in _deals(landing)] == ["N0|Ann", "N1|Ann", "N2|Ann"]


@pytest.mark.parametrize("ids", [["3.6524E+18", "3.6524E+18"], [f"3652397000{i:05d}0000" for i in range(6)]])
def test_ids_that_a_spreadsheet_rounded_in_a_csv(put, unit, ids):
    rows = "".join(f"{one},N{i},Ann,Won,1,2026-03-31,2026-01-05\n" for i, one in enumerate(ids))
    with pytest.raises(DataError, match="damaged by a spreadsheet"):
        load(put("deals.csv", ",".join(HEAD) + "\n" + rows), unit)


def test_damaged_links_are_left_out_and_told(put, unit):
    head = ["Deal Id", "Account Name.id", "Account Name", "Stage", "Amount", "Created Time"]
    file = _book(
        put, "deals.xlsx", {"Deals": [head, ["D1", 3652397000000049001, "Acme", "Won", 1, dt.date(2026, 1, 5)]]}
    )
    landing = load(file, unit)
    assert _deals(landing)[0]["account_id"] == "Acme"
    assert [row["rule"] for row in landing.rejects.to_pylist()] == ["damaged_id"]


def test_title_rows_notes_and_several_sheets(put, unit):
    pages = {
        "模块说明": [["本文件为商机导出"], ["仅供内部使用"]],
        "商机": [["商机导出 2026-03-31"], [], ["*商机名称", "销售阶段", "金额(万元)", "创建时间", "数据ID"], ["甲", "赢单", 1.5, dt.date(2026, 1, 5), "a1"],
               ["合计", None, 1.5, None, None]],
        "Accounts": [["Account Id", "Account Name", "Industry"], ["1", "Acme", "Steel"]],
        "old": [HEAD, ["D9", "Z", "Ann", "Won", 1, None, None]],
    }  # fmt: skip
    landing = load(_book(put, "export.xlsx", pages, hidden=("old",)), unit)
    assert [row["opportunity_id"] for row in _deals(landing)] == ["a1"]
    assert _deals(landing)[0]["amount"] == 15000
    assert landing.tables["accounts"].num_rows == 1
    aside = {report.sheet: report.notes[0] for report in landing.files if report.table is None}
    assert set(aside) == {"模块说明", "old"}
    assert aside["old"] == "set aside: a hidden sheet"
    assert all(report.read == report.kept + report.rejected for report in landing.files)


def test_a_workbook_cut_off(put, unit):
    whole = _book(put, "deals.xlsx", {"Deals": [HEAD, ["D1", "A", "Ann", "Won", 1, None, None]]}).read_bytes()
    for n in (100, len(whole) // 2, len(whole) - 30):
        with pytest.raises(DataError, match=r"deals\.xlsx: found a workbook that cannot be opened"):
            load(put("deals.xlsx", whole[:n]), unit)


def test_a_workbook_named_csv_is_read_by_its_content(put, unit):
    whole = _book(put, "deals.xlsx", {"Deals": [HEAD, ["D1", "A", "Ann", "Won", 1, None, None]]}).read_bytes()
    assert len(_deals(load(put("deals.csv", whole), unit))) == 1


def test_header_only_and_empty_sheets(put, unit):
    with pytest.raises(DataError, match="a header and no rows"):
        load(_book(put, "deals.xlsx", {"Deals": [HEAD]}), unit)
    with pytest.raises(DataError, match="it is empty"):
        load(_book(put, "blank.xlsx", {"Deals": []}), unit)


def test_parquet_keeps_its_types(put, unit):
    table = pa.table({
        "Deal Id": pa.array([3652397000000049001, 3652397000000049002]), "Stage": pa.array(["Won", "Open"]).dictionary_encode(),
        "Amount": pa.array([1.5, 2.0]), "Closing Date": pa.array([dt.date(2026, 3, 31), None]),
        "Created Time": pa.array([dt.datetime(2026, 1, 5, 1, 0)] * 2, pa.timestamp("us", "UTC")),
    })  # fmt: skip
    out = io.BytesIO()
    pq.write_table(table, out)
    deals = _deals(load(put("deals.parquet", out.getvalue()), unit))
    assert [row["opportunity_id"] for row in deals] == ["3652397000000049001", "3652397000000049002"]
    assert deals[0]["created_at"] == dt.datetime(2026, 1, 5, 1, 0)
    assert deals[0]["closed_on"] == dt.date(2026, 3, 31)


def test_hidden_rows_are_read_and_told(put, unit):
    book = openpyxl.Workbook()
    for row in (HEAD, ["D1", "A", "Ann", "Won", 1, None, None], ["D2", "B", "Ann", "Won", 1, None, None]):
        book.active.append(row)
    book.active.row_dimensions[3].hidden = True
    out = io.BytesIO()
    book.save(out)
    landing = load(put("deals.xlsx", out.getvalue()), unit)
    assert len(_deals(landing)) == 2
    assert any("hides 1 rows" in note for note in landing.files[0].notes)
