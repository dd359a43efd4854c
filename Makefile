# make run: the app on GRADIO_SERVER_PORT (default 7860). make test: style, types and tests.
# make bench: all benchmarks, and the tables of docs/performance.md. make bench-quick: the same in small sizes, printed.
# PAPERS=FILE gives them titles and abstracts (Parquet or JSON Lines); without it the embedded library does.
PYTHON ?= python3
PAPERS ?=
BIN := .venv/bin
BENCH := $(BIN)/python benchmarks/suite.py $(if $(PAPERS),--papers $(PAPERS))

.PHONY: run test lint types pytest build bench bench-quick clean

run: .venv/.core
	$(BIN)/python app.py

test: lint types pytest

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.dev
	$(BIN)/mypy

pytest: .venv/.dev
	$(BIN)/python -m pytest -n 2 --dist loadfile

build: .venv/.core
	$(BIN)/python builders/build.py

bench: .venv/.bench
	$(BENCH)

bench-quick: .venv/.bench
	$(BENCH) --quick

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache

.venv/.core: requirements.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

.venv/.dev: .venv/.core requirements-dev.txt requirements-train.txt requirements-track.txt requirements-build.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-train.txt -r requirements-track.txt \
	  -r requirements-build.txt -r requirements-dev.txt
	touch $@

.venv/.bench: .venv/.core requirements-bench.txt requirements-train.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-train.txt -r requirements-bench.txt
	touch $@
