"""Tables: formats by column, the reader's words, rows that are left out, text from data."""

import re

import numpy as np
import pandas as pd

from salesloop.messages import Text
from salesloop.tables import html_table
from tests.report.payloads import PAYLOADS

EN, ZH = Text("en", "CNY"), Text("zh", "CNY")


def cells(html):
    return [re.sub(r"<[^>]*>", "", cell) for cell in re.findall(r"<t[dh][^>]*>.*?</t[dh]>", html)]


def test_each_column_is_written_by_its_kind():
    frame = pd.DataFrame({
        "team": ["North"], "amount": [12_345_000.0], "share": [0.5], "due": [pd.Timestamp("2026-11-05")],
        "period": ["2026-10"], "status": ["won"], "n": [7], "flag": [True], "absent": [np.nan],
    })  # fmt: skip
    kinds = {"amount": "money", "share": "percent", "period": "period", "status": "word"}
    told = cells(html_table(frame, text=ZH, caption="x", formats=kinds))
    assert told[9:] == ["North", "¥1,234.5万", "50.0%", "2026年11月5日", "2026年10月", "赢单", "7", "是", "–"]
    assert cells(html_table(frame, text=EN, caption="x", formats=kinds))[10] == "¥12.3M"


def test_unit_of_measurement_is_read_from_the_row():
    frame = pd.DataFrame({"value": [0.25, 2e6, 12.0], "uom": ["share", "CNY", "count"]})
    told = cells(html_table(frame, text=EN, caption="x", formats={"value": "uom"}, columns=["value"]))
    assert told == ["value", "25.0%", "¥2.0M", "12"] or told == ["Value", "25.0%", "¥2.0M", "12"]


def test_heads_have_scope_and_the_table_a_caption():
    html = html_table(pd.DataFrame({"team": ["a"], "n": [1]}), text=EN, caption="Teams & more")
    assert '<th scope="col">Team</th>' in html and '<th scope="row">a</th>' in html
    assert "<caption>Teams &amp; more</caption>" in html


def test_500_rows_are_shown_and_the_rest_linked():
    html = html_table(pd.DataFrame({"n": range(501)}), text=EN, caption="x", csv="results/a b&c.csv")
    assert html.count("<tr>") == 501 and "The first 500 of 501 rows." in html
    assert 'href="results/a b&amp;c.csv"' in html
    assert "No rows." in html_table(pd.DataFrame({"n": []}), text=EN, caption="x")


def test_hostile_text_is_escaped_and_loses_what_is_not_seen():
    html = html_table(pd.DataFrame({"name": PAYLOADS, "<b>": PAYLOADS}), text=EN, caption=PAYLOADS[0])
    assert set(re.findall(r"<(\w+)", html)) <= {"div", "table", "caption", "thead", "tbody", "tr", "th", "td"}
    assert not set(html) & set("\x00\x07\x1b\u202e\u2066\u200b\ufffe")


def test_a_cell_of_ten_megabytes_is_cut():
    html = html_table(pd.DataFrame({"name": ["x" * 10_000_000]}), text=EN, caption="x")
    assert len(html) < 1_000


def test_input_is_not_changed():
    frame = pd.DataFrame({"name": ["a"], "amount": [1.0]})
    before = frame.copy()
    html_table(frame, text=EN, caption="x", mask=str.upper)
    pd.testing.assert_frame_equal(frame, before)
