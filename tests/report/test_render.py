"""A stage's page: everything from saved results, in either language, nothing that acts or leaves the page."""

import re
from string import Formatter

from salesloop.messages import Text, catalogue
from salesloop.report import render_stage
from salesloop.report.items import Items, Manner
from salesloop.report.render import arranged
from salesloop.results import Results
from tests.report import sample


def page(folder, lang="en", **changes):
    return render_stage(folder / "25_sample.ipynb", folder / "results", lang, sample.config(**changes))


def test_page_shows_the_results_in_the_readers_habit(made):
    english, chinese = page(made), page(made, "zh")
    assert "We expect ¥5.20M in Nov 2026 and 62.0% odds of the target." in english
    assert "预计2026年11月签约 ¥520.0万，达成目标的把握为 62.0%。" in chinese
    assert '<html lang="en">' in english and '<html lang="zh-CN">' in chinese
    assert "<td" in english and "¥300K" in english and "¥30.0万" in chinese


def test_headline_opens_the_page_and_is_not_repeated(made):
    english = page(made)
    assert english.count("We expect ¥5.20M") == 1
    assert english.index("We expect") < english.index("Of 41 open deals")


def test_prose_is_translated_where_it_can_be_and_marked_where_not(made):
    chinese = page(made, "zh")
    assert "<h2>明细</h2>" in chinese and "这里是<strong>明细</strong>" in chinese
    assert 'lang="en"><p>The pipeline and what is still to come.</p>' in chinese


def test_figures_carry_both_drawings_and_real_words(made):
    english = page(made)
    images = re.findall(r"<img [^>]*>", english)
    assert len(images) == 2
    assert all('src="data:image/svg+xml;base64,' in image for image in images)
    assert 'alt="A line that rises from ¥4.00M, with its range."' in images[0]
    assert english.count('media="(max-width: 640px)" srcset="data:image/svg+xml;base64,') == 2


def test_what_is_said_comes_first_and_small_things_stand_in_pairs():
    said, wide = {"kind": "sentence"}, {"kind": "table"}
    small = [{"kind": "table", "small": True, "n": n} for n in range(3)]
    found = arranged([small[0], wide, small[1], said, small[2]], None)
    assert found == [said, small[0], wide, {"kind": "pair", "items": small[1:]}]


def test_half_a_figure_carries_the_narrow_drawing_alone(made):
    items = Items(Results(made / "results", "sample"), Manner(Text("en", "CNY")))
    drawn = items.figure("fan", half=True)
    assert drawn["narrow_size"][0] < 400 and "wide" not in drawn


def test_same_results_give_the_same_bytes(made, tmp_path):
    first = page(made)
    for file in (made / "results" / "sample").glob("*.svg"):
        file.unlink()
    assert page(made) == first


def test_nothing_leaves_the_page(made):
    english = page(made)
    assert "http:" not in english.replace("http-equiv", "") and "https:" not in english and "<script" not in english
    none = "&#39;none&#39;"
    policy = (
        f"default-src {none}; img-src data:; style-src &#39;unsafe-inline&#39;; base-uri {none}; form-action {none}"
    )
    assert policy in english


def test_long_tables_are_cut_and_linked(made, monkeypatch):
    sample.stage_results(made / "results", rows=701)
    english = page(made)
    assert "The first 500 of 701 rows." in english and 'href="results/sample/deals.csv"' in english
    assert english.count("Acme ") == 500


def test_names_are_hidden_everywhere_on_demand(made):
    shown, hidden = page(made), page(made, show_rep_names=False)
    assert "Chen Jie" in shown and "Chen Jie" not in hidden
    assert "Rep 1" in hidden


def test_code_is_folded(made):
    english = page(made)
    start = english.index("stage.figure(...)")
    assert english.rfind("<details", 0, start) > english.rfind("</details>", 0, start)


def test_page_stays_under_its_limit_with_shorter_tables(made, monkeypatch):
    sample.stage_results(made / "results", rows=500, name="x" * 250)
    whole = page(made)
    monkeypatch.setattr("salesloop.report.render.LIMIT", len(whole) - 1)
    cut = page(made)
    assert len(cut) < len(whole) and "The first 100 of 500 rows." in cut


def test_catalogues_of_the_pages_agree():
    english, chinese = ({key for key in catalogue(lang) if key.startswith("report.")} for lang in ("en", "zh"))
    assert english == chinese and len(english) > 60
    fields = [
        {f for _, f, _, _ in Formatter().parse(catalogue(lang)[key]) if f}
        for key in sorted(english)
        for lang in ("en", "zh")
    ]
    assert fields[::2] == fields[1::2]
