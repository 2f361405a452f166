"""Brief, index and bundle: the order, the numbers in words, gaps, and one file for all."""

import re
from types import SimpleNamespace

import pandas as pd
import pytest

from salesloop.errors import ParameterError
from salesloop.messages import Text
from salesloop.report import make_bundle, proposal, render_brief, render_index
from salesloop.report.brief import _change
from tests.report import sample

ORDER = ["What was promised, and what came", "The numbers", "What changed, and why", "In pictures",
         "Proposed for the next period", "Decisions asked of you", "Notes", "How this is made"]  # fmt: skip


@pytest.fixture
def whole(made):
    """The sample's folder with a brief."""
    sample.brief_results(made / "results")
    return made


def brief(folder, lang="en", gaps=(), **changes):
    return render_brief(folder / "results", lang, sample.config(**changes), gaps)


def test_parts_stand_in_their_order(whole):
    html = brief(whole)
    found = re.sub(r"<[^>]*>", "|", html)
    places = [found.index(f"|{part}|") for part in ORDER]
    assert places == sorted(places)
    assert found.index("3,632 deals read") < found.index("|Oct 2026 bookings came to ¥5.31M") < places[0]


def test_promises_numbers_and_changes_are_said_in_words(whole):
    html = brief(whole)
    assert "promised <strong>¥5.10M</strong> · came <strong>¥5.31M</strong>" in html and "inside the range" in html
    assert "+¥420K against Sep 2026" in html and "target ¥5.50M: 96.5% reached" in html
    assert "+1.2 pp against Sep 2026" in html and "95% range 25% to 38%" in html
    assert "¥2.00M" in html and "¥2.10M" in html and "The last 36 wins moved faster." in html
    assert html.count("waits for your approval") == 2 and html.count("approved by itself") == 1


def test_chinese_brief_says_the_same_in_chinese(whole):
    html = brief(whole, "zh")
    assert "2026年10月签约 ¥531.0万，完成目标的 97.0%；本季度大概率达标。" in html
    assert "承诺 <strong>¥510.0万</strong> · 实际 <strong>¥531.0万</strong>" in html
    assert "较2026年9月 +¥42.0万" in html and "待您批准" in html


def test_what_approves_itself_is_folded_and_told_in_words(whole):
    html = brief(whole)
    fold = html[html.index('<details class="card alone">') :]
    assert "Technical values: 1" in fold and "Proposal 31.0 → 28.0" in fold
    assert "Proposal 31.0" not in html[: html.index('<details class="card alone">')]
    asked = brief(whole, approve_automatically=())
    assert '<details class="card alone">' not in asked and "Proposal 31.0 → 28.0" in asked


def test_targets_are_one_table_and_ids_stand_behind_a_fold(whole):
    html = brief(whole)
    assert '<span class="old">¥2.00M</span>' in html and "<strong>¥2.10M</strong>" in html and "华东 (team)" in html
    fold = html.index("Approve only some of them: their ids (1)")
    assert fold < html.index("<code>target:2027-01:team:华东</code>")
    assert "ids (1)" not in brief(whole, simulation=True)


def test_amounts_that_would_read_alike_get_more_digits():
    text = Text("en", "CNY")
    told = text.t("forecast.bridge", start=12_150_000, end=12_249_000, line="won", amount=99_000)
    assert "from ¥12.15M to ¥12.25M" in told and "¥99.00K" in told
    assert text.moneys(12_150_000, None, 12_150_000) == ["¥12.2M", "–", "¥12.2M"]


def test_a_fall_bears_one_sign():
    fallen = _change({"change": -33_700.0, "uom": "CNY", "against": "2025-10", "verdict": "noise"}, Text("en", "CNY"))
    assert fallen.startswith("−¥33.7K against Oct 2025")
    assert _change({"change": 3.0, "uom": "count", "against": "2025-10"}, Text("en")).startswith("+3 against")


def test_action_is_told_in_the_readers_language():
    kept = pd.DataFrame({"id": ["a1"], "rule": ["untouched"]})
    items = {"execution": SimpleNamespace(results=SimpleNamespace(table=lambda name: kept))}
    row = {"id": "action:a1", "kind": "action", "n": 2, "evidence": "execution.open_actions_proposed"}
    plan = {"id": "a1", "what": "nobody in touch: Li Wei (2)", "expected_move": "touched"}
    assert proposal._what({**row, "new": plan}, Text("zh"), items) == "跟进 2 个商机 · 30 天无人跟进"
    assert proposal._what({**row, "new": {**plan, "id": "mine"}}, Text("zh"), items) == plan["what"]


def test_failed_stage_leaves_a_gap_panel_and_not_a_missing_brief(whole):
    html = brief(whole, gaps=[{"stage": "kpi", "reason": "needs <b>opportunities</b>", "cell": "reps"}])
    assert "Performance: not available in this report" in html
    assert "This part failed in cell reps: needs &lt;b&gt;opportunities&lt;/b&gt;" in html
    assert "1 of 3 parts are missing: Performance." in html and "The numbers" in html


def test_brief_that_failed_itself_is_still_a_page(made):
    html = render_brief(made / "results", "en", sample.config(), [{"stage": "brief", "reason": "x"}])
    assert "Brief: not available in this report" in html and "No promise fell due this month." in html


def test_names_are_hidden_in_the_brief(whole):
    assert "Chen Jie" in brief(whole) and "Chen Jie" not in brief(whole, show_rep_names=False)


def test_brief_is_small_and_the_same_every_time(whole):
    html = brief(whole)
    assert len(html.encode()) <= 1_000_000 and brief(whole) == html


def test_index_lists_periods_newest_first(tmp_path, monkeypatch):
    sample.install(monkeypatch)
    for period in ("2026-09", "2026-10"):
        results = tmp_path / period / "results"
        results.mkdir(parents=True)
        (tmp_path / period / "index.en.html").write_text("page")
        sample.brief_results(results)
    (tmp_path / "_scratch").mkdir()
    html = render_index(tmp_path, "en", sample.config())
    assert html.index('href="2026-10/index.en.html"') < html.index('href="2026-09/index.en.html"')
    assert "Oct 2026 bookings came to ¥5.31M" in html and "missing: Promises and outcomes" in html
    assert "尚未发布任何报告。" in render_index(tmp_path, "zh", sample.config())


def test_bundle_is_one_file_with_every_page(whole):
    html = make_bundle(whole, "en", sample.config(), hide_names=True)
    assert "Chen Jie" not in html and "Rep 1" in html
    assert html.count("<h1") == 1 and 'id="page-sample"' in html and 'href="#page-sample"' in html
    assert not re.findall(r'href="(?!#)', html)
    assert make_bundle(whole, "en", sample.config(), hide_names=False).count("Chen Jie") > 0


def test_bundle_of_nothing_says_so(tmp_path):
    with pytest.raises(ParameterError, match="none"):
        make_bundle(tmp_path, "en", sample.config())
