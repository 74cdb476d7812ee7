# Short names for what people and CI run. Needs make, a Python 3.11 or newer and a package index, nothing else:
# every environment is made here, under build/, and made anew when pyproject.toml changes.
#
#   make test PYTHON=/path/to/python    to choose the interpreter
#   make test ARGS="-k timer -x"        to pass arguments to pytest (or to the demo)

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.NOTPARALLEL:
SHELL := /bin/sh

# Looked up once, and handed down to the makes below this one.
ifndef PYTHON_VERSION
export PYTHON := $(shell .ci/pythons --default)
ifneq ($(PYTHON),)
export PYTHON_VERSION := $(shell "$(PYTHON)" -I -c 'import sys; print("%d.%d" % sys.version_info[:2])')
endif
endif

VENV := build/venv-$(PYTHON_VERSION)
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
GO_SIDECAR := github.com/dapr/durabletask-go@v0.14.0

# Whatever environment is active in the calling shell is none of ours.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV

.PHONY: help demo test fuzz mutants test-all lint types bench bench-sandbox peers sidecar-go check-generated wheel ci clean

help:  ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(VENV)/.made-run  ## survey a folder durably, killing worker and sidecar on the way (ARGS="--expire" for the other path)
	@$(BIN)/python examples/demo.py $(ARGS)

test: $(VENV)/.made-test  ## the tests in the default Python; peers and the Go sidecar are fetched where they can be had
	@$(MAKE) peers || true
	@if command -v go >/dev/null 2>&1; then $(MAKE) sidecar-go || true; fi
	@$(BIN)/python -m pytest $(ARGS)

test-all:  ## the tests in every Python of this machine
	@set -e; .ci/pythons | while read -r version python; do \
	  echo "== Python $$version"; \
	  $(MAKE) test PYTHON="$$python" PYTHON_VERSION="$$version" </dev/null; \
	done

fuzz: $(VENV)/.made-test  ## more than 50,000 random programs and histories through the engine (about ten minutes)
	@seed=$${SEED:-$$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}; echo "make fuzz SEED=$$seed repeats this run"; \
	  $(BIN)/python -m pytest tests/testing/test_fuzz.py tests/testing/test_operations.py --hypothesis-profile=fuzz \
	  --hypothesis-seed=$$seed --hypothesis-show-statistics --timeout=0 $(ARGS)

mutants: $(VENV)/.made-test $(VENV)/.made-mutants  ## break _core in small ways, one at a time, and see which break no test notices
	@$(BIN)/python tests/testing/mutants.py $(ARGS)

lint: $(VENV)/.made-lint  ## ruff
	@$(BIN)/python -m ruff check .

types: $(VENV)/.made-lint $(VENV)/.made-test  ## mypy, strict
	@$(BIN)/python -m mypy

check-generated: $(VENV)/.made-generate  ## fail where what proto/generate.py makes is not what is committed
	@$(BIN)/python proto/generate.py --check

bench: $(VENV)/.made-test  ## every benchmark, one after the other: ratios against peers (ARGS="--quick": a smoke test)
	@$(MAKE) peers || true
	@$(BIN)/python -m benchmarks $(ARGS)

bench-sandbox: $(VENV)/.made-bare  ## the sandbox beside Temporal's: every target with PASS or FAIL
	@$(BIN)/python -m tests.peers temporalio || true
	@$(BIN)/python benchmarks/bench_sandbox.py $(ARGS)

peers: $(VENV)/.made-bare  ## the environments of the peers that tests compare with
	@$(BIN)/python -m tests.peers

sidecar-go: build/sidecar-go/durabletask-go  ## the real sidecar, durabletask-go, for the interop tests (needs Go)

wheel: $(VENV)/.made-lint  ## build the wheel into build/dist
	@rm -rf build/dist && $(PIP) wheel --no-deps --wheel-dir build/dist .
	@ls build/dist

ci:  ## everything that CI runs
	@.ci/run

clean:  ## remove everything that was made here
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

# One environment per Python; a stamp per set of packages in it. The first stamp makes it from nothing.
$(VENV)/.made-bare: pyproject.toml .ci/pythons
	@test -n "$(PYTHON)" || { .ci/pythons --default; exit 1; }
	@echo "making $(VENV) with $(PYTHON) ..."
	@rm -rf $(VENV) && "$(PYTHON)" -m venv $(VENV)
	@touch $@

$(VENV)/.made-run: $(VENV)/.made-bare
	@$(PIP) install --editable .
	@touch $@

$(VENV)/.made-%: $(VENV)/.made-bare
	@echo "installing what '$*' needs ..."
	@$(PIP) install --editable ".[$*]"
	@touch $@

# `go install module@version` also asks the module proxy for the list of all versions, which not every proxy serves;
# then a module of one line that requires the same version does the same.
build/sidecar-go/durabletask-go: Makefile
	@command -v go >/dev/null 2>&1 || { echo "sidecar-go: there is no Go on this machine; install Go 1.24 or newer" >&2; exit 1; }
	@mkdir -p build/sidecar-go/module
	@echo "installing $(GO_SIDECAR) into build/sidecar-go (about a minute the first time) ..."
	@export GOBIN="$(CURDIR)/build/sidecar-go" GOTOOLCHAIN=auto GOWORK=off; \
	  go install $(GO_SIDECAR) 2>build/sidecar-go/install.log || { \
	  cd build/sidecar-go/module && printf 'module sidecar\n\nrequire %s %s\n' $(subst @, ,$(GO_SIDECAR)) >go.mod && \
	  GOFLAGS=-mod=mod go install $(firstword $(subst @, ,$(GO_SIDECAR))) >>../install.log 2>&1; } || { \
	  cat "$(CURDIR)/build/sidecar-go/install.log" >&2; echo "sidecar-go: could not be installed; the interop tests will be skipped" >&2; exit 1; }
	@touch $@
