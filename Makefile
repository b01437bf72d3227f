# The commands of the project; `make help` lists them. Each installs what it needs first, and only once.
.DEFAULT_GOAL := help
.PHONY: help up test lint fmt e2e bench openapi runtime dev web

# A fresh machine may have no locale at all.
export LC_ALL := C.UTF-8
# Servers that the tests start are where a user who is not root does not look.
export PATH := $(PATH):/usr/local/sbin:/usr/sbin:/sbin
BIN := .venv/bin
PYTHON_SOURCES := backend worker storage backup migrations tests benchmarks

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: runtime web ## Start the service on this machine, with all it needs; Ctrl-C stops it
	@exec $(BIN)/dms up

# Each of the three parts before the tests keeps one core busy.
test: dev ## Install what the tests need, check everything and run all tests
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target check-web test-packages check-python
	$(BIN)/python -m pytest -n 3

lint: dev ## Check style, types and layers of both languages
	@$(MAKE) --no-print-directory check-python
	tools/web lint

fmt: dev ## Format everything
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format --quiet .
	tools/web fmt

e2e: dev web ## Run only the tests that drive the whole service in a browser
	@tools/install-test-packages
	$(BIN)/python -m pytest -m e2e

bench: dev ## Run the benchmarks; each prints ratios against a peer
	@tools/install-test-packages --bench
	@for benchmark in benchmarks/[a-z]*.py; do $(BIN)/python "$$benchmark" || exit 1; done

openapi: dev ## Write the API's description and the web application's client for it
	$(BIN)/dms openapi >frontend/openapi.json
	tools/web generate

# The parts of the above.
.PHONY: check check-python check-web test-packages
check: check-python check-web

check-web: web
	tools/web lint
	tools/web test

check-python:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test-packages:
	@tools/install-test-packages

runtime:
	@python3 tools/bootstrap

dev:
	@python3 tools/bootstrap --dev

web: runtime
	@tools/web build
