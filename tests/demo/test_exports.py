"""Exports in the shape of real ones."""

import datetime as dt

import pandas as pd
import pytest

from salesloop import sources
from salesloop.demo import Company
from salesloop.demo.exports import export
from salesloop.errors import ParameterError
from salesloop.params import UnitConfig

DAY = dt.date(2024, 7, 5)


@pytest.fixture(scope="module")
def company():
    return Company(seed=11, months=9, scale=25)


@pytest.fixture(scope="module")
def zoho(company, tmp_path_factory):
    folder = tmp_path_factory.mktemp("zoho")
    return {file.name.removesuffix("_2024_07_05.csv"): file for file in export(company, folder, as_of=DAY)}


@pytest.fixture(scope="module")
def fxiaoke(company, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fxiaoke")
    made = export(company, folder, shape="fxiaoke", as_of=DAY, encoding="gb18030")
    return {file.name.removesuffix("_20240705.csv"): file for file in made}


def _read(file, encoding="utf-8"):
    return pd.read_csv(file, dtype=str, keep_default_na=False, encoding=encoding)


def test_zoho_exports_look_like_zoho(company, zoho):
    assert {
        "Users",
        "Accounts",
        "Contacts",
        "Leads",
        "Deals",
        "Deal_Stage_History",
        "Calls",
        "Events",
        "Tasks",
        "Sales_Orders",
    } <= set(zoho)
    deals = _read(zoho["Deals"])
    assert list(deals.columns[:6]) == [
        "Record Id",
        "Deal Owner.id",
        "Deal Owner",
        "Deal Name",
        "Account Name.id",
        "Account Name",
    ]
    assert deals["Record Id"].str.fullmatch(r"zcrm_\d{19}").all(), "ids of 19 digits, past 2^53, as text"
    assert deals["Record Id"].is_unique
    assert deals["Closing Date"].str.fullmatch(r"\d{4}-\d\d-\d\d").all()
    assert deals["Created Time"].str.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d").all()
    assert set(deals["Type"]) == {"New Business", "Expansion", "Renewal"}
    ours = company.tables(DAY, only=["opportunities"])["opportunities"]
    assert len(deals) == len(ours)
    assert pd.to_numeric(deals["Amount"]).sum() == pytest.approx(ours["amount"].sum(), abs=0.005)
    assert set(_read(zoho["Deal_Stage_History"])["Deal Name.id"]) == set(deals["Record Id"])
    for file in zoho.values():
        text = file.read_bytes()
        assert b"\r\n" in text
        assert not text.startswith(b"\xef\xbb\xbf")
        frame = _read(file)
        assert not frame.isin(["nan", "NaT", "None"]).any().any(), file.name


def test_fxiaoke_exports_look_like_fxiaoke(fxiaoke, zoho):
    deals = _read(fxiaoke["商机2.0"], "gb18030")
    assert {
        "商机名称",
        "客户名称",
        "商机金额",
        "预计成交日期",
        "销售阶段",
        "商机状态",
        "赢率",
        "负责人",
        "数据ID",
    } <= set(deals.columns)
    assert deals["数据ID"].str.fullmatch(r"[0-9a-f]{24}").all()
    assert deals["数据ID"].is_unique
    assert set(deals["商机状态"]) <= {"进行中", "赢单", "输单", "无效"}
    assert deals["赢率"].str.fullmatch(r"\d{1,3}%").all()
    same = _read(zoho["Deals"])
    assert deals["商机金额"].tolist() == same["Amount"].tolist(), "the same deals in the same order"
    assert (deals["商机状态"] == "赢单").sum() == (same["Stage"] == "Closed Won").sum()
    assert set(_read(fxiaoke["商机阶段变更记录"], "gb18030")["商机ID"]) == set(deals["数据ID"])


def test_the_same_day_gives_the_same_bytes(company, zoho, tmp_path):
    again = export(Company(seed=11, months=9, scale=25).advance(months=2), tmp_path, as_of=DAY)
    assert {file.name: file.read_bytes() for file in again} == {file.name: file.read_bytes() for file in zoho.values()}


@pytest.mark.parametrize("shape", ["zoho", "fxiaoke"])
def test_the_door_takes_every_row(shape, zoho, fxiaoke, company):
    files = list((zoho if shape == "zoho" else fxiaoke).values())
    landing = sources.load(files, UnitConfig(unit="any"), as_of=DAY, save=False)
    ours = company.tables(DAY)
    for report in landing.files:
        assert report.table is not None, report.file
        assert report.rejected == 0, (report.file, report.by_rule)
    for name in ("accounts", "contacts", "leads", "reps", "memberships", "opportunities", "stage_events", "activities", "orders",
                 "order_lines", "payments"):  # fmt: skip
        assert landing.tables[name].num_rows == len(ours[name]), name
    deals = landing.tables["opportunities"].to_pandas()
    assert deals["status"].value_counts().to_dict() == ours["opportunities"]["status"].value_counts().to_dict()
    assert deals["type"].value_counts().to_dict() == ours["opportunities"]["type"].value_counts().to_dict()
    assert float(deals["amount"].sum()) == pytest.approx(ours["opportunities"]["amount"].sum(), abs=0.005)
    done = landing.tables["activities"].to_pandas()
    assert (done["status"] == "done").sum() == (ours["activities"]["status"] == "done").sum()
    assert done["type"].value_counts().to_dict() == ours["activities"]["type"].value_counts().to_dict()


def test_an_unknown_shape_is_named(company, tmp_path):
    with pytest.raises(ParameterError, match="fxiaoke"):
        export(company, tmp_path, shape="abacus")
