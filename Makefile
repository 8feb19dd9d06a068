# Needs Python 3.11, make and git; everything else comes from the package index into .venv.
PYTHON ?= python3.11
BIN := .venv/bin
READY := .venv/.ready

# uv does not read pip's settings: pass on a mirror or a local folder of wheels when pip has one.
UV_ENV := $(if $(PIP_FIND_LINKS),UV_FIND_LINKS="$(PIP_FIND_LINKS)") \
          $(if $(PIP_INDEX_URL),UV_DEFAULT_INDEX="$(PIP_INDEX_URL)")
# Compiled at once, because without it the first run takes 3 s more, and where Python may not write
# its .pyc files (PYTHONDONTWRITEBYTECODE, as in many containers), every run.
INSTALL := $(UV_ENV) UV_COMPILE_BYTECODE=1 $(BIN)/uv pip install --python $(BIN)/python -c constraints.txt -r pyproject.toml

.PHONY: setup demo run app test doctor slow torture lint constraints audit clean
setup: $(READY)

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	$(INSTALL) --extra test
	touch $@

demo: setup
	$(BIN)/python run.py experiment=demo $(ARGS)
	$(BIN)/python run.py experiment=demo_video $(ARGS)

run: setup
	$(BIN)/python run.py $(ARGS)

# A page in the browser, where files are dropped: docs/app.md.
app: setup
	$(INSTALL) --extra app
	$(BIN)/python run.py --app $(ARGS)

test: setup
	$(BIN)/python -m pytest $(ARGS)

# Without set-up: what is missing is what it is for.
doctor:
	$(or $(wildcard $(BIN)/python),$(PYTHON)) tools/doctor.py $(ARGS)

slow: setup
	$(INSTALL) --extra test --extra tools --extra ray --extra slurm
	$(BIN)/python -m pytest -m slow $(ARGS)

# Faults and hostile input in great number: docs/reliability.md.
torture: setup
	$(INSTALL) --extra test --extra tools
	$(BIN)/python -m pytest -m torture $(ARGS)

lint: setup
	$(INSTALL) --extra test --extra dev
	$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/basedpyright && $(BIN)/lint-imports --no-cache

constraints: setup
	$(INSTALL) --extra test --extra tools --extra dev --extra app --extra rtmlib --extra ray --extra slurm
	$(BIN)/uv pip freeze --python $(BIN)/python | grep -viE '^(nvidia|cuda|triton|pip=)' | sed 's/+cpu$$//'

# Known vulnerabilities of what is pinned; asks the package index, so it is no test.
audit: setup
	$(UV_ENV) $(BIN)/uv tool run pip-audit==2.10.1 -r constraints.txt --no-deps --disable-pip

clean:
	rm -rf cache outputs
