"""The ledger is append-only, never graded twice in a run, never improved, and heals after a crash."""

import pytest

from salesloop import ledger
from salesloop.errors import DataError

PROMISE = {
    "id": "forecast:2026-09:company:bookings:2026-10", "kind": "forecast", "made_in": "2026-09", "due": "2026-10",
    "scope": "company", "measure": "bookings", "value": 100.0, "low": 80.0, "high": 120.0, "confidence": 0.8,
    "uom": "CNY", "evidence": "forecast.bookings_forecast",
}  # fmt: skip
GRADE = {"id": PROMISE["id"], "graded_in": "2026-10", "actual": 130.0, "outcome": "outside", "error": -30.0, "n": 4}


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("SALESLOOP_ROOT", str(tmp_path))
    return tmp_path


def test_a_promise_is_kept_once_and_a_changed_one_is_a_later_edition():
    assert ledger.append("u", [PROMISE]) == 1
    assert ledger.append("u", [PROMISE]) == 0
    assert ledger.append("u", [PROMISE | {"value": 131.0}]) == 1
    assert [line["edition"] for line in ledger.read("u")] == [1, 2]
    assert ledger.promises("u")["value"].tolist() == [100.0]


def test_a_run_reads_only_lines_of_runs_before_it():
    ledger.append("u", [PROMISE, GRADE])
    assert len(ledger.read("u", before="2026-09")) == 0
    assert len(ledger.read("u", before="2026-10")) == 1
    assert ledger.promises("u", before="2026-10")["outcome"].isna().all()
    assert ledger.promises("u")["outcome"].tolist() == ["outside"]


def test_a_second_grade_of_the_same_run_adds_nothing():
    ledger.append("u", [PROMISE, GRADE])
    assert ledger.append("u", [GRADE | {"actual": 99.0}]) == 0
    assert ledger.grades("u")["actual"].tolist() == [130.0]


def test_a_torn_last_line_is_healed_and_a_broken_middle_is_named(root):
    ledger.append("u", [PROMISE])
    file = root / "params" / "u" / "ledger.jsonl"
    file.write_bytes(file.read_bytes() + b'{"id": "torn')
    assert len(ledger.read("u")) == 1
    assert ledger.append("u", [GRADE]) == 1
    assert len(ledger.read("u")) == 2
    file.write_bytes(b"not json\n" + file.read_bytes())
    with pytest.raises(DataError, match="line 1"):
        ledger.read("u")
