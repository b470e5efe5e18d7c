# `make demo` colours the sample photographs, or yours: make demo PHOTO=path
# `make test` checks everything. Both set up what they need, in .venv.

PYTHON ?= python3
PHOTO ?= samples
BIN := .venv/bin

.PHONY: demo test clean

demo: .venv/demo
	$(BIN)/photochrom colorize "$(PHOTO)" --out demo --recolor --force
	$(BIN)/photochrom sheet "$(PHOTO)" --out demo/sheet.jpg --force
	@echo "Before and after, side by side: demo/sheet.jpg"

test: .venv/test
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest --numprocesses 2 --dist loadscope --cov --durations=10

.venv/demo: pyproject.toml requirements/demo.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint requirements/demo.txt --editable .
	touch $@

.venv/test: pyproject.toml requirements/demo.txt requirements/test.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint requirements/demo.txt --constraint requirements/test.txt --editable '.[dev]'
	touch $@ .venv/demo

clean:
	rm -rf .venv demo
