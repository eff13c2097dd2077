#!/usr/bin/env bash
# Every test, as './run test' and the build server call it: one build type for all (release: the numbers users get), first
# what needs no broker, then the tests against real Kafka (those that wait rather than work two at a time), then a short run of every fuzzer.
# Results are collected as JUnit files in build/test-results and counted by count_results.py in the last line.
#   OFFERSTREAM_TEST_FUZZ_SECONDS=15   per fuzzer; 0 leaves fuzzing out
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
results=$PWD/build/test-results
fuzz_seconds=${OFFERSTREAM_TEST_FUZZ_SECONDS:-15}
rm -rf "$results" && mkdir -p "$results"
say() { printf '\n=== %s (%s)\n' "$*" "$(date -u +%H:%M:%S)" >&2; }

# Stage by name: what cannot even be built is a failed test, not a missing one.
failed_stage() {
  printf '<testsuite><testcase name="%s" status="fail"><failure message="see the output above"/></testcase></testsuite>\n' \
    "$1" >"$results/stage-$1.xml"
}
finish() { python3 tests/count_results.py "$results"; exit $?; }

memory_jobs=$(awk '/MemAvailable/ { j = int($2 / 1024 / 1500); print j < 1 ? 1 : j }' /proc/meminfo)
jobs=$(nproc); ((memory_jobs < jobs)) && jobs=$memory_jobs

say "building everything, preset release"
if ! cmake --preset release >"$results/configure.log" 2>&1; then cat "$results/configure.log" >&2; failed_stage configure; finish; fi
# One file that does not compile costs its own tests, not everybody's.
if ! cmake --build build/release -j "$jobs" -- -k 0 >&2; then failed_stage build; fi

say "tests without a broker"
ctest --test-dir build/release -j "$jobs" -LE '^(robustness|bench)$' --timeout 600 --output-on-failure \
  --output-junit "$results/plain.xml" >&2

say "instruction gate and benchmarks' answers"
ctest --test-dir build/release -j 1 -L '^bench$' --timeout 900 --output-on-failure --no-tests=ignore \
  --output-junit "$results/bench.xml" >&2

say "tests with a real Kafka broker"
if deploy/kafka/broker.sh jars >/dev/null; then
  ctest --test-dir build/release -j 2 -L '^robustness$' --timeout 900 --output-on-failure --no-tests=ignore \
    --output-junit "$results/robustness.xml" >&2
else
  failed_stage kafka-jars
fi

if [[ $fuzz_seconds != 0 && -f tests/fuzz/CMakeLists.txt ]]; then
  say "fuzzing, $fuzz_seconds s each, under the address and undefined-behaviour sanitizers"
  if cmake --preset fuzz -DOFFERSTREAM_FUZZ_SECONDS="$fuzz_seconds" >"$results/configure-fuzz.log" 2>&1 && cmake --build build/fuzz -j "$jobs" --target fuzzers >&2; then
    ctest --test-dir build/fuzz -j "$jobs" -L '^fuzz$' --timeout $((fuzz_seconds + 120)) --output-on-failure --no-tests=ignore \
      --output-junit "$results/fuzz.xml" >&2
  else
    cat "$results/configure-fuzz.log" >&2
    failed_stage build-fuzzers
  fi
fi
finish
