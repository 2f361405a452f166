"""Pages in a browser: hostile text does nothing, nothing is asked for, axe finds nothing, phones need no scroll."""

import importlib.metadata
import re
import subprocess
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbformat.v4 import new_output

from salesloop.report import make_bundle, render_brief, render_stage
from tests.report import sample
from tests.report.browser import CHROMIUM, load, needs_chromium
from tests.report.payloads import PAYLOADS

pytestmark = needs_chromium
ALL = " ".join(PAYLOADS)
POKE = """
for (const found of doc.querySelectorAll('*')) {
  for (const name of ['mouseover', 'focus', 'click', 'toggle'])
    found.dispatchEvent(new frame.Event(name, {bubbles: true}));
}
await new Promise(done => setTimeout(done, 500));
const first = ':not(:first-of-type)';
const address = e => ['href', 'src', 'srcset'].map(n => e.getAttribute(n) || '').join('');
const tables = [...doc.querySelectorAll('table')];
return {
  fired, shown: doc.body.innerText, tables: tables.length,
  uneven: tables.filter(t => [...t.rows].some(r => r.cells.length !== t.rows[0].cells.length)).length,
  acting: doc.querySelectorAll(`script${first}, style${first}, iframe, object, embed, form, input, base, link, video,
    audio, math`).length,
  handlers: [...doc.querySelectorAll('*')].flatMap(e => [...e.attributes]).filter(a => a.name.startsWith('on')).length,
  elsewhere: [...doc.querySelectorAll('[href],[src],[srcset]')].map(address)
    .filter(a => /^(javascript|http|\\/\\/)/i.test(a.trim())).length,
};
"""


@pytest.fixture
def hostile(tmp_path, monkeypatch):
    """Results, prose and outputs whose every text is hostile."""
    sample.install(monkeypatch)
    results = tmp_path / "results"
    results.mkdir()
    sample.stage_results(results, team=ALL, rep=PAYLOADS[0])
    sample.brief_results(results, team=ALL, rep=ALL)
    rich = [{"text/html": f"<table><tr><td>{text}</td><td>2</td></tr></table>"} for text in PAYLOADS]
    rich += [{"text/html": text} for text in PAYLOADS] + [{"text/markdown": text} for text in PAYLOADS]
    rich += [{"image/svg+xml": f"<svg xmlns='http://www.w3.org/2000/svg'>{text}</svg>"} for text in PAYLOADS]
    rich += [{"image/png": text} for text in PAYLOADS] + [{"text/plain": text} for text in PAYLOADS]
    outputs = [new_output("display_data", data) for data in rich]
    outputs += [new_output("stream", name="stdout", text=text) for text in PAYLOADS]
    sample.notebook(tmp_path, prose=f"## {ALL}\n{'  '.join(PAYLOADS)}", foreign=tuple(outputs))
    return tmp_path


def pages(folder: Path, **changes) -> list[str]:
    config = sample.config(**{"name": ALL[:200], **changes})
    gaps = [{"stage": "kpi", "reason": ALL, "cell": PAYLOADS[0]}]
    return [
        render_stage(folder / "25_sample.ipynb", folder / "results", "en", config),
        render_brief(folder / "results", "zh", config, gaps),
        make_bundle(folder, "en", config),
    ]


def test_the_browser_would_notice(tmp_path):
    image = '<img src="http://evil.example/x" onerror="fire(1)">'
    page = f'<html><head><meta http-equiv="Content-Security-Policy" content=""></head><body>{image}</body></html>'
    found, asked = load(page, tmp_path, POKE)
    assert found["fired"] == [1] and asked and found["handlers"] == 1


@pytest.mark.parametrize("place", [0, 1, 2])
def test_hostile_text_is_only_text(hostile, place):
    found, asked = load(pages(hostile)[place], hostile, POKE)
    assert not found["fired"] and not asked
    assert found["acting"] == found["handlers"] == found["elsewhere"] == found["uneven"] == 0
    assert found["tables"] >= 2 and "<img src=x onerror=fire(2)>" in found["shown"]
    assert not set(found["shown"]) & set("\x00\x07\x1b\u202e\u2066\u200b\ufffe\uffff")


def test_every_payload_in_a_table_is_one_whole_cell(tmp_path, monkeypatch):
    sample.install(monkeypatch)
    (tmp_path / "results").mkdir()
    stage = sample.stage_results(tmp_path / "results")
    stage.content["tables"].pop("deals")
    frame = pd.DataFrame({"team": PAYLOADS, "name": PAYLOADS, "amount": 1.0})
    stage.table("deals", frame, title="sample.table.deals", formats={"amount": "money"})
    stage.save()
    sample.notebook(tmp_path)
    page = render_stage(tmp_path / "25_sample.ipynb", tmp_path / "results", "en", sample.config())
    rows = "[...doc.querySelectorAll('table')].slice(-2).flatMap(table => [...table.tBodies[0].rows])"
    script = f"return {rows}.map(row => [...row.cells].map(cell => cell.textContent))"
    cells, asked = load(page, tmp_path, script)
    assert len(cells) == len(PAYLOADS) and not asked
    seen = [text for text in PAYLOADS if text.isprintable()]
    assert [row[0] for row in cells if row[0] in seen] == seen and {row[2] for row in cells} == {"¥1"}


def axe() -> str:
    """Return the source of axe-core, which a test dependency carries."""
    files = importlib.metadata.files("axe-core-python") or []
    return next(Path(file.locate()).read_text(encoding="utf-8") for file in files if file.name == "axe.min.js")


def violations(page: str, folder: Path, width: int) -> list:
    script = (
        "const s = doc.createElement('script'); s.textContent = " + axe_literal() + "; doc.head.append(s);"
        "for (const d of doc.querySelectorAll('details')) d.open = true;"
        "const found = await frame.axe.run(doc);"
        "return found.violations.map(v => [v.id, v.nodes.slice(0, 3).map(n => n.html.slice(0, 200))])"
    )
    return load(page, folder, script, width=width)[0]


def axe_literal() -> str:
    import json

    return json.dumps(axe()).replace("</", "<\\/")


@pytest.mark.parametrize(("lang", "width"), [("en", 1280), ("zh", 390)])
def test_axe_finds_nothing(made, lang, width):
    sample.brief_results(made / "results")
    gaps = [{"stage": "kpi", "reason": "no deals"}]
    foreign = (new_output("display_data", {"text/html": "<table><tr><th>a</th></tr><tr><td>1</td></tr></table>"}),)
    sample.notebook(made, foreign=foreign)
    assert (
        violations(render_stage(made / "25_sample.ipynb", made / "results", lang, sample.config()), made, width) == []
    )
    assert violations(render_brief(made / "results", lang, sample.config(), gaps), made, width) == []
    assert violations(make_bundle(made, lang, sample.config()), made, width) == []


def test_phone_needs_no_sideways_scroll_and_gets_the_narrow_drawing(made):
    sample.brief_results(made / "results")
    script = (
        "const images = [...doc.images]; return {over: doc.documentElement.scrollWidth - frame.innerWidth,"
        "loaded: images.every(i => i.complete && i.naturalWidth > 0), n: images.length,"
        "widths: images.map(i => i.naturalWidth)}"
    )
    for page in (render_stage(made / "25_sample.ipynb", made / "results", "en", sample.config()),
                 render_brief(made / "results", "zh", sample.config())):  # fmt: skip
        phone, desk = (load(page, made, script, width=width)[0] for width in (390, 1280))
        assert phone["over"] <= 0 and phone["loaded"] and phone["n"] == 2
        assert max(phone["widths"]) < 400
        assert (min(desk["widths"]) > 400) == ("stage.figure" in page)  # two of a brief's drawings share a row


def test_notebook_of_the_sample_is_valid(made):
    nbformat.validate(nbformat.read(made / "25_sample.ipynb", as_version=4))


def sheets(page: str, folder: Path) -> int:
    """Return on how many sheets of A4 a page prints."""
    (folder / "page.html").write_text(page, encoding="utf-8")
    printed = folder / "page.pdf"
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage",
        f"--user-data-dir={folder / 'profile'}", f"--print-to-pdf={printed}", (folder / "page.html").as_uri(),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return len(re.findall(rb"/Type\s*/Page\b", printed.read_bytes()))


def test_a_brief_prints_on_three_sheets_and_a_long_table_on_one(made):
    sample.brief_results(made / "results")
    sample.stage_results(made / "results", rows=400)
    assert sheets(render_brief(made / "results", "en", sample.config()), made) <= 3
    stage = render_stage(made / "25_sample.ipynb", made / "results", "zh", sample.config())
    assert 1 <= sheets(stage, made) <= 2
