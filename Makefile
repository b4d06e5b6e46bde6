# Two commands for people: `make demo` and `make test`. Both install what is missing and ask nothing.
#
#   LEVELS=core,host make test     only some levels
#   make bench                     speed and memory, into BENCHMARKS.md

.PHONY: demo demo-remove test bench build

build:
	cargo build --locked

test:
	@tests/run

demo:
	@examples/demo/run

demo-remove:
	@examples/demo/remove

bench:
	@tests/bench/run
