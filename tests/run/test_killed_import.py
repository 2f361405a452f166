"""kill -9 of an import at moments of its progress, of a new unit and of a later export: the next import heals each."""

from __future__ import annotations

import signal

import pytest

from salesloop import cli, store
from tests.run.company import DEALS, Company

LATER = (
    DEALS.replace("5,E,Ann,Proposal,$100,2026-12-15", "5,E,Ann,Won,$95,2026-11-28")
    + "7,G,Bob,Lead,$30,2027-01-20,2026-11-20\n"
)
MOMENTS = [
    ("new", 0.02),
    ("new", 0.05),
    ("new", 0.09),
    ("new", 0.4),
    ("new", 0.7),
    ("later", 0.2),
    ("later", 0.5),
    ("later", 0.95),
]


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    """A company before its first import and before its second; what an undisturbed import leaves of each."""
    made = Company(tmp_path_factory.mktemp("killed-import"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SALESLOOP_ROOT", str(made.root))
        patch.chdir(made.beside)
        made.left, made.n = {}, {}
        for state in ("new", "later"):
            made.keep(state)
            made.order(calls=True)
            run = made.begin(*command(made), armed=True)
            told, _ = run.communicate(timeout=600)
            assert run.returncode == 0, told
            made.n[state] = len(made.changes("main"))
            made.keep(f"{state} imported")
            made.left[state] = stored(made)
            made.put_back(f"{state} imported")  # as it was before it was looked at
            made.write("exports/deals_2026-12-10.csv", LATER)
        yield made


def command(company) -> tuple[str, ...]:
    return "import", "--unit", "acme", "--data", str(company.root / "exports")


def stored(company) -> tuple:
    """Return what an import leaves: the unit's parameters, the frozen months' bytes, and the store's log of imports."""
    store.freeze("acme", "2026-10")
    return company.trees(), store.import_log("acme").astype(str).to_dict("list")


@pytest.mark.parametrize(("state", "share"), MOMENTS)
def test_the_next_import_heals(company, state, share):
    company.put_back(state)
    company.order("main", max(1, round(share * company.n[state])), calls=True)
    run = company.begin(*command(company), armed=True)
    told, _ = run.communicate(timeout=600)
    assert run.returncode == -signal.SIGKILL, told
    assert cli.main([*command(company)]) == 0
    left, wanted = stored(company), company.left[state]
    assert left[0].keys() == wanted[0].keys()
    assert [name for name in wanted[0] if left[0][name] != wanted[0][name]] == []
    assert left[1] == wanted[1]
