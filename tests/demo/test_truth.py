"""Common luck, true futures, true effects."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from salesloop.demo import Bottleneck, Company, Planted
from salesloop.demo.ids import zoho
from salesloop.demo.process import final_amount

DAY = dt.date(2024, 10, 31)


def booked(company, since=None):
    """Return bookings by month of the true past."""
    path = company.path
    won = (path.stays["to"] == 5) & (path.stays["out"] < path.end)
    amount = final_amount(company.world, path.deals, path.stays)[won]
    month = company.world.month[path.stays["out"][won].astype(int)]
    made = pd.Series(amount).groupby(month).sum()
    return made[made.index >= company.world.month_no(since)].sum() if since else made


def test_a_change_of_nothing_changes_nothing():
    company = Company(seed=3, months=14).advance(months=2)
    again = company.counterfactual()
    left, right = company.tables(), again.tables()
    for name in left:
        pd.testing.assert_frame_equal(left[name], right[name], obj=name)


def test_a_slowdown_costs_bookings_and_leaves_what_was_before():
    slow = (Bottleneck("Proposal", "segment", "Mid-market", "2024-06", speed=0.2),)
    cost = []
    for seed in range(6):
        company = Company(seed=seed, months=20)
        other = company.counterfactual(bottlenecks=slow)
        a, b = booked(company), booked(other)
        before = a.index < company.world.month_no("2024-06")
        assert np.allclose(a[before], b.reindex(a.index)[before])
        cost.append(1 - booked(other, "2024-06") / booked(company, "2024-06"))
    assert 0.03 < np.mean(cost) < 0.5


def test_a_planted_change_has_its_effect_and_a_futile_one_none():
    def with_factor(factor):
        change = Planted("X", "x", "conversion", "team", "South", "2024-03-01", factor=factor)
        return [Company(seed=seed, months=22, interventions=(change,)) for seed in range(4)]

    futile, plain = with_factor(1.0), [Company(seed=seed, months=22) for seed in range(4)]
    for a, b in zip(futile, plain, strict=True):
        assert booked(a).equals(booked(b))
    strong = with_factor(2.0)
    gain = sum(booked(c, "2024-06") for c in strong) / sum(booked(c, "2024-06") for c in plain)
    assert gain > 1.03
    assert _odds(strong, "South") / _odds(plain, "South") == pytest.approx(2.0, rel=0.35), (
        "the odds of going on against being lost"
    )
    assert _odds(strong, "North") / _odds(plain, "North") == pytest.approx(1.0, rel=0.12)


def _odds(companies, team):
    """Return stays of a team that went on over those that were lost, after the change."""
    on = lost = 0
    for company in companies:
        stays = company.path.stays
        rows = (stays["team"] == company.world.people.teams.index(team)) & (
            stays["t_in"] > company.world.day(dt.date(2024, 3, 1))
        )
        on += int((rows & (stays["to"] > stays["stage"]) & (stays["to"] < 6)).sum())
        lost += int((rows & (stays["to"] >= 6)).sum())
    return on / lost


def test_futures_agree_with_what_comes_on_average():
    real, told, inside = [], [], []
    for seed in range(20):
        company = Company(seed=200 + seed, months=15, turnover=0.1)
        drawn = company.futures(DAY, 3, 40)
        first = company.world.month_no("2024-11")
        came = booked(company).reindex(range(first, first + 3), fill_value=0.0)
        real.append(came.to_numpy())
        told.append(drawn.mean(axis=0))
        inside.append((drawn < came.to_numpy()).mean(axis=0))
    gap = np.array(real) - np.array(told)
    t = gap.mean(axis=0) / (gap.std(axis=0, ddof=1) / np.sqrt(len(gap)))
    assert (np.abs(t) < 3.5).all()
    assert 0.6 < ((np.array(inside) > 0.1) & (np.array(inside) < 0.9)).mean() < 0.95


def test_chances_of_open_deals_agree_with_what_becomes_of_them():
    expected = came = n = 0.0
    for seed in range(12):
        company = Company(seed=300 + seed, months=24)
        chances = company.win_chances(DAY, 3, 100)
        assert np.allclose(chances["p_win"] + chances["p_lost"], 1.0, atol=0.02)
        stays = company.path.stays
        won = zoho(
            company.path.deals["key"][stays["deal"][(stays["to"] == 5) & (stays["out"] < company.path.end)]], "deal"
        )
        expected += chances["p_win"].sum()
        came += chances["opportunity_id"].isin(set(won)).sum()
        n += len(chances)
    assert abs(came - expected) < 3.5 * np.sqrt(n * 0.2)


def test_a_longer_past_does_not_move_the_futures():
    short, long = Company(seed=8, months=12), Company(seed=8, months=30)
    assert np.array_equal(short.futures(DAY, 2, 20), long.futures(DAY, 2, 20))


def test_futures_take_a_change_from_the_day_on():
    slow = (Bottleneck("Negotiation", "segment", "Enterprise", "2024-01", speed=0.2),)
    company = Company(seed=8, months=12, bottlenecks=slow)
    freed, bound = company.futures(DAY, 4, 100, bottlenecks=()), company.futures(DAY, 4, 100)
    assert freed.sum() > bound.sum() * 1.02
    same = company.futures(DAY, 4, 20, skill_sd=company.options.skill_sd)
    assert np.array_equal(same, bound[:20])
