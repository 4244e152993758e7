# make demo · make test · make check · make bench: each sets itself up in .venv and needs only Python 3.11 or later.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help demo test check format bench bench-readers bench-publish bench-duplicates bench-catalogue bench-soak clean

help:  ## say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 18

# The lock file names every package with its hashes, so nothing is left to resolve (--no-deps: an older pip trips over the
# extras in other packages' requirements); the project itself is installed without looking at the index again. What pip would compile,
# some ten thousand files one after the other, is compiled by all CPUs; a file that is none of this Python's is left.
$(VENV)/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Jianghua needs Python 3.11 or later; set PYTHON=/path/to/python3.11" if sys.version_info < (3, 11) else 0)'
	@echo "setting up $(VENV): $$(grep -c '==' requirements.lock) pinned packages, a minute or two the first time"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || true
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(VENV)/ready  ## crawl built-in sample sites twice, publish two versions, show what changed (under a minute)
	$(BIN)/jianghua demo

test: $(VENV)/ready  ## run the tests, some files side by side, those that take longest first
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

check: $(VENV)/ready  ## lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/ready  ## put the code in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/ready  ## measure crawl and extract against Scrapy alone and the trafilatura command line
	$(BIN)/python benchmarks/crawl_extract.py

bench-readers: $(VENV)/ready  ## compare main-text readers on the same pages: how well, and how many pages a CPU second
	$(BIN)/python benchmarks/readers.py

bench-publish: $(VENV)/ready  ## publish 200,000 speeches, then what a small change costs, against a bare Parquet writer (some minutes)
	$(BIN)/python benchmarks/publish.py

bench-catalogue: $(VENV)/ready  ## what a visitor of the catalogue fetches and waits for with 200,000 speeches (needs Chromium; some minutes)
	$(BIN)/python benchmarks/catalogue.py

bench-duplicates: $(VENV)/ready  ## near duplicates of 200,000 texts, and of a change of 0.2 %, against datasketch
	$(BIN)/python benchmarks/duplicates.py --speeches 200000

bench-soak: $(VENV)/ready  ## the scheduler for an hour in fast time: does it grow, has each date its run
	$(BIN)/python benchmarks/soak.py --minutes 60

clean:  ## remove what was set up (not what was crawled or published)
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache build *.egg-info
