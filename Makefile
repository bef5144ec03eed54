# The two commands of a newcomer: `make demo` and `make test`. Both build what they need.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
SPARK  := .venv-spark
ARGS   ?=

.DEFAULT_GOAL := help
.PHONY: help demo test lint types unit browsers postgresql test-spark jre lock model bench-accuracy bench-speed bench-service bench-relink bench-pages bench-disclosure bench-spark prove-sequence prove-night prove-disclosure clean

help:                                   ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

$(BIN)/person-index: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(BIN)/person-index requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

demo: $(BIN)/person-index               ## the whole job on invented data, then the running service (ARGS="--no-serve --json")
	@$(BIN)/person-index demo $(ARGS)

test: lint types unit                   ## lint, types, tests

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

unit: $(VENV)/.dev browsers postgresql
	$(BIN)/pytest -n auto --dist loadfile

browsers:                               ## Chromium for the tests of the pages, where it is missing: Debian's package
	@if [ ! -x /usr/bin/chromium ]; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; \
		else \
			echo "The tests of the pages need Chromium at /usr/bin/chromium and are skipped without it."; \
			echo "Install it, on Debian: sudo apt-get install chromium"; \
		fi; \
	fi

postgresql:                             ## PostgreSQL 15, the oldest server that may be named, where it is missing: Debian's package
	@if [ ! -x /usr/lib/postgresql/15/bin/postgres ]; then \
		if [ "$$(id -u)" = 0 ] && apt-cache show postgresql-15 >/dev/null 2>&1; then \
			DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql-15; \
		else \
			echo "The tests on a server of PostgreSQL 15 are skipped without Debian's package postgresql-15."; \
		fi; \
	fi

$(SPARK)/.installed: requirements-spark.lock pyproject.toml
	$(PYTHON) -m venv $(SPARK)
	$(SPARK)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-spark.lock
	$(SPARK)/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

test-spark: $(SPARK)/.installed jre      ## the Spark engine on this machine, in an environment of its own (pyspark is 400 MB)
	$(SPARK)/bin/pytest --timeout=2400 $(ARGS) tests/spark

jre:                                    ## Java for Spark, where it is missing: Debian's package
	@if ! command -v java >/dev/null; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends openjdk-17-jre-headless; \
		else \
			echo "The Spark engine needs Java, and its tests are skipped without it."; \
			echo "Install it, on Debian: sudo apt-get install openjdk-17-jre-headless"; \
		fi; \
	fi

prove-sequence: $(VENV)/.dev             ## hundreds of generated histories, state rebuilt from facts, and storms of simultaneous posts
	PERSON_INDEX_HISTORIES=400 PERSON_INDEX_STORMS=50x100 $(BIN)/pytest --timeout=7200 \
		tests/index_service/test_sequence_neutrality.py tests/index_service/test_concurrent_histories.py \
		tests/index_service/test_relinking_changed.py tests/index_service/http/test_records.py \
		tests/index_service/test_rebuilding.py

prove-night: $(VENV)/.dev                ## the night job killed at random thirty times, its data compared with an undisturbed one's
	PERSON_INDEX_KILLS=$${PERSON_INDEX_KILLS:-30} $(BIN)/pytest --timeout=7200 tests/index_service/nightly/test_killed.py

prove-disclosure: $(VENV)/.dev           ## pairs of databases that differ in what is forbidden answer alike, and as fast
	PERSON_INDEX_DIFFERENCES=60 $(BIN)/pytest --timeout=7200 tests/index_service/disclosure/test_nothing_told.py \
		tests/index_service/disclosure/test_sealed_adoption.py tests/index_service/satellites
	$(BIN)/python -m benchmarks.telling_apart

lock:                                   ## renew the lock files (needs uv)
	uv pip compile pyproject.toml --extra build --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-annotate --no-header -q -o requirements.lock
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-annotate --no-header -q -o requirements-dev.lock
	uv pip compile pyproject.toml --extra spark-tests --constraint requirements-dev.lock --universal \
		--python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-annotate --no-header -q -o requirements-spark.lock

model: $(VENV)/.dev                     ## fit the shipped model anew on the synthetic population
	$(BIN)/python -m training.shipped_model

bench-accuracy: $(VENV)/.dev            ## accuracy beside Splink and recordlinkage (ARGS="--data FOLDER")
	$(BIN)/python -m benchmarks.accuracy $(ARGS)

bench-speed: $(VENV)/.dev               ## seconds and memory beside bare Splink (ARGS="--records 100000")
	$(BIN)/python -m benchmarks.speed $(ARGS)

bench-service: $(VENV)/.dev             ## requests a second over HTTP at 100 k and 1 M records, beside the targets (ARGS="--records 100000 --folder FOLDER")
	$(BIN)/python -m benchmarks.service $(ARGS)

bench-relink: $(VENV)/.dev              ## a night's work, PostgreSQL to published, beside bare Splink (ARGS="--records 100000")
	$(BIN)/python -m benchmarks.relink $(ARGS)

bench-pages: $(VENV)/.dev               ## the workbench's pages over HTTP (ARGS="--records 100000")
	$(BIN)/python -m benchmarks.pages $(ARGS)

bench-disclosure: $(VENV)/.dev          ## what the ledger costs a look-up (ARGS="--persons 20000")
	$(BIN)/python -m benchmarks.disclosure $(ARGS)

bench-spark: $(SPARK)/.installed jre     ## linking on Spark beside linking in one process (ARGS="--records 100000")
	$(SPARK)/bin/python -m benchmarks.spark $(ARGS)

clean:                                  ## remove the virtual environments and caches
	rm -rf $(VENV) $(SPARK) .mypy_cache .pytest_cache .ruff_cache .hypothesis
