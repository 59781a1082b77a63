# `make` lists what there is. Everything installs itself into .venv first, from the lock files.

PYTHON ?= python3

SHELL := /bin/sh
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help run test compiled test-sqlite test-postgres lint types openapi e2e bench chaos lock clean python node chromium pgbouncer

BIN := .venv/bin
RUN := .venv/.run-installed
DEV := .venv/.dev-installed
# For each of two runs at once: some tests wait, so more processes than cores keep these busy.
WORKERS ?= 2
CHOSEN := not e2e and not chaos
TESTS := --ignore=tests/openapi --numprocesses=$(WORKERS) --dist=worksteal --durations=20
# Workers, and the processes that tests start, load what is compiled; an empty value means no "no".
export PYTHONDONTWRITEBYTECODE :=
# Through a pipe, too, a line is shown when it is written.
export PYTHONUNBUFFERED := 1
PINNED := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header
# What must never be wrong about a message is tested line by line and branch by branch.
EXACT := communications/vocabulary/statuses.py,communications/receiving/deliveries.py,communications/receiving/inbox.py,communications/receiving/receipts.py,communications/sending/claims.py,communications/sending/fairness.py,communications/policy/provider_selection.py,communications/policy/quiet_hours.py,communications/sending/provider_call.py,communications/sending/unsent.py,communications/sending/outcomes.py,communications/sending/decisions.py,communications/sending/repetition.py,communications/providers/**

help: ## what you are reading
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(RUN) ## start everything on this machine (PORT=8001 SANDBOX_PORT=8026 choose ports); Ctrl-C stops it
	@grep -qs '^ *\(export \)\{0,1\}DEBUG=' .env || export DEBUG="$${DEBUG:-on}"; \
	exec $(BIN)/python manage.py run

test: $(DEV) compiled pgbouncer ## all tests: on PostgreSQL and Redis, what uses a database on SQLite too; fails under 90 % coverage
	$(BIN)/coverage erase
	@$(MAKE) --jobs=2 test-sqlite test-postgres
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --fail-under=90
	$(BIN)/coverage report --include='$(EXACT)' --fail-under=100

# Rewriting the assertions of all tests takes half a minute: by two processes, not by each worker.
compiled: $(DEV)
	@echo "Compiling the tests, then running them on SQLite and on PostgreSQL at once …"
	@for part in tests/communications "tests --ignore=tests/communications --ignore=tests/openapi"; do \
		$(BIN)/python -m pytest --collect-only --quiet $$part > /dev/null & \
	done; wait

# Every test runs once. What uses our database runs on SQLite as well (tests/conftest.py marks it).
# Measuring makes Python half as slow again, so one of them is measured: the one that has Redis too.
# The other has the sandbox's tests, for which our database does not matter.
# Both print at once, so each line says where it comes from (awk would keep lines back for minutes).
test-sqlite test-postgres: SHELL := /bin/bash
test-sqlite test-postgres: .SHELLFLAGS := -o pipefail -c

test-sqlite: $(DEV)
	@env -u DATABASE_URL -u REDIS_URL $(BIN)/python -m pytest $(TESTS) -m "(database or sandbox) and $(CHOSEN)" \
		2>&1 | while IFS= read -r line; do printf 'SQLite      %s\n' "$$line"; done

test-postgres: $(DEV)
	@TEST_WORKERS=$(WORKERS) $(BIN)/python -m tests.servers \
		$(BIN)/coverage run -m pytest $(TESTS) -m "not sandbox and $(CHOSEN)" \
		2>&1 | while IFS= read -r line; do printf 'PostgreSQL  %s\n' "$$line"; done

lint: $(DEV) ## ruff: rules and format; import-linter: who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo

# DEBUG, because the settings are loaded for their types and else ask for a key.
types: $(DEV) ## mypy, strict
	DEBUG=on $(BIN)/mypy .

# Node's packages are pinned in a lock of their own; without their scripts they only say less.
openapi: $(DEV) node ## judge the API's schema, and make its main calls by generated clients (needs Node.js)
	@npm ci --prefix tests/openapi --ignore-scripts --no-audit --no-fund --loglevel=error
	$(BIN)/pytest -m openapi -p no:randomly --durations=10 tests/openapi

# They wait more than they work: two at a time, each on a running stack of its own.
e2e: $(DEV) chromium ## browser tests in a real Chromium, against the running stack
	$(BIN)/pytest -m e2e -p no:randomly --numprocesses=2 --dist=loadfile --durations=20

bench: $(DEV) ## benchmarks: ratios measured side by side in one run
	$(BIN)/python -m tests.benchmarks

chaos: $(DEV) ## kill processes under load; count what was lost, doubled or stuck (docs/operating.md)
	WRITE_FAULTS=1 $(BIN)/python -m tests.servers $(BIN)/pytest -m chaos -s

lock: ## pin the dependencies anew (for maintainers, needs uv)
	@command -v uv > /dev/null || { echo "make lock needs uv (https://docs.astral.sh/uv/). Nothing else here does."; exit 1; }
	uv pip compile $(PINNED) pyproject.toml -o requirements.lock
	uv pip compile $(PINNED) pyproject.toml --extra sentry -o requirements-sentry.lock
	uv pip compile $(PINNED) pyproject.toml --extra sentry --extra s3 -o requirements-extras.lock
	uv pip compile $(PINNED) pyproject.toml --group sandbox -o requirements-run.lock
	uv pip compile $(PINNED) pyproject.toml --group dev -o requirements-dev.lock

clean: ## remove what was installed and measured; the database in var/ stays
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.* staticfiles

# The stamps are newer than their lock as long as it has not changed: a second start skips pip.

$(RUN): requirements-run.lock | python
	@$(PYTHON) -m venv .venv
	@echo "Installing into .venv (this takes a minute, once) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-run.lock
	@touch $@

$(DEV): requirements-dev.lock | python
	@$(PYTHON) -m venv .venv
	@echo "Installing the tools for developers into .venv (this takes a minute, once) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@ $(RUN)

python:
	@command -v $(PYTHON) > /dev/null || { \
		echo "$(PYTHON) was not found: install Python 3.11 or newer, or name it: make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$(PYTHON) is $$($(PYTHON) --version), too old: 3.11 or newer is needed. Name another one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null || { \
		echo "$(PYTHON) cannot create environments: install its venv module (on Debian and Ubuntu: apt-get install python3-venv)"; exit 1; }

# Redocly's demand. Debian 12 has 18.
node:
	@version=$$(node --version 2> /dev/null | cut -c 2-); \
	needs="Node.js 20.19 or newer is needed, 22.12 or newer of 22: https://nodejs.org/en/download (Debian 12 has 18 only)."; \
	command -v npm > /dev/null && [ -n "$$version" ] || { echo "Node.js or its npm was not found. $$needs"; exit 1; }; \
	echo "$$version" | awk -F . '{ exit !($$1 == 20 && $$2 >= 19 || $$1 == 22 && $$2 >= 12 || $$1 > 22) }' \
		|| { echo "Node.js $$version does not do. $$needs"; exit 1; }

chromium:
	@for name in chromium chromium-browser google-chrome google-chrome-stable; do \
		command -v $$name > /dev/null && exit 0; \
	done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; \
	else \
		echo "No Chromium was found: install the package chromium (on Debian: sudo apt-get install chromium)."; exit 1; \
	fi

# Without it the tests that need one are skipped, and say so; where CI is set they fail.
pgbouncer:
	@command -v pgbouncer > /dev/null || [ -x /usr/sbin/pgbouncer ] || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends pgbouncer; \
		fi; \
	} || true; \
	command -v pgbouncer > /dev/null || [ -x /usr/sbin/pgbouncer ] \
		|| echo "No PgBouncer was found, so what needs one is not tested: install the package pgbouncer (on Debian: sudo apt-get install pgbouncer)."
