# Aldaba. `make demo` and `make test` are all a newcomer needs; each sets itself up.
# The program stands in .venv/, the tools in tools/; `make` alone prints the list.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test lint bench docs screens features world soak release

SEED ?= 1
DAYS ?= 30

help: ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

demo: ## a Barcelona space alive on this machine: cloud, broker, eight doors, people; Ctrl-C stops it
	@tools/setup demo
	@exec .venv/bin/aldaba-sim demo

test: ## everything: lint, types, contracts, sizes, unit, system and world tests, docs, features
	@tools/setup test
	@exec .venv/bin/python -m tools.check

lint: ## what needs no running service: ruff, mypy, import contracts, sizes, docs, features
	@tools/setup test
	@exec .venv/bin/python -m tools.check lint

bench: ## our figures beside floors and peers, in one run; writes bench/results.json
	@tools/setup bench
	@exec .venv/bin/python -m bench

docs: ## write docs/reference/ from the code
	@tools/setup test
	@exec .venv/bin/python -m tools.docs

screens: ## a picture of every page in docs/screens/, on a phone and at a desk, taken by the walk that tests them
	@tools/setup test
	@ALDABA_SCREENS=$(CURDIR)/docs/screens .venv/bin/python -m pytest -q tests/pages/test_every_page.py tests/pages/test_simulator.py

features: ## the 185 rows of docs/features.md with the tests that prove them
	@tools/setup test
	@exec .venv/bin/python -m tools.features

release: ## the folder release/ from which a controller is installed: wheels, lock, units, install.sh
	@tools/setup demo
	@PATH="$(CURDIR)/.tools/bin:$$PATH" .venv/bin/python -m tools.release release

world: ## one simulated world, SEED=1 DAYS=30: faults and invariants, deterministic
	@tools/setup demo
	@exec .venv/bin/aldaba-sim world --seed $(SEED) --days $(DAYS)

soak: ## a year in each of ten worlds, then every power cut and ten minutes of booking; for a night, not for a commit
	@tools/setup demo
	@set -e; for seed in {1..10}; do .venv/bin/aldaba-sim world --seed $$seed --days 365; done
	@ALDABA_CUTS=all .venv/bin/python -m pytest -q tests/system/test_power_cut.py
	@ALDABA_HAMMER_SECONDS=600 .venv/bin/python -m pytest -q tests/system/test_booking_hammer.py
