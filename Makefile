# Everything that a fresh machine with Python ≥ 3.11 needs. `make help` lists the targets.
PYTHON ?= python3
VENV   := .venv
READY  := $(VENV)/.ready
HOME_FOLDER ?= .weightsmith
export DO_NOT_TRACK = 1

PEERS  := .venv-peers

.PHONY: help setup nightly test bench bench-peers lint lock clean

help:            ## this list
	@grep -hE '^[a-z-]+: *.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 16

setup: $(READY)  ## the environment, in .venv

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "weightsmith needs Python 3.11 or newer; try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@command -v uv >/dev/null || test -x $(VENV)/bin/uv || $(PYTHON) -m venv $(VENV) \
	  || { echo "Python's venv is missing: install uv, or Debian's python3-venv, then call make again"; exit 1; }
	@command -v uv >/dev/null || test -x $(VENV)/bin/uv || $(VENV)/bin/python -m pip install --quiet uv
	@PATH="$(VENV)/bin:$$PATH"; test -x $(VENV)/bin/python || uv venv --quiet --python $(PYTHON) $(VENV)
	@echo "installing (the first time about 5 GB, mostly PyTorch; later about a second)"
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH" uv pip install --quiet --python $(VENV)/bin/python --constraints constraints.txt --editable . --group dev
	@mkdir -p .weightsmith/prefect  # prefect.toml names it, and Prefect makes no parents
	@touch $(READY)

nightly: setup   ## tonight's run on this machine: preset digits, about ten minutes
	@$(VENV)/bin/weightsmith nightly --home $(HOME_FOLDER)

test: setup      ## all tests, side by side
	@$(VENV)/bin/python -m pytest --numprocesses auto

bench: setup     ## the benchmarks, into bench.json
	@$(VENV)/bin/python -m tests.benches

$(PEERS)/.ready: tests/benches/peers/requirements.txt | $(READY)
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH"; test -x $(PEERS)/bin/python || uv venv --quiet --python $(PYTHON) $(PEERS)
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH"; uv pip install --quiet --python $(PEERS)/bin/python -r tests/benches/peers/requirements.txt
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH"; uv pip install --quiet --python $(PEERS)/bin/python --no-deps adv-lib==0.2.8
	@touch $@

bench-peers: $(PEERS)/.ready  ## attacks beside public implementations, into bench.json
	@PYTHONPATH=. OMP_NUM_THREADS=1 $(PEERS)/bin/python -m tests.benches.peers

lint: setup      ## ruff and mypy
	@$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check . && $(VENV)/bin/mypy

lock: setup      ## constraints.txt from what is installed
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH" uv pip freeze --quiet --python $(VENV)/bin/python --exclude-editable > constraints.txt

clean:           ## the environment, not the results
	rm -rf $(VENV) $(PEERS)
