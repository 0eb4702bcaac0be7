# `make run` starts the chatbot and `make test` checks it; each does by itself what has to come before.
# PYTHON=python3.12 chooses the Python, RAG_FAQ_LLAMA_BACKEND=cpu|cuda|metal|vulkan how llama.cpp is built.

.DEFAULT_GOAL := help
.PHONY: help run test env test-env weights test-weights index lint format clean

PYTHON ?=
PYTEST_ARGS ?=
TEST_MODEL := smollm2-135m-instruct-q4_1
BIN := .venv/bin
RAG_FAQ := $(BIN)/rag-faq

export PYTHON

help:  ## Say what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' Makefile

run: index  ## Start the web page on http://127.0.0.1:7860, after setting up what is missing
	@$(RAG_FAQ) serve

test: test-env test-weights lint  ## Check style and types, and run all tests
	@$(RAG_FAQ) index build
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

env:  ## Make .venv from constraints.txt
	@python=$$(sh scripts/find-python.sh) && "$$python" -m scripts.environment

test-env:
	@python=$$(sh scripts/find-python.sh) && "$$python" -m scripts.environment --dev

weights: env  ## Fetch the default language model and embedder
	@$(RAG_FAQ) models fetch

test-weights: test-env
	@$(RAG_FAQ) models fetch
	@$(RAG_FAQ) models fetch $(TEST_MODEL)

index: weights  ## Build the index, or check that it is up to date
	@$(RAG_FAQ) index build

lint: test-env  ## Check style and types
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/mypy --package scripts

format: test-env  ## Put the source into the project's style
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

clean:  ## Remove the environment and all caches of this folder; weights and indexes stay
	rm -rf .venv .make build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find rag_faq scripts tests -name __pycache__ -type d -prune -exec rm -rf {} +
