# Two commands matter: `make demo` and `make test`. Both make .venv when it is missing.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-slow test-triton test-cluster test-ui screens check format docs bench clean

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

# Kernels in Triton, in its interpreter and on the GPU where there is one. A torch for GPUs brings Triton; otherwise it
# lies beside the environment, whose other commands go on without it.
.venv/.triton: .venv/.ok
	$(BIN)/python -c 'import triton' 2>/dev/null \
		|| $(BIN)/pip install --quiet --disable-pip-version-check --target .venv/triton triton==3.7.1
	touch $@

test-triton: .venv/.triton
	PYTHONPATH=.venv/triton $(BIN)/python -m pytest tests/kernels/test_triton.py

# The real engines on this machine: Ray and submitit beside the rest in .venv, Slurm from Debian's packages, which only
# root can install. What is missing is skipped, by name.
SLURM := slurmctld slurmd slurm-client munge

.venv/.cluster: .venv/.ok
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[ray,slurm]' -c constraints.txt
	touch $@

test-cluster: .venv/.cluster
	test -x /usr/sbin/slurmctld || ! test "$$(id -u)" = 0 \
		|| { apt-get update -qq && apt-get install -qq -y --no-install-recommends $(SLURM); }
	$(BIN)/python -m pytest -m cluster -n 0 --timeout 600 -rs --durations 0

# The pages in a real browser: Debian's chromium, which only root can install, and playwright beside the rest in .venv.
.venv/.ui: .venv/.ok
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[ui]' -c constraints.txt
	touch $@

test-ui: .venv/.ui
	command -v chromium >/dev/null || ! test "$$(id -u)" = 0 \
		|| { apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium fonts-dejavu-core; }
	$(BIN)/python -m pytest -m ui -n 0 --timeout 300 -rs tests/ui

# The pictures of docs/screens, made anew.
screens: .venv/.ui
	SEQLAB_SCREENS=docs/screens $(BIN)/python -m pytest -m ui -n 0 --timeout 300 -rs tests/ui/test_screens.py

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
