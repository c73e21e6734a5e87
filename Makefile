# Two commands matter: `make demo` and `make test`. Both make .venv when it is missing.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-slow check format docs bench clean

# The stamp is younger than what decides the environment's content, or the environment is made anew.
.venv/.ok: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[test]' -c constraints.txt
	touch $@

demo: .venv/.ok
	$(BIN)/seqlab run demo:letters

test: .venv/.ok
	$(BIN)/python -m pytest

# Longer than a coffee, or through the package registries.
test-slow: .venv/.ok
	$(BIN)/python -m pytest -m slow

check: .venv/.ok
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/.ok
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# The parts of docs/ that commands make.
docs: .venv/.ok
	PYTHONPATH=tests:tests/museum $(BIN)/python tests/museum/page.py

bench: .venv/.ok
	$(BIN)/seqlab bench all

clean:
	rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
