# The front door. `make` builds build/release/strom; `make test` is what CI runs.
export CCACHE_SLOPPINESS = pch_defines,time_macros
BUILD = cmake --build --preset
PYTHON = .deps/venv/bin/python
PYTEST = $(PYTHON) -m pytest -q --no-header -p no:cacheprovider

.PHONY: all setup release gcc asan tsan unit conformance conformance-fast compatibility races soak fuzz explore lint format test bench bench-upstream quickstart run clean

all: release

setup:
	@tools/setup.sh

release: setup
	@cmake --preset release > /dev/null
	@$(BUILD) release

# The second compiler builds everything; its unit tests run in the sanitizer builds' stead nowhere else.
gcc: setup
	@cmake --preset gcc > /dev/null
	@$(BUILD) gcc

asan tsan: setup
	@cmake --preset $@ > /dev/null
	@$(BUILD) $@
	@TSAN_OPTIONS=ignore_noninstrumented_modules=1 ctest --test-dir build/$@ --output-on-failure -j 2 --progress

unit: release
	@ctest --test-dir build/release --output-on-failure -j 2 --progress

# What unmodified clients and readers say. The fast part is in `make test`; the whole runs every case with both lines of Flink.
conformance-fast: release
	@tools/setup_flink.sh 1.20
	@$(PYTEST) tests/conformance -m 'not heavy'

conformance: release
	@tools/setup_flink.sh 1.20
	@tools/setup_flink.sh 2.2
	@$(PYTEST) tests/conformance

# What docs/compatibility.md says, from a run of all of it.
compatibility: export STROM_COMPATIBILITY = $(CURDIR)/docs/compatibility.md
compatibility: conformance

# A server that watches its own threads, under unmodified clients and bad input.
races: setup
	@cmake --preset tsan > /dev/null
	@$(BUILD) tsan --target strom
	@STROM=$(CURDIR)/build/tsan/strom TSAN_OPTIONS=ignore_noninstrumented_modules=1 \
	  $(PYTEST) tests/conformance/test_python_client.py tests/conformance/test_keys_python.py tests/conformance/test_bad_input.py \
    tests/conformance/test_any_request.py

# The release gate: kill -9 a thousand times, with torn files.
soak: release
	@STROM_KILLS=1000 STROM_REQUESTS=1000000 STROM_QUERIES=600 \
	  $(PYTEST) tests/conformance/test_crash.py tests/conformance/test_any_request.py tests/conformance/test_differential.py

# Every decoder of bytes from outside, for STROM_FUZZ_SECONDS each. `fuzz` starts from the kept corpus with the same seed
# each time, so that a change is judged by itself; `explore` goes on with another seed from all that it has found so far.
fuzz explore: setup
	@[ $@ = explore ] || rm -rf build/fuzz/corpus
	@cmake --preset fuzz -DSTROM_FUZZ_SECONDS=$(or $(STROM_FUZZ_SECONDS),20) -DSTROM_FUZZ_SEED=$(if $(filter fuzz,$@),1,0) > /dev/null
	@$(BUILD) fuzz --target fuzz

lint:
	@python3 tools/check_rooms.py
	@git ls-files 'src/*.h' 'src/*.cc' | xargs clang-format-19 --dry-run -Werror

format:
	@git ls-files 'src/*.h' 'src/*.cc' | xargs clang-format-19 -i

# Fails at the first part that fails; the last line counts the tests of all parts.
test: setup
	@tests/run_all

bench:
	@$(MAKE) --no-print-directory release >&2
	@$(BUILD) release --target bench_load >&2
	@$(PYTHON) bench/run.py

# The same load by the Java client on Strom and on the real server, which is fetched the first time (about 90 MB).
bench-upstream:
	@$(MAKE) --no-print-directory release >&2
	@$(PYTHON) bench/upstream.py

quickstart: release
	@$(PYTHON) tools/quickstart.py

run: release
	@build/release/strom server

clean:
	@rm -rf build
