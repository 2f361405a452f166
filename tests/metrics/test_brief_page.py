"""What page one says beside its numbers: promises, bridge, sources, decisions, what the loop gained; worked by hand."""

import datetime as dt
import json

import pandas as pd
import pytest

from salesloop.messages import Text
from salesloop.metrics import brief
from tests.metrics.brief_parts import NO_PLAN, NONE, OCT, ROW, Saved, facts, numbers, plan, stated

GRADES = [
    "id", "kind", "made_in", "due", "scope", "measure", "promised", "low", "high", "actual", "error", "outcome", "n", "uom",
]  # fmt: skip


def review(outcome="inside", actual=100.0, n=1):
    row = (
        "f",
        "forecast",
        "2026-09",
        "2026-10",
        "company",
        "bookings",
        95.0,
        80.0,
        110.0,
        actual,
        0.0,
        outcome,
        3,
        "CNY",
    )
    grades = pd.DataFrame([row] * n, columns=GRADES)
    return Saved(tables={"grades": grades, "page_one": grades})


@pytest.mark.parametrize(
    ("target", "outcome", "odds", "message"),
    [
        (True, "inside", True, "tfo"), (True, "inside", False, "tf"), (True, None, True, "to"), (True, None, False, "t"),
        (False, "inside", True, "fo"), (False, "inside", False, "f"), (False, None, True, "o"), (False, None, False, "bare"),
    ],
)  # fmt: skip
def test_the_headline_tells_what_there_is_and_no_more(target, outcome, odds, message):
    wanted = plan(("2026-10", "company", None, "bookings", "base", "amount", 200.0, None)) if target else NO_PLAN
    parts = {**NONE, "review": review(outcome) if outcome else None,
             "goals": stated(("2026Q4", *ROW, 9.0, 3.0, 0.62, "")) if odds else None}  # fmt: skip
    shown = numbers(parts, wanted, bookings=facts(m2026_10=[100.0])).reset_index()
    name, values = brief.headline(parts, shown, period=OCT)
    assert name == f"brief.headline.{message}"
    for lang in ("en", "zh"):
        said = Text(lang).t(name, **values)
        assert ("50.0%" in said, "62%" in said) == (target, odds)


@pytest.mark.parametrize(("actual", "verdict"), [(120.0, "above_range"), (70.0, "below_range")])
def test_a_month_outside_its_range_says_on_which_side(actual, verdict):
    parts = {**NONE, "review": review("outside", actual)}
    shown = numbers(parts, bookings=facts(m2026_10=[actual])).reset_index()
    assert brief.headline(parts, shown, period=OCT)[1]["verdict"] == verdict


def test_at_most_seven_promises_are_shown_and_all_are_counted():
    parts = {**NONE, "review": review(n=9)}
    assert len(brief.promises(parts)) == 7
    assert brief.promises_sentences(parts) == [
        ("brief.promises.kept_of", {"n": 9, "kept": 9, "measurable": 9, "shown": 7})
    ]
    assert brief.promises_sentences(NONE) == []


def test_the_bridge_loses_no_cent_when_empty_lines_are_left_out():
    lines = pd.DataFrame({"line": ["start", "won", "lost", "end"], "amount": [10.0, 0.0, -2.5, 7.5]})
    made = brief.changes({**NONE, "forecast": Saved(tables={"bridge": lines})})
    assert made["line"].tolist() == ["start", "lost", "end"]
    assert made.loc[~made["total"], "amount"].sum() == made["amount"].iloc[-1] - made["amount"].iloc[0]
    assert brief.changes(NONE).empty


def test_a_target_that_moved_since_it_was_promised_shows_both_amounts():
    rows = [
        ("target", "company", "2026-10", 3.6e6),
        ("target", "team:East", "2026-10", 1e6),
        ("forecast", "company", "2026-10", 4e6),
    ]
    shown = pd.DataFrame(
        [{"kind": k, "scope": s, "due": d, "promised": p, "measure": "bookings"} for k, s, d, p in rows]
    )
    plan = stated(
        ("2026-10", "company", None, "bookings", "base", 3.9e6, 0.0, 0.5, ""),
        ("2026-10", "company", None, "bookings", "stretch", 5e6, 0.0, 0.1, ""),
        ("2026-10", "team", "East", "bookings", "base", 1e6, 0.0, 0.5, ""),
    )
    now = brief.promises({**NONE, "review": Saved(tables={"page_one": shown}), "goals": plan})["now"]
    assert now.iloc[0] == 3.9e6 and now.iloc[1:].isna().all()


def test_only_drawings_with_something_in_them_are_pointed_to_at_most_four():
    def drew(*names, rows=3):
        tables = {f"figure_{name}": pd.DataFrame({"a": range(rows)}) for name in names}
        return Saved(tables=tables, figures=[{"name": name, "table": f"figure_{name}"} for name in names])

    parts = {**NONE, "forecast": drew("fan"), "goals": drew("bars", rows=0), "bottlenecks": drew("heat", "more")}
    assert brief.figures(parts).to_numpy().tolist() == [["forecast", "fan"], ["bottlenecks", "heat"]]
    assert len(brief.figures({name: drew("fan") for name in brief.STAGES})) == 4
    assert brief.figures(NONE).empty


def test_each_stage_leads_with_its_headline_or_first_sentence():
    said = [{"id": "kpi.first", "values": {}}, {"id": "kpi.some.headline", "values": {"n": 1}}]
    parts = {**NONE, "kpi": Saved(sentences=said), "execution": Saved(sentences=said[:1]), "whatif": Saved()}
    told = brief.what_changed(parts, numbers().reset_index())
    assert told == [("kpi.some.headline", {"n": 1}), ("kpi.first", {})]


def test_a_stage_that_failed_is_missing_and_named():
    table = brief.status({**NONE, "kpi": Saved()}).set_index("stage")["status"]
    assert table["kpi"] == "ok"
    assert (table.drop("kpi") == "missing").all()


def test_open_books_and_a_state_known_by_dates_are_said():
    told = brief.status_sentences(cut_off=dt.date(2026, 11, 3), known_until=dt.date(2026, 11, 6), state_known="dates")
    assert [name for name, _ in told] == ["brief.status.open", "brief.status.dates"]
    assert (
        brief.status_sentences(cut_off=dt.date(2026, 11, 6), known_until=dt.date(2026, 11, 6), state_known="events")
        == []
    )


META = {
    "tie_out": [{"line": "source", "n": 10, "amount": "100.10"}, {"line": "won_after_cut_off", "n": -1, "amount": "-20.05"},
                {"line": "ours", "n": 9, "amount": "80.05"}],
    "rejects": [{"table": "opportunities", "rule": "no_id", "severity": "quarantine", "n": 2},
                {"table": "accounts", "rule": "odd", "severity": "warn", "n": 3}],
    "set_aside": [{"rule": "won_after_cut_off", "n": 1, "amount": "20.05", "after": "2026-10-31"}],
    "rules": {"negative_amount": {"n": 4, "severity": "warn"}}, "assumptions": ["one", "two"],
}  # fmt: skip


def test_the_tie_out_adds_up_to_the_cent_and_everything_left_out_is_counted():
    lines = brief.tie_out(META)
    own = lines[lines["part"] == "tie_out"]
    assert round(own["amount"].iloc[:-1].sum(), 2) == own["amount"].iloc[-1] == 80.05
    assert lines.groupby("part")["n"].sum().drop("tie_out").to_dict() == {"rejected": 2, "set_aside": 1, "warned": 7}
    told = dict(brief.tie_out_sentences(META, {"opportunities": (9, 80.05)}))
    assert told["brief.tie_out.part"] == {"n": 9, "amount": 80.05, "read": 10, "whole": 100.1}
    assert (told["brief.tie_out.rejected"]["n"], told["brief.tie_out.warned"]["n"]) == (2, 7)
    assert told["brief.tie_out.assumed"]["n"] == 2


def test_without_notes_of_the_freeze_only_what_is_counted_is_said():
    assert brief.tie_out({}).empty
    assert brief.tie_out_sentences({}, {"opportunities": (0, 0.0)}) == [("brief.tie_out.none", {"n": 0, "amount": 0.0})]


def change(kind, new, old=None, parameter="stall_limits", **values):
    return {"id": f"{kind}:1", "kind": kind, "parameter": parameter, "old": old, "new": new, "n": 3, "values": values}


def test_decisions_ask_in_one_sentence_each():
    rows = [
        change("target", {"period": f"2027-0{m}", "level": level, "amount": 10.0}, 8.0)
        for m in (1, 2)
        for level in ("company", "team")
    ]
    rows += [change("action", {"due": "2026-11-30"}, amount=5.0), change("action", {"due": None}, amount=6.0)]
    rows += [change("intervention", {"what": "More leads"}, effect=3.0, low=1.0, high=5.0)]
    rows += [
        change(
            "intervention",
            {"what": "x", "lever": "size", "applies_to": "S", "change": 0.1},
            effect=3.0,
            low=1.0,
            high=5.0,
        )
    ]
    rows += [change("technical", {"a": 1}), change("technical", [], parameter="watched_stages")]
    frame = pd.DataFrame([{**row, **{k: json.dumps(row[k]) for k in ("old", "new", "values")}} for row in rows])
    told = brief.asked(frame, automatic=["stall_limits"])
    values = dict(zip(told["message"], map(json.loads, told["values"]), strict=True))
    assert values["brief.decide.targets"] == {
        "first": "2027-01",
        "last": "2027-02",
        "new": 20.0,
        "months": 2,
        "parts": 2,
        "old": 16.0,
    }
    assert values["brief.decide.actions"] == {"n": 2, "amount": 11.0, "due": "2026-11-30"}
    assert values["brief.decide.lever"] == {
        "lever": "size",
        "scope": "S",
        "change": 0.1,
        "effect": 3.0,
        "low": 1.0,
        "high": 5.0,
    }
    assert values["brief.decide.technical"] == {"what": "watched_stages", "n": 3}
    assert "brief.decide.simulation" in brief.asked(frame, automatic=[], simulation=True)["message"].tolist()
    assert brief.asked(frame.iloc[:0], automatic=[], simulation=True).empty
    assert brief.asked(frame.head(1), automatic=[])["message"].tolist() == ["brief.decide.targets_alone"]


def test_what_became_of_last_month_s_proposal():
    aim = {"period": "2027-01", "level": "company", "name": None, "measure": "bookings", "tier": "base"}
    before = [
        change("technical", {"a": 1.0}), change("technical", [1], old=[2], parameter="watched_stages"),
        change("target", {**aim, "amount": 10.0}, 8.0), change("target", {**aim, "period": "2027-02", "amount": 10.0}, 8.0),
        change("target", {**aim, "period": "2027-03", "amount": 10.0}), change("action", {"id": "a1"}), change("action", {"id": "a2"}),
    ]  # fmt: skip
    in_force = {"stall_limits": {"value": {"a": 1.0}, "by_hand": False}, "watched_stages": {"value": [2], "by_hand": False},
                "interval_scale": {"value": 1.2, "by_hand": True}}  # fmt: skip
    rows = [("2027-01", "company", None, "bookings", "base", "amount", 10.0, "2026-11-06"),
            ("2027-02", "company", None, "bookings", "base", "amount", 9.0, "2026-11-06")]  # fmt: skip
    fate = brief.held(
        before,
        in_force,
        {"targets": plan(*rows), "actions": pd.DataFrame({"id": ["a1"]}), "interventions": pd.DataFrame({"id": []})},
    )
    assert fate["state"].tolist() == ["approved", "held", "approved", "by_hand", "held", "approved", "held", "by_hand"]
    assert json.loads(fate["held"][1]) == [2]
    told = dict(brief.held_sentences(fate))
    assert told == {
        "brief.proposal.held_target": {"n": 1}, "brief.proposal.held_action": {"n": 1}, "brief.proposal.by_hand_targets": {"n": 1},
        "brief.proposal.held_technical": {"what": "watched_stages"}, "brief.proposal.by_hand": {"what": "interval_scale"},
    }  # fmt: skip
    assert brief.held([], {}, {}).empty


def errors(method, forecasts, actual=100.0):
    months = [str(OCT - i) for i in range(len(forecasts))]
    return pd.DataFrame({"made_in": months, "method": method, "forecast": forecasts, "actual": actual})


def test_the_loop_s_gain_is_told_from_four_months_on_and_never_called_proven_before_two_years():
    weights = pd.concat([errors("learned", [110.0, 90.0, 100.0, 100.0]), errors("equal", [120.0, 80.0, 100.0, 100.0])])
    gained = brief.gains(weights, errors("corrected", [100.0]))
    assert gained.to_dict("records")[0] == {"what": "weights", "n": 4, "with_loop": 0.05, "without": 0.1}
    told = dict(brief.notes(gained, graded_months=23, has=lambda _: True, simulation=False))
    assert told == {"brief.note.gain_weights": {"n": 4, "with": 0.05, "without": 0.1},
                    "brief.note.gain_calls_few": {"n": 1, "least": 4}, "brief.note.unproven": {"n": 23, "need": 24}}  # fmt: skip
    proven = brief.notes(gained, graded_months=24, has=lambda name: name != "feedback", simulation=True)
    assert [name for name, _ in proven][-2:] == ["brief.note.no_feedback", "brief.note.simulation"]


def test_inputs_are_not_changed():
    table = pd.DataFrame({"line": ["start", "end"], "amount": [1.0, 1.0]})
    brief.changes({**NONE, "forecast": Saved(tables={"bridge": table})})
    assert table.columns.tolist() == ["line", "amount"]
