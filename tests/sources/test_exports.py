"""Exports as different systems and companies give them: what comes in, what is asked, what is told."""

from __future__ import annotations

import datetime as dt
import io
from collections import Counter
from decimal import Decimal

import pytest

from salesloop import sources
from salesloop.errors import DataError
from salesloop.sources import load


def _book(put, name, pages):
    openpyxl = pytest.importorskip("openpyxl", reason="openpyxl makes the workbooks of these tests")
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in pages.items():
        page = book.create_sheet(title)
        for row in rows:
            page.append(row)
    out = io.BytesIO()
    book.save(out)
    return put(name, out.getvalue())


def _csv(put, name, rows, sign=",", encoding="utf-8"):
    return put(name, "\n".join(sign.join(map(str, row)) for row in rows) + "\n", encoding)


def _deals(landing):
    return landing.tables["opportunities"].to_pylist()


def _fates(landing):
    return Counter(row["status"] for row in _deals(landing))


def _won(landing):
    return sum((row["amount"] for row in _deals(landing) if row["status"] == "won"), Decimal(0))


def test_a_grouped_report_with_subtotals_and_remarks(put, unit):
    """Salesforce's formatted export: titles, a stage once a group, subtotals with Sum and Count, a total, remarks."""
    head = [
        None,
        "Stage ↑",
        "Opportunity Name",
        "Account Name",
        "Opportunity Owner",
        "Amount",
        "Close Date",
        "Created Date",
    ]
    day, born = dt.date(2026, 3, 31), dt.date(2026, 1, 5)
    rows = [
        ["Pipeline Report"], ["Filtered By"], [], head,
        [None, "Closed Won", "A", "X", "Ann", 100, day, born], [None, None, "B", "Y", "Ann", 50.5, day, born],
        [None, "Subtotal", None, None, "Sum", 150.5], [None, None, None, None, "Count", 2],
        [None, "Negotiation", "C", "Z", "Bob", 7, day, born], [None, "Subtotal", None, None, "Sum", 7],
        [None, "Total", None, None, "Sum", 157.5], [None, None, None, None, "Count", 3],
        [], ["Confidential Information - Do Not Distribute"], ["Acme GmbH"],
    ]  # fmt: skip
    landing = load(_book(put, "report1782849851234.xlsx", {"Report": rows}), unit)
    assert (_fates(landing), _won(landing)) == ({"won": 2, "open": 1}, Decimal("150.50"))
    (report,) = landing.files
    assert (report.read, report.kept, report.by_rule) == (10, 3, {"total_row": 5, "footer": 2})
    assert landing.as_of == dt.date(2026, 6, 30)


def test_an_outline_with_totals_of_each_group(put, unit):
    rows = [
        ["Owner", "Stage", "Deal", "Customer", "Amount", "Close date", "Created"],
        ["Ann", "Won", "A", "X", 1, "2026-03-31", "2026-01-05"], ["", "", "B", "Y", 2, "2026-03-31", "2026-01-05"],
        ["", "Lost", "C", "Z", 4, "2026-03-31", "2026-01-05"], ["Ann Total", "", "", "", 7, "", ""],
        ["Bob", "Won", "D", "Total Gas", 8, "2026-03-31", "2026-01-05"], ["Bob Total", "", "", "", 8, "", ""],
        ["Grand Total", "", "", "", 15, "", ""],
    ]  # fmt: skip
    landing = load(_csv(put, "pivot.csv", rows), unit)
    assert [(row["owner"], row["amount"]) for row in _deals(landing)] == [
        ("Ann", 1),
        ("Ann", 2),
        ("Ann", 4),
        ("Bob", 8),
    ]
    assert _fates(landing) == {"won": 3, "lost": 1}


def test_a_board_with_a_header_above_each_group(put, unit):
    head = ["Name", "Owner", "Stage", "Deal Value", "Close Date", "Company"]
    rows = [["Pipeline"], ["Active"], head, ["A", "Ann", "Proposal", 1, "2026-03-31", "X"], [], ["Won deals"], head,
            ["B", "Bob", "Won", 2, "2026-02-28", "Y"]]  # fmt: skip
    landing = load(_book(put, "deals.xlsx", {"board": rows}), unit)
    assert _fates(landing) == {"open": 1, "won": 1}
    assert landing.files[0].by_rule == {"footer": 2}


def test_flags_tell_what_stages_without_words_mean(put, unit):
    """Salesforce's Data Loader: S5 and S6 mean nothing, IsWon and IsClosed do; the history is no table of deals."""
    head = ["Id", "Name", "StageName", "Amount", "CloseDate", "IsClosed", "IsWon", "OwnerId", "CreatedDate"]
    rows = [["006A", "A", "S5", 10, "2026-03-31", "true", "true", "005A", "2026-01-05T09:00:00.000Z"],
            ["006B", "B", "S6", 20, "2026-03-31", "true", "false", "005A", "2026-01-05T09:00:00.000Z"],
            ["006C", "C", "S1", 30, "2026-06-30", "false", "false", "005B", "2026-01-05T09:00:00.000Z"]]  # fmt: skip
    _csv(put, "Opportunity.csv", [head, *rows])
    events = [["Id", "OpportunityId", "CreatedDate", "StageName", "Amount", "CloseDate"],
              ["008A", "006A", "2026-01-05T09:00:00.000Z", "S1", 10, "2026-03-31"],
              ["008B", "006A", "2026-03-31T09:00:00.000Z", "S5", 10, "2026-03-31"]]  # fmt: skip
    landing = load(_csv(put, "OpportunityHistory.csv", events).parent, unit)
    assert {row["opportunity_id"]: row["status"] for row in _deals(landing)} == {
        "006A": "won", "006B": "lost", "006C": "open"}  # fmt: skip
    assert [(row["opportunity_id"], row["to_stage"]) for row in landing.tables["stage_events"].to_pylist()] == [
        ("006A", "S1"), ("006A", "S5")]  # fmt: skip
    assert any("'IsWon' and 'IsClosed'" in text for text in landing.assumptions)


def test_estimated_and_actual_revenue_and_a_currency_by_name(put, unit):
    """Dynamics 365: hidden columns of ids, Est. Revenue for all, Actual Revenue for won deals."""
    head = ["(Do Not Modify) Opportunity", "(Do Not Modify) Row Checksum", "(Do Not Modify) Modified On", "Topic", "Account", "Est. Close Date",
            "Est. Revenue", "Actual Revenue", "Actual Close Date", "Status", "Owner", "Created On", "Currency"]  # fmt: skip
    rows = [["g1", "x", dt.datetime(2026, 3, 30, 9), "A", "X", dt.date(2026, 3, 1), 100, 90, dt.date(2026, 3, 30), "Won", "Ann",
             dt.datetime(2026, 1, 5, 9), "US Dollar"],
            ["g2", "y", dt.datetime(2026, 2, 1, 9), "B", "Y", dt.date(2026, 7, 1), 40, None, None, "Open", "Ann",
             dt.datetime(2026, 1, 6, 9), "US Dollar"]]  # fmt: skip
    landing = load(_book(put, "My Open Opportunities 30-06-2026 10-11-12.xlsx", {"Opportunities": [head, *rows]}), unit)
    assert [(row["opportunity_id"], row["name"], str(row["amount"]), row["currency"]) for row in _deals(landing)] == [
        ("g1", "A", "90.00", "USD"), ("g2", "B", "40.00", "USD")]  # fmt: skip
    assert landing.as_of == dt.date(2026, 6, 30)


@pytest.mark.parametrize(
    ("name", "head", "won", "lost", "money", "currency"),
    [
        ("Potenziale.csv", "Datensatz-ID;Potenzialname;Kontoname;Potenzialbesitzer;Phase;Betrag;Abschlussdatum;Erstellungszeit",
         "Abgeschlossen – gewonnen", "Abgeschlossen – verloren", "1.234,50 €", "EUR"),
        ("Affaires.csv", "ID de l'enregistrement;Nom de Affaire;Nom du compte;Propriétaire de Affaire;Étape;Montant;Date de clôture;Heure de création",
         "Fermé gagné", "Fermé perdu", "1 234,50 €", "EUR"),
        ("Oportunidades.csv", "ID de registro;Nombre de la oportunidad;Nombre de la cuenta;Propietario;Etapa;Importe;Fecha de cierre;Fecha de creación",
         "Cerrada ganada", "Cerrada perdida", "1.234,50", "CNY"),
        ("商談.csv", "データID;商談名;取引先名;商談の担当者;ステージ;総額;完了予定日;作成日時", "受注", "失注", "￥1,234.50", "JPY"),
    ],
)  # fmt: skip
def test_labels_words_and_numbers_of_other_languages(put, unit, name, head, won, lost, money, currency):
    days = ("31.03.2026", "05.01.2026") if "。" not in head and "商談" not in head else ("2026/03/31", "2026/01/05")
    rows = [head.split(";"), ["D1", "A", "X", "Ann", won, money, *days], ["D2", "B", "Y", "Ann", lost, money, *days]]
    landing = load(_csv(put, name, rows, ";"), unit)
    assert _fates(landing) == {"won": 1, "lost": 1}
    assert {(str(row["amount"]), row["currency"], row["closed_on"]) for row in _deals(landing)} == {
        ("1234.50", currency, dt.date(2026, 3, 31))}  # fmt: skip
    assert {row["account"] for row in _deals(landing)} == {"X", "Y"}


def test_a_unit_that_a_title_or_a_header_names(put, unit):
    rows = [["华东商机明细表（单位：万元）"], ["项目名称", "客户", "销售", "阶段", "金额", "预计签单日期", "创建日期"],
            ["甲", "X", "王伟", "已签约", 12.5, dt.date(2026, 3, 31), dt.date(2026, 1, 5)]]  # fmt: skip
    landing = load(_book(put, "2026年6月商机表.xlsx", {"华东": rows}), unit)
    assert _won(landing) == 125_000
    assert any("10^4, by the title above the table" in text for text in landing.assumptions)


def test_status_by_probability_alone(put, unit):
    head = ["Project", "Customer", "Salesperson", "Amount", "Probability", "Expected Close", "Entered Date"]
    rows = [["A", "X", "Ann", 1, "100%", "2026-03-31", "2026-01-05"], ["B", "Y", "Ann", 2, "0%", "2026-02-28", "2026-01-05"],
            ["C", "Z", "Ann", 4, "50%", "2026-09-30", "2026-06-05"]]  # fmt: skip
    landing = load(_csv(put, "list.csv", [head, *rows]), unit)
    assert _fates(landing) == {"won": 1, "lost": 1, "open": 1}
    ahead = [[*row[:4], row[4], "2026-12-31", row[6]] if row[4] == "0%" else row for row in rows]
    with pytest.raises(DataError, match="does '0%' mean open, won, lost or void"):
        load(_csv(put, "ahead.csv", [head, *ahead]), unit)


def test_won_yes_and_no_with_a_closing_date(put, unit):
    head = ["Deal No.", "Title", "Client", "Account Manager", "Value (EUR k)", "Opened", "Closed", "Won?"]
    rows = [["1", "A", "X", "Ann", "1.5", "05.01.26", "31.03.26", "Ja"], ["2", "B", "Y", "Ann", "2.5", "06.01.26", "30.04.26", "Nein"],
            ["3", "C", "Z", "Ann", "3.5", "17.01.26", "", ""]]  # fmt: skip
    landing = load(_csv(put, "Vertriebsliste.csv", [head, *rows], ";", "cp1252"), unit)
    assert [(row["status"], str(row["amount"]), row["currency"]) for row in _deals(landing)] == [
        ("won", "1500.00", "EUR"), ("lost", "2500.00", "EUR"), ("open", "3500.00", "EUR")]  # fmt: skip


def test_lost_deals_that_are_put_away_are_lost(put, unit):
    """Odoo keeps a lost deal in its stage, with Active = False and a closed date."""
    head = [
        "External ID",
        "Opportunity",
        "Salesperson",
        "Stage",
        "Deal Value",
        "Expected Closing",
        "Closed Date",
        "Created on",
        "Active",
    ]
    rows = [["1", "A", "Ann", "Proposal", 1, "2026-03-31", "2026-03-15", "2026-01-05", "False"],
            ["2", "B", "Ann", "Won", 2, "2026-03-31", "2026-03-15", "2026-01-05", "True"],
            ["3", "C", "Ann", "Proposal", 4, "2026-09-30", "", "2026-01-05", "True"]]  # fmt: skip
    landing = load(_csv(put, "crm.lead.csv", [head, *rows]), unit)
    assert [row["status"] for row in _deals(landing)] == ["lost", "won", "open"]
    assert landing.files[0].by_rule == {"lost_by_being_put_away": 1}


def test_an_unknown_amount_is_asked_for_by_name(put, unit, root):
    head = ["Deal ID", "Deal Name", "Owner", "Stage", "Auftragssumme X", "Close Date", "Created Date"]
    file = _csv(put, "deals.csv", [head, ["1", "A", "Ann", "Won", 5000, "2026-03-31", "2026-01-05"],
                                   ["2", "B", "Ann", "Lost", 7000, "2026-03-31", "2026-01-05"]])  # fmt: skip
    with pytest.raises(DataError, match="which column is the amount: 'Auftragssumme X'"):
        load(file, unit)
    mapping = root / "params" / "u" / "mapping.yml"
    mapping.write_text(
        mapping.read_text(encoding="utf-8").replace("amount: '?'", "amount: Auftragssumme X"), encoding="utf-8"
    )
    assert _won(load(file, unit)) == 5000


def test_an_amount_that_holds_no_numbers_is_asked_about_without_its_words(put, unit):
    head = ["Deal ID", "Deal Name", "Owner", "Stage", "Amount", "Close Date", "Created Date"]
    rows = [[str(i), "A", "Ann", "Won", f"tier {word}", "2026-03-31", "2026-01-05"] for i, word in enumerate("abcd")]
    with pytest.raises(DataError, match="4 of 4 texts of 'Amount' are no numbers") as told:
        load(_csv(put, "deals.csv", [head, *rows]), unit)
    assert "tier" not in str(told.value)


def test_lines_of_deals_count_their_deal_once(put, unit):
    head = [
        "Opportunity ID",
        "Opportunity Name",
        "Opportunity Owner",
        "Stage",
        "Amount",
        "Product Name",
        "Close Date",
        "Created Date",
    ]
    rows = [
        [f"O{i}", "A", "Ann", "Closed Won", 10 * i, product, "2026-03-31", "2026-01-05"]
        for i in (1, 2)
        for product in ("P", "Q")
    ]
    landing = load(_csv(put, "opps with products.csv", [head, *rows]), unit)
    assert (len(_deals(landing)), _won(landing), landing.files[0].by_rule) == (2, 30, {"line_of_a_deal": 2})


def test_a_workbook_that_is_a_page_and_one_from_japan(put, unit):
    cells = lambda words, tag: "<tr>" + "".join(f"<{tag}>{word}</{tag}>" for word in words) + "</tr>"  # noqa: E731
    head = ["Opportunity ID", "Opportunity Name", "Opportunity Owner", "Stage", "Amount", "Close Date", "Created Date"]
    page = (
        "<html><style>td{x}</style><table>"
        + cells(head, "th")
        + cells(["1", "A &amp; B", "Ann", "Closed Won", "USD 1,000.00", "31/03/2026", "15/01/2026"], "td")
    )
    (deal,) = _deals(load(put("report.xls", page + "</table></html>"), unit))
    assert (deal["name"], str(deal["amount"]), deal["currency"], deal["closed_on"]) == (
        "A & B",
        "1000.00",
        "USD",
        dt.date(2026, 3, 31),
    )
    rows = [["案件番号", "案件名", "顧客名", "営業担当", "フェーズ", "金額", "受注予定日", "登録日"],
            ["A1", "サンプル", "株式会社テスト", "田中", "受注", "1200円", "2026/03/31", "2026/01/05"]]  # fmt: skip
    landing = load(_csv(put, "案件一覧.csv", rows, encoding="cp932"), unit)
    assert (landing.files[0].encoding, _won(landing), landing.currency) == ("cp932", 1200, "JPY")


def test_owners_by_address_meet_the_users_table(put, unit):
    head = ["Deal ID", "Deal Name", "Owner Email", "Stage", "Amount", "Close Date", "Created Date"]
    _csv(put, "deals.csv", [head, ["1", "A", "ann.berg@x.com", "Won", 1, "2026-03-31", "2026-01-05"],
                            ["2", "B", "Lee@x.com", "Won", 1, "2026-03-31", "2026-01-05"]])  # fmt: skip
    users = [["User ID", "Full Name", "Email", "Team", "Active"], ["u1", "Ann Berg", "ann.berg@x.com", "East", "Ja"]]
    landing = load(_csv(put, "users.csv", users).parent, unit)
    assert [(row["owner_id"], row["owner"]) for row in _deals(landing)] == [
        ("u1", "Ann Berg"),
        ("Lee@x.com", "Lee@x.com"),
    ]
    assert landing.tables["reps"].to_pylist()[0]["active"] is True


def test_targets_by_month_in_thousands(put, unit):
    rows = [["FY2026 Sales Quota (K USD)"], ["Rep", "Jan-26", "Feb-26", "Mar-26", "FY Total"], ["Ann", 10, 20, 30, 60],
            ["Total", 10, 20, 30, 60]]  # fmt: skip
    landing = load(_book(put, "Sales quota 2026.xlsx", {"Quota": rows}), unit)
    assert [(row["period"], row["level"], row["name"], row["amount"]) for row in landing.tables["targets"].to_pylist()] == [
        ("2026-01", "rep", "Ann", 10_000), ("2026-02", "rep", "Ann", 20_000), ("2026-03", "rep", "Ann", 30_000)]  # fmt: skip


def test_surveys_with_whole_questions_as_labels(put, unit):
    nps = [["#", "How likely is it that you would recommend us?", "What is the main reason for your score?", "Company", "Submit Date (UTC)"],
           ["r1", 9, "quick", "X", "2026-03-15 10:00:00"]]  # fmt: skip
    _csv(put, "NPS survey responses.csv", nps)
    csat = [["序号", "提交答卷时间", "1、您的公司名称", "2、您对我们的服务是否满意？", "3、您的意见与建议"],
            ["1", "2026/3/12 9:05:33", "Y", 4, "响应慢"]]  # fmt: skip
    landing = load(_csv(put, "满意度调研.csv", csat, encoding="gb18030").parent, unit)
    assert {(row["scale"], row["score"], row["text"], row["account"]) for row in landing.tables["feedback"].to_pylist()} == {
        ("nps", 9.0, "quick", "X"), ("csat5", 4.0, "响应慢", "Y")}  # fmt: skip


def test_lines_of_an_erp_become_orders(put, unit):
    rows = [["Sales Document", "Item", "Sold-to party", "Name", "Document Date", "Material", "Order Quantity", "Net value", "Doc. Currency"],
            ["1", "10", "C1", "Kunde", "31.03.2026", "M1", "2", "1.000,50", "EUR"], ["1", "20", "C1", "Kunde", "31.03.2026", "M2", "1", "99,50", "EUR"]]  # fmt: skip
    landing = load(_csv(put, "VA05_export.csv", rows, ";"), unit)
    (order,) = landing.tables["orders"].to_pylist()
    assert (order["order_id"], str(order["amount"]), order["ordered_on"], order["currency"]) == (
        "1",
        "1100.00",
        dt.date(2026, 3, 31),
        "EUR",
    )


def test_months_without_days_stand_for_their_last_day(put, unit):
    head = ["商机编号", "商机名称", "负责人", "商机阶段", "商机金额", "预计成交时间", "创建时间"]
    rows = [
        ["1", "甲", "王伟", "方案报价", "3万", "2026年9月", "2026-01-05"],
        ["2", "乙", "王伟", "方案报价", "1", "2026Q4", "2026-01-05"],
    ]
    landing = load(_csv(put, "商机.csv", [head, *rows]), unit)
    assert [row["expected_close"] for row in _deals(landing)] == [dt.date(2026, 9, 30), dt.date(2026, 12, 31)]


SERIES = ["Deal ID", "Deal Name", "Owner", "Stage", "Amount", "Close Date", "Created Date"]


def _months(put, names):
    for at, name in enumerate(names):
        stage, day = ("Won", "2026-05-20") if at == 2 else ("Proposal", "2026-05-31")
        _csv(
            put,
            name,
            [
                SERIES,
                ["1", "A", "Ann", stage, 100 + at, day, "2026-01-05"],
                ["2", "B", "Ann", "Lost", 7, "2026-02-28", "2026-01-06"],
            ],
        )
    return _csv(put, "users.csv", [["User ID", "Full Name", "Team"], ["u1", "Ann", "East"]]).parent


@pytest.mark.parametrize("names", [[f"deals_2026-0{m}-{d}.csv" for m, d in ((3, 31), (4, 30), (5, 31))],
                                   [f"deals 2026年{m}月.csv" for m in (3, 4, 5)], [f"Deals {m} 2026.csv" for m in ("Mar", "Apr", "May")]])  # fmt: skip
def test_several_dated_exports_come_in_by_their_days(put, unit, names):
    landings = list(sources.series(_months(put, names), unit))
    assert [landing.as_of for landing in landings] == [dt.date(2026, 3, 31), dt.date(2026, 4, 30), dt.date(2026, 5, 31)]
    assert [_deals(landing)[0]["amount"] for landing in landings] == [100, 101, 102]
    assert [_deals(landing)[0]["status"] for landing in landings] == ["open", "open", "won"]
    assert sorted(landings[0].tables) == ["memberships", "opportunities", "reps"]


def test_a_stated_day_before_the_names_is_the_day_of_all(put, unit):
    folder = _months(put, [f"deals_2026-0{m}-28.csv" for m in (3, 4, 5)])
    (landing,) = sources.series(folder, unit, as_of=dt.date(2026, 5, 1))
    assert landing.as_of == dt.date(2026, 5, 1)


def test_subtotals_in_any_column_and_groups_that_they_end(put, unit):
    page = [
        ["Deals by owner"],
        [],
        ["Deal Owner", "Deal Name", "Account Name", "Stage", "Amount", "Closing Date", "Created Time"],
    ]
    for owner, deals in (("Ann", ("A", "B")), ("Bob", ("C", "D"))):
        page += [
            [owner if at == 0 else None, name, "Acme", "Closed Won", 10.0, "31/01/2026", "13/01/2026"]
            for at, name in enumerate(deals)
        ]
        page.append([None, None, None, "Subtotal", 20.0])
    page.append(["Grand Total", None, None, None, 40.0])
    landing = sources.load(_book(put, "Deals by Owner.xlsx", {"x": page}), unit)
    assert [row["owner"] for row in _deals(landing)] == ["Ann", "Ann", "Bob", "Bob"]
    assert landing.files[0].rejected == 3 and "the file's own total agrees" in landing.files[0].notes


def test_a_total_in_the_unit_of_the_title(put, unit):
    head = ["商机名称", "客户名称", "负责人", "销售阶段", "预计成交金额", "创建时间", "实际成交日期"]
    rows = [[name, "甲", "张三", "赢单", 1.5, "2026年1月5日", "2026年3月5日"] for name in "ABC"]
    page = [["商机明细（单位：万元）"], head, *rows, ["合计", None, None, None, 4.5]]
    landing = sources.load(_book(put, "商机.xlsx", {"x": page}), unit)
    assert [float(row["amount"]) for row in _deals(landing)] == [15000.0] * 3
    assert landing.files[0].source_total == "45000.00" and "the file's own total agrees" in landing.files[0].notes


def test_orders_of_day_and_month_that_differ_in_one_file_are_not_carried_over(put, unit):
    head = "Deal ID,Deal,Owner,Stage,Amount,Created Date,Closed Date,Expected Close Date\n"
    rows = [f"{n},D{n},Ann,Won,9,0{n}/2{n}/2026,2{n}/0{n}/2026,0{n}/0{n + 1}/2026" for n in range(1, 6)]
    landing = sources.load(put("deals.csv", head + "\n".join(rows)), unit)
    assert [row["expected_close"] for row in _deals(landing)] == [dt.date(2026, n + 1, n) for n in range(1, 6)]
    unsure = [row.rpartition(",")[0] + f",1{n % 2}/1{n % 3}/2026" for n, row in enumerate(rows)]
    with pytest.raises(DataError, match="Expected Close Date"):
        sources.load(put("sales deals.csv", head + "\n".join(unsure)), unit)


def test_columns_of_money_that_differ_are_asked_about(put, unit):
    rows = "\n".join(f"{n},D{n},Ann,Won,{n * 1000},{n * 3000},2026-01-0{n},2026-02-0{n}" for n in range(1, 6))
    for first, second in (("ARR", "TCV"), ("Amount", "Amount")):
        file = put(f"deals {first}.csv", f"Deal ID,Deal,Owner,Stage,{first},{second},Created,Closed\n{rows}")
        with pytest.raises(DataError, match="which column is the amount"):
            sources.load(file, unit)


def test_an_amount_of_won_deals_alone_holds_for_them(put, unit):
    rows = [
        f"{n},甲{n},张三,{'赢单' if n < 4 else '方案报价'},{n * 1000},{n * 900 if n < 4 else ''},2026-01-0{n},{'2026-02-01' if n < 4 else ''}"
        for n in range(1, 8)
    ]
    file = put(
        "商机.csv", "商机编号,商机名称,负责人,销售阶段,预计金额,合同金额,创建时间,实际成交日期\n" + "\n".join(rows)
    )
    landing = sources.load(file, unit)
    assert [float(row["amount"]) for row in _deals(landing)] == [900.0, 1800.0, 2700.0, 4000.0, 5000.0, 6000.0, 7000.0]


def test_ids_in_the_place_of_account_names(put, unit):
    put("Accounts.csv", "Id,Account_Name,Industry\n71,Acme,Retail\n72,Bolt,Retail\n")
    file = put("Deals.csv", "Id,Deal_Name,Owner,Amount,Closing_Date,Stage,Account_Name,Created_Time\n"
               "1,A,9,10,2026-03-01,Closed Won,71,2026-01-02T10:00:00+08:00\n2,B,9,20,2026-03-01,Closed Won,72,2026-01-02T10:00:00+08:00\n")  # fmt: skip
    deals = _deals(sources.load(file.parent, unit))
    assert [(row["account_id"], row["account"]) for row in deals] == [("71", "Acme"), ("72", "Bolt")]
    assert "unknown_account" not in sources.load(file.parent, unit).files[1].by_rule


def test_products_of_a_deal_add_up_where_the_mapping_says_so(put, unit, root):
    rows = [f"{n},D{n},Acme,Ann,Won,2026-01-0{n},2026-02-0{n},{product},{amount}"
            for n in range(1, 4) for product, amount in (("Pump", "100.10"), ("Valve", "50.20"))]  # fmt: skip
    head = "Deal ID,Deal,Account,Owner,Stage,Created,Closed,Product,Amount\n"
    file = put("deals.csv", head + "\n".join(rows))
    with pytest.raises(DataError, match="repeats: sum"):
        sources.load(file, unit)
    drafted = root / "params" / "u" / "mapping.yml"
    answered = drafted.read_text(encoding="utf-8").replace('key: ["?"]', 'key: ["Deal ID"]\n    repeats: sum')
    drafted.write_text(answered, encoding="utf-8")
    landing = sources.load(file, unit)
    assert [(row["amount"], row["product"]) for row in _deals(landing)] == [(Decimal("150.30"), None)] * 3
    assert landing.files[0].by_rule == {"line_of_a_deal": 3}


def test_a_list_of_won_deals_and_one_that_does_not_say(put, unit):
    rows = "Customer,Amount,Close Date,Sales Rep\n" + "".join(f"A{n},{n}00,2026-0{n}-11,Ann\n" for n in range(1, 9))
    landing = sources.load(put("won deals.csv", rows), unit)
    assert _fates(landing) == {"won": 8} and _won(landing) == Decimal(3600)
    assert landing.assumptions[1].endswith("equal rows one is kept")
    with pytest.raises(DataError, match="how a deal ended"):
        sources.load(put("closed deals.csv", rows), unit)


def test_a_ledger_of_sales_is_orders_and_no_list_of_customers(put, unit):
    rows = "Customer,Amount,Date,Salesperson\n" + "".join(f"A{n},{n}00,2026-0{n}-11,Ann\n" for n in range(1, 9))
    landing = sources.load(put("sales 2026.csv", rows), unit)
    assert sum(row["amount"] for row in landing.tables["orders"].to_pylist()) == Decimal(3600)


def test_months_of_a_table_that_share_no_deal_are_its_parts(put, unit):
    head = "Deal ID,Deal,Account,Owner,Stage,Amount,Created,Close Date\n"
    for month in (1, 2, 3):
        file = put(f"deals_2026-0{month}.csv", f"{head}{month},D,Acme,Ann,Won,9,2026-0{month}-05,2026-04-05\n")
    (landing,) = sources.series(file.parent, unit)
    assert landing.as_of == dt.date(2026, 3, 31) and len(_deals(landing)) == 3


def test_the_currency_of_rate_one_is_home(put, unit):
    put("deals.csv", "Deal ID,Deal,Owner,Stage,Amount,Currency,Created,Closed\n1,A,Ann,Won,9,EUR,2026-01-01,2026-02-01\n"
        "2,B,Ann,Won,9,USD,2026-01-01,2026-02-01\n")  # fmt: skip
    file = put(
        "fx_rates.csv", "Month,Currency,Rate to home\n2026-01,EUR,1.1\n2026-01,USD,1\n2026-02,EUR,1\n2026-02,USD,1\n"
    )
    assert sources.load(file.parent, unit).currency == "USD"
