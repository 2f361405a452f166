"""The charts of the feedback, told by what they draw."""

import numpy as np
import pandas as pd
import pytest

from salesloop import style
from salesloop.messages import Text
from salesloop.plots import feedback


def quarters(values):
    low, high = ([None if v is None else v + d for v in values] for d in (-10, 10))
    labels = [f"202{5 + i // 4}Q{i % 4 + 1}" for i in range(len(values))]
    return pd.DataFrame(
        {"quarter": labels, "measure": "nps", "n": 40, "value": values, "low": low, "high": high}
    ).astype({"value": float, "low": float, "high": float})


@pytest.mark.parametrize("narrow", [False, True])
def test_each_quarter_has_its_score_and_the_last_is_named(narrow):
    ax = feedback.scores(quarters([10.0, 20.0, None, 5.0, 8.0]), text=Text("en"), narrow=narrow)
    assert ax.lines[0].get_ydata()[[0, 1, 3, 4]].tolist() == [10.0, 20.0, 5.0, 8.0]
    assert len(ax.collections[0].get_segments()) == 5
    assert ax.get_xticklabels()[-1].get_text() == "Q1 26"


def test_quarters_are_named_in_chinese():
    ax = feedback.scores(quarters([1.0, 2.0]), text=Text("zh"))
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["25.Q1", "25.Q2"]


def test_emerging_themes_are_orange_and_the_share_before_is_hollow():
    table = pd.DataFrame({"theme": ["a", "b"], "label": ["A", "B"], "share": [0.3, 0.2], "low": [0.2, 0.1], "high": [0.4, 0.3],
                          "before": [0.1, np.nan], "emerging": [True, False]})  # fmt: skip
    ax = feedback.themes(table, text=Text("en"))
    from matplotlib.colors import to_hex

    dots = ax.collections[1]
    assert [to_hex(color).upper() for color in dots.get_facecolors()] == [style.ORANGE, style.BLUE]
    assert len(ax.collections[2].get_facecolors()) == 0
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["A", "B"]


@pytest.mark.parametrize("plot", [feedback.scores, feedback.themes])
def test_nothing_to_draw_says_so(plot):
    columns = ["quarter", "measure", "n", "value", "low", "high", "theme", "label", "share", "before", "emerging"]
    ax = plot(pd.DataFrame(columns=columns), text=Text("en"))
    assert len(ax.texts) == 1
