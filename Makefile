# Every command does its own set-up, in .venv; PYTHON chooses the interpreter.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
RUN = PYTHONPATH=src $(BIN)/python
# The tests of a file stay together, since they share programs that they start.
PARALLEL = --numprocesses auto --dist loadfile
# Tests start hundreds of programs, and each would compile the service again.
unexport PYTHONDONTWRITEBYTECODE
ADVERSARY = PYTHONPATH=src:tests $(BIN)/python -m adversary

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(VENV)/.runtime ## Try it on http://localhost:8000: no AWS account, no identity provider
	@$(RUN) -m awscons demo $(DEMO)

.PHONY: test
test: $(VENV)/.dev $(VENV)/.javascript ## Everything: lint, types, layers, unit tests, our programs, journeys through other people's
	@tests/support/debian-packages
	@$(MAKE) --no-print-directory lint types layers
	@$(BIN)/python -m pytest $(PARALLEL) --no-loadscope-reorder $(PYTEST)  # the long ones, journeys, first

.PHONY: test-fast
test-fast: $(VENV)/.dev ## The unit tests: they start no program and need nothing but Python
	@$(BIN)/python -m pytest tests/unit $(PARALLEL) $(PYTEST)

.PHONY: corpus
corpus: $(VENV)/.dev ## Write the attacks and the legal variants of the tests as files, to look at
	@$(ADVERSARY) corpus $(or $(FOLDER),build/corpus)

.PHONY: fuzz
fuzz: $(VENV)/.dev ## Mutate well-signed responses (MUTATIONS=100000 PROCESSES=2 SEED=…)
	@$(ADVERSARY) fuzz $(if $(MUTATIONS),--mutations $(MUTATIONS)) $(if $(PROCESSES),--processes $(PROCESSES)) \
		$(if $(SEED),--seed $(SEED))

.PHONY: hostile
hostile: $(VENV)/.dev ## What documents cost that are made to cost: each within 50 ms
	@$(ADVERSARY) hostile

.PHONY: mutants
mutants: $(VENV)/.dev ## Change the rules one by one and see that a test notices (NAMES="awscons.access.*"; takes hours)
	@PYTHONPATH=src:tests $(BIN)/python -m support.mutants $(NAMES)

.PHONY: lint
lint: $(VENV)/.dev ## Style and common mistakes
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .

.PHONY: types
types: $(VENV)/.dev ## Types, strictly
	@$(BIN)/mypy --no-error-summary

.PHONY: layers
layers: $(VENV)/.dev ## Imports point down the floors
	@PYTHONPATH=src $(BIN)/lint-imports --no-logo

.PHONY: format
format: $(VENV)/.dev ## Put the code into its one format
	@$(BIN)/ruff check --quiet --fix .
	@$(BIN)/ruff format --quiet .

.PHONY: lock
lock: $(VENV)/.dev ## Bring the locked dependencies up to date
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade \
		--no-emit-index-url --custom-compile-command "make lock" \
		--all-extras pyproject.toml --output-file requirements.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade \
		--no-emit-index-url --custom-compile-command "make lock" \
		--all-extras --group dev --constraint requirements.txt pyproject.toml --output-file requirements-dev.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade \
		--no-emit-index-url --custom-compile-command "make lock" \
		--group image --constraint requirements-dev.txt --output-file deploy/container/requirements-build.txt

.PHONY: reference
reference: $(VENV)/.dev ## Write the references, the man page and the shell completions anew, from the code
	@$(RUN) docs/reference/generate.py
	@$(RUN) docs/reference/audit_examples.py
	@$(RUN) docs/reference/generate_cli.py
	@PYTHONPATH=client $(BIN)/python docs/reference/generate_client.py

.PHONY: messages
messages: $(VENV)/.dev ## Bring the translations up to date with the texts of the pages
	@PYTHONPATH=src:tests $(BIN)/python -m support.messages

.PHONY: bench
bench: $(VENV)/.dev ## How fast it is, beside the floor: the same calls to AWS and nothing else (ten minutes)
	@PYTHONPATH=src:tests:. $(BIN)/python -m bench $(BENCH)

.PHONY: soak
soak: $(VENV)/.dev ## Whether memory stays flat, in a minute at the highest rate
	@PYTHONPATH=src:tests:. $(BIN)/python -m bench.soak $(SOAK)

.PHONY: pictures
pictures: $(VENV)/.dev ## Take the pictures of the documentation from the running demo (needs Chromium)
	@$(RUN) docs/pictures/take.py

.PHONY: site
site: $(VENV)/.dev ## Build the site of the documentation in build/site; a link that leads nowhere ends it
	@$(RUN) docs/site/build.py $(SITE)

.PHONY: release
release: $(VENV)/.dev ## Build the release in dist, and try it on every Python of this machine
	@PYTHONPATH=src:tests $(BIN)/python -m support.release

.PHONY: clean
clean: ## Remove everything that these commands made
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or later is needed; choose one with: make PYTHON=python3.12 …"; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
		|| { echo "Debian and Ubuntu need this first: apt-get install python3-venv"; rm -rf $(VENV); exit 1; }

$(VENV)/.runtime: requirements.txt | $(VENV)/bin/python
	@echo "Installing the locked dependencies into $(VENV) …"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

# The SDK for JavaScript, for the tests; a company's proxy may need the certificates of the system.
$(VENV)/.javascript: tests/callers/javascript/package-lock.json $(VENV)/.dev
	@echo "Installing the locked SDK for JavaScript into $(VENV) …"
	@mkdir -p $(VENV)/javascript
	@cp tests/callers/javascript/package*.json $(VENV)/javascript
	@PATH="$(abspath $(BIN)):$$PATH" NODE_USE_SYSTEM_CA=1 $(BIN)/npm ci --prefix $(VENV)/javascript \
		--no-audit --no-fund --ignore-scripts --loglevel=error
	@touch $@

$(VENV)/.dev: requirements-dev.txt pyproject.toml $(VENV)/.runtime
	@echo "Installing the locked development tools into $(VENV) …"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
