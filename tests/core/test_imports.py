"""`import` as a stranger meets it: a folder of dated exports, files without days, what is said of the currency."""

from __future__ import annotations

import duckdb
import pytest

from salesloop import cli, paths, store, units
from salesloop.params import load_unit

HEAD = "Deal ID,Deal Name,Owner,Stage,Amount,Close Date,Created Date\n"


@pytest.fixture(autouse=True)
def own_root(tmp_path, monkeypatch):
    monkeypatch.setenv("SALESLOOP_ROOT", str(tmp_path / "root"))
    (tmp_path / "root").mkdir()
    monkeypatch.chdir(tmp_path / "root")


def _put(tmp_path, **files):
    folder = tmp_path / "exports"
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(HEAD + text, encoding="utf-8")
    return str(folder)


def _bring(folder, *more):
    return cli.main(["import", "--unit", "acme", "--data", folder, *more])


def test_dated_exports_become_versions_and_repeating_them_nothing(tmp_path, capsys):
    folder = _put(
        tmp_path,
        **{
            "deals_2026-04-30": "1,A,Ann,Proposal,$100,2026-05-31,2026-01-05\n",
            "deals_2026-05-31": "1,A,Ann,Won,$90,2026-05-20,2026-01-05\n2,B,Bob,Proposal,$7,2026-08-31,2026-05-06\n",
        },
    )
    assert _bring(folder) == 0
    said = capsys.readouterr().out
    assert said.index("as of 2026-04-30:") < said.index("as of 2026-05-31:")
    assert load_unit("acme").currency == "USD"
    with duckdb.connect(str(paths.store("acme")), read_only=True) as found:
        rows = found.execute(
            "SELECT opportunity_id, stage, CAST(amount AS INTEGER) FROM v_opportunities ORDER BY _state_at, 1"
        ).fetchall()
    assert rows == [("1", "Proposal", 100), ("1", "Won", 90), ("2", "Proposal", 7)]
    assert (str(store.first("acme")), str(store.latest("acme"))) == ("2026-01", "2026-05")
    assert _bring(folder) == 0
    assert capsys.readouterr().out.count("nothing new: repeats an earlier import") == 2


def test_files_without_any_day_are_stored_and_say_what_is_missing(tmp_path, capsys):
    folder = tmp_path / "leads"
    folder.mkdir()
    (folder / "leads.csv").write_text(
        "Prospect ID,Lead Origin,Lead Source,Converted\nP1,API,Web,1\nP2,API,Web,0\n", encoding="utf-8"
    )
    assert _bring(str(folder)) == 0
    said = capsys.readouterr().out
    assert "leads: 2 new" in said
    assert "2 rows of leads without created_at" in said and "columns:" in said
    assert cli.main(["report", "--unit", "acme"]) == 3
    told = capsys.readouterr().err
    assert all(part in told for part in ("found none: 2 rows of leads", "allowed: deals with the day", "next: export"))


def test_a_month_that_the_data_do_not_end_and_a_currency_that_nobody_names(tmp_path, capsys):
    folder = _put(tmp_path, deals="1,A,Ann,Won,100,2026-05-20,2026-01-05\n2,B,Ann,Lost,7,2026-06-10,2026-02-05\n")
    assert _bring(folder) == 0
    said = capsys.readouterr().out
    assert "the files name no one currency: CNY is taken" in said
    assert "the last whole month is 2026-05" in said and "AS_OF=" in said
    assert _bring(folder, "--as-of", "2026-06-30") == 0
    assert str(store.latest("acme")) == "2026-06"


@pytest.mark.parametrize(("edited", "currency"), [(False, "USD"), (True, "CNY")])
def test_a_unit_into_which_nothing_came_yet_learns_its_currency(tmp_path, edited, currency):
    """As an import leaves it that was killed, or that stopped with its questions; what a person wrote holds."""
    file = units.create("acme")
    if edited:
        file.write_text(file.read_text(encoding="utf-8").replace('name: ""', "name: Acme"), encoding="utf-8")
    assert _bring(_put(tmp_path, deals="1,A,Ann,Won,$100,2026-05-20,2026-01-05\n"), "--as-of", "2026-05-31") == 0
    assert load_unit("acme").currency == currency
