# Each target is a thin name for one command. `make` alone says what there is.

help:
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 20

demo: ## play the workflow on Open vSwitch and on the Linux bridge
	./setup.sh demo
	cargo build --release --locked
	demo/demo.sh

test: ## all tests: sources, cargo test, demo, virtual machine
	./setup.sh test
	tests/run.sh

vm-test: ## the tests that need a kernel of their own, in a virtual machine
	./setup.sh demo vm
	tests/vm/suite.sh

bench: ## measure ovsns against the commands that it replaces
	./setup.sh bench
	bench/run.sh

lint: fmt clippy shellcheck ## formatting, clippy, shellcheck

fmt:
	cargo fmt --check

clippy:
	cargo clippy --locked --all-targets -- -D warnings

shellcheck:
	shellcheck setup.sh .ci/run bench/*.sh demo/*.sh tests/*.sh tests/vm/*.sh tests/vm/initramfs

doc: ## the library's documentation
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps

.PHONY: help demo test vm-test bench lint fmt clippy shellcheck doc
