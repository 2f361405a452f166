# One line a command over `python -m salesloop`; `make` alone prints this help.
SHELL := /bin/sh
UNIT ?= demo
PERIOD ?= latest
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
  command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV_PYTHON := .venv/bin/python
LOOP := $(VENV_PYTHON) -m salesloop
.DEFAULT_GOAL := help
.PHONY: help setup report loop checkin import approve verify bundle init lab test check bench bench-run clean lock picture

help: ## this help
	@echo "salesloop: what was promised, what came, what to do next"; echo
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo; echo "  UNIT=demo PERIOD=latest are the defaults; the same without make: python -m salesloop --help"

setup: # the environment, made from requirements.lock; quick when nothing changed
	@test -n "$(PYTHON)" || { echo "Python: found none that is 3.11 or newer; next: install it, or make PYTHON=path" >&2; exit 2; }
	@$(PYTHON) salesloop/bootstrap.py

report: setup ## the month's report: grade, analyse, propose        [UNIT=demo] [PERIOD=2026-10]
	@$(LOOP) report --unit $(UNIT) --period $(PERIOD)

loop: setup ## several months, one after the other               UNIT= START= END=
	@$(LOOP) loop --unit $(UNIT) --start $(START) --end $(END)

checkin: setup ## execution as of a day inside a month              [UNIT=] AS_OF=2026-10-14
	@$(LOOP) checkin --unit $(UNIT) --as-of $(AS_OF)

import: setup ## bring files in                                     UNIT= DATA=<file, folder or mapping> [AS_OF=] [COMPARE=1]
	@$(LOOP) import --unit $(UNIT) --data "$(DATA)" $(if $(AS_OF),--as-of $(AS_OF)) $(if $(COMPARE),--compare)

init: setup ## a new unit: commented unit.yml, empty plan files    UNIT= [DATA=]
	@$(LOOP) init $(UNIT) $(if $(DATA),--data "$(DATA)")

approve: setup ## approve a month's proposal                         UNIT= PERIOD= BY="name" [ONLY=id,id]
	@$(LOOP) approve --unit $(UNIT) --period $(PERIOD) --by "$(BY)" $(if $(ONLY),--only "$(ONLY)")

verify: setup ## run a published month again and compare bytes      [UNIT=] PERIOD=
	@$(LOOP) verify --unit $(UNIT) --period $(PERIOD)

bundle: setup ## one file to forward                                [UNIT=] [PERIOD=] [HIDE_NAMES=1]
	@$(LOOP) bundle --unit $(UNIT) --period $(PERIOD) $(if $(HIDE_NAMES),--hide-names)

lab: setup ## open JupyterLab on the notebooks
	@$(LOOP) lab

test: setup ## all tests
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 $(VENV_PYTHON) -m pytest -n 2 --dist loadfile

check: setup ## lint, format and types
	@$(VENV_PYTHON) -m ruff check .
	@$(VENV_PYTHON) -m ruff format --check .
	@$(VENV_PYTHON) -m mypy

bench: bench-run ## measured speed

bench-run: setup # a month's run against the tools' own commands and one plain script
	@$(VENV_PYTHON) -m bench.run

bench-%: setup
	@$(VENV_PYTHON) -m bench.$(subst -,_,$*) $(if $(DATA),--data "$(DATA)")

picture: setup # the README's picture, from the demo's last brief
	@$(LOOP) picture

lock: # renew requirements.lock from pyproject.toml (needs uv)
	@uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-annotate --no-header -q -o requirements.lock

clean: ## remove reports/ and the demo's data; parameters, plans and ledgers stay
	@find reports -mindepth 1 -maxdepth 1 ! -name README.md -exec rm -rf {} + ; rm -rf data/demo
