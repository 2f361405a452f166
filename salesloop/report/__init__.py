"""Report pages: stage pages, the brief, the index of periods, one file to forward."""

from salesloop.report.render import render_stage

__all__ = ["render_stage"]
