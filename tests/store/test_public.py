"""The two public exports through door, store and book: counts and money as their README and a plain reading have them."""

import json
import shutil

import pandas as pd
import pytest

from salesloop import sources, store
from salesloop.book import open_book
from salesloop.params import load_unit
from tests.store import landings


def brought_in(root, name, *folders):
    landings.unit(root, name, currency="USD")
    store.land(name, sources.load(list(folders), load_unit(name)))
    return json.loads((store.freeze(name, store.latest(name)) / "meta.json").read_text(encoding="utf-8"))


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("SALESLOOP_ROOT", str(tmp_path))
    return tmp_path


def maven_with(root, source, variant, **replaced):
    """Return a copy of the Maven folder with some of its files from the variants."""
    folder = root / variant
    folder.mkdir()
    for file in source.glob("*.csv"):
        other = replaced.get(file.stem)
        (folder / file.name).write_bytes((source / "variants" / other if other else file).read_bytes())
    return folder


def test_maven_stands_whole_in_its_last_month(root, shared_data):
    meta = brought_in(root, "maven", shared_data / "crm_maven")
    deals = open_book("maven", "2017-12").deals()
    assert deals["status"].value_counts().to_dict() == {"won": 4238, "lost": 2473, "open": 2089}
    assert deals.loc[deals["status"] == "open", "stage"].value_counts().to_dict() == {
        "Engaging": 1589,
        "Prospecting": 500,
    }
    assert deals.loc[deals["status"] == "won", "amount"].sum() == 10_005_534.0
    assert meta["tie_out"] == [{"line": name, "n": 8800, "amount": "10005534.00"} for name in ("source", "ours")]
    assert (meta["period"], meta["state_known"], meta["cut_off"], meta["books_open"]) == (
        "2017-12",
        "dates",
        "2017-12-31",
        True,
    )
    again = sources.load([shared_data / "crm_maven"], load_unit("maven"))
    assert store.land("maven", again).repeated


def test_maven_in_three_layouts_of_dates_gives_the_same_bytes(root, shared_data):
    source = shared_data / "crm_maven"
    told = [brought_in(root, "plain", source)["tables"]]
    for name in ("mdy", "dd-mm-yy_extra_cols"):
        folder = maven_with(root, source, name, sales_pipeline=f"sales_pipeline__{name}.csv")
        told.append(brought_in(root, f"m{len(told)}", folder)["tables"])
    assert told[0] == told[1] == told[2]


def test_the_tampered_copy_is_found_out(root, shared_data):
    source = shared_data / "crm_maven"
    brought_in(root, "maven", source)
    folder = maven_with(root, source, "tampered", sales_pipeline="sales_pipeline__tampered_copy.csv",
                        sales_teams="sales_teams__tampered_copy.csv")  # fmt: skip
    found = store.compare("maven", sources.load([folder], load_unit("maven")))
    deals = found[found["table"] == "opportunities"]
    assert deals["change"].value_counts().to_dict() == {"changed": 2, "added": 1}
    assert found.loc[found["table"] == "reps", "change"].tolist() == ["added"]


def test_zoho_sets_future_closings_aside_and_adds_up(root, shared_data):
    folder = root / "zoho_export"
    shutil.copytree(shared_data / "crm_zoho_demo", folder)
    meta = brought_in(root, "zoho", folder)
    raw = pd.read_csv(folder / "Potentials.csv")
    closing = pd.to_datetime(raw["Closing Date"], format="%d %b, %Y %H:%M:%S")
    ahead = closing.dt.normalize() > "2021-04-16"  # the last day that anything was created on
    created = pd.to_datetime(raw["Created Time"], format="%d %b, %Y %H:%M:%S")
    there = created < "2021-04-01"
    kind = raw["Forecast Type"]
    expected = {
        f"{name}_after_cut_off": int((ahead & there & kind.str.contains(name.title())).sum())
        for name in ("won", "lost")
    }
    assert {row["rule"]: row["n"] for row in meta["set_aside"]} == expected
    assert expected["won_after_cut_off"] > 100
    assert (meta["tie_out"][0]["n"], meta["tie_out"][0]["amount"]) == (3632, "231380900.00")
    book = open_book("zoho", "2021-03")
    won = kind.str.contains("Won") & (closing < "2021-04-01") & there
    amount = pd.to_numeric(raw["Amount"].str.replace(r"[$,]", "", regex=True))
    assert book.facts("bookings")["value"].sum() == amount[won].sum()
    assert len(book.facts("bookings")) == won.sum()
