"""Charts of the bottlenecks by their artists."""

import pandas as pd
import pytest
from matplotlib.colors import to_hex

from salesloop import style
from salesloop.messages import Text
from salesloop.plots import bottlenecks

CELLS = pd.DataFrame({
    "stage": ["Proposal", "Solution", "Solution"], "segment_kind": ["segment", "all", "team"], "segment": ["Mid-market", "all", "East"],
    "direction": "slower", "money": [9.0, 5.0, 1.0], "money_low": [4.0, 1.0, -1.0], "money_high": [14.0, 9.0, 3.0],
    "flagged": [True, False, False],
})  # fmt: skip


def test_ranked_names_each_cell_and_marks_what_is_flagged():
    ax = bottlenecks.ranked(CELLS, text=Text("en"))
    assert [tick.get_text() for tick in ax.get_yticklabels()] == [
        "Proposal · Mid-market",
        "Solution",
        "Solution · East",
    ]
    dots = next(part for part in ax.collections if len(part.get_offsets()) == 3)
    assert dots.get_offsets()[:, 0].tolist() == [9.0, 5.0, 1.0]
    assert [to_hex(color).upper() for color in dots.get_facecolors()] == [style.ORANGE, style.BLUE, style.BLUE]


def test_a_phone_shows_both_parts_of_a_name():
    ax = bottlenecks.ranked(CELLS, text=Text("zh"), narrow=True)
    assert ax.get_yticklabels()[0].get_text() == "Proposal\nMid-market"


def test_slips_draw_both_rates():
    table = pd.DataFrame({"period": ["2026-05", "2026-06"], "rate": [0.2, 0.3], "rate_value": [0.1, 0.5]})
    lines = bottlenecks.slips(table, text=Text("en")).get_lines()
    assert [line.get_ydata().tolist() for line in lines] == [[0.2, 0.3], [0.1, 0.5]]


@pytest.mark.parametrize("name", ["ranked", "slips", "patterns", "leads"])
def test_nothing_to_draw_is_said(name):
    ax = getattr(bottlenecks, name)(CELLS[:0], text=Text("en"))
    assert [part.get_text() for part in ax.texts] == ["Nothing to draw yet"]
