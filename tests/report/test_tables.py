"""Tables: formats by column, the reader's words, rows that are left out, text from data."""

import re

import numpy as np
import pandas as pd
import pytest

from salesloop.messages import Text
from salesloop.tables import html_table, is_slim
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
    assert told == ["value", "25.0%", "¥2.00M", "12"] or told == ["Value", "25.0%", "¥2.00M", "12"]


def test_a_change_of_a_share_is_told_in_points():
    frame = pd.DataFrame({"change": [0.1, -2e6, 12.0, None], "uom": ["share", "CNY", "count", "share"]})
    told = cells(html_table(frame, text=EN, caption="x", formats={"change": "change"}, columns=["change"]))
    assert told[1:] == ["+10.0 pp", "−¥2.00M", "12", "–"]


def test_heads_have_scope_and_the_table_a_caption():
    html = html_table(pd.DataFrame({"team": ["a"], "n": [1]}), text=EN, caption="Teams & more")
    assert '<th scope="col">Team</th>' in html and '<th scope="row">a</th>' in html
    assert "<caption>Teams &amp; more</caption>" in html


def test_500_rows_are_shown_and_the_rest_linked():
    html = html_table(pd.DataFrame({"n": range(501)}), text=EN, caption="x", csv="results/a b&c.csv")
    assert html.count("<tbody>") == 2 and html.count("<tr>") == 502 and "The first 500 of 501 rows." in html
    assert 'href="results/a b&amp;c.csv"' in html
    assert "No rows." in html_table(pd.DataFrame({"n": []}), text=EN, caption="x")


@pytest.mark.parametrize(("rows", "shown", "folded"), [(12, 12, 0), (13, 10, 3), (40, 10, 30)])
def test_ten_rows_are_in_sight_and_the_rest_behind_a_fold(rows, shown, folded):
    html = html_table(pd.DataFrame({"n": range(rows)}), text=EN, caption="Deals", csv="results/x/deals.csv")
    sight, _, fold = html.partition("<details")
    assert (sight.count('scope="row"'), fold.count('scope="row"')) == (shown, folded)
    assert ("Deals, continued" in html) == (f"Show {folded} more rows" in html) == bool(folded)
    assert (f"… {folded} more rows, all in deals.csv" in html) == bool(folded)


def test_paper_without_a_file_says_what_is_not_printed():
    assert "… 20 more rows, not printed" in html_table(pd.DataFrame({"n": range(30)}), text=EN, caption="x")


def test_what_all_rows_share_is_told_once_and_not_lost():
    wide = pd.DataFrame({"team": ["a", "b", "c"], **{f"x{i}": [1, 2, 3] for i in range(5)}, "status": "open",
                         "amount": np.nan, "target": 5.0})  # fmt: skip
    kinds = {"status": "word", "amount": "money", "target": "money"}
    html = html_table(wide, text=EN, caption="x", formats=kinds)
    assert "In every row: Status: open. No value in any row: Amount." in html
    assert cells(html)[:7] == ["Team", "x0", "x1", "x2", "x3", "x4", "Target"]
    assert "In every row" not in html_table(wide.drop(columns=["x0", "x1"]), text=EN, caption="x", formats=kinds)
    assert "In every row" not in html_table(wide.head(2), text=EN, caption="x", formats=kinds)


def test_only_a_table_that_half_a_page_holds_is_slim():
    names = pd.DataFrame({"team": ["North"], "n": [1]})
    assert is_slim(html_table(names, text=EN, caption="x"))
    assert not is_slim(html_table(names.assign(**{f"x{i}": 1e6 for i in range(9)}), text=EN, caption="x"))
    assert is_slim(html_table(names.assign(name="一" * 20, rep="x" * 99), text=EN, caption="x"))
    assert not is_slim(html_table(names.assign(name="一" * 20, rep="x" * 99, stage="y" * 99), text=EN, caption="x"))


def test_hostile_text_is_escaped_and_loses_what_is_not_seen():
    html = html_table(pd.DataFrame({"name": PAYLOADS, "<b>": PAYLOADS}), text=EN, caption=PAYLOADS[0])
    assert set(re.findall(r"<(\w+)", html)) <= {
        "div", "table", "caption", "thead", "tbody", "tr", "th", "td", "details", "summary", "p", "wbr",
    }  # fmt: skip
    assert not set(html) & set("\x00\x07\x1b\u202e\u2066\u200b\ufffe")


def test_a_cell_of_ten_megabytes_is_cut():
    html = html_table(pd.DataFrame({"name": ["x" * 10_000_000]}), text=EN, caption="x")
    assert len(html) < 1_000


def test_input_is_not_changed():
    frame = pd.DataFrame({"name": ["a"], "amount": [1.0]})
    before = frame.copy()
    html_table(frame, text=EN, caption="x", mask=str.upper)
    pd.testing.assert_frame_equal(frame, before)
