"""Clocks that run by working time, against numbers worked by hand."""

import datetime as dt

import numpy as np

from salesloop.demo import calendar
from salesloop.demo.process import _when

EDGE = np.array([np.inf])


def test_clocks_read_forwards_and_backwards():
    clocks = calendar.Clocks(np.array([[1.0, 0.01, 1.0, 1.0], [0.5, 0.01, 0.5, 0.5]]))
    row = np.array([0, 1, 0])
    shown = clocks.read(row, np.array([2.5, 2.5, 0.25]))
    assert np.allclose(shown, [1.51, 0.76, 0.25])
    assert np.allclose(clocks.when(row, shown), [2.5, 2.5, 0.25])
    assert clocks.when(np.array([0]), np.array([9.0]))[0] == np.inf


def test_holidays_carry_no_work_and_the_days_around_spring_festival_little():
    first = dt.date(2026, 2, 1)
    weight = calendar.day_weights(first, 59)
    on = {
        day: weight[(dt.date(2026, *day) - first).days] for day in [(2, 2), (2, 12), (2, 18), (2, 28), (3, 1), (3, 10)]
    }
    assert on[2, 2] == 1.0
    assert on[2, 12] == 0.55
    assert on[2, 18] < 0.02
    assert on[2, 28] == 0.7, "a Saturday that is worked to make up for the holidays"
    assert on[3, 1] < 0.02
    assert on[3, 10] == 1.0


def _done(need, *, pace=0.1, shape=1.0, t_in=0.0, begin=np.inf, end=np.inf, boost=1.0, seen=-np.inf, weight=1.0):
    clocks = calendar.Clocks(np.full((1, 400), weight))
    one = np.ones(1)
    return float(
        _when(
            clocks,
            np.zeros(1, dtype=int),
            one * t_in,
            one * need,
            one * pace,
            shape,
            one * begin,
            one * end,
            one * boost,
            seen,
        )[0]
    )


def test_work_takes_as_long_as_its_pace_says():
    assert np.isclose(_done(2.0), 20.0)
    assert np.isclose(_done(2.0, weight=0.5), 40.0), "a clock at half speed takes twice as long"
    assert np.isclose(_done(4.0, shape=2.0), 20.0), "(0.1 x 20)^2 = 4"


def test_a_window_speeds_up_what_falls_into_it():
    assert np.isclose(_done(2.0, begin=10, end=15, boost=2.0), 15.0), "10 days of 10, then 5 days that count for 10"
    assert np.isclose(_done(2.0, begin=10, end=12, boost=2.0), 18.0)
    assert np.isclose(_done(2.0, begin=30, end=40, boost=2.0), 20.0), "too late to matter"


def test_what_has_lasted_has_that_much_behind_it():
    assert np.isclose(_done(2.0, seen=30.0), 50.0), "no memory at shape 1"
    assert np.isclose(_done(5.0, shape=2.0, seen=20.0), 30.0), "(2^2 + 5)^(1/2) / 0.1"
