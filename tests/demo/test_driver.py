"""What `make report` of the demo does before a month's stages run."""

import datetime as dt
import json
import shutil

import pandas as pd
import pytest

from salesloop import paths
from salesloop.demo import Company, driver, plan_files, truth
from salesloop.errors import DataError
from salesloop.params import load_unit, write_yaml
from salesloop.schema import PLAN_TABLES, TABLES

UNIT_YML = paths.root() / "params" / "demo" / "unit.yml"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("root")
    (folder / "params" / "demo").mkdir(parents=True)
    shutil.copy(UNIT_YML, folder / "params" / "demo" / "unit.yml")
    return folder


@pytest.fixture(autouse=True)
def _there(root, monkeypatch):
    monkeypatch.setenv("SALESLOOP_ROOT", str(root))


@pytest.fixture(scope="module")
def july(root):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SALESLOOP_ROOT", str(root))
        folder, day = driver.prepare("demo", "2026-07")
    return {file.name: file.read_bytes() for file in folder.iterdir()}, day


def test_the_unit_is_a_simulation_in_china():
    config = load_unit("demo")
    assert (config.simulation, config.currency, config.country) == (True, "CNY", "CN")
    assert {"grow", "customers", "keep"} == {objective.id for objective in config.objectives}
    assert (str(driver.first_period()), str(driver.loop_start()), str(driver.last_period())) == (
        "2023-11",
        "2026-07",
        "2026-10",
    )


def test_a_month_is_exported_as_known_when_its_books_close(july):
    files, day = july
    assert day == dt.date(2026, 8, 7), "five working days after 31 July 2026"
    assert all("2026_08_07" in name for name in files)
    assert "truth" not in "".join(files)


def test_the_truth_lies_where_no_importer_looks(july, root):
    told = json.loads((root / "data" / "demo" / "truth" / "2026-08-07" / "truth.json").read_text(encoding="utf-8"))
    assert told["options"]["bottlenecks"][0]["stage"] == "Proposal"
    assert {row["id"]: row["factor"] for row in told["options"]["interventions"]} == {
        "IV-2024-01": 1.45,
        "IV-2025-01": 1.0,
    }
    plans = [file.read_text(encoding="utf-8") for file in paths.plan("demo").iterdir()]
    assert not any("1.45" in text for text in plans)


def test_plan_files_have_the_columns_people_edit(july):
    for name in PLAN_TABLES:
        rows = plan_files.read(paths.plan("demo") / f"{name}.csv")
        assert list(rows.columns) == list(TABLES[name].columns), name
    targets = plan_files.read(paths.plan("demo") / "targets.csv")
    amount = targets["amount"].astype(float)
    year = (
        targets["period"].str.startswith("2026")
        & (targets["measure"] == "bookings")
        & (targets["tier"] == "base")
        & (targets["basis"] == "amount")
    )
    months = year & (targets["period"].str.len() == 7)
    assert set(targets["level"]) == {"company", "region", "team", "rep"}
    company = amount[months & (targets["level"] == "company")].sum()
    for level in ("region", "team", "rep"):
        assert amount[months & (targets["level"] == level)].sum() == company, "parts make the whole"
    assert amount[year & (targets["period"] == "2026") & (targets["level"] == "company")].sum() == company
    quarters = year & targets["period"].str.contains("Q") & (targets["level"] == "company")
    assert amount[quarters].sum() == company
    said = plan_files.read(paths.plan("demo") / "forecast_calls.csv")
    assert said["said_at"].max() <= "2026-08-07"
    assert {"company", "team", "rep"} == set(said["level"])


def test_a_later_month_adds_rows_and_leaves_what_people_wrote(july):
    file = paths.plan("demo") / "targets.csv"
    before = plan_files.read(file)
    edited = file.read_text(encoding="utf-8").replace(",3710000,", ",3333333,", 1)
    file.write_text(edited, encoding="utf-8")
    calls = plan_files.read(paths.plan("demo") / "forecast_calls.csv")
    _, day = driver.prepare("demo", "2026-08")
    assert day == dt.date(2026, 9, 7)
    assert (
        plan_files.read(file)["amount"].astype(float).sum() == before["amount"].astype(float).sum() - 3710000 + 3333333
    )
    later = plan_files.read(paths.plan("demo") / "forecast_calls.csv")
    pd.testing.assert_frame_equal(later.iloc[: len(calls)], calls)
    assert set(later["said_at"].iloc[len(calls) :]) == {"2026-08-12", "2026-08-26"}


def test_an_export_that_tells_another_past_than_the_one_before_is_refused(july, root):
    earlier = root / "data" / "demo" / "exports" / "2026-07-31"
    earlier.mkdir()
    (file,) = (root / "data" / "demo" / "exports" / "2026-08-07").glob("Deal_Stage_History_*.csv")
    head, first, *_ = file.read_text(encoding="utf-8").splitlines()
    (earlier / "Deal_Stage_History_2026_07_31.csv").write_text(f"{head}\n{first}x\n", encoding="utf-8")
    with pytest.raises(DataError, match="another past") as told:
        driver.prepare("demo", "2026-07")
    assert told.value.exit_code == 3
    (earlier / "Deal_Stage_History_2026_07_31.csv").write_text(f"{head}\n{first}\n", encoding="utf-8")
    driver.prepare("demo", "2026-07")
    shutil.rmtree(earlier)


def test_decisions_of_later_months_leave_a_month_as_it_was(july):
    files, _ = july
    deals = plan_files.read(paths.plan("demo") / "interventions.csv")
    assert len(deals) == 2
    write_yaml(
        paths.params("demo") / "proposals" / "2026-07.yml",
        {"unit": "demo", "period": "2026-07", "changes": [
            {"id": "intervention:W-1", "kind": "intervention", "new": {"id": "W-1", "start": "2026-08-01", "change": 0.5}}]},
    )  # fmt: skip
    row = "W-1,volume,volume,company,all,2026-08-01,2026-10-31,900000,\n"
    file = paths.plan("demo") / "interventions.csv"
    file.write_text(file.read_text(encoding="utf-8") + row, encoding="utf-8")
    folder, _ = driver.prepare("demo", "2026-07")
    assert {one.name: one.read_bytes() for one in folder.iterdir()} == files
    with_it = driver.company_at("demo", dt.date(2026, 10, 30))
    rules = [rule for rule in with_it.world.rules if rule.name == "W-1"]
    assert [with_it.world.origin + dt.timedelta(days=int(rule.start)) for rule in rules] == [dt.date(2026, 8, 8)]
    assert rules[0].factor > 1.0


def test_a_change_is_read_from_the_plan_file_else_from_its_proposal(july):
    file = paths.plan("demo") / "interventions.csv"
    before = file.read_text(encoding="utf-8")
    file.write_text(
        before + "W-8,x,size,company,all,2026-08-01,,,,,\nW-9,x,size,segment,SMB,2026-08-01,,,,Proposal,0.25\n",
        "utf-8",
    )
    write_yaml(paths.params("demo") / "proposals" / "2026-07.yml", {"unit": "demo", "period": "2026-07", "changes": [
        {"id": f"intervention:{one}", "kind": "intervention", "new": {"id": one, "start": "2026-08-01", "change": 0.5}} for one in ("W-8", "W-9")]})  # fmt: skip
    rows = driver.decisions("demo")["interventions"].set_index("id").loc[["W-8", "W-9"]]
    file.write_text(before, encoding="utf-8")
    assert rows["change"].astype(float).tolist() == [0.5, 0.25]
    assert rows.loc["W-9", "stage"] == "Proposal"
    assert rows["approved"].tolist() == ["2026-08-07", "2026-08-07"]


def test_what_was_imported_is_remembered_while_the_store_stands(root):
    assert not driver.imported("2026-07")
    driver.mark_imported("2026-08")
    assert not driver.imported("2026-07"), "no store"
    paths.store("demo").write_bytes(b"")
    assert driver.imported("2026-07")
    assert not driver.imported("2026-09")
    paths.store("demo").unlink()


def test_the_truth_can_be_written_with_futures(tmp_path):
    company = Company(seed=1, months=4, scale=20)
    folder = truth.write(company, tmp_path / "truth", company.today, n=20)
    assert pd.read_parquet(folder / "futures.parquet").shape == (20, 3)
    assert {"opportunity_id", "p_1", "p_win"} <= set(pd.read_parquet(folder / "win_chances.parquet").columns)
