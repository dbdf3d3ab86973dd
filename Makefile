# What a new checkout needs: Python 3.11 to 3.13 and make. Each target sets up the
# environment in .venv first, once.
PYTHON ?= python3
BIN := .venv/bin

# TensorFlow's own remarks on the machine, as far as they can be turned off.
export TF_CPP_MIN_LOG_LEVEL ?= 3

.PHONY: compare test lab notebooks docs benchmark lint clean

compare: .venv/done          ## train both networks on both data sets, compare them
	$(BIN)/lenet-keras compare $(ARGS)

test: .venv/done lint        ## all tests, the notebooks' among them
	$(BIN)/python -m pytest --cov -n 2 --dist loadfile
	$(BIN)/python -m pytest --nbval --nbval-current-env -n 2 --dist loadfile notebooks

lint: .venv/done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

lab: .venv/done              ## the notebooks in JupyterLab
	$(BIN)/jupyter lab notebooks

notebooks: .venv/done        ## run all notebooks again and store their outputs
	$(BIN)/python notebooks/execute.py

docs: .venv/done             ## build the site, in docs/_build/html
	rm -rf docs/_build
	$(BIN)/sphinx-build -q -W --keep-going -d docs/_build/doctrees -c docs . docs/_build/html
	$(BIN)/python docs/check.py docs/_build/html

benchmark: .venv/done        ## the speed figures of benchmarks/README.md
	$(BIN)/python benchmarks/speed.py
	$(BIN)/python benchmarks/one_pattern.py

clean:
	rm -rf .venv docs/_build

.venv/done: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[suite]'
	touch $@
