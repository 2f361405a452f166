"""The mapping: drafted, asked about, answered by hand, used again."""

from __future__ import annotations

import datetime as dt

import pytest
import yaml

from salesloop.errors import DataError, ParameterError, SalesloopError
from salesloop.sources import draft, load

HEAD = "Deal Id,Deal Name,Owner,Stage,Amount,Closing Date,Created Time\n"
ROWS = "D1,Alpha,Ann,Closed Won,100,2026-03-31,2026-01-05\nD2,Beta,Bob,Qualification,200,2026-04-30,2026-02-01\n"


def _deals(landing):
    return landing.tables["opportunities"].to_pylist()


def _mapping(root):
    return root / "params" / "u" / "mapping.yml"


def test_an_import_without_doubts_writes_what_it_did(put, unit, root):
    load(put("Deals_2026_05_28.csv", HEAD + ROWS), unit)
    (entry,) = yaml.safe_load(_mapping(root).read_text(encoding="utf-8"))["files"]
    assert (entry["file"], entry["table"], entry["key"]) == ("Deals*.csv", "opportunities", ["Deal Id"])
    assert entry["values"]["status"] == {"Closed Won": "won", "Qualification": "open"}
    assert entry["columns"]["closed_on"] == "Closing Date"


def test_samples_are_shown_but_no_names(put, unit, root):
    load(put("deals.csv", HEAD + ROWS), unit)
    text = _mapping(root).read_text(encoding="utf-8")
    assert "# 2026-03-31 · 2026-04-30" in text
    assert "Ann" not in text
    assert "Alpha" not in text


def test_an_unknown_stage_is_asked_for_by_name_and_answered(put, unit, root):
    file = put("deals.csv", HEAD + ROWS + "D3,C,Ann,Phase X,5,2026-04-30,2026-02-01\n")
    with pytest.raises(DataError, match="'Phase X' mean open, won, lost or void") as caught:
        load(file, unit)
    assert "params/u/mapping.yml" in str(caught.value)
    assert caught.value.exit_code == 3
    text = _mapping(root).read_text(encoding="utf-8")
    assert "# Questions:" in text
    with pytest.raises(DataError, match="1 open question"):
        load(file, unit)
    _mapping(root).write_text(text.replace("Phase X: '?'", "Phase X: lost"), encoding="utf-8")
    assert [row["status"] for row in _deals(load(file, unit))] == ["won", "open", "lost"]


def test_a_new_stage_in_a_later_export(put, unit, root):
    load(put("Deals_2026_03_31.csv", HEAD + ROWS), unit)
    later = put("Deals_2026_04_30.csv", HEAD + ROWS + "D3,C,Ann,Negotiation,5,2026-04-30,2026-02-01\n")
    assert [row["status"] for row in _deals(load(later, unit))] == ["won", "open", "open"]
    later = put("Deals_2026_05_31.csv", HEAD + ROWS + "D3,C,Ann,Zeta,5,2026-04-30,2026-02-01\n")
    with pytest.raises(DataError, match="'Zeta'"):
        load(later, unit)


def test_stages_without_any_closing_date_are_open(put, unit):
    rows = "".join(f"D{i},N,Ann,{stage},1,{day},2026-01-05\n" for i, (stage, day) in
                   enumerate([("Won", "2026-02-01"), ("Lost", "2026-02-01"), ("Zeta", ""), ("Zeta", "")]))  # fmt: skip
    landing = load(put("deals.csv", HEAD + rows), unit)
    assert [row["status"] for row in _deals(landing)] == ["won", "lost", "open", "open"]
    assert any("'Zeta' is open" in text for text in landing.assumptions)


AMBIGUOUS = "D{},N,Ann,Qualification,1,{},{}\n"


def test_ambiguous_dates_are_asked_and_answered(put, unit, root):
    rows = AMBIGUOUS.format(1, "03/04/2026", "01/02/2026") + AMBIGUOUS.format(2, "05/06/2026", "02/03/2026")
    file = put("deals.csv", HEAD + rows)
    with pytest.raises(DataError, match=r"'Closing Date' day before month \(dmy\) or month before day"):
        load(file, unit)
    text = _mapping(root).read_text(encoding="utf-8")
    _mapping(root).write_text(text.replace("'?'", "mdy"), encoding="utf-8")
    assert _deals(load(file, unit))[0]["expected_close"] == dt.date(2026, 3, 4)
    _mapping(root).write_text(text.replace("'?'", "dmy"), encoding="utf-8")
    assert _deals(load(file, unit))[0]["expected_close"] == dt.date(2026, 4, 3)


def test_one_column_tells_the_order_of_the_other(put, unit):
    rows = AMBIGUOUS.format(1, "03/04/2026", "13/02/2026") + AMBIGUOUS.format(2, "05/06/2026", "02/03/2026")
    landing = load(put("deals.csv", HEAD + rows), unit)
    assert _deals(landing)[0]["expected_close"] == dt.date(2026, 4, 3)
    assert any("read as dmy, as in the file's other columns" in text for text in landing.assumptions)


def test_what_must_follow_tells_the_order(put, unit):
    """Closed on 1/12, 2/12 ... and created in November: as day-month the closings come after, as month-day before."""
    rows = "".join(f"D{i},N,Ann,Won,1,{i:02d}/12/2026,{i:02d}/11/2026\n" for i in range(1, 12))
    rows += "".join(f"E{i},N,Ann,Won,1,{i:02d}/02/2026,{i + 1:02d}/01/2026\n" for i in range(4, 11))
    landing = load(put("deals.csv", HEAD + rows), unit)
    assert _deals(landing)[0]["closed_on"] == dt.date(2026, 12, 1)
    assert any("would come first" in text for text in landing.assumptions)


def test_another_file_tells_the_order(put, unit):
    put("leads.csv", "Lead Id,Company,Lead Status,Created Time\nL1,A,New,25/02/2026\n")
    file = put("deals.csv", HEAD + AMBIGUOUS.format(1, "03/04/2026", "01/02/2026"))
    assert _deals(load(file.parent, unit))[0]["expected_close"] == dt.date(2026, 4, 3)


def test_the_mappings_order_yields_to_impossible_days(put, unit):
    entry = {"file": "deals.csv", "table": "opportunities", "dates": {"Closing Date": "mdy", "Created Time": "mdy"}}
    file = put("deals.csv", HEAD + AMBIGUOUS.format(1, "13/04/2026", "01/02/2026"))
    landing = load(file, unit, mapping={"files": [entry]})
    assert _deals(landing)[0]["expected_close"] == dt.date(2026, 4, 13)
    assert any("impossible days" in text for text in landing.assumptions)


def test_numbers_that_can_only_be_european_need_no_question(put, unit):
    file = put(
        "deals.csv",
        HEAD.replace(",", ";")
        + "D1;A;Ann;Won;1.234,50;2026-03-31;2026-01-05\nD2;B;Ann;Won;1.234;2026-03-31;2026-01-05\n",
    )
    landing = load(file, unit)
    assert [str(row["amount"]) for row in _deals(landing)] == ["1234.50", "1234.00"]
    assert any("decimal sign is a comma" in text for text in landing.assumptions)


@pytest.mark.parametrize("other", ["1,234.50", "99.5"])
def test_numbers_of_two_habits_are_asked_about(put, unit, root, other):
    file = put(
        "deals.csv",
        HEAD.replace(",", ";")
        + f"D1;A;Ann;Won;1.234,50;2026-03-31;2026-01-05\nD2;B;Ann;Won;{other};2026-03-31;2026-01-05\n",
    )
    with pytest.raises(DataError, match="decimal sign"):
        load(file, unit)
    text = _mapping(root).read_text(encoding="utf-8")
    _mapping(root).write_text(text.replace("decimal: '?'", "decimal: ','"), encoding="utf-8")
    assert str(_deals(load(file, unit))[0]["amount"]) == "1234.50"


def test_numbers_with_three_digits_behind_the_point_are_asked_about(put, unit):
    rows = "".join(f"D{i};N;Ann;Won;{i}.500;2026-03-31;2026-01-05\n" for i in range(1, 6))
    with pytest.raises(DataError, match=r"look like 1.234"):
        load(put("deals.csv", HEAD.replace(",", ";") + rows), unit)


def test_which_column_is_the_period_is_asked(put, unit):
    text = "Employee Key,quarter_a,quarter_b,quota\n1,2010Q4,2017Q3,5\n"
    with pytest.raises(DataError, match="which column is the period: 'quarter_a', 'quarter_b'"):
        load(put("quotas.csv", text), unit)


def test_a_file_never_seen_goes_in_by_hand(put, unit):
    text = "nr;wer;was;wieviel;stand;am;angelegt\n7;Ann;Pumpe;1.234,5;fertig;31.03.2026;05.01.2026\n8;Bob;Ventil;99,0;laufend;30.04.2026;06.01.2026\n"
    entry = {
        "file": "auftraege*.csv", "table": "opportunities", "decimal": ",", "key": ["nr"], "currency": "EUR",
        "columns": {"opportunity_id": "nr", "owner": "wer", "name": "was", "amount": "wieviel", "status": "stand", "stage": "stand",
                    "closed_on": "am", "expected_close": "am", "created_at": "angelegt"},
        "values": {"status": {"fertig": "won", "laufend": "open"}},
    }  # fmt: skip
    first, second = _deals(load(put("auftraege_2026_04.csv", text), unit, mapping={"files": [entry]}))
    assert (first["opportunity_id"], str(first["amount"]), first["currency"], first["closed_on"]) == (
        "7",
        "1234.50",
        "EUR",
        dt.date(2026, 3, 31),
    )
    assert (second["status"], second["expected_close"]) == ("open", dt.date(2026, 4, 30))


def test_a_mapping_as_data_names_its_files(put, unit):
    put("Deals_2026_05_28.csv", HEAD + ROWS)
    put("other.csv", HEAD + ROWS.replace("D1", "D7"))
    file = put("mapping.yml", "files:\n- file: Deals*.csv\n  table: opportunities\n")
    assert [row["opportunity_id"] for row in _deals(load(file, unit))] == ["D1", "D2"]


def test_a_file_left_out_by_the_mapping(put, unit):
    put("deals.csv", HEAD + ROWS)
    put("old.csv", HEAD + ROWS.replace("D1", "D7"))
    landing = load(put("deals.csv", HEAD + ROWS).parent, unit, mapping={"files": [{"file": "old.csv", "table": None}]})
    assert len(_deals(landing)) == 2
    assert "set aside: the mapping leaves it out" in [note for report in landing.files for note in report.notes]


def test_complete_exports_and_overrides_of_reading(put, unit):
    entry = {
        "file": "d.txt",
        "table": "opportunities",
        "complete": True,
        "encoding": "cp1252",
        "delimiter": "~",
        "header_row": 2,
    }
    text = "x~y\n" + (HEAD + ROWS).replace(",", "~").replace("Alpha", "Zürich")
    landing = load(put("d.txt", text, "cp1252"), unit, mapping={"files": [entry]})
    assert _deals(landing)[0]["name"] == "Zürich"
    assert landing.files[0].complete


def test_mistakes_in_a_mapping_are_named(put, unit):
    file = put("deals.csv", HEAD + ROWS)
    with pytest.raises(SalesloopError, match=r"(?s)tabel.*an unknown key"):
        load(file, unit, mapping={"files": [{"file": "deals.csv", "tabel": "x"}]})
    with pytest.raises(ParameterError, match=r"table.*'deals'.*opportunities"):
        load(file, unit, mapping={"files": [{"file": "deals.csv", "table": "deals"}]})
    with pytest.raises(ParameterError, match="no column of opportunities"):
        load(
            file,
            unit,
            mapping={"files": [{"file": "deals.csv", "table": "opportunities", "columns": {"amuont": "Amount"}}]},
        )
    with pytest.raises(ParameterError, match="no such file"):
        load(file, unit, mapping="nowhere.yml")


def test_a_column_that_the_mapping_names_and_the_file_lacks(put, unit):
    load(put("deals.csv", HEAD + ROWS), unit)
    landing = load(put("deals.csv", HEAD.replace("Amount", "Wert") + ROWS), unit)
    assert any("no column 'Amount', which the mapping names" in text for text in landing.assumptions)
    assert "amount" not in landing.tables["opportunities"].column_names


def test_hand_made_text_survives_new_files(put, unit, root):
    load(put("deals.csv", HEAD + ROWS), unit)
    mine = _mapping(root).read_text(encoding="utf-8").replace("    key:", "    # our ids are good\n    key:")
    _mapping(root).write_text(mine, encoding="utf-8")
    load(put("users.csv", "User Id,Full Name,Email\n1,Ann,a@x\n"), unit)
    text = _mapping(root).read_text(encoding="utf-8")
    assert text.startswith(mine.rstrip("\n"))
    assert [entry["file"] for entry in yaml.safe_load(text)["files"]] == ["deals.csv", "users.csv"]


def test_a_comparison_writes_nothing(put, unit, root):
    load(put("deals.csv", HEAD + ROWS), unit, save=False)
    assert not _mapping(root).exists()


def test_a_draft_shows_guesses_and_questions(put, unit, root):
    made = draft(put("deals.csv", HEAD + ROWS + "D3,C,Ann,Zeta,5,2026-04-30,2026-02-01\n"), unit)
    assert [question.place for question in made.questions] == ["values.status"]
    assert made.mapping.files[0].columns["owner"] == "Owner"
    file = made.save(root / "m.yml")
    assert yaml.safe_load(file.read_text(encoding="utf-8"))["files"][0]["values"]["status"]["Zeta"] == "?"
    assert not _mapping(root).exists()
    assert any(line.startswith("question: deals.csv, values.status") for line in made.lines())


@pytest.mark.parametrize(
    "label", ["a: b", "# x", "{x}", "- y", "'q'", '"r"', "x\u202ey", "é\u0007", "yes", "1.0", "?", "null"]
)
def test_any_label_survives_the_mappings_yaml(put, unit, root, label):
    text = HEAD.replace("Stage", "Stage").replace("\n", ',"' + label.replace('"', '""') + '"\n') + ROWS.replace(
        "\n", ",Zz\n"
    )
    file = put("deals.csv", text)
    first = load(file, unit)
    assert _deals(load(file, unit)) == _deals(first)


def test_stage_names_that_yaml_would_change(put, unit):
    rows = "".join(
        f"D{i},N,Ann,{stage},1,2026-03-31,2026-01-05\n"
        for i, stage in enumerate(["Won", "no sale", "1 - Open", '"Lost, #2: x"', "on hold"])
    )
    file = put("deals.csv", HEAD + rows)
    first = load(
        file,
        unit,
        mapping={
            "files": [{"file": "deals.csv", "table": "opportunities", "values": {"status": {"Lost, #2: x": "lost"}}}]
        },
    )
    assert [row["status"] for row in _deals(first)] == ["won", "lost", "open", "lost", "open"]


def test_a_few_odd_dates_and_numbers_are_told_and_not_asked(put, unit):
    rows = "".join(f"D{i},N,Ann,Won,{i},2026-{i % 12 + 1:02d}-{i % 28 + 1:02d},2026-01-05\n" for i in range(90))
    landing = load(put("deals.csv", HEAD + rows + 'X1,N,Ann,Won,"1.234,5",03/04/2026,2026-01-05\n'), unit)
    row = _deals(landing)[-1]
    assert (row["amount"], row["closed_on"]) == (None, None)
    assert {reject["rule"] for reject in landing.rejects.to_pylist()} >= {"not_a_number", "not_a_date"}
    assert any("could be day-month or month-day" in text for text in landing.assumptions)


def test_one_impossible_day_does_not_unsettle_a_column(put, unit):
    rows = "".join(f"D{i},N,Ann,Won,{i},{i % 28 + 1:02d}/{i % 12 + 1:02d}/2026,2026-01-05\n" for i in range(200))
    landing = load(put("deals.csv", HEAD + rows + "X1,N,Ann,Won,5,03/28/2026,2026-01-05\n"), unit)
    assert _deals(landing)[0]["closed_on"] == dt.date(2026, 1, 1)
    assert _deals(landing)[1]["closed_on"] == dt.date(2026, 2, 2)
    assert _deals(landing)[-1]["closed_on"] is None


def test_an_id_that_repeats_with_other_contents_is_asked_about(put, unit):
    text = "Deal Id,Deal Name,Product,Stage,Amount,Created Time\n" + "".join(
        f"D{i},N{i},{product},Won,{amount},2026-01-05\n" for i in range(5) for product, amount in (("X", 1), ("Y", 2)))  # fmt: skip
    with pytest.raises(DataError, match="5 of 10 rows bear an id of 'Deal Id' again") as caught:
        load(put("deals.csv", text), unit)
    assert "proposed: ['Deal Id', 'Product']" in str(caught.value)
    entry = {"file": "deals.csv", "table": "opportunities", "key": ["Deal Id", "Product"]}
    landing = load(put("deals.csv", text), unit, mapping={"files": [entry]})
    assert [row["opportunity_id"] for row in _deals(landing)][:2] == ["D0|X", "D0|Y"]


def test_an_id_column_that_is_empty_is_no_id(put, unit):
    text = "Deal Id,Deal Name,Owner,Stage,Amount,Created Time\n,A,Ann,Won,1,2026-01-05\n,B,Ann,Won,1,2026-01-05\n"
    landing = load(put("deals.csv", text), unit)
    assert [row["opportunity_id"] for row in _deals(landing)] == ["A|Ann", "B|Ann"]


def test_files_of_activities_may_count_alike(put, unit):
    put(
        "Calls.csv",
        "Call Id,Subject,Call Owner,Call Start Time,Created Time\n1,Hi,Ann,2026-10-01 09:00,2026-10-01 09:00\n",
    )
    file = put(
        "Tasks.csv",
        "Task Id,Subject,Task Owner,Due Date,Status,Created Time\n1,Do,Ann,2026-10-01,Completed,2026-10-01\n",
    )
    landing = load(file.parent, unit)
    assert landing.tables["activities"].column("activity_id").to_pylist() == ["call:1", "task:1"]


def test_a_mapping_in_another_style_is_written_anew(put, unit, root):
    _mapping(root).parent.mkdir(parents=True)
    _mapping(root).write_text("files:\n- {file: deals.csv, table: opportunities}\n", encoding="utf-8")
    load(put("deals.csv", HEAD + ROWS), unit)
    load(put("users.csv", "User Id,Full Name,Email\n1,Ann,a@x\n"), unit)
    assert [entry["file"] for entry in yaml.safe_load(_mapping(root).read_text(encoding="utf-8"))["files"]] == [
        "deals.csv",
        "users.csv",
    ]
