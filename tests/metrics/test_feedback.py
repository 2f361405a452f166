"""Scores, response, shares, money and proposals of the feedback; expected numbers worked by hand or from metrics.md."""

import datetime as dt
import math

import numpy as np
import pandas as pd
import pytest

from salesloop.metrics import feedback, intervals, measures
from salesloop.metrics.feedback import fresh, money, proposals, reading, say, scores, shares, themes

OCT = pd.Period("2026-10", "M")
END = dt.date(2026, 10, 31)
COLUMNS = ["id", "date", "respondent", "channel", "scale", "score", "text", "account", "opportunity", "rep"]


def table(*rows, **same):
    """Return a feedback table; each row is a dict over the defaults of a scored customer."""
    usual = {"date": "2026-10-05", "respondent": "customer", "scale": "nps", "score": np.nan, "text": None} | same
    frame = pd.DataFrame([{"id": f"f{i}", **usual, **row} for i, row in enumerate(rows)], columns=COLUMNS)
    frame["date"] = pd.to_datetime(frame["date"]).astype("datetime64[us]")
    frame["score"] = frame["score"].astype(float)
    return (
        frame.astype(dict.fromkeys(["respondent", "scale", "text", "account", "opportunity", "rep"], object))
        .where(frame.notna(), None)
        .astype({"score": float})
    )


NO_DEALS = pd.DataFrame({name: pd.Series(dtype=object) for name in (
    "opportunity_id", "account_id", "status", "type", "region", "team", "segment", "product", "amount",
)}).assign(closed_on=pd.Series(dtype="datetime64[us]"))  # fmt: skip
NO_ACCOUNTS = pd.DataFrame({"account_id": pd.Series(dtype=object), "name": pd.Series(dtype=object)})


def read(frame):
    return reading.linked(reading.read(frame, as_of=END), NO_DEALS, NO_ACCOUNTS)


@pytest.mark.parametrize(("n", "reach"), [(60, 19), (200, 11), (600, 6)])
def test_nps_25_is_known_to_within_19_11_and_6_points(n, reach):
    value, low, high = intervals.nps(0.45 * n, 0.20 * n, n)
    assert value == pytest.approx(25)
    assert (round(value - low), round(high - value)) == (reach, reach)


def test_each_scale_counts_its_own_top():
    said = read(table(*[{"score": s} for s in (10, 9, 8, 7, 6, 0)], *[{"scale": "csat5", "score": s} for s in (5, 4, 3, 1)],
                      *[{"scale": "ces7", "score": s} for s in (7, 5, 4)]))  # fmt: skip
    told = scores.table(said, OCT).set_index("measure")
    assert told.loc["nps", ["value", "n"]].tolist() == [0.0, 6]
    assert told.loc["csat", ["value", "n"]].tolist() == [0.5, 4]
    assert told.loc["ces", "value"] == pytest.approx(2 / 3)


def months(n, score=10.0, date="2026-10-05"):
    return [{"score": score, "date": date}] * n


def test_a_month_stands_alone_with_sixty_answers_a_quarter_with_thirty():
    assert scores.table(read(table(*months(60))), OCT)["window"].tolist() == ["2026-10"]
    pooled = scores.table(read(table(*months(20), *months(10, date="2026-08-05"))), OCT)
    assert pooled[["window", "n"]].to_numpy().tolist() == [["2026-08/2026-10", 30]]
    few = scores.table(read(table(*months(9))), OCT)
    assert few[["window", "n"]].to_numpy().tolist() == [["2025-11/2026-10", 9]]


def test_no_change_can_be_told_from_thirty_answers_even_where_it_looks_large():
    # 60 % promoters against 50 %, no detractors: +10 points, standard error 100 * sqrt(.24/30 + .25/30) = 12.8
    now, before = months(18) + months(12, 8.0), months(15, date="2026-07-05") + months(15, 8.0, "2026-07-05")
    row = scores.table(read(table(*now, *before)), OCT).iloc[0]
    assert row["change"] == pytest.approx(10.0)
    assert row["change_high"] - row["change"] == pytest.approx(1.96 * 12.78, abs=0.05)
    assert row["verdict"] == "noise"


def test_nobody_asked_is_not_zero():
    told = scores.company(scores.table(read(table()), OCT), "nps")
    assert math.isnan(told["value"])
    assert told["n"] == 0


def test_response_is_known_only_where_questions_without_answers_are_in_the_data():
    asked = table(*months(3), {"score": np.nan}, {"score": np.nan})
    row = scores.response(read(asked), NO_DEALS, OCT).set_index("what").loc["answers"]
    assert (row["n"], row["of"], row["share"]) == (3, 5, 0.6)
    unknown = scores.response(read(table(*months(3))), NO_DEALS, OCT).set_index("what").loc["answers"]
    assert math.isnan(unknown["of"])
    assert math.isnan(unknown["share"])
    assert say.response(scores.response(read(table(*months(3))), NO_DEALS, OCT))[0][0] == "feedback.response_unknown"


def reps(*teams):
    rows = [{"respondent": "rep", "score": 9, "rep": f"{team}{i}", "team": team} for team, n in teams for i in range(n)]
    said = read(table(*rows))
    return scores.of_reps(said.assign(team=[row["team"] for row in rows]), OCT).set_index("team")


def test_reps_are_shown_only_in_groups_of_five_and_no_small_group_can_be_worked_out():
    told = reps(("A", 6), ("B", 5), ("C", 4))
    assert told["shown"].tolist() == [True, True, False, False]  # all, A, B (hidden with C), C
    assert told.loc["C", ["value", "n"]].isna().all()
    assert reps(("A", 6), ("B", 5))["shown"].all()
    assert not reps(("A", 4))["shown"].any()


def test_customers_and_reps_are_never_mixed():
    said = read(table(*months(3), {"respondent": "rep", "score": 0}))
    assert scores.table(said, OCT)["value"].tolist() == [100.0]


BAD = [
    ({"score": 11}, "score_outside"), ({"score": -1}, "score_outside"), ({"scale": "csat5", "score": 0}, "score_outside"),
    ({"scale": "none", "score": 3}, "score_without_scale"), ({"scale": None, "score": 3}, "score_without_scale"),
    ({"scale": "csat5", "score": 4}, "scale_mixed"), ({"text": ""}, "neither"), ({"score": 5, "text": "x"}, "too_short"),
    ({"score": 5, "text": "👍👍👍"}, "no_letters"), ({"score": 5, "text": "Очень медленно"}, "other_language"),
    ({"score": 5, "text": "交付很慢 and the support team never answers"}, "mixed_language"),
    ({"score": 5, "text": "Dear team, " * 5000}, "long_text"), ({"date": None, "score": 5}, "undated"),
    ({"date": "2026-11-02", "score": 5}, "later"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "rule"), BAD, ids=[f"{rule}-{i}" for i, (_, rule) in enumerate(BAD)])
def test_whatever_is_wrong_is_named_and_nothing_is_lost(row, rule):
    frame = table({"score": 10}, {"score": 10}, row)
    said = read(frame)
    named = reading.issues(said).set_index("rule")
    assert len(said) == 3
    assert named.loc[rule, "n"] == 1
    assert scores.table(said, OCT).set_index("measure").loc["nps", "value"] >= 0  # the rest is answered


def test_the_same_comment_five_hundred_times_is_read_once_and_scored_each_time():
    same = {"score": 2, "text": "The delivery was late again."}
    said = read(table(*[same] * 500, {"score": 10, "text": "The delivery was on time."}))
    named = reading.issues(said).set_index("rule")
    assert named.loc["repeated", ["n", "effect"]].tolist() == [499, "read_once"]
    assert (said["usable"].sum(), said["valid"].sum()) == (2, 501)


def test_the_same_words_of_two_customers_count_twice():
    rows = [{"text": "The delivery was late again.", "account": name} for name in ("A", "A", "B")]
    assert read(table(*rows))["usable"].sum() == 2


def test_a_mail_of_fifty_kilobytes_is_read_from_its_beginning():
    said = read(table({"text": "Invoice wrong. " * 4000}))
    assert 1900 < len(said["words"].iloc[0]) <= 2000
    assert said["usable"].all()


def test_feedback_is_tied_to_accounts_by_id_name_or_deal_and_never_by_a_name_two_share():
    accounts = pd.DataFrame({"account_id": ["1", "2", "3"], "name": ["Acme", "Twin", "Twin"]})
    deals = pd.DataFrame(
        {"opportunity_id": ["d"], "account_id": ["2"], "region": "N", "team": "T", "segment": "S", "product": "P"}
    )
    said = reading.read(
        table({"account": "1"}, {"account": "Acme"}, {"account": "Twin"}, {"opportunity": "d"}), as_of=END
    )
    made = reading.linked(said, deals, accounts)
    assert made["account_id"].tolist() == ["1", "1", None, "2"]
    assert made["region"].tolist()[3] == "N"


def comments(**counts):
    """Return comments by theme: ``a=(now, before)`` of the English theme a; now is October, before the year to July."""
    rows = []
    for theme, (now, before) in counts.items():
        rows += [{"month": OCT, "theme": theme}] * now + [
            {"month": OCT - 4 - i % 9, "theme": theme} for i in range(before)
        ]
    return pd.DataFrame(rows).assign(language="en", tone="neutral", account_id=None, tokens=[[] for _ in rows])


def test_a_theme_emerges_only_after_correction_for_many_looks():
    # one of 11 themes at 20 of 110 now against 80 of 1,100 before, the others a little down
    even = {f"t{i:02d}": (9 if i else 20, 102 if i else 80) for i in range(11)}
    told = shares.table(comments(**even), OCT, labels={}).set_index("theme")
    assert told["of"].iloc[0] == 110
    assert told.loc["t00", "share"] == pytest.approx(20 / 110)
    assert told.loc["t00", "q_value"] == pytest.approx(11 * told.loc["t00", "p_value"])
    assert told["emerging"].tolist() == [True] + [False] * 10
    alone = shares.fisher_more(17, 110, 102, 1100)
    assert 0.01 < alone < 0.05  # would be called a change if it were the only look
    crowd = {f"t{i:02d}": (17, 102) if i == 0 else (9, 99) for i in range(11)}
    assert not shares.table(comments(**crowd), OCT, labels={})["emerging"].any()


def test_fisher_s_test_agrees_with_the_tea_and_with_r():
    assert shares.fisher_more(3, 4, 1, 4) == pytest.approx(17 / 70)
    assert math.isnan(shares.fisher_more(0, 0, 1, 4))


def test_a_jump_is_seen_and_watched_and_a_fall_is_not():
    told = shares.table(comments(rise=(60, 100), rest=(60, 1000)), OCT, labels={"rise": "Rise"})
    assert shares.watch(told)["theme"].tolist() == ["rise"]
    assert told.set_index("theme").loc["rise", ["label", "emerging"]].tolist() == ["Rise", True]


def test_under_twenty_comments_nothing_is_tested():
    told = shares.table(comments(a=(5, 100), b=(5, 5)), OCT, labels={})
    assert told["p_value"].isna().all()
    assert not told["emerging"].any()
    assert shares.watch(told).empty
    assert say.growth(told)[0] == "feedback.emerging_untested"


def spoken(now, before, word="invoice"):
    """Return 120 comments of October and 600 of the year before; so many of each use a word."""
    rows = [{"month": OCT, "tokens": [word, f"x{i % 9}"] if i < now else [f"x{i % 9}"]} for i in range(120)]
    rows += [{"month": OCT - 4 - i % 9, "tokens": [word] if i < before else [f"x{i % 9}"]} for i in range(600)]
    return pd.DataFrame(rows).assign(
        language="en", theme="en-1", weight=0.5, tone="negative", words="some words", account_id=None
    )


def test_a_new_word_becomes_a_topic_of_its_own_until_the_themes_are_fitted_anew():
    told = spoken(18, 3)
    rising = fresh.words(told, OCT)
    assert rising["word"].tolist() == ["invoice"]
    topics, theme = fresh.topics(told, rising, OCT, {"en:invoice": "Invoices"})
    assert topics[["theme", "label", "n", "emerging"]].to_numpy().tolist() == [["en:invoice", "Invoices", 18, True]]
    assert (fresh.marked(told, theme)["theme"] == "en:invoice").sum() == 21
    assert fresh.words(spoken(4, 0), OCT).empty  # under five comments
    assert fresh.words(spoken(18, 90), OCT).empty  # as often as before


def deals(*rows):
    frame = pd.DataFrame(rows, columns=["account_id", "status", "type", "amount", "closed_on"])
    return frame.assign(closed_on=pd.to_datetime(frame["closed_on"]))


def test_money_stands_beside_complaints_and_small_groups_prove_nothing():
    told = pd.DataFrame(
        {"month": OCT, "theme": "t", "tone": ["negative", "negative", "positive"], "account_id": ["1", "2", "3"]}
    )
    themes = pd.DataFrame({"theme": ["t"], "label": ["T"]})
    facts = deals(("1", "won", "new", 10.0, "2026-09-01"), ("1", "won", "new", 5.0, "2024-09-01"), ("2", "lost", "new", 7.0, "2026-10-01"),
                  ("2", "open", "renewal", 3.0, None), ("2", "lost", "renewal", 4.0, "2026-10-02"), ("3", "won", "new", 99.0, "2026-09-01"))  # fmt: skip
    row = money.beside(told, facts, themes, OCT).iloc[0]
    assert row[["n_accounts", "bookings", "lost", "churned", "renewals_due"]].tolist() == [2, 10.0, 11.0, 4.0, 3.0]
    assert row[["lost_share", "lost_share_others", "verdict"]].tolist() == [pytest.approx(2 / 3), 0.0, "few"]
    nobody = money.beside(told.assign(account_id=None), facts, themes, OCT).iloc[0]
    assert math.isnan(nobody["bookings"])


def theme_row(theme, emerging, n, negative, low):
    return {"theme": theme, "label": theme.upper(), "emerging": emerging, "n": n, "share": 0.1, "negative_share": negative,
            "negative_low": low, "q_value": 0.01, "money": 5.0}  # fmt: skip


def test_a_measure_is_proposed_for_what_emerges_or_is_surely_blamed_more():
    themes = pd.DataFrame([theme_row("a", False, 50, 0.6, 0.45), theme_row("b", True, 20, 0.1, 0.02), theme_row("c", False, 90, 0.5, 0.39),
                           theme_row("d", False, 9, 1.0, 0.7)])  # fmt: skip
    made = proposals.measures(themes, {"a": "product", "b": "training"}, overall_negative=0.4)
    assert made[["theme", "area", "why", "proof", "baseline"]].to_numpy().tolist() == [
        ["b", "training", "emerging", "negative_share", 0.1], ["a", "product", "blamed", "theme_share", 0.1]
    ]  # fmt: skip


def test_an_empty_table_gives_empty_tables_and_says_so():
    said = read(table())
    assert say.headline(scores.table(said, OCT), pd.DataFrame(), said) == (
        "feedback.nothing.headline", {}
    )  # fmt: skip
    assert reading.issues(said).empty
    assert feedback.chains(said, {}, period=OCT) == {}
    assert scores.trend(said, OCT).empty
    assert scores.of_reps(said, OCT).empty


def test_inputs_are_not_changed():
    frame = table({"score": 10, "text": "Good"})
    copy = frame.copy()
    read(frame)
    pd.testing.assert_frame_equal(frame, copy)


def test_a_part_s_change_must_hold_after_correction_for_all_parts():
    # one part of ten falls by 26 points, p = .04 alone; ten parts are looked at
    rows = []
    for place in range(10):
        rows += [{"score": 10 if i < (17 if place else 12) else 8, "opportunity": f"d{place}"} for i in range(30)]
        rows += [{"score": 10 if i < 20 else 8, "opportunity": f"d{place}", "date": "2026-07-05"} for i in range(30)]
    of = pd.DataFrame({"opportunity_id": [f"d{i}" for i in range(10)], "account_id": None, "region": [f"R{i}" for i in range(10)],
                       "team": None, "segment": None, "product": None})  # fmt: skip
    told = scores.table(reading.linked(reading.read(table(*rows), as_of=END), of, NO_ACCOUNTS), OCT)
    first = told[told["scope"] == "R0"].iloc[0]
    assert first["change_high"] < 0
    assert first["verdict"] == "noise"


def test_an_action_goes_to_the_open_deals_of_those_who_complain_and_needs_some():
    told = pd.DataFrame({"month": OCT, "theme": ["b", "b", "a"], "tone": "negative", "account_id": ["1", "2", "3"]})
    themes = pd.DataFrame([theme_row("b", True, 20, 0.1, 0.02), theme_row("a", False, 50, 0.6, 0.45)])
    proposed = proposals.measures(themes, {"b": "process"}, overall_negative=0.4)
    open_deals = deals(
        ("1", "open", "new", 10.0, None), ("1", "open", "new", 30.0, None), ("2", "won", "new", 5.0, "2026-09-01")
    )
    open_deals["opportunity_id"] = ["x", "y", "z"]
    made = proposals.actions(
        proposed, told, open_deals, period=OCT, words=lambda message, **values: f"{message} {values['n']}"
    )
    assert made[["id", "what", "deal_set", "amount"]].to_numpy().tolist() == [
        ["feedback-2026-10-b", "feedback.action.process 1", "y;x", 40.0]
    ]  # fmt: skip
    assert made["due"].tolist() == [pd.Timestamp("2026-11-30")]


def test_the_same_answer_of_one_account_five_hundred_times_on_a_day_counts_once_in_every_number():
    same = {"score": 10, "text": "Great product, no complaints at all", "account": "Acme"}
    frame = table(*[same] * 500, *[{"score": 3, "text": "Slow", "account": "Acme"}] * 4, {**same, "account": "Bolt"})
    said = read(frame)
    assert reading.issues(said).set_index("rule")["n"]["same_answer"] == 499
    told = scores.answered(said, "nps")
    assert (len(told), told["up"].sum(), told["down"].sum()) == (6, 2, 4)  # short words may well be said by four people
    assert len(measures.facts("nps", deals=pd.DataFrame(), feedback=frame)) == 6


def test_comments_with_nothing_in_common_are_said_to_be_so_and_not_to_be_too_few():
    said = [message for message, _ in say.settled({"en": themes.Chain(None, *[pd.DataFrame()] * 3)}, {"en": 83})]
    assert said == ["feedback.themes_apart"]
    assert say.settled({"en": themes.Chain(None, *[pd.DataFrame()] * 3)}, {"en": 12})[0][0] == "feedback.themes_few"
