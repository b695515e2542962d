# Octavo's tasks. `make` alone lists them.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready
STACK := $(RUN) -m deploy.local

.DEFAULT_GOAL := help
.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

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
