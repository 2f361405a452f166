"""What is told of a failure: enough to mend it, nothing of the data."""

import pandas as pd
import pytest

from salesloop.errors import DataError
from salesloop.run.reason import scrub, why


def raised(work):
    with pytest.raises(Exception) as caught:
        work()
    return caught.value


SECRET_ROW = pd.DataFrame({"account": ["Acme Ltd"], "amount": ["12 million"]})


@pytest.mark.parametrize(
    ("work", "told"),
    [
        (lambda: SECRET_ROW["amount"].astype(float), "ValueError"),
        (lambda: SECRET_ROW.set_index("account").loc["Umbrella Corp"], "KeyError"),
        (lambda: SECRET_ROW["closed_on"], "KeyError: 'closed_on'"),
        (lambda: SECRET_ROW["made_up"], "KeyError: 'made_up'"),
        (lambda: SECRET_ROW.nothing, "AttributeError: 'DataFrame' object has no attribute 'nothing'"),
        (lambda: scrub(none=1), "TypeError: scrub() got an unexpected keyword argument 'none'"),
        (lambda: SECRET_ROW["account"] - 1, "TypeError"),
        (lambda: open("/nowhere/Acme Ltd.csv"), "FileNotFoundError: No such file or directory"),  # noqa: PTH123, SIM115
    ],
)
def test_words_about_code_are_told_and_words_of_data_are_not(work, told):
    reason = why(raised(work), 'SECRET_ROW["made_up"]').partition(" at ")[0]
    assert reason == told


def test_an_error_of_salesloop_speaks_for_itself():
    assert why(DataError("table orders", found="no rows")) == "table orders: found no rows"


def test_paths_and_values_of_the_environment_are_taken_out(monkeypatch, tmp_path):
    monkeypatch.setenv("SALESLOOP_ROOT", str(tmp_path))
    monkeypatch.setenv("ZOHO_REFRESH", "1000.abcdef")
    monkeypatch.setenv("PLAIN", "short")
    assert scrub(f"{tmp_path}/data/x.csv and 1000.abcdef and short") == "data/x.csv and ••• and short"
