"""The rules of the repository: who may import whom, thin clean notebooks, one environment, two languages."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from salesloop import messages
from salesloop.run import graph
from tests.conftest import PROJECT

PACKAGE = PROJECT / "salesloop"
NOTEBOOKS = sorted((PROJECT / "notebooks").glob("*.ipynb"))
MODULES = sorted(PACKAGE.rglob("*.py"))


def imported(file: Path) -> set[str]:
    """Return the modules a file imports, with the names taken from them."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module} | {f"{node.module}.{name.name}" for name in node.names}
    return found


def knows(area: str, *forbidden: str) -> list[str]:
    files = [file for file in MODULES if file.relative_to(PACKAGE).as_posix().startswith(area)]
    assert files, area
    starts = tuple(f"{name}." for name in forbidden)
    return [
        f"{file.relative_to(PACKAGE)}: {name}"
        for file in files for name in sorted(imported(file)) if name in forbidden or name.startswith(starts)
    ]  # fmt: skip


OUTSIDE = (
    "salesloop.results",
    "salesloop.book",
    "salesloop.store",
    "salesloop.sources",
    "salesloop.report",
    "salesloop.run",
)


@pytest.mark.parametrize(
    ("area", "forbidden"),
    [
        (
            "metrics/",
            (
                "salesloop.plots",
                "salesloop.style",
                "salesloop.canvas",
                "matplotlib",
                "duckdb",
                "papermill",
                "jinja2",
                *OUTSIDE,
            ),
        ),
        ("plots/", ("salesloop.metrics", "duckdb", "papermill", *OUTSIDE)),
        ("sources/", ("salesloop.metrics", "salesloop.report", "salesloop.run", "matplotlib")),
        ("store", ("salesloop.metrics", "salesloop.report", "salesloop.run", "matplotlib")),
        ("report/", ("papermill", "salesloop.run", "salesloop.store", "salesloop.sources", "salesloop.metrics")),
        ("demo/", ("salesloop.metrics", "salesloop.results", "salesloop.report", "salesloop.run", "salesloop.store")),
    ],
)
def test_modules_know_only_whom_they_may(area, forbidden):
    assert knows(area, *forbidden) == []


def test_only_run_knows_papermill_and_only_report_knows_templates():
    outside = [file for file in MODULES if "run" not in file.parts]
    assert [file.name for file in outside if any(n.startswith("papermill") for n in imported(file))] == []
    others = [file for file in MODULES if "report" not in file.parts]
    assert [file.name for file in others if any(n.startswith("jinja2") for n in imported(file))] == []


def test_metrics_read_no_clock_and_no_random_state():
    pattern = re.compile(r"\.today\(|\.now\(|np\.random\.(?!default_rng|Generator|SeedSequence|Philox)|time\.time")
    found = [f.name for f in MODULES if "metrics" in f.parts and pattern.search(f.read_text(encoding="utf-8"))]
    assert found == []


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_notebooks_are_thin_and_without_outputs(file):
    notebook = json.loads(file.read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in code)
    assert [cell["id"] for cell in code if len("".join(cell["source"]).splitlines()) > 4] == []
    words = re.compile(r"^\s*(def|class|try)\b", re.MULTILINE)
    assert [cell["id"] for cell in code if words.search("".join(cell["source"]))] == []
    assert [cell["id"] for cell in code if "parameters" in cell["metadata"].get("tags", [])] == ["parameters"]
    assert "".join(code[-1]["source"]).rstrip().endswith("stage.save()")


def test_nine_notebooks_form_the_graph_of_the_loop():
    needs = {stage.name: set(stage.needs) for stage in graph.load(PROJECT / "notebooks")}
    assert needs["forecast"] == needs["review"] == needs["execution"] == needs["kpi"] == needs["feedback"] == set()
    assert needs["goals"] == needs["bottlenecks"] == {"forecast"}
    assert needs["whatif"] == {"goals", "forecast", "bottlenecks"}
    assert needs["brief"] == set(needs) - {"brief"}
    assert len(needs) == 9


def message_files(lang: str) -> dict[str, dict]:
    files = sorted((PACKAGE / "locale" / lang).glob("*.yml"))
    return {file.name: yaml.safe_load(file.read_text(encoding="utf-8")) for file in files}


def test_both_languages_say_the_same_things():
    english, chinese = message_files("en"), message_files("zh")
    assert english.keys() == chinese.keys()
    for name in english:
        prose = {key for key in chinese[name] if ".prose." in key}
        assert set(english[name]) - prose == set(chinese[name]) - prose, name


def test_messages_take_the_same_values_in_both_languages():
    field = re.compile(r"\{(\w+)[:}]")
    english, chinese = messages.catalogue("en"), messages.catalogue("zh")
    different = [key for key in english if set(field.findall(english[key])) != set(field.findall(chinese[key]))]
    assert different == []


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_all_prose_is_translated(file):
    notebook = json.loads(file.read_text(encoding="utf-8"))
    stage, chinese = notebook["metadata"]["salesloop"]["stage"], messages.catalogue("zh")
    prose = [cell["id"] for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
    assert [cell for cell in prose if f"{stage}.prose.{cell}" not in chinese] == []


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_messages_named_in_a_notebook_exist(file):
    source = file.read_text(encoding="utf-8")
    named = set(re.findall(r'(?:title|alt)=\\"([\w.]+)\\"', source)) | set(
        re.findall(r'stage\.say\(\\"([\w.]+)\\"', source)
    )
    assert named - messages.catalogue("en").keys() == set()


def test_lock_environment_and_project_are_in_step():
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lock = (PROJECT / "requirements.lock").read_text(encoding="utf-8")
    locked = {name.lower().replace("_", "-") for name in re.findall(r"^([A-Za-z0-9._-]+)==", lock, re.MULTILINE)}
    asked = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {re.match(r"[A-Za-z0-9._-]+", one)[0].lower().replace("_", "-") for one in asked}
    assert names - locked == set()
    environment = yaml.safe_load((PROJECT / "environment.yml").read_text(encoding="utf-8"))
    assert {"pip": ["--require-hashes", "-r requirements.lock"]} in environment["dependencies"]
    assert any(str(one).startswith("python>=3.11") for one in environment["dependencies"])
    assert "http" not in "\n".join(line for line in lock.splitlines() if "==" not in line)


def test_every_locked_package_has_a_hash():
    lock = (PROJECT / "requirements.lock").read_text(encoding="utf-8")
    entries = re.split(r"\n(?=[A-Za-z0-9])", lock.strip())
    assert len(entries) > 100
    assert [entry.split("==")[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_nothing_that_does_not_belong_is_in_git():
    done = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout")
    files = done.stdout.split()
    allowed = {"reports/README.md", "data/README.md", "params/demo/unit.yml"}
    generated = [f for f in files if f.startswith(("reports/", "data/", "params/")) and f not in allowed]
    assert generated == []
    assert [f for f in files if f.endswith((".pkl", ".pickle", ".duckdb", ".parquet"))] == []
