"""Not only the CRM's modules: targets, forecasts, change logs, teams, surveys, money, plan files."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from salesloop.params import UnitConfig
from salesloop.sources import load, plan


def _table(put, unit, name, text, table):
    landing = load(put(name, text), unit, mapping={})
    assert list(landing.tables)[-1:] == [table] or table in landing.tables, [(f.file, f.notes) for f in landing.files]
    return landing.tables[table].to_pylist(), landing


def _some(rows, *columns):
    return [tuple(row[column] for column in columns) for row in rows]


def test_targets_in_month_columns_become_one_row_a_month(put, unit):
    text = "财年,员工姓名,1月,2月,3月,全年目标\n2026,张三,100,200,,300\n2026,李四,1.5万,—,7,15007\n"
    rows, landing = _table(put, unit, "销售目标.csv", text, "targets")
    assert _some(rows, "period", "level", "name", "measure", "amount") == [
        ("2026-01", "rep", "张三", "bookings", 100.0), ("2026-02", "rep", "张三", "bookings", 200.0),
        ("2026-01", "rep", "李四", "bookings", 15000.0), ("2026-03", "rep", "李四", "bookings", 7.0)]  # fmt: skip
    assert (landing.files[0].read, landing.files[0].kept) == (2, 2)


def test_targets_with_named_and_dated_month_columns(put):
    unit = UnitConfig(unit="u", currency="USD", fiscal_year_start=4)
    rows, _ = _table(put, unit, "quotas.csv", "Fiscal Year,Sales Rep,April,May,March\n2026,Ann,1,2,3\n", "targets")
    assert _some(rows, "period", "amount") == [("2026-04", 1.0), ("2026-05", 2.0), ("2027-03", 3.0)]
    rows, _ = _table(put, unit, "quota2.csv", "Team,2026-01,2026-02,2026-03\nNorth,1,2,3\n", "targets")
    assert _some(rows, "period", "level", "name") == [
        ("2026-01", "team", "North"),
        ("2026-02", "team", "North"),
        ("2026-03", "team", "North"),
    ]
    rows, _ = _table(put, unit, "quota3.csv", "Region,Year,Q1,Q2,Q3,Q4\nEast,2026,1,2,3,4\n", "targets")
    assert _some(rows, "period", "level", "amount")[3] == ("2026Q4", "region", 4.0)


def test_targets_one_a_row(put, unit):
    text = "Period,Level,Name,Measure,Target Type,Target\nOct 2026,Team,North,Bookings,Stretch,1000000\n2026Q4,company,,新客户数,base,12\n2026,公司,,回款,保底,5\n"
    rows, _ = _table(put, unit, "targets.csv", text, "targets")
    assert _some(rows, "period", "level", "name", "measure", "tier", "amount") == [
        ("2026-10", "team", "North", "bookings", "stretch", 1e6), ("2026Q4", "company", None, "new_customers", "base", 12.0),
        ("2026", "company", None, "collected", "base", 5.0)]  # fmt: skip


def test_a_target_without_period_or_amount_is_rejected(put, unit):
    text = "Period,Name,Target\nsoon,Ann,5\n2026-10,Ann,\n2026-11,Ann,7\n"
    rows, landing = _table(put, unit, "targets.csv", text, "targets")
    assert _some(rows, "period", "amount") == [("2026-11", 7.0)]
    assert sorted(row["rule"] for row in landing.rejects.to_pylist()) == ["missing_amount", "not_of_its_kind"]


def test_forecast_submissions(put, unit):
    text = "提交时间,提交人,层级,团队,预测月份,预测类别,预测金额\n2026-10-01 09:00,王五,团队,华东一组,2026年10月,承诺,120万\n"
    rows, _ = _table(put, unit, "预测提报.csv", text, "forecast_calls")
    assert _some(rows, "said_at", "who", "level", "name", "period", "category", "amount") == [
        (dt.date(2026, 10, 1), "王五", "team", "华东一组", "2026-10", "commit", Decimal("1200000.00"))]  # fmt: skip
    text = "Submitted At,Submitted By,Forecast Period,Forecast Category,Forecast Amount\n2026-10-01,Ann,2026-10,Best Case,$1.2M\n"
    rows, _ = _table(put, unit, "forecast_submissions.csv", text, "forecast_calls")
    assert _some(rows, "category", "amount") == [("best_case", Decimal("1200000.00"))]


def test_stage_history(put, unit):
    text = "Deal Name.id,Deal Name,Stage,Moved To,Modified Time,Amount,Closing Date\nzcrm_1,A,Qualification,Proposal,2026-02-01 10:00,5,2026-05-01\n"
    rows, _ = _table(put, unit, "Deal_Stage_History.csv", text, "stage_events")
    assert _some(rows, "opportunity_id", "from_stage", "to_stage", "at", "amount") == [
        ("1", "Qualification", "Proposal", dt.datetime(2026, 2, 1, 2, 0), Decimal("5.00"))]  # fmt: skip


def test_a_change_log_by_field(put, unit):
    text = ("商机ID,字段,原值,新值,变更时间\na1,销售阶段,需求确认,商务谈判,2026-02-01 10:00\na1,商机金额,100,1.2万,2026-02-02 10:00\n"
            "a1,预计成交日期,2026-03-01,2026-04-01,2026-02-03 10:00\na1,备注,x,y,2026-02-04 10:00\n")  # fmt: skip
    rows, landing = _table(put, unit, "商机变更记录.csv", text, "stage_events")
    assert _some(rows, "from_stage", "to_stage", "amount", "expected_close") == [
        ("需求确认", "商务谈判", None, None),
        (None, None, Decimal("12000.00"), None),
        (None, None, None, dt.date(2026, 4, 1)),
    ]
    assert [row["rule"] for row in landing.rejects.to_pylist()] == ["other_field"]
    assert (landing.files[0].read, landing.files[0].kept) == (4, 3)


def test_events_by_a_deals_name(put, unit):
    put("deals.csv", "Deal Id,Deal Name,Stage,Amount,Created Time\nD1,A,Won,1,2026-01-05\nD2,B,Won,1,2026-01-05\n")
    file = put("stage_history.csv", "Deal Name,New Stage,Changed At\nA,Won,2026-02-01\nC,Won,2026-02-01\n")
    landing = load(file.parent, unit)
    assert _some(landing.tables["stage_events"].to_pylist(), "opportunity_id", "to_stage") == [("D1", "Won")]
    assert all(report.read == report.kept + report.rejected for report in landing.files)


def test_users_and_team_changes(put, unit):
    put(
        "users.csv",
        "User Id,First Name,Last Name,Email,Role,Status,Team,Region,Manager\n1,Ann,Lee,a@x,Rep,Active,North,East,Bob Ray\n",
    )
    file = put(
        "team_changes.csv", "User Id,Team,Region,Manager,Effective From,Effective To\n1,South,West,Cy,2026-03-01,\n"
    )
    landing = load(file.parent, unit)
    assert _some(landing.tables["reps"].to_pylist(), "rep_id", "name", "active", "role") == [
        ("1", "Ann Lee", True, "Rep")
    ]
    assert _some(
        landing.tables["memberships"].to_pylist(), "rep_id", "rep", "team", "region", "manager", "from_on"
    ) == [
        ("1", "Ann Lee", "North", "East", "Bob Ray", None),
        ("1", "Ann Lee", "South", "West", "Cy", dt.date(2026, 3, 1)),
    ]


def test_chinese_names_join_without_a_space(put, unit):
    rows, _ = _table(put, unit, "用户.csv", "用户ID,姓,名,邮箱,在职状态\n1,张,三,a@x,在职\n", "reps")
    assert _some(rows, "name", "active") == [("张三", True)]


def test_surveys(put, unit):
    text = "答卷编号,提交时间,客户名称,推荐度,意见与建议\n1,2026-10-01 10:00,甲公司,9,很好\n2,2026-10-02 10:00,乙公司,3,太慢\n"
    rows, landing = _table(put, unit, "NPS问卷结果.csv", text, "feedback")
    assert _some(rows, "id", "date", "scale", "score", "text", "account") == [
        ("1", dt.date(2026, 10, 1), "nps", 9.0, "很好", "甲公司"),
        ("2", dt.date(2026, 10, 2), "nps", 3.0, "太慢", "乙公司"),
    ]
    assert any("read as nps" in note for note in landing.files[0].notes)
    text = "Response Id,Response Date,Respondent,Survey Type,Score,Comments\n1,2026-10-01,Customer,CSAT,5,Good\n2,2026-10-01,Employee,none,,Slow tools\n"
    rows, _ = _table(put, unit, "survey_responses.csv", text, "feedback")
    assert _some(rows, "respondent", "scale", "score") == [("customer", "csat5", 5.0), ("rep", "none", None)]


def test_two_equal_answers_without_id_are_two(put, unit):
    rows, _ = _table(put, unit, "nps_responses.csv", "Date,NPS,Comment\n2026-10-01,9,\n2026-10-01,9,\n", "feedback")
    assert len({row["id"] for row in rows}) == 2


def test_orders_payments_and_paid_invoices(put, unit):
    rows, _ = _table(
        put,
        unit,
        "销售订单.csv",
        "销售订单编号,客户名称,下单日期,订单金额,币种,负责人\nS1,甲,2026-10-01,￥1.2万,人民币,张三\n",
        "orders",
    )
    assert _some(rows, "order_id", "ordered_on", "amount", "owner_id") == [
        ("S1", dt.date(2026, 10, 1), Decimal("12000.00"), "张三")
    ]
    rows, _ = _table(
        put, unit, "回款.csv", "回款编号,销售订单编号,回款日期,回款金额\nP1,S1,2026-11-01,12000\n", "payments"
    )
    assert _some(rows, "payment_id", "order_id", "paid_on", "amount") == [
        ("P1", "S1", dt.date(2026, 11, 1), Decimal("12000.00"))
    ]
    text = "Invoice Number,Sales Order Id,Invoice Status,Paid Date,Amount Paid\nI1,S1,Paid,2026-11-01,5\n"
    rows, _ = _table(put, unit, "invoices.csv", text, "payments")
    assert _some(rows, "paid_on", "amount") == [(dt.date(2026, 11, 1), Decimal("5.00"))]


def test_market_assessments_rates_and_stages(put, unit):
    rows, _ = _table(
        put, unit, "market.csv", "Year,Segment,Market Size,Growth Rate,Source\n2026,East,5亿,0.05,X\n", "market"
    )
    assert _some(rows, "period", "segment", "size") == [("2026", "East", Decimal("500000000.00"))]
    text = "评估期间,评估人,评价关系,被评估人,评估维度,得分\n2026Q3,王五,上级,张三,团队协作,4\n"
    rows, _ = _table(put, unit, "考评.csv", text, "assessments")
    assert _some(rows, "period", "rater_kind", "subject", "dimension", "score") == [
        ("2026Q3", "manager", "张三", "团队协作", 4.0)
    ]
    rows, _ = _table(put, unit, "汇率.csv", "月份,币种,汇率\n2026-10,USD,7.1234\n", "fx_rates")
    assert _some(rows, "month", "currency", "rate_to_home") == [("2026-10", "USD", 7.1234)]
    rows, _ = _table(
        put,
        unit,
        "stages.csv",
        "Pipeline,Stage,Order,Kind\nStandard,Proposal,2,Open\nStandard,Signed,9,Won\n",
        "stages",
    )
    assert _some(rows, "stage", "order", "kind") == [("Proposal", 2, "open"), ("Signed", 9, "won")]


@pytest.mark.parametrize(
    ("name", "label", "cell", "minutes"),
    [("Calls.csv", "Call Duration (in seconds)", "420", 7.0), ("Calls.csv", "Call Duration (in minutes)", "7", 7.0), ("Calls.csv", "Duration (hours)", "2", 120.0)],
)  # fmt: skip
def test_calls(put, unit, name, label, cell, minutes):
    text = f"Call Id,Subject,Call Owner,Call Start Time,{label},Created Time\n1,Hi,Ann,2026-10-01 09:00,{cell},2026-10-01 09:00\n"
    rows, _ = _table(put, unit, name, text, "activities")
    assert _some(rows, "type", "status", "done_at", "minutes") == [
        ("call", "done", dt.datetime(2026, 10, 1, 1, 0), minutes)
    ]


def test_activities_planned_and_done(put, unit):
    text = "主题,跟进类型,状态,计划时间,完成时间,负责人,关联商机ID,数据ID\n拜访甲,客户拜访,未开始,2026-10-09 09:00,,张三,a1,1\n电话乙,电话,已完成,2026-10-01 09:00,2026-10-01 09:30,张三,0,2\n"
    rows, _ = _table(put, unit, "销售记录.csv", text, "activities")
    assert _some(rows, "type", "status", "done_at", "opportunity_id") == [
        ("visit", "planned", None, "a1"),
        ("call", "done", dt.datetime(2026, 10, 1, 1, 30), None),
    ]


def _plan(root, **files):
    folder = root / "params" / "u" / "plan"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")


def test_plan_files(root, unit):
    _plan(
        root,
        targets="period,level,name,measure,tier,basis,amount,against,objective,valid_from\n2026-10,company,,bookings,base,amount,1000000,,growth,2026-01-01\n",
        actions="id,what,deal_set,measure,expected_move,owner,due,created\nA1,Call them,D1;D2,,+5%,Ann,2026-10-31,2026-10-01\n",
        interventions="id,what,lever,applies_to_kind,applies_to,start,end,expected_effect,cost\nI1,Training,conversion,team,North,2026-10-01,,0.05,10000\n",
        feedback="id,date,respondent,channel,scale,score,text,account,opportunity,rep\n",
        forecast_calls="said_at,who,level,name,period,category,amount\n2026-10-01,Ann,rep,Ann,2026-10,commit,5\n",
        notes="a,b\n1,2\n",
    )  # fmt: skip
    landing = plan("u", unit)
    assert set(landing.tables) == {"targets", "actions", "interventions", "forecast_calls"}
    assert _some(landing.tables["targets"].to_pylist(), "period", "amount", "valid_from") == [
        ("2026-10", 1e6, dt.date(2026, 1, 1))
    ]
    assert landing.tables["targets"].column("source").to_pylist() == ["plan"]
    assert _some(landing.tables["interventions"].to_pylist(), "lever", "cost") == [("conversion", Decimal("10000.00"))]
    assert [report.file for report in landing.files if report.table is None] == ["notes.csv"]


def test_a_plan_s_amounts_may_be_short_in_percent_or_of_several_years(root, unit):
    _plan(root, targets="period,level,measure,basis,amount,against\n2026-10,company,bookings,amount,1.2M,\n2026-11,company,bookings,amount,120万,\n2027,company,bookings,growth,20%,2026\n2026-2028,company,bookings,amount,9e6,\n2028-2026,company,bookings,amount,9e6,\n")  # fmt: skip
    landing = plan("u", unit)
    assert _some(landing.tables["targets"].to_pylist(), "period", "amount") == [
        ("2026-10", 1.2e6), ("2026-11", 1.2e6), ("2027", 0.2), ("2026-2028", 9e6)]  # fmt: skip
    assert [row["rule"] for row in landing.rejects.to_pylist()] == ["not_of_its_kind"]


def test_plan_rows_carry_when_they_became_known(root, unit):
    _plan(root, actions="id,what,owner,due,created,known_at\nA1,x,Ann,2026-10-31,2026-10-01,2026-10-02 08:00\n")
    assert plan("u", unit).tables["actions"].column("known_at").to_pylist() == [dt.datetime(2026, 10, 2, 0, 0)]


def test_a_wrong_word_in_a_plan_file_is_rejected_by_name(root, unit):
    _plan(root, targets="period,level,name,measure,tier,amount\n2026-10,planet,,bookings,base,5\n2026-10,company,,bookings,base,six\n2026-11,company,,bookings,base,7\n")  # fmt: skip
    landing = plan("u", unit)
    assert landing.tables["targets"].column("period").to_pylist() == ["2026-11"]
    assert sorted((row["rule"], row["column"]) for row in landing.rejects.to_pylist()) == [
        ("not_a_number", "amount"),
        ("unknown_word", "level"),
    ]


def test_no_plan_folder_and_empty_plan_files(root, unit):
    assert plan("u", unit).tables == {}
    _plan(root, targets="period,level,name,measure,tier,basis,amount\n", actions="")
    assert plan("u", unit).tables == {}
