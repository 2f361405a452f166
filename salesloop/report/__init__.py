"""Report pages: stage pages, the brief, the index of periods, one file to forward."""

from salesloop.report.brief import render_brief
from salesloop.report.bundle import make_bundle
from salesloop.report.index import render_index
from salesloop.report.render import render_sheets, render_stage

__all__ = ["make_bundle", "render_brief", "render_index", "render_sheets", "render_stage"]
