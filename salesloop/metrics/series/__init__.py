"""Monthly series: a pool of smoothing methods over all series at once, with intervals from their own past errors."""

from salesloop.metrics.series.panel import QUANTILES, SeriesForecast, forecast, level_break, point
from salesloop.metrics.series.pool import AVERAGED, METHODS, entrants, seasonal_naive

__all__ = [
    "AVERAGED",
    "METHODS",
    "QUANTILES",
    "SeriesForecast",
    "entrants",
    "forecast",
    "level_break",
    "point",
    "seasonal_naive",
]
