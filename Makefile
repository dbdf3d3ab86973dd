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

.PHONY: help compare test lab notebooks docs benchmark report lint clean anew

help:                        ## show this list
	@echo "make TARGET [PYTHON=python3.12] [ARGS=...], with these targets:"
	@sed -n 's/^\([a-z]*\):.*##/  \1\t/p' $(MAKEFILE_LIST) | expand -t 14

compare: .venv/done          ## train both networks on both data sets, compare them
	$(BIN)/lenet-keras compare $(ARGS)

test: .venv/done lint        ## all tests, the notebooks' among them
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)
	$(BIN)/python -m pytest --nbval --nbval-current-env -n 2 --dist loadfile notebooks

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
	$(BIN)/python docs/check.py docs/_build/html

benchmark: .venv/done        ## make the tables of benchmarks/README.md again
	$(BIN)/python benchmarks/speed.py $(ARGS)
	$(BIN)/python benchmarks/augmentation.py $(ARGS)
	$(BIN)/python benchmarks/one_pattern.py $(ARGS)
	$(BIN)/python benchmarks/inference.py $(ARGS)

report: .venv/done           ## make all tables, pictures and figures in the text again
	$(BIN)/lenet-keras report

clean:                       ## remove the environment, the site and what pip builds
	rm -rf .venv .keras docs/_build build lenet_keras.egg-info

# An environment that is broken, or of another Python than the one asked for, is built anew.
VERSION := import sys; print("%d.%d" % sys.version_info[:2])
FOUND := $(shell { $(BIN)/python -c '$(VERSION)'; } 2>/dev/null)
ASKED := $(if $(filter file,$(origin PYTHON)),$(FOUND),$(shell $(PYTHON) -c '$(VERSION)'))
CLEAR := $(if $(and $(filter 3.11 3.12 3.13,$(FOUND)),$(filter $(FOUND),$(ASKED))),,--clear)

.venv/done: pyproject.toml $(if $(CLEAR),anew)
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "Expected Python 3.11, 3.12 or 3.13. Received: PYTHON=$(PYTHON)"; exit 1; }
	@echo "Setting up .venv: some minutes and 3 GB, once."
	$(PYTHON) -m venv $(CLEAR) .venv
	$(BIN)/python -m pip install --quiet --editable '.[suite]'
	touch $@

anew:
