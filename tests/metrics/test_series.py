"""Series: known answers, short histories, the calendar, level breaks, and intervals that keep their word."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from bench import level_breaks
from salesloop import periods
from salesloop.metrics import series
from salesloop.metrics.series import breaks, calendar, past, pool, season, stack, weights

AS_OF = dt.date(2026, 10, 31)


def panel(values: dict[str, np.ndarray], last: str = "2026-10") -> pd.DataFrame:
    rows = [
        {"unique_id": name, "period": month, "value": value}
        for name, found in values.items()
        for month, value in zip(pd.period_range(end=last, periods=len(found), freq="M"), found, strict=True)
        if np.isfinite(value)
    ]
    return pd.DataFrame(rows, columns=["unique_id", "period", "value"])


def test_a_line_and_a_season_are_continued():
    line = 100 + 2.0 * np.arange(48)
    told = series.forecast(panel({"a": line}), horizon=3, as_of=AS_OF).table
    assert told["mean"].tolist() == pytest.approx([196, 198, 200], rel=0.01)
    wave = np.tile(100 + 30 * np.sin(np.arange(12) * np.pi / 6), 4)
    told = series.forecast(panel({"a": wave}), horizon=12, as_of=AS_OF).table
    assert told["mean"].to_numpy() == pytest.approx(wave[:12], rel=0.03)


@pytest.mark.parametrize(("n", "method"), [(0, None), (1, "last_value"), (2, "last_value"), (3, "average"), (6, "average"),
                                           (12, "average"), (24, "average"), (36, "average")])  # fmt: skip
def test_every_length_of_history_has_an_answer_or_says_that_it_has_none(n, method):
    rng = np.random.default_rng(n)
    told = series.forecast(panel({"a": 100 * np.exp(0.2 * rng.standard_normal(n))}), horizon=3, as_of=AS_OF).table
    if method is None:
        assert told.empty
        return
    assert set(told["method"]) == {method}
    assert told["mean"].between(40, 250).all()
    assert (told["n"] == n).all()
    assert (told["p10"] < told["p50"]).all()
    assert (told["p90"] > told["p50"]).all()
    assert told["p97_5"].isna().all() == (n < 24)  # 19 errors at a lead are needed for 95 %


def test_a_missing_month_is_missing_and_a_month_that_is_not_over_is_left_out():
    values = np.full(30, 100.0)
    values[20] = np.nan
    given = pd.concat([panel({"a": values}), pd.DataFrame([{"unique_id": "a", "period": "2026-11", "value": 3.0}])])
    told = series.forecast(given, horizon=1, as_of=AS_OF)
    assert told.table["mean"].tolist() == pytest.approx([100.0])
    assert told.table["period"].astype(str).tolist() == ["2026-11"]
    assert set(told.notes["kind"]) == {"incomplete_month", "missing_months", "stack_few"}
    zero = series.forecast(panel({"a": np.nan_to_num(values)}), horizon=1, as_of=AS_OF)
    assert zero.table["mean"].iloc[0] < 99


def test_nothing_after_as_of_is_read():
    rng = np.random.default_rng(2)
    full = panel({"a": 100 + 10 * rng.standard_normal(40)})
    early = series.forecast(full, horizon=3, as_of=dt.date(2026, 6, 30), country="CN")
    cut = series.forecast(
        full[full["period"] <= pd.Period("2026-06")], horizon=3, as_of=dt.date(2026, 6, 30), country="CN"
    )
    pd.testing.assert_frame_equal(early.table, cut.table)


def test_sales_never_fall_below_zero_but_a_score_may():
    down = np.linspace(100, 2, 30)
    assert series.forecast(panel({"a": down}), horizon=12, as_of=AS_OF).table[["mean", "p2_5", "p10"]].min().min() >= 0
    score = np.linspace(50, -40, 30)
    assert series.forecast(panel({"a": score}), horizon=3, as_of=AS_OF, non_negative=False).table["mean"].max() < -30


def test_a_sparse_series_gets_its_mean_level():
    rng = np.random.default_rng(3)
    rare = np.where(rng.random(60) < 0.25, 40.0, 0.0)
    told = series.forecast(panel({"a": rare}), horizon=1, as_of=AS_OF)
    assert told.table["method"].iloc[0] == "sparse"
    assert told.table["mean"].iloc[0] == pytest.approx(10, abs=6)


def test_the_working_days_and_the_spring_festival_are_found():
    months = pd.period_range("2022-01", periods=48, freq="M")
    days = np.array([periods.working_days(month, "CN") for month in months])
    festival = calendar.festival_share(months)
    rng = np.random.default_rng(4)
    sales = days / 21 * np.exp(-0.6 * festival + 0.05 * rng.standard_normal(48))
    found = calendar.effects(sales[None], months, "CN")
    true = days / 21 * np.exp(-0.6 * festival)
    assert np.abs(np.log(found) - np.log(true / true.mean())).max() < 0.12
    assert festival[months == "2023-01"] == pytest.approx(
        17 / 21
    )  # new year on 22 January: from 15 January to 4 February
    assert festival[months == "2024-02"] == 1.0


def test_level_breaks_are_found_where_they_are_and_not_on_steady_series():
    rng = np.random.default_rng(5)
    steady = 100 * np.exp(0.2 * rng.standard_normal((400, 36)))
    trend = steady * np.exp(np.linspace(0, 0.5, 36))
    assert (breaks.find(steady)[0] >= 0).mean() < 0.05
    assert (breaks.find(trend)[0] >= 0).mean() < 0.05
    jumped = steady * np.where(np.arange(36) < 26, 1.0, 2.5)
    at, factor = breaks.find(jumped)
    assert (np.abs(at - 26) <= 1).mean() > 0.9
    assert np.median(factor[at >= 0]) == pytest.approx(2.5, rel=0.1)
    told = series.forecast(panel({"a": jumped[0]}), horizon=1, as_of=AS_OF)
    assert told.table["mean"].iloc[0] == pytest.approx(250, rel=0.25)
    assert "level_break" in set(told.notes["kind"])


def test_eighty_percent_means_eighty_percent():
    rng = np.random.default_rng(6)
    inside, n = 0, 200
    for _ in range(n):
        values = 100 * np.exp(0.25 * rng.standard_normal(37))
        told = series.forecast(panel({"a": values[:36]}), horizon=1, as_of=AS_OF).table.iloc[0]
        inside += told["p10"] <= values[36] <= told["p90"]
    assert 0.72 <= inside / n <= 0.88


def test_the_stack_enters_only_where_many_series_teach_it_and_it_wins():
    rng = np.random.default_rng(7)
    noise = {f"s{i}": 100 + 10 * rng.standard_normal(30) for i in range(stack.LEAST_SERIES)}
    few = series.forecast(panel(dict(list(noise.items())[:10])), horizon=2, as_of=AS_OF)
    assert set(few.notes["kind"]) == {"stack_few"}
    wave = {}
    for i in range(30):  # the average cannot know that every series falls by half after three good months
        base = [100.0, 100.0, 100.0]
        while len(base) < 36:
            base.append(50.0 if len(base) % 4 == 3 else 100.0 + 3 * rng.standard_normal())
        wave[f"w{i:02d}"] = np.array(base) * (1 + i / 10)
    told = series.forecast(panel(wave), horizon=2, as_of=AS_OF)
    assert "stack_used" in set(told.notes["kind"])
    assert set(told.table["method"]) == {"stack"}
    lost = series.forecast(panel(noise), horizon=2, as_of=AS_OF)
    assert ("stack_lost" in set(lost.notes["kind"])) == (set(lost.table["method"]) == {"average"})


def test_seasonal_factors_are_shrunk_to_none_where_there_is_only_noise():
    rng = np.random.default_rng(8)
    flat = 100 + 10 * rng.standard_normal((50, 36))
    assert season.factors(flat).std(axis=1).mean() < 0.04
    assert (season.factors(flat[:, :20]) == 1).all()


def test_m3_is_forecast_as_well_as_measured_elsewhere(shared_data):
    long = pd.read_csv(shared_data / "ts_m3_odd" / "m3_long.csv.gz")
    meta = pd.read_csv(shared_data / "ts_m3_odd" / "m3_meta.csv")
    monthly = long[long["series"].isin(meta.loc[meta["period"] == "MONTHLY", "series"])]
    train = monthly[monthly["split"] == "train"].groupby("series")["value"].apply(np.array)
    test = np.stack(
        monthly[monthly["split"] == "test"].groupby("series")["value"].apply(np.array).reindex(train.index).tolist()
    )
    values = np.full((len(train), max(map(len, train))), np.nan)
    for row, known in enumerate(train):
        values[row, values.shape[1] - len(known) :] = known
    told = pool.entrants(values, 18)
    smape = {k: float((200 * np.abs(f - test) / (np.abs(f) + np.abs(test))).mean()) for k, f in told.items()}
    published = pd.read_csv(shared_data / "ts_m3_odd" / "published_forecasts.csv.gz")
    theta = published[published["method"] == "THETA"].pivot_table(index="series", columns="h", values="forecast")
    theirs = theta.reindex(train.index).to_numpy()[:, :18]
    best = float((200 * np.abs(theirs - test) / (np.abs(theirs) + np.abs(test))).mean())
    assert smape["average"] < best * 1.01
    assert smape["average"] < smape["theta"] < smape["seasonal_naive"]


def test_no_shape_of_steady_noise_is_taken_for_a_level_break_in_more_than_one_of_twenty():
    rng, found = np.random.default_rng(12), {}
    for length in (14, 21, 30, 48):
        for kind, values in level_breaks.shapes(rng, 250, length):
            found.setdefault(kind, []).append((breaks.mend(values)[1] >= 0).mean())
    assert len(found) > 10
    assert {kind: np.mean(shares) for kind, shares in found.items() if np.mean(shares) >= 0.05} == {}


def test_a_level_break_is_measured_by_the_levels_on_either_side_and_mended():
    values = np.r_[np.full(20, 100.0), np.full(16, 300.0)] * np.tile([0.95, 1.05, 1.0], 12)
    mended, at, factor = breaks.mend(values[None])
    assert at.tolist() == [20]
    assert factor == pytest.approx([3.0], rel=0.03)  # 300 over 100, a little of which the season takes
    assert mended[0, :20].mean() == pytest.approx(300, rel=0.03)
    assert (mended[0, 20:] == values[20:]).all()


def test_what_is_known_of_the_past_does_not_change_with_what_comes():
    rng = np.random.default_rng(13)
    values = 100 * np.exp(0.2 * rng.standard_normal((4, 40)))
    values[0, 30:] *= 3  # a break that nobody could know of before
    values[1, :5] = np.nan
    months = pd.period_range("2023-07", periods=40, freq="M")
    whole, regressors = past.whole(values, months, 3, "CN")
    assert len(whole) == 43
    late = past.earlier(values, 3, most=16, regressors=regressors)
    _, early_regressors = past.whole(values[:, :36], months[:36], 3, "CN")
    early = past.earlier(values[:, :36], 3, most=12, regressors=early_regressors)
    for one in early:
        (same,) = [other for other in late if other.end == one.end]
        width = one.known.shape[1]
        np.testing.assert_allclose(same.known[:, -width:], one.known)
        assert np.isnan(same.known[:, :-width]).all()
        np.testing.assert_allclose(same.factor, one.factor)


def wild(n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    plain, last, middle = np.exp(rng.standard_normal(n)), np.ones(n), np.ones(n)
    last[-1], middle[n // 2] = 1e9, 1e9
    gappy, ended, dead = plain.copy(), plain.copy(), plain.copy()
    gappy[rng.random(n) < 0.5] = np.nan
    gappy[0] = 1.0
    ended[-(n // 3) :], dead[-(n // 3) :] = (np.nan, 0.0) if n > 3 else (1.0, 1.0)
    return {"plain": plain, "zero": np.zeros(n), "constant": np.full(n, 5.0), "negative": -plain, "mixed": 99 * rng.standard_normal(n),
            "huge_last": last, "huge_middle": middle, "gappy": gappy, "ended": ended, "dead": dead, "tiny": 1e-9 * plain,
            "large": 1e12 * plain, "falling": 0.7 ** np.arange(n)}  # fmt: skip


@pytest.mark.parametrize("non_negative", [True, False])
def test_no_series_however_odd_is_forecast_far_beyond_what_it_ever_was_or_spoils_the_others(non_negative):
    rng = np.random.default_rng(21)
    given = {
        f"{name}-{n:03d}": found for n in (1, 2, 3, 5, 8, 12, 23, 25, 40, 130) for name, found in wild(n, rng).items()
    }
    told = series.forecast(panel(given), horizon=4, as_of=AS_OF, country="CN", non_negative=non_negative)
    assert {"stack_used", "stack_lost"} & set(told.notes["kind"])
    rows = told.table
    assert set(rows["unique_id"]) == set(given)
    bounds = rows[["p10", "p25", "p50", "p75", "p90"]].to_numpy(dtype=float)
    assert np.isfinite(bounds).all()
    assert np.isfinite(rows["mean"]).all()
    assert (np.diff(bounds, axis=1) >= -1e-6 * np.abs(bounds[:, 1:])).all()
    assert not non_negative or bounds.min() >= 0
    largest = rows["unique_id"].map({name: np.nanmax(np.abs(found)) for name, found in given.items()})
    assert (rows["mean"].abs() <= 3 * largest + 1e-12).all()
    constant = rows[rows["unique_id"].str.startswith("constant") & (rows["n"] >= 3)]
    assert constant["mean"].between(3.5, 6.5).all()  # moved by the working days of its month alone
    infinite = panel({"a": np.r_[np.full(20, 7.0), np.inf, np.full(3, 7.0)]}).assign(unique_id=1)
    finite = series.forecast(infinite, horizon=1, as_of=AS_OF).table
    assert finite[["mean", "n"]].to_numpy().tolist() == [[7.0, 23]]


def test_weights_rest_on_errors_known_by_then_and_are_worked_out_by_hand():
    rng = np.random.default_rng(14)
    values = 100 * np.exp(0.2 * rng.standard_normal((1, 24)))
    facts = {"horizon": 2}

    def weighed(known: np.ndarray):
        pasts = past.earlier(known, 2, most=40)
        rolled = pool.rolling(pasts, 2)
        return pasts, rolled, weights.weigh(pasts, rolled, known, **facts)

    pasts, rolled, (now, then, panel) = weighed(values)
    (place,) = [i for i, one in enumerate(pasts) if one.end == 20]
    np.testing.assert_allclose(then[place], weighed(values[:, :20])[2][0], atol=1e-12)
    # lead 1 now: mean squared errors of the ends 3 to 23, inverted, by n / (n + 12) towards the panel's,
    # which is the same series' held back towards a third each
    n = len(pasts)
    squared = np.array([np.mean([(one.came[0, 0] - told[name][0, 0]) ** 2 for one, told in zip(pasts, rolled, strict=True)])
                        for name in pool.AVERAGED])  # fmt: skip
    own = (1 / squared) / (1 / squared).sum()
    share = n / (n + 12)
    assert n == 21
    assert panel[:, 0] == pytest.approx(share * own + (1 - share) / 3)
    assert now[:, 0, 0] == pytest.approx(share * own + (1 - share) * panel[:, 0])
    assert now.sum(axis=0) == pytest.approx(1)
    assert then[-1] == pytest.approx(1 / 3)  # nothing was known to have missed
