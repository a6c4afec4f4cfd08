# Everything sets up what it needs by itself and is quick the second time.
PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
# A folder made by `make wheelhouse`: with it, set-up asks no package index.
WHEELHOUSE ?=
OFFLINE_PIP := $(if $(WHEELHOUSE),--no-index --find-links $(abspath $(WHEELHOUSE))/python)
OFFLINE_NPM := $(if $(WHEELHOUSE),--offline --cache $(abspath $(WHEELHOUSE))/npm)
PIP := $(BIN)/pip --disable-pip-version-check --quiet install $(OFFLINE_PIP)
PO := $(shell find locale -name '*.po' 2>/dev/null)

.PHONY: run test test-faults test-a11y test-matrix check bench setup setup-dev lock messages format wheelhouse sbom advisories
.DEFAULT_GOAL := run

run: setup  ## serve on 127.0.0.1:8000 with the demo
	@CALLCENTER_DEMO=1 $(BIN)/python manage.py serve --demo --port $(PORT)

setup: $(VENV)/.base node_modules/.ready node_modules/.built/rich-text.js $(VENV)/.messages

setup-dev: setup $(VENV)/.dev

$(VENV)/bin/python:
	@echo "Setting up Python packages (once, about a minute) …"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.base: requirements/base.txt requirements/data.txt | $(VENV)/bin/python
	@$(PIP) --require-hashes -r requirements/base.txt
	@$(PIP) --require-hashes --no-deps -r requirements/data.txt
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.base
	@$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

# KERN-UX, the charts, the editor and axe come from npm; where no npm is installed, from Node.js out of PyPI.
node_modules/.ready: package.json package-lock.json | $(VENV)/bin/python
	@if command -v npm >/dev/null 2>&1; then npm ci --no-audit --no-fund --silent $(OFFLINE_NPM); \
	else $(PIP) --require-hashes -r requirements/node.txt && PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/npm ci --no-audit --no-fund --silent $(OFFLINE_NPM); fi
	@touch $@

# The editor's packages in one file for the browser; the command stands in package.json.
node_modules/.built/rich-text.js: $(wildcard frontend/*.js) node_modules/.ready
	@PATH="$$PATH:$(CURDIR)/$(BIN)" npm run --silent build

$(VENV)/.messages: $(PO) | $(VENV)/.base
	@if [ -n "$(PO)" ]; then $(BIN)/pybabel --quiet compile --directory=locale --domain=django --statistics >/dev/null; fi
	@touch $@

test: setup-dev  ## the suite on SQLite and, where it answers, on PostgreSQL
	@$(BIN)/python -m tests.run

test-faults: setup-dev  ## processes killed for real: the whole fault list, with a table
	@$(BIN)/python -m tests.faults

test-a11y: setup-dev  ## every page of every role in both themes and languages, with axe
	@$(BIN)/python -m pytest tests/e2e -q -k "every_page"

test-matrix: setup-dev  ## role × address × method × own and foreign city, each wall alone, counts printed
	@$(BIN)/python -m tests.run tests/test_matrix.py tests/test_rls.py

check: setup-dev  ## lint, types, floors, migrations, catalogues
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@$(BIN)/mypy
	@$(BIN)/python manage.py makemigrations --check --dry-run
	@$(BIN)/python -m tests.lint_migrations
	@$(BIN)/python manage.py check --fail-level WARNING

bench: setup-dev  ## ours beside the peer in one run, as a table with ratios
	@$(BIN)/python -m benchmarks

format: setup-dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

messages: setup-dev  ## collect texts for the English catalogue (needs GNU gettext)
	@$(BIN)/python manage.py makemessages -l en --no-location --no-wrap --no-obsolete -i node_modules -i .venv -i staticfiles -i tests -i var -i benchmarks

lock:  ## write requirements/*.txt anew (needs pip-tools); lock files carry hashes and no index address
	pip-compile --quiet --upgrade --no-header --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --strip-extras --allow-unsafe --output-file=requirements/base.txt pyproject.toml
	pip-compile --quiet --upgrade --no-header --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --strip-extras --allow-unsafe --extra=dev --constraint=requirements/base.txt --output-file=requirements/dev.txt pyproject.toml
	npm install --package-lock-only --omit-lockfile-registry-resolved

wheelhouse: setup  ## every locked package for a machine without the internet: make setup WHEELHOUSE=wheelhouse
	@mkdir -p wheelhouse/python wheelhouse/npm
	@$(BIN)/pip --disable-pip-version-check --quiet download --require-hashes --dest wheelhouse/python -r requirements/base.txt
	@$(BIN)/pip --disable-pip-version-check --quiet download --require-hashes --no-deps --dest wheelhouse/python -r requirements/data.txt -r requirements/node.txt
	@# django-haystack comes as source only; these build it.
	@$(BIN)/pip --disable-pip-version-check --quiet download --dest wheelhouse/python "setuptools>=61.2" "setuptools_scm[toml]>=3.4" wheel
	@rm -rf wheelhouse/.npm && mkdir wheelhouse/.npm && cp package.json package-lock.json wheelhouse/.npm/
	@if command -v npm >/dev/null 2>&1; then NPM=npm; else $(PIP) --require-hashes -r requirements/node.txt && NPM="$(CURDIR)/$(BIN)/npm"; fi; \
	cd wheelhouse/.npm && PATH="$(CURDIR)/$(BIN):$$PATH" $$NPM ci --no-audit --no-fund --silent --cache ../npm
	@rm -rf wheelhouse/.npm
	@du -sh wheelhouse

sbom: setup-dev  ## the bill of materials (CycloneDX) of what is installed, developers' tools included
	@mkdir -p var
	@$(BIN)/cyclonedx-py environment $(VENV) --output-format JSON --output-file var/sbom-python.cdx.json 2>/dev/null
	@npm sbom --sbom-format cyclonedx > var/sbom-web.cdx.json
	@ls -l var/sbom-*.cdx.json

advisories: setup-dev  ## known advisories for what is locked, where a source answers
	@$(BIN)/pip-audit --require-hashes --disable-pip -r requirements/base.txt || echo "Python: not clean, or no source of advisories answered (see above)."
	@npm audit --omit=dev || echo "npm: not clean, or no source of advisories answered (see above)."
