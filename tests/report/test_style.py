"""Charts, tested by their artists; drawings, by their bytes, their size and what is not in them."""

import matplotlib
import pandas as pd
import pytest

from salesloop import style
from salesloop.messages import Text
from salesloop.svg import text_width
from tests.report.payloads import PAYLOADS

EN, ZH = Text("en", "CNY"), Text("zh", "CNY")


def labels(ax):
    return [note.get_text() for note in ax.texts]


def test_bars_write_the_value_at_each_end_first_row_on_top():
    ax = style.bars(style.figure(rows=2), ["华东", "North"], [3e6, 1.5e6], text=ZH)
    assert labels(ax) == ["¥300.0万", "¥150.0万"]
    assert [bar.get_width() for bar in ax.patches] == [3e6, 1.5e6]
    assert ax.get_ylim() == (1.5, -0.5)


def test_bridge_rows_begin_where_the_row_above_ended():
    ax = style.bridge(style.figure(rows=4), ["a", "b", "c", "d"], [10.0, 5.0, -3.0, 12.0], [1, 0, 0, 1], text=EN)
    spans = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in ax.patches]
    assert spans == [(0, 10), (10, 15), (15, 12), (0, 12)]
    assert labels(ax) == ["¥10", "+¥5", "−¥3", "¥12"]


def test_fan_draws_the_widest_band_first_and_names_the_line():
    ax = style.figure()
    style.fan(ax, [0, 1], {0.5: ([2, 2], [3, 3]), 0.95: ([0, 0], [5, 5])}, [2.5, 2.5], "forecast")
    wide, narrow = (band.get_datalim(ax.transData) for band in ax.collections)
    assert (wide.y0, wide.y1, narrow.y0, narrow.y1) == (0, 5, 2, 3)
    assert labels(ax) == ["forecast"]


def test_month_axis_always_names_the_last_month():
    ax = style.figure()
    style.month_axis(ax, pd.period_range("2025-01", periods=30, freq="M"), EN)
    assert [tick.get_text() for tick in ax.get_xticklabels()][-1] == "Jun 27"
    assert len(ax.get_xticks()) <= 9


def test_value_axis_writes_money_in_the_readers_habit():
    ax = style.figure()
    ax.set_ylim(0, 6e6)
    style.value_axis(ax, ZH)
    assert ax.yaxis.get_major_formatter()(4e6, 0) == "¥400万"


def test_end_labels_that_would_touch_are_moved_apart():
    ax = style.figure()
    for y in (1.0, 1.001, 1.002):
        style.line(ax, [0, 1], [y, y], f"line {y}")
    ax.set_ylim(0, 2)
    style.to_svg(ax.figure)
    places = sorted(note.get_position()[1] for note in ax.texts)
    assert places[1] - places[0] >= 10 and places[2] - places[1] >= 10


@pytest.mark.parametrize("narrow", [False, True])
def test_long_labels_stay_inside_the_drawing(narrow):
    ax = style.bars(style.figure(narrow, rows=2), ["x" * 90, "短"], [3e6, 1.0], text=ZH)
    style.to_svg(ax.figure)
    box = ax.get_position()
    assert 0 < box.x0 < box.x1 < 1 and box.width > 0.3
    lines = ax.get_yticklabels()[0].get_text().split("\n")
    assert len(lines) == 2 and lines[1].endswith("…")
    assert all(text_width(line, style.SMALL) <= (108 if narrow else 170) for line in lines)


def test_long_names_of_rows_take_two_lines_before_any_is_cut():
    ax = style.bars(
        style.figure(True, rows=3),
        ["stage conversion · Qualification", "新商机推进到方案阶段的转化率", "East"],
        [1, 1, 1],
        text=EN,
    )
    told = [label.get_text() for label in ax.get_yticklabels()]
    assert told == ["stage conversion\nQualification", "新商机推进到方案阶段的转\n化率", "East"]


def test_drawing_is_the_same_every_time_and_has_no_text_nor_comment():
    first, second = (style.to_svg(style.bars(style.figure(rows=1), ["华东"], [1.0], text=EN).figure) for _ in range(2))
    assert first == second
    assert "<text" not in first and "<!--" not in first and "华东" not in first
    assert len(first) < 40_000


def test_chinese_glyphs_come_from_the_wheel():
    style.look()
    assert matplotlib.rcParams["font.family"][0] == "Noto Sans CJK SC"


def test_hostile_labels_draw_and_leave_nothing_but_paths():
    ax = style.bars(style.figure(rows=len(PAYLOADS)), PAYLOADS, [1.0] * len(PAYLOADS), text=EN)
    ax.annotate("\ud800" + PAYLOADS[0] * 500, (0, 0))
    svg = style.to_svg(ax.figure)
    assert "script" not in svg and "evil" not in svg and "fire(" not in svg
    assert svg.isprintable() or set(filter(lambda sign: not sign.isprintable(), svg)) == {"\n"}


def test_reference_and_empty_say_their_words():
    ax = style.figure()
    style.reference(ax, 3.0, "target", axis="y")
    style.reference(ax, float("nan"), "absent")
    assert labels(ax) == ["target"] and list(ax.lines[0].get_ydata()) == [3.0, 3.0]
    assert labels(style.empty(style.figure(), "Too little data")) == ["Too little data"]


def test_heat_leaves_undefined_cells_empty():
    matrix = pd.DataFrame({"a": [0.5, float("nan")], "b": [0.25, 1.0]}, index=["x", "y"])
    ax = style.heat(style.figure(rows=3), matrix, text=EN)
    assert labels(ax) == ["50.0%", "25.0%", "100.0%"] and len(ax.patches) == 3


def test_panels_stand_side_by_side_and_on_a_phone_one_under_the_other():
    wide, narrow = style.panels(2), style.panels(2, narrow=True)
    assert wide[0].get_gridspec().ncols == 2 and narrow[0].get_gridspec().nrows == 2
    assert style.to_svg(wide[0].figure) and style.to_svg(narrow[0].figure)
