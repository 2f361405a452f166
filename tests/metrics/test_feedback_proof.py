"""Actions judged by the share of comments on a theme: from the comments, with what chance allows."""

import datetime as dt
import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from salesloop import loop, sources, voice
from salesloop.book import Book
from salesloop.messages import Text
from salesloop.metrics import execution, feedback, review
from salesloop.metrics.execution import examples, moves
from salesloop.params import UnitConfig
from salesloop.results import Stage

AGREED, DUE = pd.Timestamp("2026-10-01"), pd.Timestamp("2026-10-31")
THEME = "theme:en-1"


def shares(before, after):
    """Return facts of a theme: (comments on it, all comments) in the months before and in the month after."""
    days = [pd.Timestamp("2026-08-15")] * before[1] + [pd.Timestamp("2026-10-15")] * after[1]
    hit = [1.0] * before[0] + [0.0] * (before[1] - before[0]) + [1.0] * after[0] + [0.0] * (after[1] - after[0])
    return {THEME: pd.DataFrame({"on": days, "value": hit, "weight": 1.0})}


def checked(facts, *, day=dt.date(2026, 10, 31), **changes):
    row = {"id": "f1", "what": "Mend it", "deal_set": "D1;D2", "measure": THEME, "expected_move": "down", "owner": None, "due": DUE,
           "created": AGREED, **changes}  # fmt: skip
    actions = examples.canonical("actions", {name: [value] for name, value in row.items()})
    return execution.check_actions(actions, examples.deals(), examples.activities(), as_of=day, shares=facts).iloc[0]


def test_a_theme_that_is_spoken_of_less_by_more_than_chance_proves_the_action():
    # 56 of 70 against 48 of 80: Newcombe (1998), table II, method 10: .2000, .0524 to .3339
    row = checked(shares(before=(56, 70), after=(48, 80)))
    assert (row["verdict"], row["done"], row["of"]) == ("done", 1.0, 1)
    assert [round(row[name], 4) for name in ("effect", "effect_low", "effect_high")] == [-0.2, -0.3339, -0.0524]


def test_a_theme_that_grows_by_more_than_chance_is_not_done_and_deals_do_not_count():
    row = checked(shares(before=(48, 80), after=(56, 70)))
    assert (row["verdict"], row["done"]) == ("not_done", 0.0)


def test_what_chance_alone_could_bring_is_no_verdict():
    row = checked(shares(before=(30, 100), after=(25, 100)))
    assert (row["verdict"], row["problem"]) == ("not_measurable", "within_chance") and math.isnan(row["done"])


def test_few_comments_are_said_and_an_action_that_runs_is_running():
    assert checked(shares(before=(30, 100), after=(0, 19)))["problem"] == "few_comments"
    row = checked(shares(before=(30, 100), after=(5, 40)), day=dt.date(2026, 10, 20), due=pd.Timestamp("2026-11-30"))
    assert row["verdict"] in ("running", "done")
    row = checked(shares(before=(30, 100), after=(10, 40)), day=dt.date(2026, 10, 20), due=pd.Timestamp("2026-11-30"))
    assert row["verdict"] == "running"


def test_a_theme_nobody_speaks_of_cannot_be_measured():
    assert checked({})["verdict"] == "not_measurable" and checked({})["problem"] == "measure_unknown"


@pytest.mark.parametrize("words", ["down", "fewer", "下降", "less"])
@pytest.mark.parametrize(("before", "since", "verdict"), [(1, 3, "not_done"), (3, 1, "done"), (2, 2, "done")])
def test_down_without_a_number_means_no_rise(words, before, since, verdict):
    days = ["2026-09-15"] * before + ["2026-10-15"] * since
    names = [f"c{place}" for place in range(len(days))]
    calls = examples.canonical("activities", {"activity_id": names, "done_at": days, "type": ["call"] * len(days)})
    rows = {
        "id": ["m"],
        "what": ["x"],
        "measure": ["activities"],
        "expected_move": [words],
        "due": [DUE],
        "created": [AGREED],
    }
    actions = examples.canonical("actions", rows)
    found = execution.check_actions(actions, examples.deals(), calls, as_of=dt.date(2026, 10, 31)).iloc[0]
    assert found["verdict"] == verdict


TOPICS = (
    "invoice total booking posting receipt tax ledger amount", "delivery truck parcel depot route driver pallet dock",
    "engineer hotline answer ticket support remote session expert",
)  # fmt: skip


def book(measure):
    rng, rows = np.random.default_rng(5), []
    for month in pd.period_range("2026-04", "2026-10", freq="M"):
        for topic in TOPICS:
            rows += [(f"{month}-{10 + place}", " ".join(["invoice"] * (topic is TOPICS[0]) + list(rng.choice(topic.split()[1:], 4, replace=False))
                                                          + [f"x{month}{place}"])) for place in range(15)]  # fmt: skip
    columns = {
        "id": [f"f{n}" for n in range(len(rows))],
        "date": [day for day, _ in rows],
        "text": [text for _, text in rows],
    }
    acts = {
        "id": ["f1"],
        "what": ["x"],
        "measure": [measure],
        "expected_move": ["down"],
        "due": [DUE],
        "created": [AGREED],
    }
    tables = {"feedback": examples.canonical("feedback", columns), "actions": examples.canonical("actions", acts)}
    return Book.from_tables(tables, period="2026-10")


def test_the_theme_of_an_action_is_the_one_of_the_feedback_page():
    own = book("theme:en-1")
    facts = voice.theme_facts(own)
    said = feedback.reading.read(own.table("feedback"), as_of=own.as_of)
    told = feedback.told(said, feedback.chains(said, voice.words("none"), period=own.period), None, {})
    assert list(facts) == ["theme:en-1"]
    assert facts["theme:en-1"]["value"].sum() == (told["theme"] == "en-1").sum() > 0
    assert len(facts["theme:en-1"]) == 315


def test_a_new_topic_is_every_comment_with_its_word():
    facts = voice.theme_facts(book("theme:en:invoice"))["theme:en:invoice"]
    assert (facts["value"].sum(), len(facts)) == (105, 315)


def test_without_such_an_action_no_comment_is_read(monkeypatch):
    monkeypatch.setattr(feedback, "chains", lambda *_, **__: pytest.fail("read"))
    assert voice.theme_facts(book("bookings")) == {}


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_expected_fall_is_read_back_from_the_workbook(lang):
    assert math.copysign(1, moves.read_change(Text(lang).word("down", "feedback"))) < 0


def test_the_promise_of_such_an_action_is_one_thing_done_and_no_number_of_deals():
    plan = {"measure": THEME, "expected_move": "down", "deal_set": "D1;D2;D3", "due": "2026-11-30"}
    line = loop._promise(
        "north", "2026-10", {"kind": "action", "id": "action:f1", "new": plan, "n": 3, "evidence": "feedback.measures"}
    )
    assert line is not None and (line["measure"], line["value"], line["uom"]) == ("theme_share", 1.0, "count")
    asked = SimpleNamespace(id="action:f1", value=1.0)
    for done, outcome in ((1.0, "met"), (0.0, "missed"), (math.nan, "not_measurable")):
        assert review.grading._action(asked, pd.DataFrame({"id": ["f1"], "done": [done], "of": [1]}))[2] == outcome


def test_proposed_actions_go_out_as_a_workbook_and_come_back_with_their_measure(tmp_path, monkeypatch):
    monkeypatch.setenv("SALESLOOP_ROOT", str(tmp_path))
    table = pd.DataFrame({"theme": ["zh-5"], "label": ["交付"], "area": ["process"]})
    told = pd.DataFrame({"month": [pd.Period("2026-10")], "tone": "negative", "theme": "zh-5", "account_id": "A1"})
    deals = pd.DataFrame({"opportunity_id": ["D1"], "status": "open", "account_id": "A1", "amount": [5.0]})
    made = feedback.proposals.actions(table, told, deals, period=pd.Period("2026-10"), words=Text("zh").t)
    stage = Stage(
        "feedback",
        Book.from_tables({}, period="2026-10", config=UnitConfig(unit="north", languages=("zh",))),
        tmp_path / "results",
    )
    plan = feedback.proposals.plan_rows(made, dt.date(2026, 11, 6))
    stage.workbook("actions_to_edit", plan, plan="actions", title="feedback.table.to_edit", words=["expected_move"])
    folder = tmp_path / "params" / "north" / "plan"
    folder.mkdir(parents=True)
    sent = tmp_path / "results" / "feedback" / "actions_2026-10_feedback.xlsx"
    (folder / sent.name).write_bytes(sent.read_bytes())
    back = sources.plan("north", UnitConfig(unit="north")).tables["actions"].to_pandas().iloc[0]
    assert (back["id"], back["measure"], back["deal_set"]) == ("feedback-2026-10-zh-5", "theme:zh-5", "D1")
    assert (
        feedback.proof.named(pd.Series([back["measure"]])) == ["theme:zh-5"]
        and moves.read_change(back["expected_move"]) == -0.0
    )
