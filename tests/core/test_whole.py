"""Files are whole at any moment, and what a crash left beside or inside them is cleared by the next write."""

from __future__ import annotations

import subprocess
import sys

import pytest

from salesloop import approvals, whole


def test_a_write_that_fails_leaves_the_old_file_and_no_draft(tmp_path, monkeypatch):
    file = whole.write(tmp_path / "a.yml", "old\n")

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(type(file), "replace", full)
        with pytest.raises(OSError, match="No space"):
            whole.write(file, "new\n")
    assert [one.name for one in tmp_path.iterdir()] == ["a.yml"]
    assert file.read_text() == "old\n"


def test_drafts_of_dead_processes_go_and_those_of_living_ones_stay(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    living = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    names = [f".a[1].yml.{dead.pid}", f".a[1].yml.{living.pid}", f".b.yml.{dead.pid}", ".a[1].yml.note"]
    for name in names:
        (tmp_path / name).write_text("half")
    whole.write(tmp_path / "a[1].yml", "new\n")
    living.communicate(b"\n")
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted([*names[1:], "a[1].yml"])


def test_lines_are_added_after_whole_ones_only(tmp_path):
    file = tmp_path / "deep" / "log.jsonl"
    assert whole.lines(file) == []
    whole.append(file, [])
    assert not file.exists()
    whole.append(file, ["1", "2"])
    file.write_bytes(file.read_bytes() + b'{"torn": "\xe4')
    assert whole.lines(file) == [b"1", b"2"]
    whole.append(file, ["3"])
    assert file.read_bytes() == b"1\n2\n3\n"


def test_a_torn_approval_is_no_approval_and_the_next_one_stands(tmp_path, monkeypatch):
    monkeypatch.setenv("SALESLOOP_ROOT", str(tmp_path))
    row = {"id": "interval_scale", "kind": "technical", "old": None, "new": 1.5}
    assert approvals.record("acme", "2026-09", [row], by="automatic", when="2026-10-08") == 1
    file = approvals.file_of("acme")
    file.write_bytes(file.read_bytes() + b'{"id": "stall_li')
    assert approvals.record("acme", "2026-10", [row], by="automatic", when="2026-11-08") == 1
    assert [line["made_in"] for line in approvals.read("acme")] == ["2026-09", "2026-10"]
