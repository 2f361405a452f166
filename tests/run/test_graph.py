"""The graph is read from the notebooks; what is wrong with it is told at once."""

from concurrent.futures import Future

import pytest

from salesloop.errors import ParameterError, SalesloopError
from salesloop.run import graph


def load(unit):
    return graph.load(unit.root / "notebooks")


def test_own_notebook_joins_and_foreign_files_do_not(unit):
    unit.notebook("20_forecast")
    unit.notebook("45_pricing", needs=["forecast"])
    unit.write("notebooks/Untitled.ipynb", "{}")
    unit.write("notebooks/46_scratch.ipynb", '{"cells": [], "metadata": {}}')
    stages = load(unit)
    assert [(s.name, s.file.name, s.needs) for s in stages] == [
        ("forecast", "20_forecast.ipynb", ()), ("pricing", "45_pricing.ipynb", ("forecast",)),
    ]  # fmt: skip


def test_every_problem_is_told_at_once(unit):
    unit.notebook("10_one", needs=["nobody"])
    unit.notebook("11_two", parameters=None)
    unit.notebook("12_three", parameters='unit = "demo"\nas_of = None')
    unit.write("notebooks/13_four.ipynb", "no json")
    with pytest.raises(SalesloopError) as caught:
        load(unit)
    told = str(caught.value)
    assert caught.value.exit_code == 2
    assert "10_one.ipynb: needs: found unknown stage 'nobody'; allowed: one, three, two" in told
    assert "11_two.ipynb: found no cell tagged 'parameters'" in told
    assert "12_three.ipynb: parameters: found period not set there" in told
    assert "13_four.ipynb: found no notebook" in told


def test_circle_names_only_those_in_it(unit):
    unit.notebook("10_one", needs=["two"])
    unit.notebook("11_two", needs=["three"])
    unit.notebook("12_three", needs=["one"])
    unit.notebook("13_free")
    with pytest.raises(ParameterError, match="a circle: one needs two; three needs one; two needs three"):
        load(unit)


def test_two_notebooks_of_one_stage_are_named(unit):
    unit.notebook("10_one")
    unit.write("notebooks/11_one.ipynb", (unit.root / "notebooks/10_one.ipynb").read_text())
    with pytest.raises(ParameterError, match=r"stage one: found two notebooks: 10_one.ipynb, 11_one.ipynb"):
        load(unit)


def test_brief_waits_for_all_but_those_that_need_it():
    stages = [graph.StageSpec(name, None, needs) for name, needs in
              [("brief", ("kpi",)), ("kpi", ()), ("own", ()), ("after", ("brief",)), ("later", ("after",))]]  # fmt: skip
    assert graph.waits(stages)["brief"] == {"kpi", "own"}


def test_run_starts_the_longest_way_first_and_never_more_than_its_workers():
    stages = [graph.StageSpec(f"{n}", None, tuple(needs)) for n, needs in
              [("a", ""), ("b", ""), ("c", "b"), ("d", "c"), ("e", "")]]  # fmt: skip
    for spec in stages:
        object.__setattr__(spec, "file", graph.Path(f"{spec.name}.ipynb"))
    order, open_now, most = [], set(), []

    def begin(spec):
        order.append(spec.name)
        if spec.name == "e":
            return None
        open_now.add(spec.name)
        most.append(len(open_now))
        future = Future()
        future.set_result(spec.name)
        return future

    graph.run(stages, begin, lambda spec, _: open_now.discard(spec.name), workers=2)
    assert order[0] == "b"
    assert sorted(order) == list("abcde")
    assert order.index("b") < order.index("c") < order.index("d")
    assert max(most) <= 2
