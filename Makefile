# The commands to type; `make help` lists them.
#   make all ARGS="--config seed=2"                                      other options of Snakemake
#   make all EXPERIMENT=experiments/mine.yaml ARGS="--config data_dir=/the/folder"
#   make all PROFILE=slurm                             on a cluster (docs/machines.md)
PYTHON ?= python3.11
EXPERIMENT ?= config.yaml
ARGS ?=
# Where the steps run: nothing for this computer, or a folder of profiles/.
PROFILE :=
# The name under which a cluster finds the image of `make image`.
IMAGE ?= tumorseg:0.2.0
# What trainings need in it: a file of envs/ (training-cuda, training-torch, training-tpu).
TRAINING ?= training

SHELL := /bin/sh
BIN := .venv/bin
CONFIGFILE := $(if $(filter-out config.yaml,$(EXPERIMENT)),--configfile $(EXPERIMENT))
WHERE := $(if $(PROFILE),--workflow-profile profiles/$(PROFILE),--cores all)
COMPILE := $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header \
	--python-version 3.11 $(if $(UPGRADE),--upgrade)
TORCH := $(if $(wildcard .venv-torch/bin/python),--torch-python .venv-torch/bin/python)
# Percent of the library's lines that `make coverage` must find run: two below what was measured.
COVERED := 92
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help venv profiles image all test quick coverage lint bench bench-losses bench-distances bench-check bench-scale bench-volumes bench-claims torch docs lock
.DEFAULT_GOAL := help

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

venv: .venv/installed  ## sets up .venv from requirements.lock

profiles: .venv/profiles  ## adds what the profiles of clusters need to .venv

image:  ## builds the image in which the steps of the profiles kubernetes, awsbatch and googlebatch run
	@docker build --build-arg TRAINING=$(TRAINING) --tag $(IMAGE) .

all: venv $(if $(PROFILE),.venv/profiles)  ## runs an experiment (by default config.yaml) and prints where its answer is
	@sh profiles/default/resume.sh $(BIN)/snakemake $(WHERE) all $(CONFIGFILE) $(ARGS)
	@echo "Open $(CURDIR)/results/$$(sed -n 's/^experiment: *\([^ #]*\).*/\1/p' $(EXPERIMENT))/answer.html"

# Two processes, and the longest tests first; tests that share something stay together
# (tests/conftest.py).
PYTEST := $(BIN)/python -m pytest -n 2 --no-loadscope-reorder --dist loadgroup
test: .venv/developed  ## sets up what the tests need, and runs them
	@$(PYTEST) $(ARGS)

QUICK := -m "not slow and not ray and not browser and not environments"
quick: .venv/developed  ## the quick tests: no Ray, browser, environments, complete runs
	@HYPOTHESIS_PROFILE=quick $(PYTEST) $(QUICK) $(ARGS)

coverage: .venv/developed  ## the library's lines that the quick unit tests run, with a lower limit
	@HYPOTHESIS_PROFILE=quick $(PYTEST) tests/unit $(QUICK) --cov=scripts/tumorseg \
		--cov-report=term:skip-covered --cov-fail-under=$(COVERED) $(ARGS)

lint: .venv/developed  ## style of Python and of rules, types, spelling, Snakemake's own check
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@git ls-files | xargs $(BIN)/codespell
	@$(BIN)/snakefmt --check Snakefile rules
	@$(BIN)/snakemake --lint

bench: venv  ## training speed in 2-D and 3-D against a bare Keras loop, plain PyTorch and MONAI
	@PYTHONPATH=scripts $(BIN)/python bench/training.py $(TORCH) $(ARGS)

bench-losses: venv  ## each loss's cost, compared with a training step and MONAI's losses
	@$(BIN)/python bench/losses.py $(TORCH) $(ARGS)

bench-distances: venv  ## speed of surface distances, compared with other libraries
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(or $(wildcard .venv-torch/bin/python),$(BIN)/python) \
		bench/distances.py $(ARGS)

bench-check: venv  ## speed of the data check at 314 and 10,000 slices
	@PYTHONPATH=scripts $(BIN)/python bench/check.py $(ARGS)

bench-scale: venv  ## seconds and memory from raw slices to one epoch, at 314 and 3,140 slices
	@PYTHONPATH=scripts $(BIN)/python bench/scale.py $(ARGS)

bench-volumes: venv  ## seconds and memory of each step on volumes of the size of BraTS
	@PYTHONPATH=scripts $(BIN)/python bench/volumes.py $(ARGS)

bench-claims: .venv/developed  ## false positives, coverage and power of the statistics, simulated
	@PYTHONPATH=scripts $(BIN)/python bench/claims.py $(ARGS)

# PyTorch is used only in tests and benchmarks. PyPI has its CUDA build (several GB); for the CPU
# build, set PIP_INDEX_URL to the index that PyTorch's "get started" page names for CPU.
torch:  ## sets up .venv-torch (PyTorch, MONAI and others), for comparisons
	@$(PYTHON) -m venv .venv-torch
	@.venv-torch/bin/python -m pip install --quiet -r requirements-torch.txt

docs: venv  ## writes docs/config.md and docs/data-checks.md again
	@$(BIN)/python docs/write_config.py
	@$(BIN)/python tests/unit/bad_data.py docs/data-checks.md

lock: .venv/developed  ## writes the package locks again (UPGRADE=1: with newer versions)
	$(COMPILE) requirements.in -o requirements.lock
	$(COMPILE) requirements-dev.in -o requirements-dev.lock
	$(COMPILE) requirements-profiles.in -o requirements-profiles.lock
	$(BIN)/python envs/write.py

# pip installs uv alone; uv does the rest in half the time. Both check every hash. Bytecode is
# compiled here, because TensorFlow takes 14 s longer to import where none is and none may be written.
.venv/installed: requirements.lock
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) is needed; another of the same version: make PYTHON=..." >&2; exit 1; }
	@echo "Setting up .venv: 2.5 GB, one to three minutes"
	@$(PYTHON) -m venv .venv
	@sed -n '/^uv==/,/^    # via/p' requirements.lock > .venv/uv.lock
	@$(BIN)/python -m pip install --quiet --require-hashes -r .venv/uv.lock
	@$(call install,requirements.lock)
	@touch $@

.venv/developed: requirements-dev.lock .venv/installed
	@$(call install,requirements-dev.lock)
	@touch $@

.venv/profiles: requirements-profiles.lock .venv/installed
	@$(call install,requirements-profiles.lock)
	@touch $@

# Where only pip knows the way to the packages (a mirror in its settings), pip does it.
install = $(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --compile-bytecode -r $(1) \
	|| $(BIN)/python -m pip install --quiet --require-hashes -r $(1)
