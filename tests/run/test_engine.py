"""The engine gives what a kernel gives, and fails where papermill alone would not."""

import json

import nbformat
import pytest

from salesloop.run.executor import fresh

CELLS = [
    "import os, sys, warnings\nprint('one'); print('two', file=sys.stderr); print('three')",
    "import pandas as pd\nframe = pd.DataFrame({'a': [1, 2], 'b': ['x', '<b>']})\nframe",
    "from IPython.display import clear_output, display, HTML\nshown = display(HTML('<i>1</i>'), display_id='d')",
    "display(HTML('<i>2</i>'), display_id='d', update=True)\n_ = 41 + 1",
    "print('gone'); clear_output(); print('stays')\n%timeit -n1 -r1 -q pass",
    "import asyncio\nawait asyncio.sleep(0)\nasyncio.get_running_loop().is_running()",
    "import matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.title('drawn')",
    "pd.options.display.max_columns, __name__, In[1][:9]",
    "stage.value('n', len(frame), uom='count')\nstage.keep('frame', frame)",
]


def run_here(notebook, target, tell=None):
    """Run a notebook through the engine; called in a fresh process."""
    import papermill

    from salesloop.run import engine

    papermill.execute_notebook(notebook, target, {"unit": "acme", "period": "2026-10"}, engine_name=engine.NAME,
                               progress_bar=False)  # fmt: skip


def outputs(file):
    """Return a notebook's outputs cell by cell; pieces of one stream are one, as chance may cut them."""
    from salesloop.run.engine import joined

    made = []
    for cell in nbformat.read(file, as_version=4).cells:
        if cell.cell_type == "code":
            shown = joined(cell.outputs)
            made.append(sorted(json.dumps(one, sort_keys=True) for one in shown))
    return made


def test_same_outputs_and_results_as_in_a_kernel(unit, monkeypatch):
    import papermill

    notebook = unit.notebook("10_one", *CELLS)
    found = {}
    for name in ("kernel", "ours"):
        out = unit.root / name
        out.mkdir()
        target = str(out / "10_one.ipynb")
        if name == "ours":
            fresh(run_here, str(notebook), target, out=str(out))
        else:
            monkeypatch.setenv("SALESLOOP_OUT", str(out))
            monkeypatch.delenv("PYTEST_CURRENT_TEST")  # a kernel that sees it leaves the file descriptors alone
            given = {"unit": "acme", "period": "2026-10"}
            papermill.execute_notebook(str(notebook), target, given, progress_bar=False)
        results = sorted(file for file in (out / "results").rglob("*") if file.is_file())
        found[name] = outputs(target), [(file.name, file.read_bytes()) for file in results]
    assert len(found["ours"][1]) == 2
    assert found["ours"][1] == found["kernel"][1]
    assert found["ours"][0] == found["kernel"][0]
    assert "image/png" in "".join(part for cell in found["ours"][0] for part in cell)


def test_what_a_child_process_prints_stands_under_its_cell(unit):
    # not compared with a kernel: there a thread copies it, and on a busy machine it comes after the cell has ended
    notebook = unit.notebook(
        "10_one", "import os\nprint('before')\nos.system('echo from a child process');", "print('after')"
    )
    target = str(unit.root / "10_one.ipynb")
    fresh(run_here, str(notebook), target, out=str(unit.root))
    assert ["before\nfrom a child process\n"] in [
        [json.loads(one)["text"] for one in cell if "text" in json.loads(one)] for cell in outputs(target)
    ]


@pytest.mark.parametrize(
    ("cell", "tags", "why"),
    [
        ("1 / 0", None, "ZeroDivisionError"),
        ("import sys\nsys.exit(0)", None, "left the notebook"),
        ("quit()", None, "left the notebook"),
        ("raise ValueError('Acme Ltd owes 7')", ["raises-exception"], "ValueError"),
        ("input('who?')", None, "StdinNotImplementedError"),
        ("from IPython import get_ipython\nclass Bad:\n    def _repr_html_(self): raise TypeError\nBad()", None, None),
    ],
)
def test_a_cell_that_fails_or_leaves_fails_its_stage(unit, cell, tags, why):
    unit.notebook("10_one", "before = 1", cell, "after = 2", tags={"b": tags})
    summary = unit.run()
    if why is None:  # a kernel shows the trace of a failed representation and goes on, or fails: never a silent report
        assert summary.status == {"one": "failed"}
        return
    assert (summary.status, summary.exit_code) == ({"one": "failed"}, 1)
    assert summary.gaps[0]["cell"] == "b"
    assert why in summary.gaps[0]["reason"]
    assert "Acme" not in str(summary.gaps) + "".join(unit.told)
    broken = json.loads((unit.folder / "_failed" / "10_one.ipynb").read_text())
    assert next(c for c in broken["cells"] if c["id"] == "c")["execution_count"] is None
