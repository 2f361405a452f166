"""Proposal, approval, closing: what is written where, by whom, and that nothing is written twice."""

import dataclasses
import json
import shutil

import pandas as pd
import pytest
import yaml

from salesloop import approvals, ledger, loop, params, paths, record, rules
from salesloop.book import Book, open_book
from salesloop.errors import ParameterError
from salesloop.metrics import review
from salesloop.params import Learned, PeriodParams, UnitConfig
from salesloop.results import Stage

SEPT, OCT, NOV = "2026-09", "2026-10", "2026-11"


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("SALESLOOP_ROOT", str(tmp_path))
    monkeypatch.delenv("SALESLOOP_OUT", raising=False)
    unit(tmp_path)
    return tmp_path


def unit(root, **more):
    file = root / "params" / "u" / "unit.yml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump({"currency": "CNY", **more}))


def freeze(root, period=OCT, **tables):
    folder = root / "data" / "u" / "snapshots" / period
    folder.mkdir(parents=True, exist_ok=True)
    rows = {}
    for name, frame in tables.items():
        frame.to_parquet(folder / f"{name}.parquet", index=False)
        rows[name] = {"rows": len(frame)}
    (folder / "meta.json").write_text(json.dumps({"state_known": "events", "tables": rows}))


def technical(new=None, old=None):
    return rules.Change("stall_limits", "technical", "stall_limits", old, new or {"P / Offer": 12.0}, "p75", "20 %", 25,
                        "bottlenecks.stall_limits", "loop.reason.stall_limits", {"moved": 1})  # fmt: skip


def target(amount=500.0, old=400.0):
    row = {"period": "2027-01", "level": "company", "name": None, "measure": "bookings", "tier": "base", "basis": "amount",
           "amount": amount}  # fmt: skip
    values = {"actual": 1.0, "previous": 1.0, "growth": 0.0, "period": "2027-01"}
    return rules.Change("target:2027-01:company", "target", "targets", old, row, "r", "10 %", 36, "goals.targets",
                        "loop.reason.target", values)  # fmt: skip


def action():
    row = {"id": "a1", "what": "Call them", "deal_set": "d1;d2", "measure": None, "expected_move": "won", "owner": "Ann",
           "due": "2026-11-30"}  # fmt: skip
    return rules.Change("action:a1", "action", "actions a1", None, row, "r", "7", 2, "execution.open_actions_proposed",
                        "loop.reason.action", {"amount": 9.0, "n": 2, "due": "2026-11-30"})  # fmt: skip


def intervention():
    row = {"id": "w1", "what": "More leads", "lever": "volume", "applies_to_kind": "all", "applies_to": "all",
           "start": "2026-12-01", "end": "2027-02-28", "expected_effect": 5.0, "cost": None}  # fmt: skip
    return rules.Change("intervention:w1", "intervention", "interventions w1", None, row, "r", "3", 9, "whatif.proposals",
                        "loop.reason.intervention", {"lever": "volume", "scope": "all", "effect": 5.0, "low": 1.0, "high": 9.0})  # fmt: skip


def results(root, changes, period=OCT, p50=100.0):
    """Save a forecast and a brief as a run leaves them, and return their folder."""
    folder = root / "reports" / "u" / period / "results"
    book = Book.from_tables({}, config=UnitConfig(unit="u"), period=period)
    forecast = Stage("forecast", book, folder)
    row = {"made_in": period, "level": "company", "name": None, "period": str(pd.Period(period, "M") + 1), "lead_months": 1,
           "p10": 80.0, "p50": p50, "p90": 120.0}  # fmt: skip
    forecast.keep("bookings_forecast", pd.DataFrame([row]))
    forecast.save()
    brief = Stage("brief", book, folder)
    brief.keep("proposal", rules.as_frame(changes))
    brief.save()
    return folder


def close(root, changes, period=OCT, **more):
    if not (root / "data" / "u" / "snapshots" / period).is_dir():
        freeze(root, period)
    return loop.close("u", period, results(root, changes, period, **more), when="2026-11-06")


def values(period=NOV):
    return params.load_period("u", period).values


def lines(root):
    return (root / "params" / "u" / "ledger.jsonl").read_text().splitlines()


def test_technical_values_approve_themselves_and_say_so(root):
    close(root, [technical(), target()])
    held = values()["stall_limits"]
    assert (held.value, held.approved_by, held.approved_at, held.edited) == (
        {"P / Offer": 12.0}, "automatic", "2026-11-06", False
    )  # fmt: skip
    assert not (paths.plan("u") / "targets.csv").exists()


def test_what_unit_yml_takes_out_waits_for_people(root):
    unit(root, approve_automatically=["method_weights"])
    close(root, [technical()])
    assert values() == {}
    loop.approve("u", OCT, by="Li", when="2026-11-07")
    assert values()["stall_limits"].approved_by == "Li"


def test_an_approved_target_goes_to_the_plan_file_and_the_ledger(root):
    close(root, [target(), action(), intervention()])
    before = len(lines(root))
    assert loop.approve("u", OCT, by="Li", only=["target:2027-01:company"], when="2026-11-07") == 1
    plan = pd.read_csv(paths.plan("u") / "targets.csv")
    assert plan[["period", "amount", "valid_from"]].to_numpy().tolist() == [["2027-01", 500.0, "2026-11-07"]]
    assert not (paths.plan("u") / "actions.csv").exists()
    told = json.loads(lines(root)[-1])
    assert (len(lines(root)) - before, told["kind"], told["due"], told["value"]) == (1, "target", "2027-01", 500.0)


def test_every_kind_of_promise_can_be_graded_by_the_review(root):
    close(root, [action(), intervention()])
    loop.approve("u", OCT, by="Li", when="2026-11-07")
    made = ledger.promises("u", before="2027-02")
    asked = review.due(made, pd.Period("2027-02", "M"))
    assert set(asked["kind"]) == {"forecast", "action", "whatif"}
    assert made.set_index("kind").loc["action", ["due", "value", "uom"]].tolist() == [NOV, 2.0, "deals"]
    assert made.set_index("kind").loc["whatif", ["due", "low", "high"]].tolist() == ["2027-02", 1.0, 9.0]


def test_who_approved_which_target_when_and_why_is_kept(root):
    close(root, [technical(), target()])
    loop.approve("u", OCT, by="Li", when="2026-11-07")
    loop.approve("u", OCT, by="Wang", when="2026-11-08")
    told = approvals.of_targets("u")
    assert told[["period", "amount", "by", "at", "made_in"]].values.tolist() == [
        ["2027-01", 500.0, "Li", "2026-11-07", OCT]]  # fmt: skip
    assert told["reason"].tolist() == ["target"]
    assert approvals.of_targets("u", before=OCT).empty
    by = {line["id"]: line["by"] for line in approvals.read("u")}
    assert by["stall_limits"] == "automatic"


def test_approving_twice_writes_nothing_twice(root):
    close(root, [technical(), target(), action(), intervention()])
    for _ in range(2):
        loop.approve("u", OCT, by="Li", when="2026-11-07")
    for name in ("targets", "actions", "interventions"):
        assert len(pd.read_csv(paths.plan("u") / f"{name}.csv")) == 1
    assert len(lines(root)) == len({json.loads(line)["id"] for line in lines(root)})


def test_an_approved_change_is_read_back_whole_from_a_plan_file_of_older_columns(root):
    file = paths.plan("u") / "interventions.csv"
    file.parent.mkdir(parents=True)
    file.write_text(
        "id,what,lever,applies_to_kind,applies_to,start,end,expected_effect,cost\nw0,By hand,size,,,2026-01-01,,,\n"
    )
    told = {
        **intervention().new,
        "applies_to_kind": "segment",
        "applies_to": "SMB",
        "stage": "Proposal",
        "change": 0.25,
    }
    close(root, [dataclasses.replace(intervention(), new=told)])
    loop.approve("u", OCT, by="Li", when="2026-11-07")
    held = pd.read_csv(file).set_index("id")
    assert held.loc["w0", "what"] == "By hand"
    assert held.loc["w1", ["applies_to", "stage", "change"]].tolist() == ["SMB", "Proposal", 0.25]
    (promise,) = [one for one in lines(root) if '"whatif"' in one]
    assert json.loads(promise)["scope"] == "volume:Proposal / SMB"


def test_people_s_own_rows_and_columns_stay(root):
    file = paths.plan("u") / "actions.csv"
    file.parent.mkdir(parents=True)
    file.write_text("id,what,owner,remark\na1,Written by hand,Bo,keep me\n")
    close(root, [action()])
    loop.approve("u", OCT, by="Li", when="2026-11-07")
    held = pd.read_csv(file)
    assert held[["id", "what", "remark"]].to_numpy().tolist() == [["a1", "Written by hand", "keep me"]]


def test_a_simulation_approves_people_s_decisions_itself(root):
    unit(root, simulation=True)
    close(root, [technical(), target()])
    assert len(pd.read_csv(paths.plan("u") / "targets.csv")) == 1
    assert values()["stall_limits"].approved_by == "automatic"


def test_a_value_set_by_hand_for_the_next_period_wins_over_any_approval(root):
    hand = PeriodParams(period=NOV, values={"stall_limits": Learned(value={"P / Offer": 99.0})})
    params.write_period("u", NOV, hand)
    close(root, [technical()])
    loop.approve("u", OCT, by="Li", when="2026-11-07")
    held = values()["stall_limits"]
    assert (held.value, held.by_hand, held.edited) == ({"P / Offer": 99.0}, True, True)


def test_a_value_edited_after_its_approval_is_seen_kept_and_marked(root):
    close(root, [technical()])
    file = params.period_file("u", NOV)
    file.write_text(file.read_text().replace("12.0", "30.0"))
    close(root, [technical()])
    held = values()["stall_limits"]
    assert (held.value, held.by_hand) == ({"P / Offer": 30.0}, True)


def test_an_earlier_value_set_by_hand_yields_to_a_person_and_not_to_the_loop(root):
    hand = PeriodParams(period=OCT, values={"stall_limits": Learned(value={"P / Offer": 99.0})})
    params.write_period("u", OCT, hand)
    close(root, [technical(old={"P / Offer": 99.0})])
    assert values()["stall_limits"].value == {"P / Offer": 99.0}
    params.period_file("u", NOV).unlink()
    loop.approve("u", OCT, by="Li", when="2026-11-07")
    assert values()["stall_limits"].value == {"P / Offer": 12.0}


def test_a_later_edition_never_changes_the_proposal_or_an_old_promise(root):
    close(root, [technical()], p50=100.0)
    close(root, [technical({"P / Offer": 50.0}), target(), rules.Change(
        "watched_stages", "technical", "watched_stages", None, ["A"], "f", "3", 1, "b.w", "loop.reason.watched_stages", {"n": 1}
    )], p50=115.0)  # fmt: skip
    kept = yaml.safe_load(loop.proposal_file("u", OCT).read_text())["changes"]
    assert [row["id"] for row in kept] == ["stall_limits"]
    assert values()["stall_limits"].value == {"P / Offer": 12.0}
    (promise,) = ledger.promises("u").to_dict("records")
    assert (promise["value"], promise["edition"]) == (100.0, 1)
    assert len(lines(root)) == 2


def test_closing_twice_adds_nothing(root):
    assert close(root, [technical()]) == 1
    assert close(root, [technical()]) == 0


def test_after_make_clean_a_run_sees_the_same_promises_and_grades_the_same(root):
    deals = pd.DataFrame(
        {"opportunity_id": ["d"], "status": ["won"], "amount": [110.0], "closed_on": pd.to_datetime(["2026-11-10"])}
    )
    close(root, [technical()])
    freeze(root, NOV, opportunities=deals)
    first = graded()
    shutil.rmtree(root / "reports")
    again = graded()
    pd.testing.assert_frame_equal(first, again)
    assert first[["promised", "actual", "outcome"]].to_numpy().tolist() == [[100.0, 110.0, "inside"]]


def graded():
    made = ledger.promises("u", before=NOV)
    asked = review.due(made, pd.Period(NOV, "M"))
    return review.grade(asked, open_book("u", NOV).actual, forecasts=made, moved=pd.DataFrame())


def test_an_unknown_id_or_no_proposal_is_refused(root):
    with pytest.raises(ParameterError, match="proposal of 2026-10"):
        loop.approve("u", OCT, by="Li", when="2026-11-07")
    close(root, [technical()])
    with pytest.raises(ParameterError, match="nonsense"):
        loop.approve("u", OCT, by="Li", only=["nonsense"], when="2026-11-07")


def test_the_brief_sees_what_was_not_approved(root):
    unit(root, approve_automatically=[])
    close(root, [technical(), target()])
    freeze(root, NOV)
    book = open_book("u", NOV)
    assert [row["id"] for row in record.proposed(book)] == ["stall_limits", "target:2027-01:company"]
    assert record.in_force(book) == {}
    loop.approve("u", OCT, by="Li", only=["stall_limits"], when="2026-11-07")
    assert record.in_force(open_book("u", NOV)) == {"stall_limits": {"value": {"P / Offer": 12.0}, "by_hand": False}}
    assert record.since(open_book("u", NOV), "stall_limits") == NOV


def test_a_value_set_by_hand_does_not_approve_itself(root):
    hand = PeriodParams(period=OCT, values={"stall_limits": Learned(value={"P / Offer": 99.0})})
    params.write_period("u", OCT, hand)
    freeze(root)
    assert "stall_limits" not in record.automatic(open_book("u", OCT))
    assert "method_weights" in record.automatic(open_book("u", OCT))


def test_a_brief_without_any_results_proposes_from_the_book_alone(root):
    months = pd.period_range("2025-01", OCT, freq="M")
    deals = pd.DataFrame({
        "opportunity_id": [f"d{i}" for i in range(len(months))], "status": "won", "amount": 1000.0,
        "closed_on": [month.start_time for month in months],
    })  # fmt: skip
    stage = Stage(
        "brief", Book.from_tables({"opportunities": deals}, config=UnitConfig(unit="u"), period=OCT), root / "results"
    )
    assert {change.kind for change in loop.propose(stage)} == {"target"}
    empty = Stage("brief", Book.from_tables({}, config=UnitConfig(unit="u"), period=OCT), root / "none")
    assert loop.propose(empty) == []


def test_stages_without_their_tables_propose_nothing(root):
    book = Book.from_tables({}, config=UnitConfig(unit="u"), period=OCT)
    for name in ("review", "forecast", "bottlenecks", "feedback", "whatif", "execution"):
        Stage(name, book, root / "results").save()
    assert loop.propose(Stage("brief", book, root / "results")) == []


def test_actions_of_execution_and_feedback_are_ranked_together(root):
    book = Book.from_tables({}, config=UnitConfig(unit="u"), period=OCT)
    row = {
        "what": "x",
        "deal_set": "d1;d2",
        "measure": None,
        "expected_move": "moved",
        "owner": None,
        "due": pd.Timestamp("2026-11-30"),
    }
    for name, table, amount in (("execution", "open_actions_proposed", 5.0), ("feedback", "actions_proposed", 9.0)):
        stage = Stage(name, book, root / "results")
        more = {"evidence": "feedback.measures"} if name == "feedback" else {}
        stage.keep(table, pd.DataFrame([{"id": name, **row, "amount": amount, **more}]))
        stage.save()
    made = loop.propose(Stage("brief", book, root / "results"))
    assert [(change.id, change.evidence, change.n) for change in made] == [
        ("action:feedback", "feedback.measures", 2), ("action:execution", "execution.open_actions_proposed", 2)
    ]  # fmt: skip
