# SPDX-License-Identifier: Apache-2.0
.DEFAULT_GOAL := help
.PHONY: help setup build demo test test-core test-ros test-demo fuzz soak overhead bench lint clean distclean interfaces
SECONDS ?= 3600
export CARGO_NET_RETRY ?= 5
export PIP_NO_INPUT ?= 1

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12

setup: ## ROS 2 to build with: the one that is sourced, else one from Python wheels in .underlay/
	scripts/setup_underlay.sh

build: ## The package, into build/ and install/ (BUILD_TYPE=Debug builds quicker)
	scripts/build.sh

demo: build ## A simulated robot asks, the node answers
	scripts/demo.sh

interfaces: build ## Compares the action interfaces with recorded replies; writes docs/interfaces.md
	scripts/interfaces.sh --doc docs/interfaces.md

test: test-core test-ros test-demo ## All tests

test-core: ## Tests that need no ROS 2 (fetches numpy and scipy to compare with)
	cargo test --locked

test-ros: build ## Tests of the running node
	scripts/test_ros.sh

test-demo: build ## The demo, judged by the simulator, and tests of simulator and judge
	scripts/demo.sh
	scripts/test_ros.sh tests/demo

fuzz: ## Random cells against the kernel for SECONDS=3600; SPATIALCLAW_FUZZ_SEED=2 makes other ones
	SPATIALCLAW_FUZZ_SECONDS=$(SECONDS) cargo test --locked --test all kernel_fuzz:: -- --nocapture

bench: ## Speed against an interpreter with numpy and scipy, in one run, as ratios
	scripts/bench.sh

soak: ## A thousand goals against a server that misbehaves, with times and memory (SPATIALCLAW_SOAK_GOALS, _SEED)
	cargo test --locked --test all soak:: -- --ignored --nocapture

overhead: ## Our own time, bytes and tokens in each turn
	cargo bench --locked --bench turns

lint: setup ## Formatting and static checks
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	scripts/cargo_ros.sh clippy --locked --all-targets -- -D warnings
	@if command -v shellcheck >/dev/null; then shellcheck -x scripts/*.sh scripts/underlay/*.sh .ci/run; fi

clean: ## Remove what was built
	rm -rf build install log out target

distclean: clean ## And the ROS 2 in .underlay/ and the numpy in .numpy/
	rm -rf .underlay .numpy
