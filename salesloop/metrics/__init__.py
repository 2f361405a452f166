"""Metrics, one module or folder a stage: tables in, tidy tables out; they neither read, write nor draw."""
