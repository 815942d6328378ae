# All tasks of this repository. Each target sets up what it needs in .venv; Python 3.11 to 3.13,
# make and a package index suffice.

PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000
EXPERIMENT ?= training/experiments/own.toml
ACCELERATOR ?= cpu
ENGINE ?= tensorflow
CLOUD ?= no
IMAGE ?= $(shell sed -n s/^IMAGE=//p .env)

BIN := .venv/bin
CODE := app denoiser denoiser_client training tests benchmarks
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help serve test coverage lint format train bench lock audit licences wheel image clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

serve: .venv/requirements.installed  ## run the service on HOST:PORT (127.0.0.1:8000)
	$(BIN)/denoiser serve
serve: export DENOISER_HOST := $(HOST)
serve: export DENOISER_PORT := $(PORT)

.PHONY: denoise
denoise: .venv/requirements.installed  ## denoise IN, an image or a folder of them, to OUT
	@test -n "$(IN)" -a -n "$(OUT)" || { echo "usage: make denoise IN=photo.jpg OUT=clean.jpg [ARGS='--strength 0.8']"; exit 2; }
	$(BIN)/denoiser denoise "$(IN)" -o "$(OUT)" $(ARGS)

test: .venv/requirements-dev.installed  ## run the tests, in two processes
	$(MAKE) --no-print-directory --jobs=2 test-of-parts test-of-the-whole

PARTS := tests/training tests/imaging tests/fidelity tests/web tests/bulk

# These share nothing with the other tests, and take about as long in total.
.PHONY: test-of-parts test-of-the-whole
test-of-parts:
	$(BIN)/pytest $(PARTS)
test-of-the-whole:
	$(BIN)/pytest $(PARTS:%=--ignore=%)

coverage: .venv/requirements-dev.installed  ## run the tests and measure their coverage, which takes half as long again
	$(BIN)/pytest --cov --cov-report= --cov-fail-under=0 $(PARTS)
	$(BIN)/pytest --cov --cov-append $(PARTS:%=--ignore=%)

lint: .venv/requirements-dev.installed  ## check style, formatting and types
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy

format: .venv/requirements-dev.installed  ## format the code and repair what ruff can
	$(BIN)/ruff check --fix-only $(CODE)
	$(BIN)/ruff format $(CODE)

train: .venv/requirements-dev.installed  ## train EXPERIMENT on the images below DATA
	@test -n "$(DATA)" || { echo "usage: make train DATA=folder-of-images [EXPERIMENT=$(EXPERIMENT)] [ARGS=--resume]"; exit 2; }
	$(BIN)/python -m training train "$(EXPERIMENT)" --data "$(DATA)" $(ARGS)

# A bound that does not hold fails the target, but only after all have run.
bench: .venv/requirements-dev.installed  ## measure the service under load, some 30 minutes
	@failed=0; \
	for each in "serving $(ARGS)" fairness overload departures memory codecs; do \
		$(BIN)/python -m benchmarks.$$each || failed=1; \
	done; \
	ONEDNN_MAX_CPU_ISA=AVX2 $(BIN)/python -m benchmarks.engines --precision float32 || failed=1; \
	exit $$failed

# Pins that still satisfy pyproject.toml are kept: `make lock UPGRADE=--upgrade` moves to the newest.
COMPILE = $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
	--no-annotate --no-header --no-emit-index-url --no-emit-find-links
lock: | .venv/bin/python  ## resolve pyproject.toml into the requirements*.lock
	$(BIN)/pip install --quiet uv
	$(COMPILE) $(UPGRADE) --extra cpu --extra openvino --extra cloud --extra heif --extra medical --extra ray --extra train --group dev --output-file requirements-dev.lock
	$(COMPILE) $(UPGRADE) --extra cpu --extra heif --extra medical --constraint requirements-dev.lock --output-file requirements.lock
	$(COMPILE) $(UPGRADE) --extra gpu --extra heif --extra medical --constraint requirements-dev.lock --output-file requirements-gpu.lock
	$(COMPILE) $(UPGRADE) --extra openvino --extra heif --extra medical --constraint requirements-dev.lock --output-file requirements-openvino.lock
	$(COMPILE) $(UPGRADE) --extra cloud --constraint requirements-dev.lock --output-file requirements-cloud.lock

audit: | .venv/bin/python  ## check requirements.lock for known vulnerabilities
	$(BIN)/pip install --quiet uv
	$(BIN)/uv tool run pip-audit --requirement requirements.lock --no-deps --disable-pip

licences: .venv/requirements.installed  ## write the licences of requirements.lock to docs/licences.md
	$(BIN)/pip install --quiet uv
	sed '/^|/d' docs/licences.md > docs/licences.tmp  # keep the text above the table
	$(BIN)/uv tool run pip-licenses --python $(BIN)/python --format markdown --from mixed --no-version \
		--packages $$(sed 's/==.*//' requirements.lock | sort -u) >> docs/licences.tmp
	mv docs/licences.tmp docs/licences.md

wheel: | .venv/bin/python  ## build dist/denoiser-*.whl, with the models
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir dist .

TAG = $(if $(filter openvino,$(ENGINE)),openvino,$(ACCELERATOR))
image:  ## build the container image IMAGE:ACCELERATOR (denoiser:cpu; or gpu; ENGINE=openvino: openvino)
	docker build --build-arg ACCELERATOR=$(ACCELERATOR) --build-arg ENGINE=$(ENGINE) --build-arg CLOUD=$(CLOUD) --build-arg REVISION=$$(git rev-parse HEAD) \
		--tag $(IMAGE):$(TAG) .

clean:  ## remove the environment and all caches, but no runs or models
	rm -rf .venv .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache dist
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@$(PYTHON) -c 'import sys; (3, 11) <= sys.version_info < (3, 14) or sys.exit("Python 3.11 to 3.13 is needed: make PYTHON=python3.13 ...")'
	$(PYTHON) -m venv .venv

# requirements-dev.lock contains requirements.lock at the same versions, so one environment serves both.
.venv/%.installed: %.lock pyproject.toml | .venv/bin/python
	$(BIN)/pip install --quiet --requirement $<
	$(BIN)/pip install --quiet --no-deps --editable .
	@touch $@
