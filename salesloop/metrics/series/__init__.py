"""Monthly series: a pool of smoothing methods over all series at once, with intervals from their own past errors."""

from salesloop.metrics.series.pool import AVERAGED, METHODS, entrants, rolling, seasonal_naive

__all__ = ["AVERAGED", "METHODS", "entrants", "rolling", "seasonal_naive"]
