# quickstart and test are the two commands of the README; the rest is for those who work on lnkit. The workflows run these targets too.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.lnkit-ready

# In CI, the versions of the lock; elsewhere, and with `LOCK=`, the newest that fit, or those of CONSTRAINTS (a file for pip).
LOCK ?= $(if $(CI),requirements/lock.txt)
CONSTRAINTS ?=

.PHONY: quickstart test test-all test-data test-lowest lint lint-workflows docs bench gpu-check wheel-check locks dist check-tag clean

quickstart: $(READY)
	$(BIN)/lnkit eval --backbone efficientnet_lite0 --point all --bench bapps --sample

# The tests, on every core; `pytest` alone runs them one after the other.
CORES := -n auto --maxprocesses 8 --dist worksteal

test: $(READY)
	$(BIN)/python -m pytest $(CORES)

# With the tests that repeat a guard over many networks; the figure is of lines that tests run in their own process.
test-all: $(READY)
	$(BIN)/python -m pytest $(CORES) -m "" --durations 25 --cov --cov-report=
	@echo "Coverage: $$($(BIN)/coverage report --format=total) % of the lines"

test-data: $(READY)
	$(BIN)/python tools/real_data.py

# The tests with the lowest versions that the distributions allow.
test-lowest:
	$(MAKE) test VENV=.venv-lowest LOCK= CONSTRAINTS=requirements/lowest.txt

lint: $(READY) lint-workflows
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

# Workflows run elsewhere only: their schemas and their rights are checked here. Nothing is downloaded.
lint-workflows: $(READY)
	$(BIN)/zizmor --offline --no-progress --quiet .github
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema custom.github-workflows-require-timeout .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms $(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*.yml))
	$(BIN)/check-jsonschema --builtin-schema vendor.citation-file-format CITATION.cff

docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict  # without the theme's news about its successor

bench: $(READY)
	$(BIN)/python -m bench

gpu-check: $(READY)
	$(BIN)/python -m bench gpu

# Minutes and gigabytes. OPTIONS="--python python3.13" takes another Python, OPTIONS=--lowest the lowest versions.
wheel-check: $(READY)
	$(BIN)/python tools/stranger_install.py $(OPTIONS)

# One environment for everything: lnkit and its plugins, editable, with what the tests and the linters need.
PLUGINS := $(wildcard plugins/lnkit-*)
EDITABLES := --editable . $(PLUGINS:%=--editable %)

$(READY): pyproject.toml src/lnkit/_version.py $(PLUGINS:%=%/pyproject.toml) $(LOCK) $(CONSTRAINTS)
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'lnkit needs Python 3.11 or newer; set PYTHON=...')"
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
ifneq ($(strip $(LOCK)),)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement $(LOCK)
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation $(EDITABLES)
else
	$(BIN)/python -m pip install --quiet $(CONSTRAINTS:%=--constraint %) --group dev $(EDITABLES)
endif
	touch $@

# The files in requirements/. `make locks UPGRADE=--upgrade` takes the newest versions; without it, versions that still fit stay.
COMPILE := $(BIN)/uv pip compile --quiet --python-version 3.11 --no-annotate --custom-compile-command "make locks" \
	--no-emit-package lnkit $(PLUGINS:plugins/%=--no-emit-package %)

locks: $(READY)
	printf -- '--editable ./%s\n' . $(PLUGINS) | $(COMPILE) $(UPGRADE) --universal --group dev --generate-hashes \
		--output-file requirements/lock.txt -
	printf -- '--editable ./%s\n' . $(PLUGINS) | $(COMPILE) --upgrade --resolution lowest-direct --python-platform linux \
		--all-extras --output-file requirements/lowest.txt pyproject.toml -

# The distributions of a release: source and wheel of each, in a folder of its name.
dist: $(READY)
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist/lnkit .
	set -e; for plugin in $(notdir $(PLUGINS)); do \
		$(BIN)/python -m build --no-isolation --outdir dist/$$plugin plugins/$$plugin; \
	done
	$(BIN)/twine check --strict dist/*/*

# Whether TAG may be released.
check-tag: $(READY)
	$(BIN)/python tools/check_tag.py "$(TAG)"

clean:
	rm -rf $(VENV) .venv-lowest dist build site
