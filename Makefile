# make demo   set up and run the main job against the embedded simulator
# make test   set up and run the tests
# make check  everything that has to be green: format, lint, types, walls, tests with coverage
# make mutants break a copy of the engine in one place at a time, and see the tests go red each time
# make vendor set up the environments of the vendors' own clients, for tests/vendor
# make bench  print ratios that say how close to the limits the engine comes

PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check mutants vendor bench clean

demo: .venv/.ready
	$(BIN)/cancel-engine demo

test: .venv/.ready
	$(BIN)/python -m pytest

check: .venv/.ready
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest --cov --cov-report=term --cov-fail-under=95
	$(BIN)/coverage report --fail-under=100 --include='engine/core/*,engine/venues/*/wire.py,engine/venues/*/signing.py,engine/venues/decoding.py'

mutants: .venv/.ready
	$(BIN)/python tests/mutation/run.py --write

vendor: .venv-vendor/.ready .venv-vendor-polymarket/.ready

bench: .venv/.ready
	$(BIN)/python benchmarks/pace.py
	$(BIN)/python benchmarks/mass.py

clean:
	rm -rf .venv .venv-vendor .venv-vendor-polymarket

.venv/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

.venv-vendor/.ready: tests/vendor/requirements-opinion.txt
	$(PYTHON) -m venv .venv-vendor
	.venv-vendor/bin/pip install --quiet --disable-pip-version-check --requirement tests/vendor/requirements-opinion.txt
	touch $@

.venv-vendor-polymarket/.ready: tests/vendor/requirements-polymarket.txt
	$(PYTHON) -m venv .venv-vendor-polymarket
	.venv-vendor-polymarket/bin/pip install --quiet --disable-pip-version-check --requirement tests/vendor/requirements-polymarket.txt
	touch $@
