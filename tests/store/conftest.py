"""A unit without data, under a root of its own."""

import pytest

from salesloop.store import base
from tests.store import landings


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """Tiny tables are quicker on one thread; that threads change nothing has its own test."""
    monkeypatch.setattr(base, "THREADS", 1)


@pytest.fixture
def acme(tmp_path, monkeypatch):
    monkeypatch.setenv("SALESLOOP_ROOT", str(tmp_path))
    return landings.unit(tmp_path)
