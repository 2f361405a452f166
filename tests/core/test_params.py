"""Parameters are typed: what is unknown, missing, doubled or wrong is named, all of it at once."""

from __future__ import annotations

import pandas as pd
import pytest

from salesloop import paths
from salesloop.errors import ParameterError, SeveralErrors
from salesloop.params import Learned, PeriodParams, load_period, load_unit, seal, write_period


def unit(text: str, name: str = "north"):
    file = paths.params(name) / "unit.yml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return load_unit(name)


def test_defaults_hold_where_nothing_is_said(own_root):
    config = unit("unit: north\n")
    assert (config.currency, config.close_lag_days, config.locked_horizon) == ("CNY", 5, "fiscal_quarter")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("curency: CNY", "did you mean currency?"),
        ("something_else: 1", "an unknown key"),
        ("currency: CNY\ncurrency: USD", "it is given twice"),
        ("close_lag_days: five", "close_lag_days"),
        ("fiscal_year_start: 13", "13"),
        ("plan_rates: {2026: {USD: 0}}", "above 0"),
        ("approve_automatically: [targets]", "cannot be approved automatically"),
        ("currency: [", "no valid YAML at line"),
        ("- a", "list"),
        ("unit: south", "'south'"),
    ],
)
def test_a_wrong_parameter_is_named_with_what_is_allowed(own_root, text, message):
    with pytest.raises(ParameterError, match=r"unit\.yml") as found:
        unit(text)
    assert message in str(found.value)
    assert found.value.found and found.value.allowed and found.value.next_step
    assert found.value.exit_code == 2


def test_all_problems_are_told_at_once(own_root):
    with pytest.raises(SeveralErrors) as found:
        unit("curency: CNY\nfiscal_year_start: 13\nclose_lag_days: -1\n")
    assert len(found.value.problems) == 3


@pytest.mark.parametrize("name", ["../x", "", "a/b", "nowhere"])
def test_an_unknown_unit_is_named_with_those_that_exist(own_root, name):
    unit("unit: north\n")
    with pytest.raises(ParameterError, match="north"):
        load_unit(name)


def test_the_last_earlier_file_holds_where_a_period_has_none(own_root):
    unit("unit: north\n")
    write_period("north", "2026-08", PeriodParams(period="2026-08", values={"interval_scale": Learned(value=1.2)}))
    assert load_period("north", "2026-07").value("interval_scale", 1.0) == 1.0
    assert load_period("north", pd.Period("2026-10", "M")).value("interval_scale") == 1.2


def test_a_period_file_of_another_month_or_with_an_unknown_value_is_refused(own_root):
    unit("unit: north\n")
    file = paths.params("north") / "2026-08.yml"
    file.write_text("period: 2026-09\n", encoding="utf-8")
    with pytest.raises(ParameterError, match="2026-08"):
        load_period("north", "2026-08")
    file.write_text("period: 2026-08\nvalues: {interval_scail: {value: 1}}\n", encoding="utf-8")
    with pytest.raises(ParameterError, match="interval_scail"):
        load_period("north", "2026-08")


@pytest.mark.parametrize(
    ("line", "message"),
    [("interval_scale: {value: wide}", "a number"), ("watched_stages: {value: 3}", "a list of names"),
     ("stall_limits: {value: {Proposal: long}}", "names with a number each"),
     ("interval_scal: {value: 1}", "did you mean interval_scale?")],
)  # fmt: skip
def test_a_technical_value_of_the_wrong_kind_is_refused(own_root, line, message):
    unit("unit: north\n")
    (paths.params("north") / "2026-08.yml").write_text(f"period: 2026-08\nvalues: {{{line}}}\n", encoding="utf-8")
    with pytest.raises(ParameterError, match=message):
        load_period("north", "2026-08")


def test_a_value_changed_by_hand_is_seen():
    approved = Learned(value={"a": 1.0}, seal=seal({"a": 1}))
    assert not approved.edited
    assert approved.model_copy(update={"value": {"a": 2.0}}).edited
    assert Learned(value=3).edited
