# What a new checkout needs: Python 3.11 to 3.13 and make. Each target sets up the
# environment in .venv first, once.
PYTHON ?= python3
BIN := .venv/bin

# TensorFlow's own remarks on the machine, as far as they can be turned off.
export TF_CPP_MIN_LOG_LEVEL ?= 3

# All runs on TensorFlow, with Keras's own defaults, whatever the shell or
# ~/.keras/keras.json says. For pytest and notebooks/execute.py, conftest.py sets the same.
export KERAS_BACKEND := tensorflow
export KERAS_HOME := $(CURDIR)/.keras

.PHONY: help compare play test test-browser lab notebooks docs benchmark report lint clean
.PHONY: anew

help:                        ## show this list
	@echo "make TARGET [PYTHON=python3.12] [ARGS=...], with these targets:"
	@sed -n 's/^\([a-z-]*\):.*##/  \1\t/p' $(MAKEFILE_LIST) | expand -t 16

compare: .venv/done          ## train both networks on both data sets, compare them
	$(BIN)/lenet-keras compare $(ARGS)

play: .venv/done             ## write the page on which you draw for the networks
	@$(BIN)/python -m lenet_study.explorer docs/_build/play.html

test: .venv/done lint        ## all tests, the notebooks' among them
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)
	$(BIN)/python -m pytest --nbval --nbval-current-env -n 2 --dist loadfile notebooks

test-browser: .venv/done tests/browser/node_modules ## that page's tests, in the system's chromium
	$(BIN)/python -m pytest -n 0 tests/browser $(ARGS)

tests/browser/node_modules: tests/browser/package.json
	npm install --prefix tests/browser --no-package-lock --no-audit --no-fund

lint: .venv/done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

lab: .venv/done              ## the notebooks in JupyterLab
	$(BIN)/jupyter lab notebooks $(ARGS)

notebooks: .venv/done        ## run all notebooks again and store their outputs
	$(BIN)/python notebooks/execute.py

docs: .venv/done             ## build the site, in docs/_build/html
	rm -rf docs/_build
	$(BIN)/sphinx-build -q -W --keep-going -d docs/_build/doctrees -c docs . docs/_build/html
	$(BIN)/python -m lenet_study.explorer docs/_build/html/play.html
	$(BIN)/python docs/check.py docs/_build/html

benchmark: .venv/done        ## make the tables of benchmarks/README.md again
	$(BIN)/python benchmarks/speed.py $(ARGS)
	$(BIN)/python benchmarks/augmentation.py $(ARGS)
	$(BIN)/python benchmarks/one_pattern.py $(ARGS)
	$(BIN)/python benchmarks/inference.py $(ARGS)
	$(BIN)/python benchmarks/size_normalization.py $(ARGS)
	$(BIN)/python benchmarks/explorer.py $(ARGS)

report: .venv/done           ## make all tables, pictures and figures in the text again
	$(BIN)/lenet-keras report

clean:                       ## remove the environment, the site and what pip builds
	rm -rf .venv .venv.aside .keras docs/_build build lenet_keras.egg-info

# An environment that is broken, or of another Python than the one asked for, is built
# anew. Until the new one is complete, the old one waits in .venv.aside. It comes back if
# the new one fails or is interrupted, or at the next make if this one is killed.
VERSION := import sys; print("%d.%d" % sys.version_info[:2])
OLD := $(if $(wildcard .venv.aside),.venv.aside/bin,$(BIN))
FOUND := $(shell { $(OLD)/python -c '$(VERSION)'; } 2>/dev/null)
ASKED := $(if $(filter file,$(origin PYTHON)),$(FOUND),$(shell $(PYTHON) -c '$(VERSION)'))
FITS := $(and $(filter 3.11 3.12 3.13,$(FOUND)),$(filter $(FOUND),$(ASKED)))
PUT_BACK := [ ! -e .venv.aside ] || { rm -rf .venv && mv .venv.aside .venv; }
INSTALL := $(BIN)/python -m pip install --quiet --editable '.[suite]'

.venv/done: pyproject.toml $(if $(FITS),,anew)
	@$(PUT_BACK)
	@[ $@ -nt pyproject.toml ] || { echo "$(INSTALL)"; $(INSTALL) && touch $@; }

anew:
	@$(PUT_BACK)
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "Expected Python 3.11, 3.12 or 3.13. Received: PYTHON=$(PYTHON)"; exit 1; }
	@echo "Setting up .venv: some minutes and 3 GB, once."
	@set -e; trap 'exit 1' HUP INT TERM; trap 'trap "" HUP INT TERM; $(PUT_BACK)' EXIT; \
	  [ ! -e .venv ] || mv .venv .venv.aside; \
	  $(PYTHON) -m venv .venv; $(INSTALL); \
	  [ ! -e .venv.aside ] || mv .venv.aside .venv/old; \
	  touch .venv/done; rm -rf .venv/old
