"""Errors of past changes are as wide as quarters and people make them."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from salesloop.metrics.whatif import joint, spread

START = pd.Timestamp("2025-01-01")
TRIAL = joint.Trial("b", "team", "B", START, pd.NaT)


def test_the_error_of_a_mean_of_four_people_is_that_of_the_analysis_of_variance():
    # means 1, 5, 2, 10 of two deals each: between people 98 over 3, so the mean's variance is 98 / 3 / 8;
    # of it the pooled noise of 106 / 7 / 8 stands on 7 degrees of freedom, and the rest on 3
    hit = np.array([0.0, 2.0, 4.0, 6.0, 1.0, 3.0, 9.0, 11.0])
    rows = pd.DataFrame({"team": "A", "quarter": "q", "owner_id": list("aabbccdd")})
    scale = 106 / 7
    fit = spread.Fitted(
        pd.DataFrame({"const": np.ones(8)}), (hit - 4.5) / scale, np.full(8, 1 / scale), np.array([[scale / 8]])
    )
    told = spread.standard_errors(fit, rows, group="team", family="gaussian")["const"]
    noise, total = scale / 8, 98 / 3 / 8
    free = total**2 / (noise**2 / 7 + (total - noise) ** 2 / 3)
    assert told == pytest.approx(np.sqrt(total) * stats.t.ppf(0.975, free) / stats.norm.ppf(0.975), rel=1e-9)
    nobody = spread.standard_errors(fit, rows.drop(columns="owner_id"), group="team", family="gaussian")["const"]
    assert nobody == pytest.approx(np.sqrt(noise) * stats.t.ppf(0.975, 7) / stats.norm.ppf(0.975), rel=1e-9)


def exits(seed, skill):
    """Return exits of three teams whose five people each leave for others half-way; they differ by `skill` in log odds."""
    rng = np.random.default_rng(seed)
    n = 1500
    on = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 730, n), unit="D")
    team = rng.choice(list("ABC"), n)
    seat = rng.integers(0, 5, n) + 5 * (on >= START)
    owner = pd.Series(team) + seat.astype(str)
    luck = dict(zip(sorted(set(owner)), rng.normal(0, skill, 30), strict=True))
    hit = (rng.random(n) < 1 / (1 + np.exp(-0.4 - owner.map(luck)))).astype(float)
    return pd.DataFrame({"hit": hit, "on": on, "created_at": on, "team": team, "owner_id": owner,
                         "quarter": on.to_period("Q").astype(str)})  # fmt: skip


def found(rows):
    return joint.fit(rows, [TRIAL], factors=["quarter", "team"], group="team", family="binomial")["b"]


def test_people_who_come_and_go_are_not_taken_for_an_effect():
    told = [(found(rows), found(rows.drop(columns="owner_id"))) for rows in (exits(seed, 0.8) for seed in range(14))]
    named, unnamed = (np.mean([(pair[i].estimate / pair[i].se) ** 2 for pair in told]) for i in (0, 1))
    assert unnamed > 2.0
    assert named < 1.5


def test_people_who_are_alike_cost_little():
    ratios = [
        found(rows).se / found(rows.drop(columns="owner_id")).se for rows in (exits(seed, 0.0) for seed in range(6))
    ]
    assert 0.95 < np.median(ratios) < 1.15


def test_one_person_a_team_cannot_be_told_from_the_team():
    rows = exits(3, 0.0)
    alone = rows.assign(owner_id=rows["team"])
    assert found(alone).se == pytest.approx(found(rows.drop(columns="owner_id")).se)
