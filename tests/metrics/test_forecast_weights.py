"""The weights of pipeline and series over a loop that grades itself: one estimate, no month twice, no drifting away."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from salesloop import followup
from salesloop.book import Book
from salesloop.metrics import forecast, pipeline
from salesloop.metrics.forecast import rules
from salesloop.results import Stage

COLUMNS = ["made_in", "lead_months", "period", "method", "forecast", "actual"]
MAY = pd.Period("2026-05", "M")


def rows(months: list[pd.Period], pipeline, series, actual) -> pd.DataFrame:
    made = [
        (month, 1, month + 1, name, float(told), float(came))
        for month, *both, came in zip(months, pipeline, series, actual, strict=True)
        for name, told in zip(("pipeline", "series"), both, strict=True)
    ]
    return pd.DataFrame(made, columns=COLUMNS)


def test_a_month_that_back_test_and_ledger_both_know_is_one_row():
    months = [MAY - 2, MAY - 1, MAY]
    tested = rows(months, [10, 12, 9], [8, 15, 9], [9, 12, 10])
    actual = pd.Series({month + 1: came for month, came in zip(months, (9.0, 12.0, 10.0), strict=True)})
    alike = rules.each_month_once(tested, tested.drop(columns="actual"), actual)
    assert alike.sort_values(["made_in", "method"]).to_dict("list") == tested.to_dict("list")
    graded = {str(month) for month in months}
    assert rules.join_weights(alike, graded, 1).value["1"] == forecast.prior_weights(tested)["1"]
    assert rules.join_weights(alike, graded, 1).n == 3


def test_what_was_told_goes_before_the_back_test_and_what_has_not_come_waits():
    tested = rows([MAY - 1], [12], [15], [12])
    told = rows([MAY - 7, MAY - 1, MAY], [20, 11, 30], [10, 14, 30], [0, 0, 0]).drop(columns="actual")
    half = told[(told["made_in"] != MAY - 7) | (told["method"] == "series")]  # a run that told of the series alone
    actual = pd.Series({MAY - 6: 18.0, MAY: 12.0})
    found = rules.each_month_once(tested, told.astype({"made_in": str, "period": str}), actual)
    assert found[["made_in", "forecast", "actual"]].values.tolist() == [
        [MAY - 7, 20.0, 18.0], [MAY - 7, 10.0, 18.0], [MAY - 1, 11.0, 12.0], [MAY - 1, 14.0, 12.0],
    ]  # fmt: skip
    assert set(rules.each_month_once(tested, half, actual)["made_in"]) == {MAY - 1}
    # by hand: gaps 10 and -3, actual less series 8 and -2: 86 of 109, two months against 24 of the pipeline alone
    share = rules.join_weights(found, {str(MAY - 7)}, 1).value["1"]["pipeline"]
    assert share == pytest.approx((2 * 86 / 109 + 24) / 26, abs=1e-4)


def test_without_graded_months_the_weights_are_the_back_tests_and_nothing_is_learned():
    tested = rows([MAY - 1, MAY], [12, 9], [15, 9.5], [12, 10])
    calls = pd.DataFrame({"who": [], "period": [], "amount": [], "actual": []})
    learned = forecast.learn(tested.assign(p10=0.0, p50=0.0, p90=0.0), set(), calls, period=MAY, scale_in_force=None)
    assert learned["method_weights"].value == forecast.prior_weights(tested)
    assert learned["method_weights"].n == 0
    assert "method_weights" not in set(rules.as_table(learned)["parameter"])


SHARED, OWN, SEEN = 15.0, (10.0, 20.0), 6


def _loop(seed: int, months: int = 120, window: int = 9) -> tuple[np.ndarray, np.ndarray]:
    """Return the pipeline's weight in every sixth month, and squared errors with it, with the back-test alone, with the best."""
    rng = np.random.default_rng(seed)
    actual, shared = 100 + rng.normal(0, 20, months), rng.normal(0, SHARED, months)
    told = [actual + shared + rng.normal(0, sd, months) for sd in OWN]  # best: 400 / (400 + 100), whatever both share
    when = pd.period_range("2020-01", periods=months, freq="M")
    everything, came = rows(list(when), *told, actual), pd.Series(actual, index=when + 1)
    weight, errors = [], []
    for now in range(window + 1, months, SEEN):
        known = everything.iloc[: 2 * now]
        tested, earlier = known.iloc[-2 * window :], known.drop(columns="actual")
        found = rules.each_month_once(tested, earlier, came.iloc[:now])
        learned = rules.join_weights(found, {str(month) for month in when[:now]}, 1).value["1"]["pipeline"]
        weight.append(learned)
        used = (learned, forecast.prior_weights(tested)["1"]["pipeline"], 0.8)
        errors.append([(share * told[0][now] + (1 - share) * told[1][now] - actual[now]) ** 2 for share in used])
    return np.array(weight), np.array(errors)


def test_over_ten_years_the_weights_come_near_the_best_ones_and_stay_there():
    weight, errors = (np.array(one) for one in zip(*(_loop(seed) for seed in range(6)), strict=True))
    held = rules.WEIGHT_LAST / (rules.WEIGHT_LAST + 24)  # 60 months at what they say, 24 at the pipeline alone
    wanted = held * 0.8 + (1 - held)
    a, b = (sd**2 for sd in OWN)
    rest = np.sqrt(SHARED**2 + a * b / (a + b))  # what no weights could mend, against how far the two lie apart
    sd = held * rest / np.sqrt((a + b) * rules.WEIGHT_LAST)  # of a least squares slope: 0.07
    late = weight[:, weight.shape[1] // 2 :]
    assert late.mean() == pytest.approx(wanted, abs=3 * sd / np.sqrt(len(late)))
    assert np.abs(late - wanted).max() < 3 * sd  # in no company, in no month of the last five years
    step = sd * np.sqrt(2 * SEEN / rules.WEIGHT_LAST)  # six months come in and six go out
    assert np.abs(np.diff(late, axis=1)).max() < 4 * step
    learned, alone, best = errors.mean(axis=(0, 1))
    assert best < learned < alone and learned < 1.02 * best


def test_each_run_keeps_what_pipeline_and_series_told_for_later_ones(tmp_path, monkeypatch):
    monkeypatch.setenv("SALESLOOP_ROOT", str(tmp_path))
    amount = np.zeros((3, 1, 4, 2), dtype=np.float32)
    amount[0, 0] = [[1, 3], [4, 4], [0, 2], [9, 9]]
    drawn = pipeline.Draws(["x"], pd.period_range(MAY + 1, periods=4, freq="M"), amount, pd.DataFrame(), "multistate")
    ahead = pd.DataFrame({"mean": [5.0, 6.0, 7.0, 8.0]})
    for month in (MAY, MAY + 1):
        book = Book.from_tables({}, period=str(month), as_of=dt.date(2026, 6, 30))
        stage = Stage("forecast", book, tmp_path / "reports" / "u" / str(month) / "results")
        stage.keep("by_method", forecast.by_method(drawn, ahead, period=month, state_known="events"))
        stage.save()
    told = followup.told_in("u", {str(MAY + 1), str(MAY), "2026-01"}, "forecast", "by_method")
    assert len(told) == 12 and followup.told_in("u", {"2026-01"}, "forecast", "by_method").empty
    found = rules.each_month_once(rows([], [], [], []), told, pd.Series({MAY + 1: 10.0, MAY + 2: 20.0}))
    assert found[["lead_months", "method", "forecast", "actual"]].values.tolist() == [
        [1, "pipeline", 2.0, 10.0], [1, "series", 5.0, 10.0], [2, "pipeline", 4.0, 20.0], [2, "series", 6.0, 20.0],
        [1, "pipeline", 2.0, 20.0], [1, "series", 5.0, 20.0],
    ]  # fmt: skip
    for kind, known in (("multistate", "dates"), ("none", "events")):
        assert forecast.by_method(replace(drawn, kind=kind), ahead, period=MAY, state_known=known).empty
