# Everything that a person runs, from a bare clone: Python 3.11 to 3.13 and make are enough.
PYTHON ?= python3
QUANTITY ?= 1000000
SEED ?= 1,2,3
KILLS ?= 100
COUNT ?= 2000
BENCH_ARGS ?=
AGAINST ?= HEAD
PYTEST_WORKERS ?= 3
PYTEST_ARGS ?=
DOCKER_FLAGS ?=
PYTHON_IMAGE ?=

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PACKAGES := libs/common libs/checkout libs/cli libs/sandbox services/generator services/orchestrator services/worker
PROJECTS := $(PACKAGES:%=%/pyproject.toml)
VERSION := $(shell awk -F '"' '/^version = / {print $$2; exit}' libs/common/pyproject.toml)
CODE := $(wildcard libs services tests bench deploy)

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- environment ------------------------------------------------------------------------------

.PHONY: setup
setup: $(READY) ## create .venv with everything that is needed (a minute or two the first time)

$(READY): requirements/dev.txt $(PROJECTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Pedidos needs Python 3.11 to 3.13, and '$(PYTHON)' is not that (or not found)." >&2; \
	  echo "Install one, then name it: make PYTHON=python3.13 setup" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "'$(PYTHON)' cannot create virtual environments: its venv or ensurepip module is missing." >&2; \
	  echo "On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "Setting up $(VENV) (a minute or two the first time) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation $(PACKAGES:%=--editable ./%)
	@touch $@
	@echo "Ready: $(BIN)/pedidos --help"

.PHONY: lock
lock: setup ## write requirements/*.txt again (UPGRADE=1 takes newer versions)
	@$(LOCK) --output-file requirements/build.txt requirements/build.in
	@$(LOCK) --output-file requirements/load.txt requirements/load.in
	@$(LOCK) --output-file requirements/runtime.txt libs/common/pyproject.toml libs/checkout/pyproject.toml services/*/pyproject.toml
	@$(LOCK) --output-file requirements/dev.txt --constraint requirements/runtime.txt \
	  $(PROJECTS) requirements/dev.in

# Our own packages are installed from the tree, so they are not in the lock.
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-header --no-emit-package pedidos-common --no-emit-package pedidos-checkout \
  $(if $(UPGRADE),--upgrade)

.PHONY: clean
clean: ## remove .venv and what the tools leave behind
	rm -rf $(VENV) .venv-load .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# --- run --------------------------------------------------------------------------------------

.PHONY: demo
demo: setup ## take 1,000,000 orders through the pipeline on embedded servers (QUANTITY=n)
	@$(BIN)/pedidos demo --quantity $(QUANTITY)

.PHONY: bench
bench: setup ## the pipeline beside a bare driver loop, in turns, and their ratio (BENCH_ARGS='--rounds 2')
	@$(BIN)/python -m bench.paired $(BENCH_ARGS)

.PHONY: bench-scaling
bench-scaling: setup ## cost of an order from 10,000 to 10,000,000, by batch size, processes, jobs (20 minutes)
	@$(BIN)/python -m bench.scaling $(BENCH_ARGS)

.PHONY: bench-arq
bench-arq: setup ## a plain tuned arq worker, one job an order, beside the pipeline (5 minutes)
	@$(BIN)/python -m bench.arq $(BENCH_ARGS)

.PHONY: bench-compare
bench-compare: setup ## the last result of make bench beside the committed one (AGAINST=revision)
	@$(BIN)/python -m bench.paired.compare --against $(AGAINST)

.PHONY: bench-page
bench-page: setup ## all results of the bench as one page with plots, bench/results/index.html
	@$(BIN)/python -m bench.page

.PHONY: bench-simulate
bench-simulate: setup ## simulate from measured costs, beside what was measured, and fill docs/capacity.md (MEASURE=1)
	@$(BIN)/python -m bench.capacity --markdown $(if $(MEASURE),--measure)

.PHONY: bench-layouts
bench-layouts: setup ## what each id form, index and write concern costs, and its query gains (6 minutes)
	@$(BIN)/python -m bench.layouts $(BENCH_ARGS)

.PHONY: bench-latency
bench-latency: setup ## pickup at rest, tiny runs, the status page, the barrier's price (6 minutes)
	@$(BIN)/python -m bench.latency $(BENCH_ARGS)

.PHONY: bench-write-limit
bench-write-limit: setup ## how many batches should write at once: constants beside the limit found
	@$(BIN)/python -m bench.write_limit $(BENCH_ARGS)

.PHONY: bench-observability
bench-observability: setup ## what metrics and traces cost: runs with and without them, in turns (10 minutes)
	@$(BIN)/python -m bench.observability $(BENCH_ARGS)

LOAD_ARGS ?=
LOAD_READY := .venv-load/.ready

# Locust brings an event loop of its own, which patches Python: it is kept apart from our packages.
$(LOAD_READY): requirements/load.txt
	@$(PYTHON) -m venv .venv-load
	@.venv-load/bin/python -m pip install --quiet --require-hashes --requirement requirements/load.txt
	@touch $@

.PHONY: load
load: setup $(LOAD_READY) ## checkouts placed live, open loop, alone and beside a run of a million (4 minutes; LOAD_ARGS='--rate 50')
	@$(BIN)/python -m bench.load $(LOAD_ARGS)

.PHONY: load-classes
load-classes: setup $(LOAD_READY) ## VIP and other checkouts at 1.5 times of what can be done: who waits how long (5 minutes)
	@$(BIN)/python -m bench.load.classes $(LOAD_ARGS)

.PHONY: load-capacity
load-capacity: setup $(LOAD_READY) ## what a checkout costs each process, and docs/checkout-capacity.md from it (3 minutes)
	@$(BIN)/python -m bench.load.capacity $(LOAD_ARGS)

.PHONY: images
images: ## build the three container images (needs a Docker engine; DOCKER_FLAGS='--network host', PYTHON_IMAGE=...)
	@for service in generator orchestrator worker; do \
	  docker build $(DOCKER_FLAGS) $(if $(PYTHON_IMAGE),--build-arg PYTHON_IMAGE=$(PYTHON_IMAGE)) \
	    -f services/Dockerfile --target $$service \
	    -t pedidos-$$service -t pedidos-$$service:$(VERSION) . || exit 1; done

# --- verify -----------------------------------------------------------------------------------

.PHONY: test
test: setup ## all tests but the slow ones (PYTEST_ARGS='-k name', PYTEST_WORKERS=n)
	@$(BIN)/python -m pytest -m 'not slow' -n $(PYTEST_WORKERS) $(PYTEST_ARGS)

.PHONY: page-pictures
page-pictures: setup ## the live page during a run, in Chromium, as pictures in docs/images (2 minutes)
	@PAGE_PICTURES=docs/images $(BIN)/python -m pytest tests/e2e/test_live_page_pictures.py

.PHONY: test-slow
test-slow: setup ## the tests that take minutes
	@$(BIN)/python -m pytest -m 'slow and not faults' $(PYTEST_ARGS)

.PHONY: faults
faults: setup ## every fault over live runs, more than an hour: storms (SEED=n, KILLS=n), kills that never stop, ...
	@SEED=$(SEED) KILLS=$(KILLS) $(BIN)/python -m pytest tests/faults -m faults -n 0 \
	  --log-cli-level=WARNING $(PYTEST_ARGS)

.PHONY: checkout-faults
checkout-faults: setup ## 2,000 checkouts under kills at every step's boundary and lying providers, audited (COUNT=n; 4 minutes)
	@COUNT=$(COUNT) $(BIN)/python -m pytest tests/faults/test_checkout_kills.py -m faults -n 0 \
	  --log-cli-level=WARNING $(PYTEST_ARGS)

.PHONY: test-containers
test-containers: setup ## the tests on MongoDB and Redis in containers (needs a Docker engine)
	@PEDIDOS_TEST_SERVERS=testcontainers \
	  $(BIN)/python -m pytest -m 'not slow' -n $(PYTEST_WORKERS) $(PYTEST_ARGS)

.PHONY: mutants
mutants: setup ## take one guard away at a time, and show which test goes red
	@$(BIN)/python -m tests.mutants

.PHONY: alerts-drill
alerts-drill: setup ## cause each alert on a live stack, do what its page says, see it clear (10 minutes; needs prometheus)
	@command -v prometheus >/dev/null || { \
	  echo "No alert was tried: 'prometheus' is not on the PATH." >&2; \
	  echo "On Debian and Ubuntu: apt-get install prometheus" >&2; exit 1; }
	@$(BIN)/python -m pytest tests/monitoring/test_drill.py -n 0 $(PYTEST_ARGS)

.PHONY: check
check: lint types imports manifests ## lint, format, types, import rules, Dockerfiles, compose file

.PHONY: lint types imports manifests
lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: setup
	@$(BIN)/mypy $(CODE)

imports: setup
	@$(BIN)/lint-imports

manifests: setup
	@$(BIN)/hadolint services/Dockerfile
	@$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml deploy/compose/*.yml

# --strict: what the advisories could not be asked about counts as bad, and not as clean
.PHONY: audit
audit: setup ## known holes in what is locked, by PyPI's advisories (needs the network)
	@$(BIN)/python -m pip_audit --strict --requirement requirements/dev.txt --require-hashes \
	  --disable-pip --progress-spinner off --timeout 10 || { \
	  echo "Not clean: holes are listed above. Where it says that something could not be audited," >&2; \
	  echo "or could not connect, NOTHING was audited: PyPI's advisories must be reached." >&2; exit 1; }

.PHONY: sbom
sbom: setup ## what the images hold besides our own code, as CycloneDX: build/sbom.cdx.json
	@mkdir -p build
	@$(BIN)/cyclonedx-py requirements --output-reproducible --of JSON --output-file build/sbom.cdx.json \
	  requirements/runtime.txt
	@echo "build/sbom.cdx.json"

.PHONY: dashboards
dashboards: setup ## write the dashboards and the operator's rules again, from deploy/grafana/boards and deploy/prometheus/rules
	@$(BIN)/python -m deploy.write

.PHONY: format
format: setup ## format the code and apply the safe fixes
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
