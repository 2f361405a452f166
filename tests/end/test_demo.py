"""The loop, end to end, as its users run it: the demo company's four months, page one, a second run, a clean re-run."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import PROJECT

LAST = "2026-10"
STAGES = ("review", "goals", "forecast", "bottlenecks", "whatif", "execution", "kpi", "feedback", "brief")


def command(root: Path, *words: str, timeout: float = 900) -> subprocess.CompletedProcess:
    env = {**os.environ, "SALESLOOP_ROOT": str(root), "PYTHONPATH": str(PROJECT), "PLANTED_SECRET": "s3cr3t-9d1f"}
    return subprocess.run(
        [sys.executable, "-m", "salesloop", *words],
        cwd=root,
        env=env,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A root in which ``make report`` of the demo has run."""
    made = tmp_path_factory.mktemp("demo")
    (made / "notebooks").symlink_to(PROJECT / "notebooks")
    (made / "params" / "demo").mkdir(parents=True)
    shutil.copy(PROJECT / "params" / "demo" / "unit.yml", made / "params" / "demo" / "unit.yml")
    done = command(made, "report")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert done.stdout.strip().endswith(f"reports/demo/{LAST}/index.en.html")
    return made


def ledger(root: Path) -> list[dict]:
    file = root / "params" / "demo" / "ledger.jsonl"
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def table(root: Path, stage: str, name: str, period: str = LAST) -> pd.DataFrame:
    return pd.read_parquet(root / "reports" / "demo" / period / "results" / stage / f"{name}.parquet")


def test_every_stage_ran_and_has_its_pages_and_results(root):
    folder = root / "reports" / "demo" / LAST
    for stage in STAGES:
        found = json.loads((folder / "results" / f"{stage}.json").read_text(encoding="utf-8"))
        assert (found["unit"], found["period"]) == ("demo", LAST)
    pages = sorted(file.name for file in folder.glob("*.html"))
    of_teams = [page for page in pages if page.startswith("50_execution.team-")]
    assert len(pages) - len(of_teams) == 18
    assert len(of_teams) == 2 * table(root, "execution", "teams")["team"].nunique() >= 4
    assert set(of_teams) < set(json.loads((folder / "manifest.json").read_text())["stages"]["execution"]["outputs"])
    assert not (folder / "_failed").exists()
    for page in pages:
        most = 1_000_000 if page.startswith("index") else 1_500_000
        assert (folder / page).stat().st_size < most
    assert (folder / "manifest.json").is_file()
    assert (root / "reports" / "demo" / "index.zh.html").is_file()


def test_page_one_grades_each_kind_of_promise_as_the_ledger_holds_it(root):
    shown = table(root, "brief", "promises")
    assert set(shown["kind"]) == {"forecast", "target", "whatif", "action"}
    assert len(shown) <= 7
    lines = ledger(root)
    promised = {line["id"]: line for line in lines if "kind" in line and line["edition"] == 1}
    graded = {line["id"]: line for line in lines if line.get("graded_in") == LAST}
    for row in shown.to_dict("records"):
        assert row["made_in"] == promised[row["id"]]["made_in"] < LAST
        assert round(row["promised"], 2) == promised[row["id"]]["value"]
        assert round(row["actual"], 2) == graded[row["id"]]["actual"]
        assert row["outcome"] == graded[row["id"]]["outcome"]


def test_what_one_month_proposes_is_the_plan_of_the_next(root):
    proposal = (root / "params" / "demo" / "proposals" / "2026-09.yml").read_text(encoding="utf-8")
    ids = set(re.findall(r"^- id: (intervention:\S+|action:\S+)", proposal, re.MULTILINE))
    plan = pd.concat(
        [
            pd.read_csv(root / "params" / "demo" / "plan" / f"{name}.csv", dtype=str)
            for name in ("actions", "interventions")
        ]
    )
    assert ids
    assert {one.partition(":")[2] for one in ids} <= set(plan["id"])
    assert "approved_by: automatic" in (root / "params" / "demo" / "2026-10.yml").read_text(encoding="utf-8")


def test_pages_say_the_same_numbers_as_the_results_in_both_languages(root):
    folder = root / "reports" / "demo" / LAST
    actual = table(root, "brief", "numbers").set_index("measure").loc["bookings", "value"]
    english, chinese = (
        re.sub(r"<[^>]+>", " ", (folder / f"index.{lang}.html").read_text(encoding="utf-8")) for lang in ("en", "zh")
    )
    assert f"¥{actual / 1e6:,.2f}M" in english
    assert f"¥{actual / 1e4:,.1f}万" in chinese
    deals = max((root / "data" / "demo" / "exports").glob("*/Deals_*.csv"))
    bookings = pd.read_csv(deals, dtype=str)
    won = bookings[(bookings["Stage"] == "Closed Won") & bookings["Closing Date"].str.startswith(LAST)]
    assert won["Amount"].str.replace(",", "").astype(float).sum() == pytest.approx(actual, rel=0.02)


def test_no_page_holds_a_secret_or_asks_for_anything_outside(root):
    for page in (root / "reports" / "demo" / LAST).glob("*.html"):
        text = html.unescape(page.read_text(encoding="utf-8"))
        assert "s3cr3t-9d1f" not in text
        assert "default-src 'none'" in text
        assert not re.search(r"(src|href)=\"(https?:)?//", text)
        assert "<script" not in text


def test_nothing_changed_runs_nothing_and_changes_nothing(root):
    before = (root / "params" / "demo" / "ledger.jsonl").read_bytes()
    stamp = (root / "reports" / "demo" / LAST / "manifest.json").stat().st_mtime_ns
    done = command(root, "report")
    assert done.returncode == 0
    assert "elapsed" not in done.stdout  # no stage's line
    assert (root / "params" / "demo" / "ledger.jsonl").read_bytes() == before
    assert (root / "reports" / "demo" / LAST / "manifest.json").stat().st_mtime_ns == stamp


def test_the_bundle_is_one_file_and_hides_names_where_asked(root):
    done = command(root, "bundle", "--hide-names")
    assert done.returncode == 0, done.stderr
    file = root / "reports" / "demo" / LAST / f"demo-{LAST}-no-names.en.html"
    page = file.read_text(encoding="utf-8")
    users = next((root / "data" / "demo" / "exports").glob("*/Users_*.csv"))
    names = [name for name in pd.read_csv(users, dtype=str).iloc[:, 1].dropna().unique() if len(str(name)) > 3]
    assert names
    assert "Rep 1" in page
    assert [name for name in names if re.search(rf"(?<![A-Za-z]){re.escape(name)}(?![A-Za-z])", page)] == []


def test_notebooks_run_in_a_real_kernel_with_their_defaults(root):
    files = [
        str(PROJECT / "notebooks" / f"{name}.ipynb") for name in ("00_review", "50_execution", "60_kpi", "90_brief")
    ]
    env = {**os.environ, "SALESLOOP_ROOT": str(root), "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--nbval-lax", "-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(root),
         "-W", "ignore", "--nbval-cell-timeout", "300", *files],
        cwd=root, env=env, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    assert (root / "reports" / "demo" / "_scratch" / LAST / "results" / "kpi.json").is_file()


def test_after_make_clean_the_same_grades_come_again(root):
    before = {(line["id"], line["graded_in"]): line for line in ledger(root) if "outcome" in line}
    first = table(root, "brief", "promises", "2026-08")
    for name in ("reports", "data"):
        shutil.rmtree(root / name)
    done = command(root, "report", "--period", "2026-08")
    assert done.returncode == 0, done.stdout[-2000:]
    again = table(root, "brief", "promises", "2026-08")
    pd.testing.assert_frame_equal(first, again)
    assert {(line["id"], line["graded_in"]): line for line in ledger(root) if "outcome" in line} == before
