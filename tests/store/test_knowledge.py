"""A company whose every entry is known to the test: months frozen at their time, and all of them long after."""

import datetime as dt
import hashlib
import random

import pandas as pd

from salesloop import periods, store
from salesloop.book import open_book
from tests.store.landings import deal, landing, unit

MONTHS = pd.period_range("2026-03", "2026-05", freq="M")


def diaries(seed, n=60):
    """Return for each deal its entries: (when entered, status, amount in cents, closed on); some late, some corrected."""
    dice = random.Random(seed)
    made = {}
    for i in range(n):
        born = dt.datetime(2026, 1, 5, 2) + dt.timedelta(days=dice.randrange(150), minutes=dice.randrange(300))
        cents = dice.randrange(10_000, 900_000)
        entries = [(born, "open", cents, None)]
        if dice.random() < 0.5:
            entries.append(
                (born + dt.timedelta(days=dice.randrange(1, 20)), "open", cents + dice.randrange(5_000), None)
            )
        if dice.random() < 0.8:
            closed = entries[-1][0] + dt.timedelta(days=dice.randrange(1, 60))
            entered = closed + dt.timedelta(days=dice.choice([0, 0, 1, 3, 14, 25]))
            entries.append((entered, dice.choice(["won", "won", "lost"]), entries[-1][2], closed.date()))
            if dice.random() < 0.3:
                entries.append((entered + dt.timedelta(days=dice.randrange(1, 50)), "won", cents + 777, closed.date()))
        made[f"d{i:02d}"] = entries
    return made


def day_of(stamp):
    return (stamp + dt.timedelta(hours=8)).date()  # Shanghai


def known(entries, day):
    return [entry for entry in entries if day_of(entry[0]) <= day]


def export(made, day):
    """Return what the CRM exports on a day: each deal's last entry."""
    rows = []
    for ident, entries in made.items():
        if past := known(entries, day):
            stamp, status, cents, closed = past[-1]
            rows.append(deal(ident, status, f"{cents / 100:.2f}", created=entries[0][0], modified_at=stamp, known_at=stamp,
                             closed_on=str(closed) if closed else None))  # fmt: skip
    return landing(as_of=str(day), opportunities=rows)


def booked(made, day, until):
    """Return the cents won up to a day, by what was entered until another."""
    last = [past[-1] for entries in made.values() if (past := known(entries, until))]
    return sum(cents for _, status, cents, closed in last if status == "won" and closed <= day)


def test_months_frozen_in_time_are_those_frozen_long_after_and_adjustments_bridge_them(tmp_path, monkeypatch):
    made, told = diaries(7), {}
    for root, at_once in ((tmp_path / "live", False), (tmp_path / "later", True)):
        monkeypatch.setenv("SALESLOOP_ROOT", str(root))
        name = unit(root)
        folders = []
        for month in MONTHS:
            store.land(name, export(made, periods.known_until(month)))
            if not at_once:
                folders.append(store.freeze(name, month))
        folders = folders or [store.freeze(name, month) for month in MONTHS]
        told[at_once] = [
            {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}
            for folder in folders
        ]
    assert told[False] == told[True]
    before = None
    for month in MONTHS:
        book, end, until = open_book("acme", month), periods.end(month), periods.known_until(month)
        deals = book.table("opportunities")
        won = round(100 * deals.loc[deals["status"] == "won", "amount"].sum())
        assert won == booked(made, end, until)
        adjusted = round(100 * book.table("adjustments")["amount"].sum())
        if before is not None:
            assert adjusted == booked(made, periods.end(month - 1), until) - before
            assert adjusted != 0  # the diaries hold late entries in every month
        before = booked(made, end, until)
