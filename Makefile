# Everything a fresh machine needs, given Python 3.11 or newer and make:
#   make run     sets up and asks the embedded model a question
#   make test    sets up and runs the tests that need nothing else
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PROMPT ?= What does grep -i do?

# On all cores, up to 8; each file's tests stay together until a process has nothing left to do.
PYTEST := $(BIN)/python -m pytest -n logical --maxprocesses 8 --dist worksteal --durations=25

.PHONY: run test test-all extras lint types layers docs check bench lock clean

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps -e .
	touch $@

run: $(STAMP)
	$(BIN)/ingle run "$(PROMPT)"

test: $(STAMP)
	$(PYTEST) -m "not extras"

# Fails, and does not skip, where something of `make extras` is missing.
test-all: $(STAMP)
	$(PYTEST)

# What training, its recipes and TRL need: some gigabytes, and not in the lock. And the frameworks
# of the guide's pages, in an environment of their own.
extras: $(STAMP)
	$(BIN)/python -m pip install --quiet -r recipes/requirements.txt
	$(PYTHON) -m venv build/frameworks
	build/frameworks/bin/python -m pip install --quiet \
	  -r docs/guide/integrations/requirements.txt

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

layers: $(STAMP)
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/test_layers.py

docs: $(STAMP)
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build

check: lint types layers docs test

bench: $(STAMP)
	$(BIN)/python -m bench

lock:
	$(BIN)/uv pip compile pyproject.toml --group dev --group clients --group docs --universal \
	  --python-version 3.11 --generate-hashes --no-header --no-annotate -o requirements.lock

clean:
	rm -rf $(VENV) docs/_build build dist
