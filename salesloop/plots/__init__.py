"""Plots, one module a stage: ``name(table, *, text, narrow=False) -> Axes``; they compute nothing (see `salesloop.style`)."""
