"""Workbooks that go out to be edited and come back through the door."""

import datetime as dt
import io
import re
import zipfile
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from salesloop import handout, sources
from salesloop.book import Book
from salesloop.messages import Text
from salesloop.metrics.execution import moves
from salesloop.params import UnitConfig
from salesloop.results import Results, Stage
from salesloop.schema import TABLES

HOSTILE = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "0012", "1e5", "'quoted", "2026-10", "长城；签约"]
DUE, AGREED = dt.date(2026, 11, 30), dt.date(2026, 11, 6)


def plan(**changes):
    rows = {
        "id": [f"2026-10-{n:02d}" for n in range(len(HOSTILE))], "what": HOSTILE, "deal_set": "3652397886265637599;D2",
        "measure": None, "expected_move": (list(moves.MOVES) * 2)[: len(HOSTILE)], "owner": "Li Na / 李娜",
        "due": pd.Timestamp(DUE), "created": pd.Timestamp(AGREED),
    }  # fmt: skip
    return pd.DataFrame({**rows, **changes})


def cells(content):
    return list(openpyxl.load_workbook(io.BytesIO(content)).active.iter_rows())


def test_no_text_of_the_data_becomes_a_formula_and_edited_cells_stay_texts():
    made = cells(handout.workbook(plan(), {"what": "What", "due": "=Due"}, sheet="x"))
    assert {cell.data_type for row in made for cell in row} == {"s", "d"}
    assert [row[0].value for row in made[1:]] == HOSTILE
    assert {row[0].number_format for row in made} == {"@"}
    assert [cell.value for cell in made[0]] == ["What", "=Due"]


def test_what_cannot_stand_in_a_cell_is_dropped_or_refused():
    made = cells(handout.workbook(pd.DataFrame({"a": ["x\x00y\u202e", None, float("nan")]}), {"a": "A"}, sheet="[a]/b"))
    assert [row[0].value for row in made] == ["A", "xy", None, None]
    with pytest.raises(ValueError, match="40,000"):
        handout.workbook(pd.DataFrame({"a": ["x" * 40_000]}), {"a": "A"}, sheet="x")


def test_the_same_rows_give_the_same_bytes_and_no_time_of_making_is_kept():
    made = [handout.workbook(plan(), {"id": "Id", "due": "Due"}, sheet="x") for _ in range(2)]
    assert made[0] == made[1]
    with zipfile.ZipFile(io.BytesIO(made[0])) as parts:
        assert {part.date_time for part in parts.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        told = parts.read("docProps/core.xml").decode()
    assert set(re.findall(r"\d{4}-\d\d-\d\dT[\d:]+Z", told)) == {"2000-01-01T00:00:00Z"}


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_actions_come_back_through_the_door_as_they_went_out(lang, tmp_path, monkeypatch):
    monkeypatch.setenv("SALESLOOP_ROOT", str(tmp_path))
    config = UnitConfig(unit="north", languages=(lang,))
    book = Book.from_tables({}, period="2026-10", config=config)
    stage = Stage("execution", book, tmp_path / "results")
    stage.workbook("actions_to_edit", plan(), plan="actions", title="execution.table.to_edit", words=["expected_move"])
    stage.save()
    kept = Results(tmp_path / "results", "execution").tables["actions_to_edit"]["workbook"]
    folder = tmp_path / "params" / "north" / "plan"
    folder.mkdir(parents=True)
    (folder / Path(kept).name).write_bytes((tmp_path / "results" / kept).read_bytes())
    landing = sources.plan("north", config)
    assert landing.rejects.num_rows == 0
    back = landing.tables["actions"].to_pandas().sort_values("id")
    sent = plan()
    for column in ("id", "deal_set", "owner"):
        assert back[column].tolist() == sent[column].tolist(), column
    assert [text.strip() for text in back["what"]] == [text.strip() for text in HOSTILE]
    assert [moves.read_move(text) for text in back["expected_move"]] == sent["expected_move"].tolist()
    assert {str(day)[:10] for day in back["due"]} == {str(DUE)} and {str(day)[:10] for day in back["created"]} == {
        str(AGREED)
    }
    assert back["measure"].isna().all()


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_column_of_the_plan_has_a_heading_and_every_move_a_word_that_is_read_back(lang):
    text = Text(lang)
    assert all(text.has(f"plan.actions.{column}") for column in TABLES["actions"].columns)
    assert [moves.read_move(text.word(code, "execution")) for code in moves.MOVES] == list(moves.MOVES)


def test_a_row_that_people_edited_wins_over_the_one_that_an_approval_wrote(tmp_path, monkeypatch):
    monkeypatch.setenv("SALESLOOP_ROOT", str(tmp_path))
    folder = tmp_path / "params" / "north" / "plan"
    folder.mkdir(parents=True)
    written, edited = plan().head(2), plan(what="edited").iloc[1:3]
    written.to_csv(folder / "actions.csv", index=False)
    headings = {column: column for column in edited}
    (folder / "actions_2026-10_execution.xlsx").write_bytes(handout.workbook(edited, headings, sheet="x"))
    landing = sources.plan("north", UnitConfig(unit="north"))
    back = landing.tables["actions"].to_pandas().set_index("id")["what"]
    assert back.to_dict() == {"2026-10-00": "=1+1", "2026-10-01": "edited", "2026-10-02": "edited"}
    assert landing.rejects.to_pandas()[["file", "rule"]].values.tolist() == [["actions.csv", "older_state"]]
