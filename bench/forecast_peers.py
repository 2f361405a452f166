"""The peers of bench.forecast: runs inside an environment of its own, reads a table of series, writes their forecasts.

Called as ``python forecast_peers.py IN OUT HORIZON PERIOD MODEL``: IN a CSV of ``unique_id, ds, y``, OUT a CSV of
``unique_id, ds, mean, lo_80, hi_80, lo_95, hi_95``. The CPU seconds of the forecasts alone, compiling left out, go to standard output.
"""

from __future__ import annotations

import sys
import time
import warnings


def main(source: str, target: str, horizon: int, period: int, name: str) -> None:
    """Forecast every series with one model."""
    import pandas as pd
    from statsforecast import StatsForecast, models

    warnings.filterwarnings("ignore")
    table = pd.read_csv(source, dtype={"unique_id": str})
    model = getattr(models, name)(season_length=period, alias="m")
    run = StatsForecast([model], freq=1, n_jobs=1, fallback_model=models.SeasonalNaive(season_length=period))
    few = table[table["unique_id"].isin(table["unique_id"].unique()[:2])]
    run.forecast(df=few, h=horizon, level=[80, 95])
    used = time.process_time()
    told = run.forecast(df=table, h=horizon, level=[80, 95])
    used = time.process_time() - used
    names = {"m": "mean", "m-lo-80": "lo_80", "m-hi-80": "hi_80", "m-lo-95": "lo_95", "m-hi-95": "hi_95"}
    told.rename(columns=names).to_csv(target, index=False)
    print(used)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
