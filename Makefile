# Each target does its own set-up. System packages are installed only with CI set, or by `make deps`.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV := .venv
PY := $(VENV)/bin/python
ENV_STAMP := $(VENV)/.locked
CLIENT := client-vscode
CLIENT_STAMP := $(CLIENT)/node_modules/.locked
EDITOR_STAMP := build/editor/.ready
BENCH_VENV := build/bench-venv
BENCH_STAMP := $(BENCH_VENV)/.locked
LITELLM_VENV := build/bench-litellm
LITELLM_STAMP := $(LITELLM_VENV)/.locked
CCUSAGE := build/bench-ccusage
CCUSAGE_STAMP := $(CCUSAGE)/.locked

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(ENV_STAMP): requirements-dev.lock pyproject.toml
	@test -x $(PY) || python3 -m venv $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check uv
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(VENV)/bin/uv pip install --quiet --require-hashes -r requirements-dev.lock
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(VENV)/bin/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(CLIENT_STAMP): $(CLIENT)/package-lock.json
	@cd $(CLIENT) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

# What Bursar is compared with never comes into its own environment.
$(BENCH_STAMP): requirements-bench.lock $(ENV_STAMP)
	@test -x $(BENCH_VENV)/bin/python || python3 -m venv $(BENCH_VENV)
	@VIRTUAL_ENV=$(CURDIR)/$(BENCH_VENV) $(VENV)/bin/uv pip install --quiet --require-hashes -r requirements-bench.lock
	@touch $@

$(LITELLM_STAMP): requirements-litellm.lock $(ENV_STAMP)
	@test -x $(LITELLM_VENV)/bin/python || python3 -m venv $(LITELLM_VENV)
	@VIRTUAL_ENV=$(CURDIR)/$(LITELLM_VENV) $(VENV)/bin/uv pip install --quiet --require-hashes -r requirements-litellm.lock
	@touch $@

# Not every platform of its is published at every version, which `npm ci` would refuse.
$(CCUSAGE_STAMP): tests/benchmarks/imports/package-lock.json
	@mkdir -p $(CCUSAGE) && cp tests/benchmarks/imports/package.json tests/benchmarks/imports/package-lock.json $(CCUSAGE)
	@cd $(CCUSAGE) && npm install --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

env: $(ENV_STAMP)
client-env: $(CLIENT_STAMP)

demo: $(ENV_STAMP) ## The main job on the example workspace, against the bundled simulator: no key, nothing spent
	@$(PY) -m bursar demo $(DEMO_FLAGS)

check: $(ENV_STAMP) $(CLIENT_STAMP) ## Lint, types, import contracts, client checks
	@$(VENV)/bin/ruff check server tests tools
	@$(VENV)/bin/ruff format --check server tests tools
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports
	@cd $(CLIENT) && npm run --silent check && npm test --silent

test: deps-in-ci check ## Everything that must be green: checks, unit, protocol, crash and editor tests, the demo
	@$(PY) -m pytest -m "not e2e and not soak and not soak_short" -q
	@$(MAKE) --no-print-directory soak-short
	@$(MAKE) --no-print-directory editor-env
	@$(PY) -m pytest -m e2e -q tests/e2e

deps: ## Install the system packages that the editor tests need (Debian, as root)
	@tools/deps.sh

deps-in-ci:
	@if [ -n "$$CI" ]; then tools/deps.sh; fi

editor-env: $(CLIENT_STAMP)
	@tools/editor/install.sh

editor: $(ENV_STAMP) editor-env ## The real VS Code workbench on the example workspace with the simulator; prints its address
	@$(PY) tools/editor/open.py

vsix: $(CLIENT_STAMP) ## Package the VS Code extension
	@cd $(CLIENT) && npm run --silent package

soak: $(ENV_STAMP) ## Long crash loops: kills, two windows, power cuts, full disks
	@$(PY) tests/crash/soak.py

soak-short: $(ENV_STAMP) ## The same at a twentieth, at most 4 minutes, with a printed seed
	@$(PY) tests/crash/soak.py short

bench-resume: $(BENCH_STAMP) ## Tokens billed again after a kill: Bursar beside restarting, LangGraph and DBOS (about 10 minutes)
	@PYTHONPATH=tests $(PY) -m benchmarks.resume $(BENCH_FLAGS)

bench-ledger: $(ENV_STAMP) $(CCUSAGE_STAMP) ## How long the status bar and usage take with 1,000,000 requests in the ledger; imports beside ccusage (about 3 minutes)
	@PYTHONPATH=tests $(PY) -m benchmarks.ledger $(BENCH_FLAGS)
	@PYTHONPATH=tests $(PY) -m benchmarks.imports --ccusage $(CCUSAGE)/node_modules/.bin/ccusage --into ledger

bench-imports: $(ENV_STAMP) $(CCUSAGE_STAMP) ## Reading other agents' logs, beside ccusage on the same logs (BENCH_FLAGS="--megabytes 1024" for a gigabyte)
	@PYTHONPATH=tests $(PY) -m benchmarks.imports --ccusage $(CCUSAGE)/node_modules/.bin/ccusage $(BENCH_FLAGS)

bench-watch: $(ENV_STAMP) ## How often the regression watch is wrong and how soon it is right, on drawn histories (half a minute)
	@PYTHONPATH=tests $(PY) -m benchmarks.watch $(BENCH_FLAGS)

bench-budget: $(ENV_STAMP) $(LITELLM_STAMP) ## How much of a budget eight loads at once can use, and by how much they pass it, beside a litellm proxy (about 2 minutes)
	@PYTHONPATH=tests $(PY) -m benchmarks.budget $(BENCH_FLAGS)

bench-forecast: $(ENV_STAMP) ## How good the forecast of a task is: scored on the figures of recorded sessions (seconds)
	@PYTHONPATH=tests $(PY) -m benchmarks.forecast $(BENCH_FLAGS)

bench-repository: $(ENV_STAMP) ## How good the ranking of files for a task is, beside plain BM25, on questions whose files are known (about 3 minutes)
	@PYTHONPATH=tests $(PY) -m benchmarks.repository $(BENCH_FLAGS)

bench-context: $(ENV_STAMP) ## How long a decision on a session's context takes, by the session's length, beside reading the prompt anew (half a minute)
	@PYTHONPATH=tests $(PY) -m benchmarks.context.speed $(BENCH_FLAGS)

bench-calibration: $(ENV_STAMP) ## How good the estimates of a vendor's token counts are, learnt from a simulated one with a tokenizer of its own (half a minute)
	@PYTHONPATH=tests $(PY) -m benchmarks.calibration $(BENCH_FLAGS)

bench-editor: $(ENV_STAMP) $(BENCH_STAMP) ## Keystroke, cold start, storm and memory beside pygls, ruff, pylsp and jedi-language-server (about 12 minutes; BENCH_FLAGS="--quick" for 3)
	@PYTHONPATH=tests $(PY) -m benchmarks.editor --peers $(BENCH_VENV)/bin $(BENCH_FLAGS)

lock: ## Renew the locks (needs uv in the environment)
	@$(VENV)/bin/uv lock --quiet --upgrade
	@$(VENV)/bin/uv export --quiet --format requirements.txt --no-header --no-emit-project --no-dev -o requirements.lock
	@$(VENV)/bin/uv export --quiet --format requirements.txt --no-header --no-emit-project --group dev -o requirements-dev.lock
	@$(VENV)/bin/uv export --quiet --format requirements.txt --no-header --no-emit-project --only-group bench -o requirements-bench.lock
	@$(VENV)/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header tests/benchmarks/budget/litellm.in -o requirements-litellm.lock

.PHONY: bench-context help env client-env demo check test deps deps-in-ci editor-env editor vsix soak soak-short bench-resume bench-ledger bench-imports bench-watch bench-budget bench-forecast bench-calibration bench-editor lock
