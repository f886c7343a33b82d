# Everything that is done to this project, one target each; `make help` lists them.
#
# The tools live in a virtual environment beside the sources. Each kind of set-up (run, test, dev)
# leaves a stamp there, so that a second `make run` starts at once, and a changed lock file sets up
# anew. Paths are relative: the folder may have spaces in its name.

SHELL = /bin/sh
.DEFAULT_GOAL = help
.DELETE_ON_ERROR:

VENV ?= .venv
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo "$$python" && break; done)
CONFIG ?= configs/users.yaml
ARGS ?=
LOCK = "$(VENV)/bin/uv" pip compile -q pyproject.toml requirements/build.in --universal \
	--python-version 3.11 --generate-hashes --no-header --no-annotate

PEERS = bench/throughput/peers/requirements
WRITTEN = --json docs/performance.json --document docs/performance.md --picture docs/where-time-goes.svg

.PHONY: help run test scoreboard scoreboard-ci throughput performance performance-short lint format types wheel lock clean
.PHONY: setup-run setup-test setup-dev

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 20

run: setup-run ## set up and load the example: make run CONFIG=... ARGS="--limit 10"
	@"$(VENV)/bin/python" -m pipeline run "$(CONFIG)" $(ARGS)

test: setup-test ## set up and run all tests: make test ARGS="-k batcher"
	@if [ -z "$$PIPELINE_REQUIRE_ENGINE" ] && { docker info || { command -v mvn && \
		java -version 2>&1 | grep -Eq 'version "(1[7-9]|[2-9][0-9])'; }; } >/dev/null 2>&1; then \
		PIPELINE_REQUIRE_ENGINE=1; export PIPELINE_REQUIRE_ENGINE; \
	fi; "$(VENV)/bin/python" -m pytest $(ARGS)

scoreboard: setup-test ## measure reliability, an hour; see it turn red: make scoreboard ARGS="--rows R3"
	@"$(VENV)/bin/python" -m bench.reliability --size full --mutants all \
		--json docs/reliability.json --table docs/reliability.md $(ARGS)

scoreboard-ci: setup-test ## the same, small, some minutes
	@"$(VENV)/bin/python" -m bench.reliability --size ci --mutants ci $(ARGS)

throughput: setup-run ## compare the speed with that of others: make throughput ARGS="--peers us,node"
	@"$(VENV)/bin/python" -m bench.throughput $(ARGS)

performance: setup-run ## measure every figure of docs/performance.md anew, an hour, nothing else running
	@"$(VENV)/bin/python" -m bench.throughput --all --repeat 5 --sizes 10000,100000,1000000,10000000 \
		$(WRITTEN) $(ARGS)

performance-short: setup-run ## the same in ten minutes: fewer turns, fewer sizes, fewer capacities
	@"$(VENV)/bin/python" -m bench.throughput --all --repeat 1 --sizes 10000,100000,1000000 \
		--item-bytes 250,1000,4000 --workers 5,20,auto --latency 0,10 \
		--paced "--units 100,1000,40000 --kinds bucket --seconds 22 --cases capacity,rate" \
		$(WRITTEN) $(ARGS)

lint: setup-dev ## check style and format
	@"$(VENV)/bin/ruff" check .
	@"$(VENV)/bin/ruff" format --check .

format: setup-dev ## format, and mend what ruff can mend
	@"$(VENV)/bin/ruff" check --fix-only .
	@"$(VENV)/bin/ruff" format .

types: setup-dev ## check types
	@"$(VENV)/bin/python" -m mypy

wheel: setup-dev ## build the wheel into dist/
	@"$(VENV)/bin/python" -m build --wheel --no-isolation --outdir dist .

lock: setup-dev ## resolve the dependencies anew: make lock ARGS=--upgrade
	@$(LOCK) $(ARGS) --extra test --extra dev -o requirements/dev.txt
	@$(LOCK) -c requirements/dev.txt --extra test -o requirements/test.txt
	@$(LOCK) -c requirements/dev.txt -o requirements/run.txt
	@"$(VENV)/bin/uv" pip compile -q $(PEERS).in --universal --python-version 3.11 \
		--generate-hashes --no-header --no-annotate $(ARGS) -o $(PEERS).txt

clean: ## remove what was built or set up (never runs/)
	rm -rf "$(VENV)" .throughput build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find pipeline tests -name __pycache__ -type d -prune -exec rm -rf {} +

setup-run: $(VENV)/run.stamp
setup-test: $(VENV)/test.stamp
setup-dev: $(VENV)/dev.stamp

# One rule for the three: $* is run, test or dev. Each lock holds all of the one before it.
$(VENV)/%.stamp: requirements/%.txt pyproject.toml $(VENV)/bin/python
	@echo "setting up $(VENV) (requirements/$*.txt); half a minute the first time" >&2
	@"$(VENV)/bin/python" -m pip install -q --disable-pip-version-check --require-hashes \
		-r requirements/$*.txt
	@"$(VENV)/bin/python" -m pip install -q --disable-pip-version-check --no-deps \
		--no-build-isolation --editable .
	@touch $@

$(VENV)/bin/python:
	@if [ -z "$(PYTHON)" ]; then \
		echo "Python 3.11 or newer is needed: install it, or name it: make run PYTHON=/path/to/python3" >&2; \
		exit 1; \
	fi
	@"$(PYTHON)" -m venv --clear "$(VENV)" || { rm -rf "$(VENV)"; exit 1; }
