# The front of everything: `make help` lists what there is.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
JOBS ?= 2
# Containers often set PYTHONDONTWRITEBYTECODE; every worker would compile every test anew.
PYTEST := PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/pytest -q -n $(JOBS) --dist worksteal

.PHONY: help demo test coverage quick check test-all bench bench-peers bench-wire reference clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[torch,dev]'
	@touch $@

demo: $(READY)  ## two real studies on this machine, from data to report
	$(BIN)/modelward demo

test: check  ## every check and test; slow suites are sampled (under 15 minutes)
	$(PYTEST) -m 'not exhaustive'

coverage: $(READY)  ## the tests of `make test`, measured: which lines and branches they reach
	$(BIN)/coverage erase
	$(PYTEST) -m 'not exhaustive' --cov --cov-report=
	$(BIN)/coverage report --skip-covered --show-missing

quick: $(READY)  ## what a change needs to know within a minute
	$(PYTEST) -m 'not slow and not exhaustive and not engine' tests/unit tests/docs

check: $(READY)  ## style, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test-all: check coverage  ## everything at full length, and how much of the code it reaches
	$(PYTEST) -m exhaustive

bench: $(READY)  ## W1, W2, W3 against a floor and naive averaging
	$(BIN)/python -m bench.run

bench-peers: $(READY)  ## the same work in pfl, Flower and FLARE; installs them under bench/.envs
	$(BIN)/python -m bench.environments
	$(BIN)/python -m bench.against

bench-wire: $(READY)  ## a deployed round, ours over JetStream and theirs
	$(BIN)/python -m bench.environments
	$(BIN)/python -m bench.deployed

reference: $(READY)  ## write docs/reference from the code
	$(BIN)/python -m tests.docs.reference

clean:  ## remove the environment and everything that was built or run
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	rm -rf .coverage .coverage.* htmlcov modelward-demo bench/out bench/.envs
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
