"""Stage history from columns a stage and from the change tables of several systems; expected moves worked by hand."""

from __future__ import annotations

import datetime as dt

import pytest

from salesloop import sources
from salesloop.sources import mapping

HEAD = "Record ID,Deal Name,Deal Stage,Pipeline,Amount,Close Date,Create Date,Deal owner"
DEALS = "Opportunity ID,Opportunity Name,Stage,Amount,Close Date,Created Date,Owner\n" \
        "A,Big,Closed Won,100,2026-03-05,2026-01-02,Ann\nB,Mid,Proposal,50,2026-12-01,2026-01-05,Bob\n"  # fmt: skip


def _moves(landing):
    rows = landing.tables["stage_events"].to_pylist()
    rows.sort(key=lambda row: (row["opportunity_id"], row["at"]))
    return [(row["opportunity_id"], row["from_stage"], row["to_stage"], f"{row['at']:%m-%d %H:%M}") for row in rows]


@pytest.fixture
def utc(unit):
    return unit.model_copy(update={"time_zone": "UTC"})


def test_a_date_of_entering_each_stage(put, utc):
    stages = ("Closed Lost", "Closed Won", "Proposal", "Qualified")
    more = "".join(f',"Date {word} ""{stage} (Sales)"""' for stage in stages for word in ("entered", "exited"))
    put(
        "deals.csv",
        f"{HEAD}{more}\n"
        "1,Big,Closed Won,Sales,100,2026-03-05,2026-01-02,Ann,,,2026-03-05 09:00,,2026-01-09 08:00,2026-03-05 09:00,2026-01-02 10:00,2026-01-09 08:00\n"
        "2,Mid,Proposal,Sales,50,2026-12-01,2026-01-05,Bob,,,,,2026-02-01 12:00,,2026-01-05 10:00,2026-02-01 12:00\n"
        "3,Bad,Closed Lost,Sales,70,2026-02-01,2026-01-07,Bob,2026-02-01,,,,,,2026-02-01,\n",
    )
    landing = sources.load(put("x.txt", "").parent / "deals.csv", utc)
    assert _moves(landing) == [
        ("1", None, "Qualified", "01-02 10:00"), ("1", "Qualified", "Proposal", "01-09 08:00"),
        ("1", "Proposal", "Closed Won", "03-05 09:00"), ("2", None, "Qualified", "01-05 10:00"),
        ("2", "Qualified", "Proposal", "02-01 12:00"), ("3", None, "Qualified", "02-01 00:00"),
        ("3", "Qualified", "Closed Lost", "02-01 00:00"),
    ]  # fmt: skip
    assert any("become the stage history" in text for text in landing.assumptions)
    assert landing.files[0].kept == 3 and not any("entered" in label for label in landing.files[0].unknown)


def test_a_mapping_says_which_label_is_which_stage(put, utc):
    file = put(
        "d.csv",
        "id,customer,stage,amount,closed,created,t1,t2\n1,A,Won,9,2026-03-01,2026-01-01,2026-01-01,2026-02-01\n",
    )
    entry = {"file": "d.csv", "table": "opportunities", "entered": {"t1": "Lead", "t2": "Offer"}, "key": ["id"],
             "columns": {"opportunity_id": "id", "account": "customer", "stage": "stage", "status": "stage", "amount": "amount",
                         "closed_on": "closed", "created_at": "created"}}  # fmt: skip
    landing = sources.load(file, utc, mapping={"files": [entry]})
    assert _moves(landing) == [("1", None, "Lead", "01-01 00:00"), ("1", "Lead", "Offer", "02-01 00:00")]


def test_days_spent_in_each_stage(put, utc):
    head = "Deal - ID,Deal - Title,Deal - Value,Deal - Status,Deal - Stage,Deal - Deal created,Deal - Won time,Deal - Lost time,Deal - Owner"
    file = put(
        "deals.csv",
        head + ",Deal - Time in stage: Qualified,Deal - Time in stage: Offer\n"
        "1,Big,100,Won,Offer,2026-01-02 10:00:00,2026-01-20 09:00:00,,Ann,3 days 4 hours,10d\n"
        "2,Mid,100,Open,Offer,2026-01-02 10:00:00,,,Ann,12,\n"
        "3,Low,100,Lost,Qualified,2026-01-02 10:00:00,,2026-02-20 09:00:00,Ann,40,\n",
    )
    assert _moves(sources.load(file, utc)) == [
        ("1", None, "Qualified", "01-02 10:00"), ("1", "Qualified", "Offer", "01-05 14:00"),
        ("2", None, "Qualified", "01-02 10:00"), ("2", "Qualified", "Offer", "01-14 10:00"),
        ("3", None, "Qualified", "01-02 10:00"),
    ]  # fmt: skip


def test_dates_of_leaving_and_labels_in_chinese(put, utc):
    head = "商机编号,商机名称,销售阶段,金额,实际成交日期,创建时间,负责人"
    file = put("商机.csv", head + ",初步接洽阶段离开时间,方案报价阶段离开时间\n1,大单,赢单,9,2026年3月1日,2026年1月1日,张三,2026年1月9日,2026年3月1日\n"
               "2,中单,方案报价,9,,2026年1月1日,张三,2026年2月9日,\n3,小单,初步接洽,9,,2026年1月1日,张三,,\n")  # fmt: skip
    assert _moves(sources.load(file, utc)) == [
        ("1", None, "初步接洽", "01-01 00:00"), ("1", "初步接洽", "方案报价", "01-09 00:00"), ("1", "方案报价", "赢单", "03-01 00:00"),
        ("2", None, "初步接洽", "01-01 00:00"), ("2", "初步接洽", "方案报价", "02-09 00:00"),
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "text"), [
    ("Opportunity History Report.csv", "Opportunity Name,Opportunity ID,From Stage,To Stage,Last Stage Change Date,Stage Duration\n"
     "Big,A,,Qualify,2026-01-02,62\nBig,A,Qualify,Closed Won,2026-03-05,\n"),
    ("OpportunityHistory.csv", "Id,OpportunityId,StageName,Amount,CloseDate,Probability,CreatedDate\n"
     "2,A,Closed Won,100,2026-03-05,100,2026-03-05\n1,A,Qualify,100,2026-03-01,10,2026-01-02\n"),
    ("Stage_History.csv", "Deal Name.id,Deal Name,Stage,Amount,Closing Date,Stage Duration (Days),Modified Time,Modified By\n"
     "A,Big,Qualify,100,2026-03-05,62,2026-01-02,Ann\nA,Big,Closed Won,100,2026-03-05,,2026-03-05,Ann\n"),
    ("Opportunity Sales Process.csv", "(Do Not Modify) Opportunity Sales Process,Name,Opportunity,Active Stage,Active Stage Started On,Completed On\n"
     "{1},Big,Big,Qualify,2026-01-02,\n{2},Big,Big,Closed Won,2026-03-05,2026-03-05\n"),
    ("阶段变更记录.csv", "商机名称,变更前阶段,变更后阶段,变更时间,停留时长\nBig,,Qualify,2026年1月2日,3天\nBig,Qualify,Closed Won,2026年3月5日,\n"),
])  # fmt: skip
def test_tables_of_stage_changes(put, utc, name, text):
    put("opportunities.csv", DEALS)
    landing = sources.load(put(name, text).parent, utc)
    assert _moves(landing) == [("A", None, "Qualify", "01-02 00:00"), ("A", "Qualify", "Closed Won", "03-05 00:00")]


def test_the_drafted_mapping_reads_back(put, utc, root):
    test_a_date_of_entering_each_stage(put, utc)
    made = mapping.read(root / "params" / "u" / "mapping.yml").files[0]
    assert made.entered['Date entered "Proposal (Sales)"'] == "Proposal" and not made.left


def test_a_closing_date_of_all_goes_before_one_of_won_deals(put, utc):
    file = put("deals.csv", "Deal ID,Deal,Owner,Value,Stage,Created,Won Date,Closed\n1,A,Ann,9,Won,2026-01-01,2026-02-01,2026-02-03\n"
               "2,B,Ann,9,Lost,2026-01-01,,2026-02-05\n")  # fmt: skip
    closed = sources.load(file, utc).tables["opportunities"].column("closed_on").to_pylist()
    assert closed == [dt.date(2026, 2, 1), dt.date(2026, 2, 5)]


def test_lost_deals_without_a_day_of_signing_take_the_expected_one(put, utc):
    file = put("商机.csv", "商机编号,商机名称,负责人,金额,销售阶段,创建时间,签约日期,预计成交日期\n1,甲,张三,9,赢单,2026-01-01,2026-02-01,2026-03-01\n"
               "2,乙,张三,9,输单,2026-01-01,,2026-02-05\n")  # fmt: skip
    landing = sources.load(file, utc)
    assert landing.tables["opportunities"].column("closed_on").to_pylist() == [dt.date(2026, 2, 1), dt.date(2026, 2, 5)]
    assert any("stands for it" in note for note in landing.files[0].notes)
