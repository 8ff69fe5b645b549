# Every command of the project. `make` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# torch by pip and first, for uv reads none of pip's settings and would take the CUDA build of several gigabytes: on Linux
# without an NVIDIA GPU the CPU build, where the index offers it. What is there, uv and pip leave alone.
TORCH := torch==$(shell sed -n 's/^torch==//p' requirements.lock)
LOCKED := --constraint requirements.lock --editable . --group dev

.venv/ready: pyproject.toml requirements.lock
	@command -v $(PYTHON) > /dev/null || { echo "error: no $(PYTHON) here; expected Python 3.10 to 3.12: make PYTHON=..." >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' \
	  || { echo "error: $$($(PYTHON) --version); expected Python 3.10 to 3.12: make PYTHON=python3.11 ..." >&2; exit 2; }
	@echo "the environment, in .venv: a few minutes, once"
	@uv=$$(command -v uv || true); set -e; \
	  $(PYTHON) -m venv .venv; \
	  $(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'; \
	  { [ "$$(uname)" = Linux ] && ! command -v nvidia-smi > /dev/null && $(BIN)/python -m pip install --quiet $(TORCH)+cpu 2> /dev/null; } \
	    || $(BIN)/python -m pip install --quiet $(TORCH); \
	  if [ -n "$$uv" ]; then "$$uv" pip install --quiet --python $(BIN)/python $(LOCKED); \
	  else $(BIN)/python -m pip install --quiet $(LOCKED); fi
	@touch $@

.PHONY: env
env: .venv/ready ## the environment, in .venv (a few minutes, once; by uv where it is there)

.PHONY: quick
quick: env ## the published answers scored: tables, MLflow; the published assistant for `qa ask`; no training (minutes)
	@python -m query_assistant.pipeline.first_run

.PHONY: repro
repro: env ## the whole pipeline: shared data, then everything that is not up to date
	@python -m query_assistant.shared_data
	dvc repro

# One thread a worker, for two that share two cores wait for each other spinning; by halves, so that most of what the tests
# of a module share is made by one worker alone.
.PHONY: test
test: env ## the fast tests, offline
	OMP_NUM_THREADS=1 pytest -n 2 --dist worksteal

.PHONY: test-slow
test-slow: env ## the tests with real models
	pytest -m slow

.PHONY: lint
lint: env ## style and types
	ruff check .
	ruff format --check .
	mypy

.PHONY: ui
ui: env ## the systems compared in MLflow: prints the address to open in the browser
	@python -m query_assistant.pipeline.browse

.PHONY: page
page: env ## every table, figure and answer of this workspace's run as one page, metrics/page/index.html
	@python -m query_assistant.reporting.page

.PHONY: params
params: env ## params.yaml out of conf/, as `dvc exp run` would write it
	python -m query_assistant.pipeline.configuration

.PHONY: plan
plan: env ## what a run would do, without doing it: make plan SET="finetune.learning_rate=5e-4"
	@cp params.yaml .params.kept; trap 'mv .params.kept params.yaml' EXIT; \
	  python -m query_assistant.pipeline.configuration $(SET) && dvc repro --dry

.PHONY: check-lock
check-lock: env ## is dvc.lock of this code, configuration and data?
	dvc repro --quiet check
	@stale=$$(dvc repro --dry --allow-missing | sed -n "s/^Running stage '\(.*\)':/\1/p"); \
	  [ -z "$$stale" ] || { echo "error: dvc.lock is stale for" $$stale "- run dvc repro and commit it" >&2; exit 1; }

.PHONY: readme
readme: env ## the README's tables out of metrics/, each from the run that its marker names
	python -m query_assistant.reporting.report README.md

.PHONY: reference
reference: env ## docs/reference-*.md out of the code: commands, knobs, HTTP API
	python docs/reference.py

.PHONY: publish
publish: env ## this workspace's adapter and answers as shared tarballs (then `dvc add` and `dvc push` them)
	python -m query_assistant.reporting.publishing

.PHONY: lock
lock: env ## requirements.lock out of pyproject.toml, for Python 3.10 to 3.12
	uv pip compile pyproject.toml --group dev --extra evaluation --extra serve --universal --python-version 3.10 --upgrade \
	  --no-header --no-annotate --no-emit-index-url --output-file requirements.lock

.PHONY: clean
clean: ## what the pipeline made, but not the shared data nor the environment
	rm -rf .fingerprints data/raw data/fields data/queries data/pairs data/splits data/responses models/base models/adapter models/finetuned models/index
