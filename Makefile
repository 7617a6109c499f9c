# quickstart and test are the two commands of the README; the rest is for those who work on lnkit.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.lnkit-ready

.PHONY: quickstart test lint docs bench wheel-check clean

quickstart: $(READY)
	$(BIN)/lnkit eval --backbone efficientnet_lite0 --point all --bench bapps --sample

test: $(READY)
	$(BIN)/python -m pytest

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict  # without the theme's news about its successor

bench: $(READY)
	$(BIN)/python -m bench

# Minutes and gigabytes. OPTIONS="--python python3.13" takes another Python, OPTIONS=--lowest the lowest versions.
wheel-check: $(READY)
	$(BIN)/python tools/stranger_install.py $(OPTIONS)

# One environment for everything: lnkit and its plugins, editable, with what the tests and the linters need.
PLUGINS := $(wildcard plugins/lnkit-*)

$(READY): pyproject.toml $(PLUGINS:%=%/pyproject.toml)
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'lnkit needs Python 3.11 or newer; set PYTHON=...')"
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --group dev --editable . $(PLUGINS:%=--editable %)
	touch $@

clean:
	rm -rf $(VENV) dist build site
