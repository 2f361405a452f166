"""What leaves a notebook: values, tables and sentences, written once and read back."""

import json
import math

import pandas as pd
import pytest

from salesloop.book import Book
from salesloop.errors import StageError
from salesloop.results import Results, Stage


@pytest.fixture
def stage(tmp_path):
    return Stage("report", Book.from_tables({}, period="2026-10"), tmp_path)


def test_value_is_rounded_to_the_cent_only_where_it_is_money(stage):
    stage.value("bookings", 1234.5678, uom="CNY", n=3, low=1000.001, high=2000.009, confidence=0.8)
    stage.value("rate", 1 / 3, uom="share")
    stage.save()
    read = Results.find(stage.folder, "report")
    assert read.values["bookings"] == {
        "value": 1234.57, "uom": "CNY", "n": 3, "low": 1000.0, "high": 2000.01, "confidence": 0.8,
    }  # fmt: skip
    assert read.value("rate") == 1 / 3
    assert math.isnan(read.value("absent"))


def test_undefined_value_is_null_in_the_file(stage):
    stage.value("win_rate", float("nan"), uom="share", n=0)
    stage.save()
    assert json.loads((stage.folder / "report.json").read_text())["values"]["win_rate"]["value"] is None


def test_table_is_formula_safe_in_csv_and_whole_in_parquet(stage):
    frame = pd.DataFrame(
        {"name": ["=1+1", "plain"], "amount": [1.005, 2.0], "month": pd.period_range("2026-01", periods=2, freq="M")}
    )
    stage.table("deals", frame, title="column.name", formats={"amount": "money"}, show=False)
    stage.save()
    text = (stage.folder / "report" / "deals.csv").read_text(encoding="utf-8-sig")
    assert text.splitlines()[1].startswith("'=1+1,")
    assert Results.find(stage.folder, "report").table("deals")["name"].tolist() == ["=1+1", "plain"]


def test_same_table_twice_and_unknown_formats_are_named(stage):
    frame = pd.DataFrame({"a": [1]})
    stage.keep("draws", frame)
    with pytest.raises(StageError, match="two tables"):
        stage.keep("draws", frame)
    with pytest.raises(StageError, match="moneyy"):
        stage.table("x", frame, title="column.name", formats={"a": "moneyy"})
    with pytest.raises(StageError, match="not in the en catalogue"):
        stage.say("report.no_such_message")
