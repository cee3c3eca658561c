# make demo: gpulint on example manifests.  make test: the tests.  Both make their own virtual environment in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test fuzz lint generate benchmark clean

demo: $(VENV)/.runtime
	@$(BIN)/gpulint check tests/fixtures/sharing-strategies/mistaken --exit-zero
	@echo
	@echo "The same, put right:"
	@$(BIN)/gpulint check tests/fixtures/sharing-strategies/right

test: $(VENV)/.dev
	$(BIN)/python -m pytest

# Each fuzz test for so many minutes; what fails is left in tests/fuzz_cases/new.json.
MINUTES ?= 2

fuzz: $(VENV)/.dev
	FUZZ_MINUTES=$(MINUTES) $(BIN)/python -m pytest tests/test_fuzz_*.py

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

generate: $(VENV)/.dev
	$(BIN)/python -m tests.generated --write

benchmark: $(VENV)/.dev
	$(BIN)/python benchmarks/compare.py

# Debian's Python comes without ensurepip: then pip from outside installs into the environment.
$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV) || $(PYTHON) -m venv --without-pip --clear $(VENV)

$(VENV)/.runtime: $(VENV)/bin/python pyproject.toml
	if $(BIN)/python -m pip --version >/dev/null 2>&1; then $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .; \
	else $(PYTHON) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check --editable .; fi
	touch $@

$(VENV)/.dev: $(VENV)/.runtime
	if $(BIN)/python -m pip --version >/dev/null 2>&1; then $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'; \
	else $(PYTHON) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check --editable '.[dev]'; fi
	touch $@

clean:
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
