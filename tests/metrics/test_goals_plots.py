"""Charts of goals and what-ifs, tried by their artists."""

import numpy as np
import pandas as pd
import pytest

from salesloop.messages import Text
from salesloop.plots import goals, whatif

NAN = float("nan")
BULLETS = pd.DataFrame({"period": "2026Q4", "level": ["company", "region", "team", "team"], "name": [None, "N", "N", "S"],
                        "attained": [0.2, 0.3, 0.3, 1.1], "expected": [0.9, 1.2, 1.2, NAN], "low": [0.8, 1.0, 1.0, NAN],
                        "high": [1.0, 1.4, 1.4, NAN], "n": 3})  # fmt: skip


def words(ax):
    return [told.get_text() for told in ax.texts] + [told.get_text() for told in ax.get_yticklabels()]


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_attainment_has_a_bar_a_dot_and_both_shares_for_each_scope(lang, narrow):
    ax = goals.attainment(BULLETS, text=Text(lang), narrow=narrow)
    assert [round(bar.get_width(), 2) for bar in ax.patches] == [0.2, 0.3, 0.3, 1.1]
    assert np.nanmax(ax.collections[1].get_offsets()[:, 0]) == 1.2
    told = [artist.get_text() for artist in ax.get_children() if hasattr(artist, "get_text")]
    assert "20.0% → 90.0%" in told
    assert "110.0%" in told
    level = "region" if lang == "en" else "区域"
    assert f"N ({level})" in words(ax)


def test_chances_run_from_nothing_to_certain():
    table = pd.DataFrame(
        {"period": ["2026-11", "2026Q4"], "tier": ["base", "stretch"], "p_hit": [0.6, 0.1], "amount": [1e6, 3e6]}
    )
    ax = goals.p_hit(table, text=Text("en"))
    assert ax.get_xlim() == (0, 1)
    assert [bar.get_width() for bar in ax.patches] == [0.6, 0.1]


def test_capacity_marks_the_target():
    table = pd.DataFrame({"period": ["2026-11"], "capacity": [4.0], "low": [2.0], "high": [6.0], "target": [5.0]})
    ax = goals.capacity(table, text=Text("en"))
    marks = [segment[0][0] for lines in ax.collections[2:] for segment in lines.get_segments()]
    assert marks == [5.0]


def test_tornado_greys_what_is_extrapolated():
    table = pd.DataFrame({"lever": ["volume", "size"], "scope": ["all", "all"], "bookings_change": [2.0, 1.0], "low": [1.0, -1.0],
                          "high": [3.0, 3.0], "extrapolated": [False, True]})  # fmt: skip
    ax = whatif.tornado(table, text=Text("en"))
    colors = ax.collections[1].get_facecolors()
    assert not np.allclose(colors[0], colors[1])
    assert "new deals · whole company" in words(ax)


@pytest.mark.parametrize("plot", [goals.attainment, goals.p_hit, goals.capacity, whatif.tornado, whatif.effects])
def test_nothing_to_draw_is_said(plot):
    assert plot(pd.DataFrame(), text=Text("en")).texts
