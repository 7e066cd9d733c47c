# `make demo` and `make test` are all that a newcomer needs; `make` alone lists the rest.
# Everything is installed into .venv, with the versions that constraints.txt names.

.DEFAULT_GOAL := help
.PHONY: help demo test test-all sandbox aws-demo aws-sandbox check docs reference clean
# Two installations into one .venv at the same time would spoil it.
.NOTPARALLEL:

# Tried in this order; `make demo PYTHON=/path/to/python` names another.
PYTHON := python3.13 python3.12 python3.11 python3

VENV := .venv
RUN := $(VENV)/bin/python
BENCHMARKS := $(wildcard benchmarks/__main__.py)

help:
	@echo "make demo       build the lakehouse from the sample data into ./stedi-demo"
	@echo "make test       run the quick tests, which need only Python"
	@echo "make test-all   run every test, and fail where one lacks its tool or data"
	@echo "make sandbox    fetch what the AWS sandbox runs: Trino and Spark's jars"
	@echo "make aws-demo   the commands on AWS, in an account that is none: Spark and Trino here"
	@echo "make aws-sandbox keep such an account, to try commands in"
	@echo "make check      lint, formatting, types"
	@echo "make docs       build README and docs as a site, in build/docs/site"
	@echo "make reference  write anew the pages that follow from the code"
	@$(if $(BENCHMARKS),echo "make bench      measure")
	@echo "make clean      remove .venv, ./stedi-demo and caches"

demo: $(VENV)/installed
	@$(VENV)/bin/stedi demo
	@echo; echo "To call stedi by its name in this shell: . $(VENV)/bin/activate"

test: $(VENV)/installed-dev
	@$(RUN) -m pytest -n auto --dist loadgroup -m "not slow" $(PYTEST_ARGS)

# Two workers where Spark or Trino runs, whatever the machine: each starts its own.
test-all: sandbox
	@CI=true $(RUN) -m pytest -n auto --dist loadgroup -m "not spark and not aws" $(PYTEST_ARGS)
	@CI=true $(RUN) -m pytest -n 2 --dist loadfile -m "spark or aws" $(PYTEST_ARGS)

sandbox: $(VENV)/installed-all
	@cd tests && ../$(RUN) -m sandbox fetch

aws-demo: sandbox
	@cd tests && ../$(RUN) -m sandbox demo

aws-sandbox: sandbox
	@cd tests && ../$(RUN) -m sandbox serve

check: $(VENV)/installed-dev
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check
	$(RUN) -m mypy

docs: $(VENV)/installed-docs
	@$(RUN) docs/build_site.py

reference: $(VENV)/installed
	@$(RUN) docs/reference.py

ifneq ($(BENCHMARKS),)
.PHONY: bench
bench: $(VENV)/installed-bench
	@$(RUN) -m benchmarks $(BENCH_ARGS)

# dbt in an environment of its own, since it pins much that the project does not.
$(VENV)/installed-bench: pyproject.toml constraints.txt benchmarks/requirements-dbt.txt $(RUN)
	@echo "Installing the project and what it is measured against into $(VENV)"
	@$(INSTALL) -e '.[dev,spark,bench]'
	@$(RUN) -m venv $(VENV)/dbt
	@$(VENV)/dbt/bin/python -m pip install --quiet -r benchmarks/requirements-dbt.txt
	@touch $(VENV)/installed $(VENV)/installed-dev $@
endif

clean:
	rm -rf $(VENV) stedi-demo build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Editable, so that what runs is this checkout as it is now. The first constraint is for older
# versions of pip, which take the second one's meaning (what builds the project) from it too.
INSTALL = PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt \
	$(RUN) -m pip install --quiet --disable-pip-version-check

$(VENV)/installed: pyproject.toml constraints.txt $(RUN)
	@echo "Installing the project into $(VENV)"
	@$(INSTALL) -e .
	@touch $@

$(VENV)/installed-dev: pyproject.toml constraints.txt $(RUN)
	@echo "Installing the project, its tests and checks into $(VENV)"
	@$(INSTALL) -e '.[dev]'
	@touch $(VENV)/installed $@

$(VENV)/installed-all: pyproject.toml constraints.txt $(RUN)
	@echo "Installing the project, its tests, Spark, the AWS sandbox, the examples and the site into $(VENV)"
	@$(INSTALL) -e '.[dev,spark,sandbox,examples,docs]'
	@touch $(VENV)/installed $(VENV)/installed-dev $(VENV)/installed-docs $@

$(VENV)/installed-docs: pyproject.toml constraints.txt $(RUN)
	@echo "Installing the project and what builds its site into $(VENV)"
	@$(INSTALL) -e '.[docs]'
	@touch $(VENV)/installed $@

# Where the interpreter has gone, what was installed for it says nothing.
.PHONY: again
$(VENV)/installed $(VENV)/installed-dev $(VENV)/installed-docs $(VENV)/installed-all: $(if $(shell test -x $(RUN) && echo there),,again)

# A name on the PATH may be a shim for a version that is not activated, so each is run to see.
# ensurepip is what Debian keeps in a package of its own.
$(RUN):
	@lacking=; for python in $(PYTHON); do \
	  $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	  $$python -c 'import ensurepip, venv' 2>/dev/null || { \
	    lacking=$${lacking:-$${python##*/}}; continue; }; \
	  echo "Making $(VENV) with $$($$python --version)"; \
	  rm -rf $(VENV); \
	  $$python -m venv $(VENV) && exit 0; \
	  rm -rf $(VENV); exit 1; \
	done; \
	if [ -n "$$lacking" ]; then \
	  echo "$$lacking makes no venv with pip: on Debian or Ubuntu, apt install $$lacking-venv." >&2; \
	else \
	  echo "Python 3.11 or newer is needed: install it, or name it: make PYTHON=/path/to/it." >&2; \
	fi; exit 1
