"""A run: what it publishes, what it keeps, what it does when something goes wrong."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from salesloop.errors import DataError, LockedError, ParameterError
from salesloop.run import report, verify
from salesloop.run.lock import alone
from tests.run.conftest import value

SAID = "Nothing fell due this month"
SHOW = 'shown = stage.upstream("one")\n'


@pytest.fixture
def three(unit):
    """Three stages: two needs one, the brief comes last."""
    unit.notebook("10_one", value(1))
    unit.notebook("20_two", SHOW + value("-1 if shown is None else shown.value('n') + 1"), needs=["one"])
    unit.notebook("90_brief", value(0), needs=["one", "two"])
    return unit


def files(folder):
    return sorted(f.relative_to(folder).as_posix() for f in folder.rglob("*") if f.is_file())


def bytes_of(folder):
    return {name: (folder / name).read_bytes() for name in files(folder) if name != "run.json"}


def test_published_folder_holds_what_the_contract_names(three):
    summary = three.run()
    assert (summary.exit_code, summary.status) == (0, dict.fromkeys(["one", "two", "brief"], "done"))
    assert three.value("two") == 2
    assert files(summary.folder) == [
        "10_one.en.html", "10_one.ipynb", "20_two.en.html", "20_two.ipynb", "90_brief.ipynb", "index.en.html",
        "manifest.json", "proposal.yml", "results/brief.json", "results/one.json", "results/two.json", "run.json",
    ]  # fmt: skip
    assert (three.root / "reports/acme/index.en.html").is_file()
    assert three.left_over() == []
    text = "".join(file.read_text() for file in summary.folder.glob("*.ipynb"))
    assert str(three.root) not in text + (summary.folder / "manifest.json").read_text()
    assert 'period = \\"2026-10\\"' in text


def test_nothing_changed_does_nothing_and_a_second_run_gives_the_same_bytes(three):
    first = bytes_of(three.run().folder)
    stamp = (three.folder / "manifest.json").stat().st_mtime_ns
    again = three.run()
    assert set(again.status.values()) == {"unchanged"}
    assert (three.folder / "manifest.json").stat().st_mtime_ns == stamp
    shutil.rmtree(three.folder)
    assert bytes_of(three.run().folder) == first


def test_only_what_changed_and_what_reads_it_runs_again(three):
    three.run()
    three.notebook("20_two", SHOW + value("shown.value('n') + 2"), needs=["one"])
    assert three.run().status == {"one": "unchanged", "two": "done", "brief": "done"}
    assert three.value("two") == 3
    three.notebook("10_one", value(1), "# a remark")
    assert three.run().status == {"one": "done", "two": "unchanged", "brief": "unchanged"}
    three.write("params/acme/2026-09.yml", "values: {interval_scale: {value: 1.5}}")
    assert set(three.run().status.values()) == {"done"}


def test_a_damaged_page_is_made_again(three):
    three.run()
    page = three.folder / "10_one.en.html"
    page.write_text("damaged")
    assert three.run().status == {"one": "done", "two": "unchanged", "brief": "unchanged"}
    assert "damaged" not in page.read_text()


def test_a_failed_stage_leaves_its_last_good_page_and_a_gap_in_the_brief(three):
    three.run()
    good = bytes_of(three.folder)
    three.notebook("10_one", "raise ValueError('Acme Ltd')")
    summary = three.run()
    assert summary.status == {"one": "failed", "two": "done", "brief": "done"}
    assert summary.exit_code == 1
    assert three.value("two") == -1  # the stage that needed it was not given last time's results for new ones
    now = bytes_of(three.folder)
    assert all(now[name] == good[name] for name in ("10_one.en.html", "10_one.ipynb", "results/one.json"))
    assert "ValueError" in (three.folder / "index.en.html").read_text()
    assert "_failed/10_one.ipynb" in now
    assert any("cell a: ValueError" in line for line in three.told)
    assert "Acme" not in "".join(three.told) + (three.folder / "index.en.html").read_text()
    three.notebook("10_one", value(1))
    assert three.run().status["one"] == "unchanged"
    assert bytes_of(three.folder) == good


def test_a_brief_that_fails_is_a_gap_itself(three):
    three.notebook("90_brief", "undefined_name", needs=["one", "two"])
    summary = three.run()
    assert summary.status == {"one": "done", "two": "done", "brief": "failed"}
    page = (three.folder / "index.en.html").read_text()
    assert "undefined_name" in page
    assert "20_two.en.html" in page
    assert not (three.folder / "proposal.yml").exists()


def test_a_brief_that_fails_keeps_what_it_said_last_and_shows_the_gap(three):
    told = value(0) + "\nstage.say('review.nothing_due')"
    three.notebook("90_brief", told, needs=["one", "two"])
    three.run()
    good = (three.folder / "index.en.html").read_text()
    three.notebook("90_brief", "undefined_name", needs=["one", "two"])
    assert three.run().status["brief"] == "failed"
    page = (three.folder / "index.en.html").read_text()
    assert "undefined_name" in page
    assert SAID in good
    assert SAID in page
    three.notebook("90_brief", told, needs=["one", "two"])
    assert three.run().exit_code == 0
    assert (three.folder / "index.en.html").read_text() == good


def test_gaps_come_in_one_order_whatever_ended_first(three):
    three.notebook("10_one", "import time\ntime.sleep(0.5)\n1 / 0")
    three.notebook("20_two", "1 / 0")
    assert [gap["stage"] for gap in three.run().gaps] == ["one", "two"]


def test_a_killed_process_costs_one_stage(three):
    three.notebook("10_one", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    summary = three.run()
    assert (summary.exit_code, summary.status["two"]) == (138, "done")
    assert summary.gaps == [{"stage": "one", "cell": "a", "reason": "its process was killed by SIGKILL"}]


def test_a_timeout_names_the_cell(three):
    three.notebook("10_one", "import time\ntime.sleep(60)")
    summary = three.run(timeout=8)
    assert summary.gaps == [{"stage": "one", "cell": "a", "reason": "not done after 8 seconds"}]
    assert summary.status == {"one": "failed", "two": "done", "brief": "done"}


def test_a_notebook_without_results_or_with_anothers_fails(unit):
    unit.notebook("10_one", save=False)
    unit.notebook("11_two", "stage.content['period'] = '2026-09'")
    summary = unit.run()
    assert [gap["reason"].split(":")[0] for gap in sorted(summary.gaps, key=lambda gap: gap["stage"])] == [
        "no results were saved", "the saved results are of {'stage'",
    ]  # fmt: skip


def test_the_period_stays_text_and_the_defaults_never_win(unit):
    unit.notebook("10_one", value("len(period) + (as_of is None)"),
                  parameters='unit = "other"\nperiod = "2020-01"\nas_of = "2020-01-15"')  # fmt: skip
    assert unit.run().exit_code == 0
    assert unit.value("one") == 8
    content = json.loads((unit.folder / "results/one.json").read_text())
    assert (content["unit"], content["period"], content["as_of"]) == ("acme", "2026-10", "2026-10-31")


def test_what_a_cell_does_to_its_process_touches_no_page(unit):
    unit.notebook("10_one", value(1))
    page = unit.run().folder / "10_one.en.html"
    before = page.read_text()
    unit.notebook("10_one", value(1), "import os\nos.environ.clear(); os.chdir('/')",
                  "import matplotlib\nmatplotlib.rcParams['font.size'] = 40")  # fmt: skip
    assert unit.run().exit_code == 0
    assert len(page.read_text()) > len(before)


def test_check_in_stands_in_its_own_folder_and_survives_the_months_report(three):
    three.notebook("50_execution", value(5))
    three.freeze("2026-10@2026-10-14")
    summary = three.run(as_of="2026-10-14")
    assert summary.folder == three.folder / "checkins" / "2026-10-14"
    assert summary.status == {"execution": "done"}
    content = json.loads((summary.folder / "results/execution.json").read_text())
    assert content["as_of"] == "2026-10-14"
    assert not (three.folder / "index.en.html").exists()
    before = bytes_of(summary.folder)
    three.run()
    three.notebook("10_one", value(3))
    three.run()
    assert bytes_of(summary.folder) == before
    assert three.run(as_of="2026-10-14").status == {"execution": "unchanged"}
    assert three.told == ["acme 2026-10@2026-10-14  nothing has changed"]


def test_a_file_that_others_put_there_stays(three):
    three.run()
    (three.folder / "acme-2026-10.en.html").write_text("a bundle")
    three.notebook("10_one", value(3))
    three.run()
    assert (three.folder / "acme-2026-10.en.html").read_text() == "a bundle"


def test_anything_that_gives_futures_may_run_the_stages(three):
    assert three.run(executor=ThreadPoolExecutor(3), workers=3).exit_code == 0
    assert three.value("two") == 2


def test_two_runs_at_once(three):
    with alone("acme", "2026-10"), pytest.raises(LockedError) as caught:
        three.run()
    assert caught.value.exit_code == 75
    assert three.run().exit_code == 0


@pytest.mark.parametrize("path", ["reports", "reports/acme", "reports/acme/2026-10"])
def test_a_file_in_the_way_is_named(three, path):
    three.write(path, "in the way")
    with pytest.raises(ParameterError, match="folder reports/acme: found a file in its way") as caught:
        three.run()
    assert caught.value.exit_code == 2
    assert (three.root / path).read_text() == "in the way"


def test_wrong_unit_period_and_notebook_end_before_anything_runs(three):
    with pytest.raises(ParameterError, match="unit 'nobody'"):
        report("nobody", "2026-10")
    with pytest.raises(ParameterError, match="languages: found 'fr'"):
        report("acme", "2026-10", languages=("fr",))
    with pytest.raises(ParameterError, match="2026-13"):
        report("acme", "2026-13")
    with pytest.raises(ParameterError, match="found none for 2031-01"):
        report("acme", "2031-01")
    three.notebook("30_three", parameters=None)
    with pytest.raises(ParameterError, match="no cell tagged 'parameters'"):
        three.run()
    assert not three.folder.exists()


def test_secrets_of_the_environment_are_in_no_message_and_no_file(three, monkeypatch):
    monkeypatch.setenv("CRM_PASSWORD", "hunter22-and-more")
    three.notebook("10_one", "import os\nprint(sorted(os.environ.items()))")
    three.notebook("20_two", "name = 'hunter22-and-more'\nraise NameError(name)", needs=["one"])
    summary = three.run()
    assert summary.status["two"] == "failed"
    assert "NameError: •••" in summary.gaps[0]["reason"]
    told = "".join(three.told)
    written = [file.read_text(errors="replace") for file in three.folder.rglob("*") if file.is_file()]
    source = [text for text in written if "name = 'hunter22-and-more'" in text]
    assert source == []
    assert not any("hunter22" in text for text in [told, *written])


def test_a_broken_ledger_ends_the_run_and_a_mended_one_heals_it(three):
    three.write("params/acme/ledger.jsonl", "no json\n{}\n")
    with pytest.raises(DataError):
        three.run()
    three.write("params/acme/ledger.jsonl", "")
    assert three.run().exit_code == 0


def test_verify_finds_the_same_bytes_or_names_what_differs(three):
    with pytest.raises(ParameterError, match="found none"):
        verify("acme", "2026-10")
    three.run()
    before = bytes_of(three.folder)
    assert verify("acme", "2026-10") == []
    (three.folder / "results" / "one.json").write_text("{}")
    three.notebook("20_two", SHOW + value("os.getpid()").replace("os", "__import__('os')"), needs=["one"])
    assert verify("acme", "2026-10") == ["20_two.en.html", "results/one.json", "results/two.json"]
    assert bytes_of(three.folder) | {"results/one.json": b""} == before | {"results/one.json": b""}
    assert three.left_over() == []


def test_a_run_killed_while_publishing_is_healed(three):
    from salesloop.run.publish import Place

    three.run()
    before = bytes_of(three.folder)
    place = Place.of("acme", "2026-10")
    three.folder.rename(place.old)
    (three.root / "reports/acme/.2026-10.work-1").mkdir()
    assert set(three.run().status.values()) == {"unchanged"}
    assert bytes_of(three.folder) == before
    assert three.left_over() == []
