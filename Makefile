# linewarden: every target sets up what it needs on a fresh clone.
#
#   make demo                     a simulated line in this terminal (light: no TensorFlow)
#   make demo DATA=DIR            the same with real pictures and the casting model
#   make demo ARGS='--parts 200'  options of `linewarden demo`
#   make test                     all tests; as root it installs its Debian packages itself
#   make lint                     formatter, linter, types, import rules
#   make coverage                 branch coverage of what decides about parts; docs/coverage.md explains gaps
#   make bench                    what is measured (ratios; absolute times of this machine)
#   make reproduce                train and export the bundles of examples/ anew
#   make soak                     the full figures of docs/faults.md, in pieces that go on where they were (hours)
#   make deb                      the Debian package in dist/; ARCH=arm64 for a Raspberry Pi or Jetson
#   make boot-test                the package under a real systemd (root; systemd-container, mmdebstrap)
#   make fleet-test               the roll-out by Ansible over ssh to two booted boards (root; as boot-test)
#   make board                    the package on an emulated board (root; slow); ARGS='-k line' picks
#   make arm-check                the arm64 package's answers under qemu-user (root; slow)
#   make wheels                   a folder to install from offline, with install.sh
#   make lock                     write the lock files of requirements/ anew

PYTHON ?= python3
ARGS ?=
DATA ?=
CASTING ?= ../shared/data/casting
WEIGHTS ?= ../shared/weights/mobilenetv2_notop.weights.h5
EFFICIENTNET ?= ../shared/weights/efficientnetb0_notop.weights.h5
DEBIAN_PACKAGES = mosquitto ffmpeg chromium

DEMO_ENV = .venv-demo
ENV = .venv
DEB_PYTHON ?= $(ENV)/bin/python

.PHONY: demo test lint coverage bench reproduce deb wheels boot-test fleet-test board arm-check soak lock clean env demo-env packages

demo: demo-env
	$(DEMO_ENV)/bin/linewarden demo $(if $(DATA),--data "$(DATA)") $(ARGS)

test: packages env lint
	$(ENV)/bin/pytest -n 2 --dist worksteal --cov --cov-report=term:skip-covered $(ARGS)

lint: env
	$(ENV)/bin/ruff format --check .
	$(ENV)/bin/ruff check .
	$(ENV)/bin/mypy
	$(ENV)/bin/lint-imports

coverage: env
	$(ENV)/bin/python scripts/coverage_check.py $(ARGS)

bench: env
	$(ENV)/bin/python tests/bench/run_all.py $(ARGS)

soak: env
	$(ENV)/bin/python scripts/soak.py run $(ARGS)

reproduce: env
	PATH="$(CURDIR)/$(ENV)/bin:$$PATH" scripts/reproduce.sh "$(CASTING)" "$(WEIGHTS)" "$(EFFICIENTNET)"

# DEB_PYTHON: the board's Python; its minor version is what the byte code in the package is for.
deb: env
	PYTHON="$(DEB_PYTHON)" UV=$(ENV)/bin/uv scripts/build_deb.sh dist

boot-test: deb build/rootfs/etc
	LINEWARDEN_ROOTFS="$(CURDIR)/build/rootfs" LINEWARDEN_DEB="$$(ls -t "$(CURDIR)"/dist/linewarden_*_$$(dpkg --print-architecture).deb | head -1)" \
	    $(ENV)/bin/pytest tests/systemd/test_booted_system.py $(ARGS)
	cat out/boot-test/figures.json

# Two boards as they leave the plant: bare, but for sshd and a user who may sudo.
fleet-test: deb build/fleet-rootfs/etc
	scripts/debian_packages.sh ansible-core openssh-client
	LINEWARDEN_FLEET_ROOTFS="$(CURDIR)/build/fleet-rootfs" LINEWARDEN_DEB="$$(ls -t "$(CURDIR)"/dist/linewarden_*_$$(dpkg --print-architecture).deb | head -1)" \
	    $(ENV)/bin/pytest tests/deploy/test_fleet.py $(ARGS)

build/rootfs/etc:
	scripts/make_rootfs.sh build/rootfs

build/fleet-rootfs/etc:
	scripts/make_rootfs.sh build/fleet-rootfs openssh-server sudo python3-apt

# qemu without KVM. LINEWARDEN_BOARD_CUTS=30 takes the nightly number of power cuts.
board: deb
	PYTHON=$(ENV)/bin/python scripts/test_board.sh $(ARGS)

# The arm64 package under user-mode emulation: the same answers to golden frames as here.
arm-check: env
	PYTHON="$(DEB_PYTHON)" UV=$(ENV)/bin/uv scripts/arm_tree.sh
	$(ENV)/bin/pytest tests/board/test_emulated_arm.py $(ARGS)

wheels: env
	PYTHON="$(DEB_PYTHON)" UV=$(ENV)/bin/uv scripts/build_wheels.sh dist/linewarden-wheels

lock: env
	UV=$(ENV)/bin/uv scripts/lock.sh

demo-env: $(DEMO_ENV)/.ready

env: $(ENV)/.ready

# The stamp is written last, so that an interrupted set-up is made again.
$(DEMO_ENV)/.ready: requirements/base.lock requirements/demo.lock pyproject.toml
	scripts/make_env.sh "$(PYTHON)" $(DEMO_ENV) requirements/demo.lock

$(ENV)/.ready: requirements/dev.lock requirements/train.lock pyproject.toml
	scripts/make_env.sh "$(PYTHON)" $(ENV) requirements/dev.lock requirements/train.lock

packages:
	scripts/debian_packages.sh $(DEBIAN_PACKAGES)

clean:
	rm -rf $(DEMO_ENV) $(ENV) build dist out *.egg-info .mypy_cache .ruff_cache .pytest_cache \
	    .hypothesis .import_linter_cache .coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
