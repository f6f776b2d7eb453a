# Two commands do all the set-up: `make trial` and `make test`.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
# One rig for every feature; by default each is tried on the rig that it names.
RIG ?=
# Seeds with which `make luck` tries the catalogue again.
LUCK ?= 2 3 4
CONSTRAINTS ?= constraints.txt
# One more than there are cores: some tests wait for the clock on the wall.
WORKERS ?= $(shell echo $$(($$(nproc) + 1)))

# What all tests need on a fresh machine.
TESTED := .venv/.ready reports/node_modules/.ready tests/peers/station/node_modules/.ready peers

# Compiled modules are kept: a run is many processes, and each would compile everything.
export PYTHONDONTWRITEBYTECODE :=

# The main job: the market's services and use cases on one emulated home.
MAIN_JOB ?= features/services $(wildcard features/use_cases/uc0[12]_*.feature) \
  features/devices/chargepoint_wall.feature

.PHONY: trial use-cases catalogue test lint bench seeds luck faults nightly wheel clean
trial: .venv/.ready reports/node_modules/.ready
	$(BIN)/flexrig run $(if $(RIG),--rig $(RIG)) $(MAIN_JOB)

# All eight use cases of TRANSITION, each on the rig that it names: a home, or sites.
use-cases: .venv/.ready reports/node_modules/.ready
	$(BIN)/flexrig run features/use_cases

# Every feature file, each on the rig that it names: all kinds of device, all faults.
catalogue: .venv/.ready reports/node_modules/.ready
	$(BIN)/flexrig run

test: lint $(TESTED)
	FLEXRIG_TWINS=some $(BIN)/python -m pytest tests -n $(WORKERS) --dist worksteal -q

lint: .venv/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell harness devices flexrig features rigs tests docs README.md CHANGELOG.md CONTRIBUTING.md

bench: .venv/.ready
	$(BIN)/python benchmarks/run.py

# Every bad rig caught for its own reason, the good one passing, over 20 seeds; then
# the recording digest of one seed over 20 runs, idle and with every core busy.
seeds: .venv/.ready
	$(BIN)/python -m tests.tools.seeds --seeds 20
	$(BIN)/python -m tests.tools.digests

# docs/faults.md anew, and twenty seeds of good twins that must raise no alarm.
faults: .venv/.ready
	$(BIN)/python -m tests.tools.fault_table
	$(BIN)/python -m tests.tools.fault_table --seeds 20

# The catalogue with other seeds: a good rig raises no alarm, whatever its luck.
luck: .venv/.ready
	for seed in $(LUCK); do $(BIN)/flexrig run --no-allure --seed $$seed || exit 1; done

# Every test, with all twins (whole runs with one thing wrong): CI has time for some. Then
# 100,000 malformed frames for each link's parser; CI tries 2,000.
nightly: $(TESTED)
	$(BIN)/python -m pytest tests -n $(WORKERS) --dist worksteal -q
	FLEXRIG_FUZZ_FRAMES=100000 $(BIN)/python -m pytest -n 2 -q --timeout 7200 \
	  $$(grep -l FRAMES tests/devices/test_*.py)

wheel: .venv/.ready
	$(BIN)/python -m build --wheel

.venv/.ready: pyproject.toml $(CONSTRAINTS)
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --no-compile --editable '.[dev]' --constraint $(CONSTRAINTS)
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

# Programs that are not ours, which the tests let loose on our report and our wires.
DEBIAN := chromium mbpoll mosquitto mosquitto-clients tshark curl
.PHONY: peers
peers:
	@for name in chromium mbpoll mosquitto mosquitto_sub tshark curl; do \
	  command -v $$name >/dev/null || missing=yes; done; \
	test -z "$$missing" || { \
	  echo "installing Debian's $(DEBIAN)"; \
	  SUDO=$$(test "$$(id -u)" = 0 || echo sudo); \
	  $$SUDO apt-get update -qq && \
	  $$SUDO env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $(DEBIAN) >/dev/null; }

clean:
	rm -rf .venv build dist *.egg-info reports/node_modules tests/peers/station/node_modules .mypy_cache .ruff_cache .pytest_cache
