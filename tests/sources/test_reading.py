"""Bytes to rows: encodings, delimiters, title rows, totals, ragged rows, damaged files."""

from __future__ import annotations

import codecs
import datetime as dt
import io
import json
import zipfile

import pytest

from salesloop import sources
from salesloop.errors import DataError, SalesloopError
from salesloop.sources import load, records
from salesloop.sources.decode import decode

HEAD = "Deal Id,Deal Name,Owner,Stage,Amount,Closing Date,Created Time\n"
ROWS = "D1,Alpha,Ann,Closed Won,100,2026-03-31,2026-01-05\nD2,Beta,Bob,Qualification,200,2026-04-30,2026-02-01\n"
CHINESE = "商机名称,负责人,销售阶段,商机金额,预计成交日期,创建时间,数据ID\n甲,张三,赢单,100,2026-03-31,2026-01-05,a1\n乙,李四,需求确认,200,2026-04-30,2026-02-01,a2\n"


def _deals(landing):
    return landing.tables["opportunities"].to_pylist()


def _report(landing):
    (report,) = (report for report in landing.files if report.table)
    assert report.read == report.kept + report.rejected
    return report


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030", "gbk"])
def test_chinese_text_in_any_usual_encoding(put, unit, encoding):
    landing = load(put("商机.csv", CHINESE, encoding), unit)
    assert [row["name"] for row in _deals(landing)] == ["甲", "乙"]
    assert [row["status"] for row in _deals(landing)] == ["won", "open"]


def test_rare_characters_of_gb18030(put, unit):
    landing = load(put("商机.csv", CHINESE.replace("张三", "张㐂"), "gb18030"), unit)
    assert _deals(landing)[0]["owner"] == "张㐂"


def test_western_names_are_not_taken_for_chinese(put, unit):
    text = HEAD + ROWS.replace("Alpha", "Müßig Zürich").replace("Beta", "Köln Straße")
    landing = load(put("deals.csv", text, "cp1252"), unit)
    assert [row["name"] for row in _deals(landing)] == ["Müßig Zürich", "Köln Straße"]
    assert _report(landing).encoding == "cp1252"
    assert any("cp1252" in note for note in _report(landing).notes)


def test_the_mark_never_stays_on_the_first_label(put, unit):
    landing = load(put("deals.csv", codecs.BOM_UTF8 + (HEAD + ROWS).encode()), unit)
    assert [row["opportunity_id"] for row in _deals(landing)] == ["D1", "D2"]


def test_an_encoding_told_wrongly_is_named():
    with pytest.raises(DataError, match="not utf-8, as the mapping says"):
        decode("客户".encode("gb18030"), "a.csv", "utf-8")


@pytest.mark.parametrize("sign", [";", "\t", "|", ","])
def test_delimiters(put, unit, sign):
    landing = load(put("deals.csv", (HEAD + ROWS).replace(",", sign)), unit)
    assert [row["amount"] for row in _deals(landing)] == [100, 200]


def test_a_delimiter_inside_quotes_and_line_breaks_in_cells(put, unit):
    text = HEAD + 'D1,"Alpha, ""the"" first\nline",Ann,Closed Won,"1,000",2026-03-31,2026-01-05\n'
    landing = load(put("deals.csv", text), unit)
    assert _deals(landing)[0]["name"] == 'Alpha, "the" first\nline'
    assert _deals(landing)[0]["amount"] == 1000


@pytest.mark.parametrize("ending", ["\r\n", "\n", "\r"])
def test_line_endings(put, unit, ending):
    landing = load(put("deals.csv", (HEAD + ROWS).replace("\n", ending)), unit)
    assert len(_deals(landing)) == 2


def test_title_rows_totals_and_footers(put, unit):
    text = (
        "Deals of the north,,,,,,\nExported by Ann,,,,,,\n"
        + HEAD
        + ROWS
        + "Total,,,,300,,\nExported on: 2026-03-31,,,,,,\n"
    )
    landing = load(put("deals.csv", text), unit)
    report = _report(landing)
    assert (report.read, report.kept) == (4, 2)
    assert report.by_rule == {"total_row": 1, "footer": 1}
    assert report.source_total == "300.00"
    assert any("own total agrees" in note for note in report.notes)


def test_a_total_that_differs_is_told(put, unit):
    landing = load(put("商机.csv", CHINESE + "合计,,,999,,,\n"), unit)
    report = _report(landing)
    assert report.source_total == "999.00"
    assert any("differs" in note for note in report.notes)
    assert landing.rejects.to_pylist()[0]["rule"] == "total_row"


def test_a_company_called_total_is_no_total(put, unit):
    landing = load(put("deals.csv", HEAD.replace("Deal Id,Deal Name", "Deal Name,Deal Id") + "Total Gas,D1,Ann,Open,1,2026-03-31,2026-01-05\n"), unit)  # fmt: skip
    assert _deals(landing)[0]["name"] == "Total Gas"


def test_ragged_rows(put, unit):
    text = (
        HEAD
        + ROWS
        + "D3,Gamma,Ann,Open\nD4,Delta,Ann,Open,5,2026-04-30,2026-02-01,,\nD5,E,Ann,Open,5,2026-04-30,2026-02-01,x,y\n"
    )
    landing = load(put("deals.csv", text), unit)
    assert [row["opportunity_id"] for row in _deals(landing)] == ["D1", "D2", "D3", "D4"]
    assert [row["source_row"] for row in _deals(landing)] == [1, 2, 3, 4]
    (reject,) = [row for row in landing.rejects.to_pylist() if row["severity"] == "quarantine"]
    assert (reject["rule"], reject["row"], reject["found"]) == ("ragged_row", 5, "9 cells where the header has 7")
    assert '"column 8": "x"' in reject["record"]


def test_labels_doubled_blank_starred_and_broken(put, unit):
    text = '*Deal Id,"Deal\n Name",Owner,Stage,Amount,Closing Date,Created Time,Note,Note,,\nD1,A,Ann,Open,1,2026-03-31,2026-01-05,x,y,z,\n'
    landing = load(put("deals.csv", text), unit)
    assert _deals(landing)[0]["opportunity_id"] == "D1"
    assert _deals(landing)[0]["extra"] == '{"Note": "x", "Note (2)": "y", "column 10": "z"}'


def test_guards_against_formulas_are_taken_off(put, unit):
    text = HEAD + '"=""0012""",\'=SUM(1),Ann,Open,\'-5,2026-03-31,2026-01-05\n'
    row = _deals(load(put("deals.csv", text), unit))[0]
    assert (row["opportunity_id"], row["name"], row["amount"]) == ("0012", "=SUM(1)", -5)


def test_a_cell_of_ten_megabytes(put, unit):
    text = HEAD + f"D1,{'x' * 10_000_000},Ann,Open,1,2026-03-31,2026-01-05\n" + ROWS.replace("D1", "D3")
    landing = load(put("deals.csv", text), unit)
    assert _report(landing).kept == 3
    assert len(_deals(landing)[0]["name"]) == 32_767
    assert landing.rejects.to_pylist()[0]["rule"] == "too_long"


def test_gzip(put, unit):
    assert len(_deals(load(put("deals.csv.gz", HEAD + ROWS), unit))) == 2


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("deals.csv", b"", "it is empty"),
        ("deals.csv", b"\n\n  \n", "it is empty"),
        ("deals.csv", HEAD.encode(), "a header and no rows"),
        ("deals.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40, "a picture"),
        ("deals.csv", bytes(range(256)) * 40, "bytes that are no text"),
        ("deals.xlsx", b"PK\x03\x04" + b"\x00" * 3000, "a workbook that cannot be opened"),
        ("deals.xlsx", b"Deal Id,Stage\n", "no XLSX content"),
        ("deals.parquet", b"PAR1" + b"\x00" * 100, "a Parquet file that cannot be opened"),
        ("deals.csv.gz", b"\x1f\x8b" + b"\x00" * 20, "cut off or damaged"),
        ("notes.csv", b"just one line of prose without any table\nand another\n", "no known table"),
    ],
)
def test_what_is_no_table_is_named(tmp_path, unit, name, content, found):
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(DataError) as caught:
        load(file, unit)
    assert found in str(caught.value)
    assert name in str(caught.value)
    assert caught.value.exit_code == 3
    assert str(tmp_path) not in str(caught.value)


def test_all_bad_files_are_named_at_once(put, unit):
    put("a.csv", bytes(range(256)) * 40)
    put("b.xlsx", b"PK\x03\x04" + b"\x00" * 300)
    with pytest.raises(SalesloopError, match=r"(?s)2 problems.*a\.csv.*b\.xlsx"):
        load(put("c.csv", HEAD + ROWS).parent, unit)


def test_missing_paths_and_empty_folders(tmp_path, unit):
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="a folder without files"):
        load(tmp_path / "none", unit)
    with pytest.raises(DataError, match="no such file"):
        load(tmp_path / "nothing.csv", unit)


def test_a_folder_is_read_at_its_first_level_and_others_are_set_aside(put, unit, tmp_path):
    put("deals.csv", HEAD + ROWS)
    put("readme.md", "# hello")
    put("empty.csv", "")
    put("~$lock.xlsx", "x")
    deep = tmp_path / "in" / "deep"
    deep.mkdir()
    (deep / "deals.csv").write_text(HEAD + ROWS.replace("D1", "D9"))
    landing = load(tmp_path / "in", unit)
    assert len(_deals(landing)) == 2
    assert {report.file: report.notes[0] for report in landing.files if report.table is None} == {
        "empty.csv": "set aside: it is empty", "readme.md": "set aside: no table, by its name"}  # fmt: skip


def test_a_quote_that_encloses_nothing_swallows_no_rows(put, unit):
    """An inch sign at the start of a cell opens a quote; without care all rows up to the next one are lost."""
    for text in (HEAD + 'D0,"Alpha,Ann,Open,1,2026-03-31,2026-01-05\n' + ROWS,
                 HEAD + 'D0,"Alpha,Ann,Open,1,2026-03-31,2026-01-05\n' + ROWS + 'D3,"Beta,Ann,Open,1,2026-03-31,2026-01-05\n'):  # fmt: skip
        landing = load(put("deals.csv", text), unit)
        assert _report(landing).kept == text.count("\n") - 1
        assert _deals(landing)[0]["name"] == '"Alpha'


def test_quotes_that_cannot_be_told(put, unit):
    text = HEAD + 'D0,"Alpha, the first,Ann,Open,1,2026-03-31,2026-01-05\n' * 5 + ROWS
    with pytest.raises(DataError, match=r"deals\.csv: found quotes that are never closed"):
        load(put("deals.csv", text), unit)


def test_a_round_number_of_rows_is_told(put, unit):
    rows = "".join(f"D{i},N{i},Ann,Open,1,2026-03-31,2026-01-05\n" for i in range(2000))
    assert any("capped" in note for note in _report(load(put("deals.csv", HEAD + rows), unit)).notes)


def test_an_old_export_is_told(put, unit):
    put("deals.csv", HEAD + ROWS)
    put("leads.csv", "Lead Id,Company,Lead Status,Created Time\nL1,A,Contacted,2025-01-05\nL2,B,Contacted,2025-02-05\n")
    landing = load(put("deals.csv", HEAD + ROWS).parent, unit)
    (leads,) = (report for report in landing.files if report.table == "leads")
    assert any("older than the others" in note for note in leads.notes)


def test_the_day_of_the_export_is_in_the_name(put, unit):
    import datetime as dt

    landing = load(put("Deals_2026_05_28.csv", HEAD + ROWS), unit)
    assert landing.as_of == dt.date(2026, 5, 28)
    assert load(put("Deals_2026_05_28.csv", HEAD + ROWS), unit, as_of=dt.date(2026, 6, 1)).as_of == dt.date(2026, 6, 1)
    assert load(put("deals.csv", HEAD + ROWS), unit).as_of is None


def test_records_as_interfaces_answer_them(put, unit):
    answer = {"data": [{"id": "3652397000000049001", "Deal_Name": "A", "Owner": {"name": "Ann", "id": "7", "email": "a@b.c"},
                        "Amount": 12.50, "Stage": "Closed Won", "Closing_Date": "2026-03-05", "Tag": [], "$approved": True,
                        "Account_Name": {"name": "Acme", "id": "9"}, "Created_Time": "2026-01-02T10:00:00+08:00"}],
              "info": {"count": 1, "more_records": False}}  # fmt: skip
    (row,) = sources.load(put("Deals.json", json.dumps(answer)), unit).tables["opportunities"].to_pylist()
    assert (row["opportunity_id"], row["owner"], row["owner_id"], row["account_id"]) == (
        "3652397000000049001",
        "Ann",
        "7",
        "9",
    )
    assert (str(row["amount"]), row["closed_on"]) == ("12.50", dt.date(2026, 3, 5))
    lines = "\n".join(json.dumps({"id": n, "properties": {"dealname": "B"}}) for n in (1, 2))
    assert records.read(lines.encode(), "x.jsonl").labels == ["id", "dealname"]
    with pytest.raises(DataError, match="cut off"):
        records.read(b'{"data": [{"id": 1', "x.json")


def test_tables_in_an_archive_take_its_day(put, unit):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(
            "crm/Deals.csv", "Deal ID,Deal,Owner,Stage,Amount,Created,Closed\n1,A,Ann,Won,9,2026-01-01,2026-02-01\n"
        )
        archive.writestr("__MACOSX/._Deals.csv", "x")
        archive.writestr("readme.pdf", "x")
    landing = sources.load(put("export_2026-03-31.zip", out.getvalue()), unit)
    assert landing.as_of == dt.date(2026, 3, 31) and [report.file for report in landing.files] == [
        "Deals_2026-03-31.csv"
    ]
    with pytest.raises(DataError, match="cut off"):
        sources.load(put("b.zip", out.getvalue()[:60]), unit)
