PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(1 + min(8, os.cpu_count() or 1))')

.PHONY: setup app test check format

setup: $(READY)

# What builds the package is among requirements-dev.txt, so it is not fetched a second time.
$(READY): requirements.txt requirements-dev.txt pyproject.toml tests/browser/package.json
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "nmviz needs Python 3.11 or newer: set PYTHON=/path/to/python3.11"; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -r requirements.txt -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@npm install --prefix tests/browser --no-package-lock --no-audit --no-fund --silent \
		|| echo "npm is not here, or found nothing: the tests of accessibility are skipped"
	touch $@

app: setup
	$(BIN)/nmviz app

# One process more than cores, since tests wait for browsers and processes of their own, which need cores
# too; one thread each, since threads that wait for their turn on the same cores cost more than they gain.
# What Python compiles it keeps, or each of many processes compiles all of nmviz anew.
test: setup
	OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --no-loadscope-reorder

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
