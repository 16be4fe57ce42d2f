# The commands of clicklake. A fresh machine needs Python >= 3.11 and Java >= 17, nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
READY := $(VENV)/.ready

.PHONY: help setup demo test check format hooks bench bench-ingest bench-attribution bench-features bench-pit bench-parity bench-accuracy lock wheel clean

help:
	@echo "make demo [DURATION=seconds] [REPORT=file] [DATA=file MAPPING=name] [CRASHES=1]   everything, with real services"
	@echo "make bench    all benchmarks; make bench-ingest: how fast and fresh bronze and silver are"
	@echo "make bench-parity   online equals offline: a million events, a killed driver, a set that joins midway"
	@echo "make bench-accuracy   how near models come to what can be known, and how often contests are wrong"
	@echo "make bench-pit [ARGS='--events N']   training frames, beside DuckDB on the same file"
	@echo "make test [WORKERS=2]   set up and pass the tests"
	@echo "make check    format, lint, types, architecture"
	@echo "make hooks    check before every commit of this clone"
	@echo "make wheel    build the wheel into dist/"
	@echo "make lock     resolve the dependencies anew into requirements.lock"

setup: $(READY)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "clicklake needs Python 3.11 or newer: name one by PYTHON=..."; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the locked packages into $(VENV) (about 600 MB, once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

demo: $(READY)
	@$(BIN)/clicklake demo $(if $(DURATION),--duration $(DURATION)) $(if $(REPORT),--report "$(REPORT)") $(foreach file,$(DATA),--data "$(file)") $(if $(MAPPING),--mapping $(MAPPING)) $(if $(CRASHES),--crashes --disturbed)

test: $(READY)
	@CLICKLAKE_PROFILE=ci $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

bench: bench-ingest bench-attribution bench-features bench-pit

bench-ingest: $(READY)
	@$(BIN)/python -m tests.benchmarks.ingest $(ARGS)

bench-features: $(READY)
	@$(BIN)/python -m tests.benchmarks.features $(ARGS)

bench-pit: $(READY)
	@$(BIN)/python -m tests.benchmarks.pit $(ARGS)

bench-accuracy: $(READY)
	@$(BIN)/python -m tests.benchmarks.accuracy $(ARGS)

bench-parity: $(READY)
	@$(BIN)/python -m tests.benchmarks.parity $(ARGS)

bench-attribution: $(READY)
	@$(BIN)/python -m tests.benchmarks.attribution $(ARGS)

check: $(READY)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(READY)
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

hooks: $(READY)
	@$(BIN)/pre-commit install

wheel: $(READY)
	@$(BIN)/python -m build --wheel --no-isolation --outdir dist .

lock:
	@$(PYTHON) -m uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --output-file requirements.lock

clean:
	rm -rf dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
