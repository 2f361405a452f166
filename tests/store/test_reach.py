"""How far data reach: the cut-off, the first and the last whole month, and what is refused."""

import datetime as dt

import pytest

from salesloop import store
from salesloop.errors import ParameterError
from tests.store.landings import deal, landing


def test_the_stated_day_of_the_export_is_the_cut_off(acme):
    store.land(acme, landing(opportunities=[deal("a", created="2026-09-01 02:00")]), as_of=dt.date(2026, 11, 2))
    assert (store.cut_off(acme), str(store.first(acme)), str(store.latest(acme))) == (
        dt.date(2026, 11, 2), "2026-09", "2026-10",
    )  # fmt: skip


def test_days_alone_count_up_to_the_last_closing(acme):
    midnight = "2017-12-26 16:00"  # 27 December in Shanghai
    store.land(acme, landing(opportunities=[
        deal("a", created=midnight), deal("b", "won", created=midnight, closed_on="2017-12-31"),
        deal("c", created=midnight, expected_close="2018-06-30"),
    ]))  # fmt: skip
    assert store.cut_off(acme) == dt.date(2017, 12, 31)
    assert not store.import_log(acme)["stated"].any()


def test_what_a_system_stamped_bounds_what_people_typed(acme):
    store.land(acme, landing(opportunities=[
        deal("a", created="2021-04-15 02:07"), deal("b", "won", created="2021-01-05 09:30", closed_on="2021-05-20"),
    ]))  # fmt: skip
    assert store.cut_off(acme) == dt.date(2021, 4, 15)


def test_nothing_after_the_export_counts(acme):
    store.land(acme, landing(as_of="2026-10-15", opportunities=[deal("a", "won", closed_on="2026-12-24")]))
    assert store.cut_off(acme) == dt.date(2026, 10, 15)


@pytest.mark.parametrize("period", ["2026-08", "2026-11", "2031-01"])
def test_a_period_outside_the_data_is_refused_with_the_range(acme, period):
    store.land(acme, landing(as_of="2026-11-20", opportunities=[deal("a")]))
    with pytest.raises(ParameterError, match=r"2026-09 to 2026-10") as told:
        store.freeze(acme, period)
    assert told.value.exit_code == 2


def test_a_check_in_outside_its_month_or_the_data_is_refused(acme):
    store.land(acme, landing(as_of="2026-11-20", opportunities=[deal("a")]))
    for day in (dt.date(2026, 10, 31), dt.date(2026, 11, 21)):
        with pytest.raises(ParameterError, match="as_of"):
            store.freeze(acme, "2026-11", as_of=day)


def test_without_data_the_next_step_is_told(acme):
    with pytest.raises(ParameterError, match="make import UNIT=acme"):
        store.latest(acme)
