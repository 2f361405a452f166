"""Texts to numbers, dates and words; every expected value by hand."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest

from salesloop.params import UnitConfig
from salesloop.sources import load, moments, values, words
from salesloop.sources.labels import key, unit_of

NONE = None


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1234.5", "1234.50"), ("1,234.50", "1234.50"), ("1,23,456.78", "123456.78"), ("￥１２，３４５．６０", "12345.60"),
        ("¥1.2万", "12000.00"), ("3.5亿", "350000000.00"), ("2百万", "2000000.00"), ("1千万元", "10000000.00"), ("5千", "5000.00"),
        ("$22,700.00", "22700.00"), ("$342.09K", "342090.00"), ("$1,117.10K", "1117100.00"), ("1.5M", "1500000.00"),
        ("(1,200)", "-1200.00"), ("-1,200", "-1200.00"), ("1,200-", "-1200.00"), ("$(5.10)", NONE), ("($5.10)", "-5.10"),
        ("1.2E+3", "1200.00"), ("1.2e3", "1200.00"), ("RMB 300", "300.00"), ("300元", "300.00"), ("USD 1,000", "1000.00"),
        ("HK$8", "8.00"), ("€9.99", "9.99"), ("0.005", "0.01"), ("-0.005", "-0.01"), ("1234.565", "1234.57"), (".5", "0.50"),
        ("−7", "-7.00"), ("1 234.50", "1234.50"), ("0.30000000000000004", "0.30"), ("99999999999999.99", "99999999999999.99"),
        ("abc", NONE), ("1,2,3", NONE), ("12,34", NONE), ("1.2.3", NONE), ("①", NONE), ("1-2", NONE), ("(5", NONE),
        ("-", NONE), ("—", NONE), ("/", NONE), ("无", NONE), ("N/A", NONE), ("待定", NONE), ("", NONE),
    ],
)  # fmt: skip
def test_money(text, amount):
    found = values.numbers(pa.array([text, "7"]))
    assert values.money(found.value)[0].as_py() == (Decimal(amount) if amount else None)


@pytest.mark.parametrize("text", ["-", "—", "/", "无", "N/A", "待定", ""])
def test_what_stands_for_nothing_is_no_mistake(text):
    assert values.numbers(pa.array([text])).ok.to_pylist() == [True]


def test_w_is_ten_thousand_in_chinese_files_only():
    assert values.money(values.numbers(pa.array(["3w"]), chinese=True).value)[0].as_py() == 30000
    assert values.numbers(pa.array(["3w"]), chinese=False).ok.to_pylist() == [False]


def test_a_unit_in_the_cell_goes_before_the_headers():
    found = values.numbers(pa.array(["12", "3亿"]), shift=4)
    assert values.money(found.value).to_pylist() == [Decimal("120000.00"), Decimal("300000000.00")]


@pytest.mark.parametrize(
    ("label", "unit"),
    [("金额(万元)", (4, NONE, False)), ("Amount (K)", (3, NONE, False)), ("Revenue in thousands", (3, NONE, False)),
     ("Amount ($M)", (6, NONE, False)), ("金额（元）", (0, NONE, False)), ("赢率(%)", (0, NONE, True)), ("Amount (USD)", (0, "USD", False))],
)  # fmt: skip
def test_units_in_headers(label, unit):
    shift, currency, percent = unit_of(label)
    assert (shift, currency if currency != "$" else None, percent) == unit


def test_labels_are_compared_without_what_does_not_matter():
    assert key("*商機名稱（必填）") == key(" 商机 名称 ")
    assert key("Deal\nOwner.id") == key("deal_owner_id")
    assert key("Probability (%)") == key("PROBABILITY")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026/3/31", "2026-03-31T00:00:00"), ("2026-3-31", "2026-03-31T00:00:00"), ("2026年3月31日", "2026-03-31T00:00:00"),
        ("2026.03.31", "2026-03-31T00:00:00"), ("20260331", "2026-03-31T00:00:00"), ("31/03/2026", "2026-03-31T00:00:00"),
        ("31-Mar-2026", "2026-03-31T00:00:00"), ("15 Apr, 2021 00:02:00", "2021-04-15T00:02:00"), ("03-07-2021 01:09", "2021-07-03T01:09:00"),
        ("2026/3/31 下午2:05", "2026-03-31T14:05:00"), ("2026年3月31日 上午12:05", "2026-03-31T00:05:00"),
        ("Oct 7, 2025 6:55 PM", "2025-10-07T18:55:00"), ("October 7, 2025", "2025-10-07T00:00:00"), ("7 October 2025", "2025-10-07T00:00:00"),
        ("Tue, Oct 7, 2025", "2025-10-07T00:00:00"), ("2024-07-08 14:56:28", "2024-07-08T14:56:28"), ("2024-07-08 14:56", "2024-07-08T14:56:00"),
        ("2026-03-31T14:05:00+08:00", "2026-03-31T06:05:00"), ("2026-03-31T06:05:00Z", "2026-03-31T06:05:00"),
        ("2026-03-31T06:05:00.250Z", "2026-03-31T06:05:00.250000"), ("1774937100000", "2026-03-31T06:05:00"), ("1774937100", "2026-03-31T06:05:00"),
        ("46112", "2026-03-31T00:00:00"), ("46112.5", "2026-03-31T12:00:00"), ("２０２６／３／３１", "2026-03-31T00:00:00"),
        ("29/02/2024", "2024-02-29T00:00:00"), ("12:30", NONE), ("31/02/2026", NONE), ("29/02/2025", NONE), ("2026-13-01", NONE),
        ("2026-03-31 25:00", NONE), ("soon", NONE), ("2026", NONE),
    ],
)  # fmt: skip
def test_moments(text, moment):
    found = moments.parse(pa.array([text]))
    assert found.ok[0] == (moment is not None)
    if moment:
        assert found.us.astype("datetime64[us]").tolist()[0] == dt.datetime.fromisoformat(moment)


def test_days_from_1904():
    found = moments.parse(pa.array(["44650"]), since_1904=True)
    assert found.us.astype("datetime64[us]").tolist()[0] == dt.datetime(2026, 3, 31)


@pytest.mark.parametrize(
    ("texts", "word"),
    [
        (["31/03/2026", "1/2/2026"], "dmy"), (["3/31/2026", "1/2/2026"], "mdy"), (["1/2/2026", "5/6/2026"], ""),
        (["1/1/2026", "5/5/2026"], "dmy"), (["31/03/2026", "3/31/2026"], "mixed"), (["2026-03-31"], NONE), (["20-10-16", "01-03-17"], "dmy"),
        ([f"16-{m:02d}-{d:02d}" for m in range(1, 13) for d in range(1, 29)], "ymd"), (["15 Apr, 2021"], NONE),
    ],
)  # fmt: skip
def test_order_of_day_and_month(texts, word):
    assert moments.order_of(pa.array(texts)).word == word


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("Closed Won", "won"), ("Closed Lost", "lost"), ("Closed-Lost to Competition", "lost"), ("赢单", "won"), ("输单", "lost"), ("5. 成交", "won"),
        ("无效", "void"), ("进行中", "open"), ("Negotiation/Review", "open"), ("需求确认", "open"), ("Won", "won"), ("LOST", "lost"),
        ("輸單", "lost"), ("贏單", "won"), ("未成交", "lost"), ("Duplicate", "void"), ("Phase X", NONE), ("Closed", NONE),
        ("Wonderland", NONE), ("Unqualified", NONE),
    ],
)  # fmt: skip
def test_words_for_status(text, status):
    assert words.meaning(text, "status") == status


DEALS = "Deal Id,Stage,Amount,Closing Date,Created Time,Probability{}\n"


def _deals(put, unit, rows, label=""):
    return load(put("deals.csv", DEALS.format(label) + rows), unit).tables["opportunities"].to_pylist()


@pytest.mark.parametrize(
    ("label", "cells", "shares"),
    [("", ["60", "5", "1"], [0.6, 0.05, 0.01]), ("", ["60%", "5%", "1%"], [0.6, 0.05, 0.01]), ("", ["0.6", "0.05", "1"], [0.6, 0.05, 1.0]),
     ("", ["60.0", "95.0", ""], [0.6, 0.95, NONE]), (" (%)", ["0.6", "0.05", "1"], [0.6, 0.05, 1.0]), (" (%)", ["60", "40", "0"], [0.6, 0.4, 0.0]),
     ("", ["60%", "0.4", "1"], [0.6, 0.4, 1.0])],
)  # fmt: skip
def test_percent_is_decided_by_column(put, unit, label, cells, shares):
    rows = "".join(f"D{i},Qualification,1,2026-03-31,2026-01-05,{cell}\n" for i, cell in enumerate(cells))
    assert [row["probability"] for row in _deals(put, unit, rows, label)] == pytest.approx(shares, nan_ok=True)


def test_a_share_beyond_one_is_told(put, unit):
    rows = "D1,Qualification,1,2026-03-31,2026-01-05,250\nD2,Qualification,1,2026-03-31,2026-01-05,50\n"
    landing = load(put("deals.csv", DEALS.format("") + rows), unit)
    assert landing.tables["opportunities"].column("probability").to_pylist() == [None, 0.5]
    assert [row["rule"] for row in landing.rejects.to_pylist()] == ["not_of_its_kind"]


def test_times_without_zone_are_the_units_and_kept_in_utc(put):
    rows = "D1,Won,1,2026-03-31,2026-01-05 09:00,\nD2,Won,1,2026-03-31T23:30:00-05:00,2026-01-05T09:00:00Z,\n"
    unit = UnitConfig(unit="u", time_zone="America/New_York", currency="USD")
    first, second = _deals(put, unit, rows)
    assert first["created_at"] == dt.datetime(2026, 1, 5, 14, 0)
    assert second["created_at"] == dt.datetime(2026, 1, 5, 9, 0)
    assert second["closed_on"] == dt.date(2026, 4, 1)  # -05:00 in winter time is 00:30 of the next day in summer time


def test_hours_that_a_clock_change_skips_or_repeats(put):
    rows = "D1,Qualification,1,2026-03-31,2026-03-08 02:30,\nD2,Qualification,1,2026-03-31,2026-11-01 01:30,\n"
    unit = UnitConfig(unit="u", time_zone="America/New_York", currency="USD")
    first, second = _deals(put, unit, rows)
    assert first["created_at"] == dt.datetime(2026, 3, 8, 7, 0)
    assert second["created_at"] == dt.datetime(2026, 11, 1, 5, 30)


@pytest.mark.parametrize(
    ("cell", "home", "currency"),
    [("$5", "CNY", "USD"), ("$5", "SGD", "SGD"), ("¥5", "CNY", "CNY"), ("¥5", "JPY", "JPY"), ("¥5", "USD", "CNY"), ("€5", "CNY", "EUR"),
     ("5", "EUR", "EUR"), ("HK$5", "CNY", "HKD")],
)  # fmt: skip
def test_currency_by_sign_else_the_units(put, cell, home, currency):
    unit = UnitConfig(unit="u", currency=home)
    assert _deals(put, unit, f"D1,Won,{cell},2026-03-31,2026-01-05,\n")[0]["currency"] == currency


def test_currency_by_column_and_by_label(put, unit):
    text = "商机名称,销售阶段,金额(万元),币种,创建时间\n甲,赢单,1.5,人民币,2026-01-05\n乙,赢单,2,美元,2026-01-05\n丙,赢单,2,HKD,2026-01-05\n"
    landing = load(put("商机.csv", text), unit)
    assert landing.tables["opportunities"].column("currency").to_pylist() == ["CNY", "USD", "HKD"]
    assert landing.tables["opportunities"].column("amount").to_pylist() == [15000, 20000, 20000]
    assert landing.currency is None
    text = "Deal Id,Stage,Amount (USD),Created Time\nD1,Won,5,2026-01-05\n"
    landing = load(put("deals2.csv", text), unit, mapping={})
    assert landing.tables["opportunities"].column("currency").to_pylist() == ["USD"]
    assert landing.currency == "USD"
