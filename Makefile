# Octavo's tasks. `make` alone lists them.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready
STACK := $(RUN) -m deploy.local
# Most tests wait for most of their time: two files of them at once take four fifths of the time, on two cores too.
AT_ONCE := -n 2 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

## Set-up

.PHONY: setup
setup: $(READY) ## install everything into .venv (Python 3.11+ with pip is all it needs)

$(READY): uv.lock pyproject.toml scripts/bootstrap.sh scripts/uv.txt
	PYTHON=$(PYTHON) sh scripts/bootstrap.sh
	@touch $@

## The stack on this machine

.PHONY: up down status logs demo
up: $(READY) ## start Kafka, PostgreSQL, S3, providers and Octavo; PARTS=kafka,postgres starts some
	@$(STACK) up $(if $(PARTS),--parts $(PARTS))

down: $(READY) ## stop all of it; WIPE=1 removes the data, too
	@$(STACK) down $(if $(WIPE),--wipe)

status: $(READY) ## show what runs; fails unless all is ready
	@$(STACK) status

logs: $(READY) ## show the last lines of the logs; PART=api shows one, FOLLOW=1 goes on
	@$(STACK) logs $(if $(PART),--part $(PART)) $(if $(LINES),--lines $(LINES)) $(if $(FOLLOW),--follow)

demo: $(READY) ## send real messages through everything and show what became of them
	@$(STACK) demo

## Checks

.PHONY: test test-all unit lint types imports protos generate docs check ci
test: $(READY) ## pass the tests: unit, contract, integration, hostile input, end to end, a selection of faults
	$(VENV)/bin/pytest -m "not slow" $(AT_ONCE) $(ARGS)

test-all: $(READY) ## and those that take minutes: canaries, Prometheus, TLS, brokers killed and frozen, jobs killed, the image's steps
	$(VENV)/bin/pytest $(ARGS)

unit: $(READY) ## only the tests without sockets, in seconds
	$(VENV)/bin/pytest -q tests/unit $(ARGS)

lint: $(READY) ## ruff: rules and format
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: $(READY) ## mypy, strict
	$(VENV)/bin/mypy .

imports: $(READY) ## the import rules of pyproject.toml
	$(VENV)/bin/lint-imports --no-logo

protos: $(READY) ## buf: lint, nothing broken since the release, generated code as committed
	$(VENV)/bin/buf lint
	$(VENV)/bin/buf breaking --against protos/released.binpb
	rm -rf .local/generated && sh scripts/generate.sh .local/generated
	diff -r -x __init__.py -x __pycache__ .local/generated/octavo/v1 octavo/v1

generate: $(READY) ## generate octavo/v1 from protos/
	sh scripts/generate.sh

docs: $(READY) ## write the pages that are made from the code
	$(RUN) scripts/docs.py write

.PHONY: corpus
corpus: $(READY) ## record what this release writes, for the tests of later ones (tests/corpus)
	$(RUN) scripts/corpus.py

.PHONY: k8s-render k8s-check
k8s-render: $(READY) ## print the Kubernetes manifests of OVERLAY=production (or local)
	@$(RUN) -m scripts.k8s render $(or $(OVERLAY),production)

k8s-check: $(READY) ## validate every overlay: the schemas of Kubernetes, and rules of ours
	$(RUN) -m scripts.k8s check

.PHONY: sbom
sbom: $(READY) ## print the bill of materials of the image's Python packages (CycloneDX)
	@.local/tools/bin/uv export --quiet --frozen --no-default-groups --format cyclonedx1.5

.PHONY: alerts-check
alerts-check: $(READY) ## try the alerts with promtool (Debian's, fetched where it can be): each fires, and each keeps quiet
	@if promtool=$$(sh scripts/promtool.sh); then $$promtool check rules deploy/alerts/rules.yaml && \
		$$promtool test rules deploy/alerts/tests/*.yaml; else echo "The alerts were NOT tried."; fi

check: lint types imports protos k8s-check alerts-check ## every checker
	$(RUN) scripts/docs.py compare

.PHONY: bench
bench: $(READY) ## measure each part beside its floor; PART=api measures one, QUICK=1 only tries the measuring
	$(if $(QUICK),OCTAVO_BENCH_QUICK=1 )$(RUN) -m benchmarks $(PART)

.PHONY: faults
faults: $(READY) ## break everything under load and judge the ledgers; SEED=7 FAULT="kill dispatcher" repeats some
	@$(RUN) -m tests.faults $(if $(SEED),--seed $(SEED)) $(if $(FAULT),--fault "$(FAULT)")

# The test run comes last, so that its closing line does, too.
ci: check ## what continuous integration runs
	$(MAKE) test
