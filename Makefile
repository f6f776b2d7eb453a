# Two commands do all the set-up: `make trial` and `make test`.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
RIG ?= rigs/emulated.toml
CONSTRAINTS ?= constraints.txt

.PHONY: trial test lint bench seeds wheel clean
trial: .venv/.ready reports/node_modules/.ready
	$(BIN)/flexrig run --rig $(RIG)

test: lint .venv/.ready reports/node_modules/.ready tests/peers/station/node_modules/.ready peers
	$(BIN)/python -m pytest tests -n 2 --dist worksteal -q

lint: .venv/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell harness devices features rigs tests docs README.md CHANGELOG.md CONTRIBUTING.md

bench: .venv/.ready
	$(BIN)/python benchmarks/run.py

# Every bad rig caught for its own reason, the good one passing, over 20 seeds; then
# the recording digest of one seed over 20 runs, idle and with every core busy.
seeds: .venv/.ready
	$(BIN)/python -m tests.tools.seeds --seeds 20
	$(BIN)/python -m tests.tools.digests

wheel: .venv/.ready
	$(BIN)/python -m build --wheel

.venv/.ready: pyproject.toml $(CONSTRAINTS)
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[dev]' --constraint $(CONSTRAINTS)
	touch $@

# The Allure report needs Node; without it the built-in report is made all the same.
reports/node_modules/.ready: reports/package.json
	@if command -v npm >/dev/null; then cd reports && npm ci --no-audit --no-fund --loglevel=error; \
	else echo "npm not found: the Allure report is left out, the built-in report is made"; mkdir -p reports/node_modules; fi
	@touch $@

# A charging station and a meter that are not ours, for the tests on the wall clock.
tests/peers/station/node_modules/.ready: tests/peers/station/package-lock.json
	cd tests/peers/station && npm ci --no-audit --no-fund --loglevel=error
	touch $@

# The report's tests open it in a real browser; mbpoll reads our emulated registers.
.PHONY: peers
peers:
	@command -v chromium >/dev/null && command -v mbpoll >/dev/null || { \
	  echo "installing Debian's chromium and mbpoll"; \
	  SUDO=$$(test "$$(id -u)" = 0 || echo sudo); \
	  $$SUDO apt-get update -qq && $$SUDO env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium mbpoll >/dev/null; }

clean:
	rm -rf .venv build dist *.egg-info reports/node_modules tests/peers/station/node_modules .mypy_cache .ruff_cache .pytest_cache
