# make demo   set up and run the main job against the embedded simulator
# make test   set up and run the tests
# make check  everything that has to be green: format, lint, types, walls, tests with coverage
# make mutants break a copy of the engine in one place at a time, and see the tests go red each time
# make vendor set up the environments of the vendors' own clients, for tests/vendor
# make fuzz   look for bytes that break a decoder, with coverage as the guide: make fuzz SECONDS=60 TARGETS="opinion report"
# make soak   draw runs from seeds and judge them, for as long as asked: make soak SEEDS=100000, which goes on where it stopped
# make kills  kill processes that cancel orders, and see every run resumed to a true end: make kills KILLS=500 SEED=0
# make docs   write anew what the documents say of commands and settings, and build the site: site/index.html, with no network
# make wheel  set up the environment in which tests/test_wheel.py builds the wheel
# make pictures  take the pictures of docs/html-report.md anew, in the Chromium of this machine
# make bench  measure, and print a table of ratios that say how close to the limits the engine comes: make bench FULL=1 WRITE=1
# make budget keep what an order costs now as what it may cost, for the gate in make check
# make audit  ask the network whether a pinned package is known to be vulnerable, or withdrawn; part of no other target

PYTHON ?= python3
BIN := .venv/bin
SECONDS := 60
SEED := 0
SEEDS := 10000
KILLS := 100
TARGETS := $(notdir $(wildcard tests/fuzz/corpus/*))

.PHONY: demo test check docs site wheel vendor fuzz soak kills pictures bench budget peers audit mutants clean

demo: .venv/.ready
	$(BIN)/cancel-engine demo

test: .venv/.ready
	$(BIN)/python -m pytest

check: .venv/.ready
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pip --disable-pip-version-check check
	$(BIN)/python -m benchmarks.gate
	$(BIN)/python -m pytest --cov --cov-report=term --cov-fail-under=95
	$(BIN)/coverage report --fail-under=100 --include='engine/core/*,engine/venues/*/wire.py,engine/venues/*/signing.py,engine/venues/decoding.py'

mutants: .venv/.ready
	$(BIN)/python tests/mutation/run.py --write

docs: .venv/.ready
	$(BIN)/python docs/generate.py
	$(MAKE) site

# Only what has changed since the last time is read again. A warning is an error: a link that leads nowhere is one.
site: .venv-docs/.ready
	.venv-docs/bin/python -m sphinx -b html -c docs -d build/doctrees --fail-on-warning --keep-going --quiet . site

wheel: .venv-wheel/.ready

vendor: .venv-vendor/.ready .venv-vendor-polymarket/.ready

fuzz: .venv-fuzz/.ready
	for target in $(TARGETS); do .venv-fuzz/bin/python tests/fuzz/drive.py $$target $(SECONDS) || exit 1; done

# Resumable: the count is kept, and belongs to these seeds and to this version of the engine.
soak: .venv/.ready
	mkdir -p .soak
	$(BIN)/cancel-engine drill --seed $(SEED) --runs $(SEEDS) --resume .soak/$(SEED)-$(SEEDS).json

# At the first run that breaks a promise, its journals and its log are left in .kills.
kills: .venv/.ready
	$(BIN)/python tests/loopback/killing.py --kills $(KILLS) --seed $(SEED) --seconds 7200

pictures: .venv/.ready
	PYTHONPATH=tests $(BIN)/python tests/browser/pictures.py

# Other clients are measured where their environments could be set up; where not, the table says so.
bench: .venv-bench/.ready
	$(MAKE) peers || echo "not every other client could be set up; the table says which are missing"
	.venv-bench/bin/python -m benchmarks $(BENCHMARKS) $(if $(FULL),--full) $(if $(WRITE),--write)

peers: vendor .venv-peers/.ready

budget: .venv/.ready
	$(BIN)/python -m benchmarks.gate --write

# pip-audit brings some 30 packages that nothing else here needs, so it has an environment of its own, made when it is asked for.
audit:
	@$(PYTHON) -m venv .venv-audit && .venv-audit/bin/pip install --quiet --disable-pip-version-check 'pip-audit>=2.10,<3' \
		|| { echo "audit: could not audit: pip-audit could not be installed; nothing was looked up" >&2; exit 2; }
	@$(PYTHON) tests/audit.py .venv-audit/bin

clean:
	rm -rf .venv .venv-audit .venv-bench .venv-docs .venv-peers .venv-wheel .venv-vendor .venv-vendor-polymarket .venv-fuzz .fuzz .soak .kills build site

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

.venv-wheel/.ready: pyproject.toml
	$(PYTHON) -m venv .venv-wheel
	.venv-wheel/bin/pip install --quiet --disable-pip-version-check 'setuptools>=77'
	touch $@

.venv-docs/.ready: docs/requirements.txt pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt --requirement docs/requirements.txt --editable '.[metrics,otel]'
	touch $@

.venv-bench/.ready: benchmarks/requirements.txt pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt --requirement benchmarks/requirements.txt --editable .
	touch $@

.venv-peers/.ready: benchmarks/requirements-peers.txt
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/pip install --quiet --disable-pip-version-check --requirement benchmarks/requirements-peers.txt
	touch $@

.venv-fuzz/.ready: tests/fuzz/requirements.txt pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-fuzz
	.venv-fuzz/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt --requirement tests/fuzz/requirements.txt --editable .
	touch $@
