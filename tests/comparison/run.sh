#!/usr/bin/env bash
# The labelled comparisons: builds the driver, makes a test-only Python environment from requirements.txt and prints one
# table each. Not part of ./run test.   run.sh [bank] [segments] [bandits]   (all of them when none is named)
#   OFFERSTREAM_COMPARISON_ENV=DIR   environment to use or make; build/comparison/env otherwise
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
# Rivals get one thread each, as the online model has.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
folder=$PWD/build/comparison
environment=${OFFERSTREAM_COMPARISON_ENV:-$folder/env}
wanted=("$@")
[[ ${#wanted[@]} -gt 0 ]] || wanted=(segments bandits bank)
mkdir -p "$folder"

cmake --preset release >"$folder/configure.log" || { cat "$folder/configure.log" >&2; exit 1; }
cmake --build build/release --target comparison_driver >&2
if [[ ! -x $environment/bin/python ]]; then python3 -m venv "$environment"; fi
"$environment/bin/pip" install --quiet --disable-pip-version-check --requirement tests/comparison/requirements.txt >&2

status=0
for name in "${wanted[@]}"; do
  [[ -f tests/comparison/$name.py ]] || { echo "run.sh: no comparison '$name'" >&2; exit 2; }
  "$environment/bin/python" -B "tests/comparison/$name.py" build/release/tests/comparison/comparison_driver "$folder" |
    tee "$folder/$name.txt" || status=1
  echo
done
exit "$status"
