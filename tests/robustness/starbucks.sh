#!/usr/bin/env bash
# Real rows through a real broker, accounted for by plain clients: the Starbucks offer stream is written to `events` by kcat,
# `offerstream run` decides, `decisions` and dead letters are read back read-committed. Every event must be there again: decided, no
# trigger, a repeat or a dead letter. Needs ./run build, java, kcat, curl and the data.
#   tests/robustness/starbucks.sh OFFER_STREAM.csv.gz
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
rows=$(realpath "${1:?usage: starbucks.sh OFFER_STREAM.csv.gz}") partitions=4 port=$((20000 + RANDOM % 20000))
engine=$PWD/build/release/offerstream study=deploy/studies/starbucks/offerstream.yaml
[[ -x $engine ]] || { echo "starbucks: $engine is missing; run ./run build" >&2; exit 1; }
dir=$(mktemp -d "${TMPDIR:-/tmp}/offerstream-starbucks.XXXXXX")
pid=
trap '[[ -z $pid ]] || kill -KILL $pid 2>/dev/null; deploy/kafka/broker.sh stop --dir "$dir/kafka" 2>/dev/null; rm -rf "$dir"' EXIT
brokers=$(deploy/kafka/broker.sh start --port 0 --dir "$dir/kafka" 2>/dev/null | tail -n 1)
export OFFERSTREAM__KAFKA__BROKERS=$brokers OFFERSTREAM__STATE__DIR=$dir/state OFFERSTREAM__HTTP__LISTEN=127.0.0.1:$port
"$engine" topics apply -c $study --dev --partitions $partitions >/dev/null
"$engine" mapping rows -c $study --keyed "$rows" | kcat -P -b "$brokers" -t events -K '	' -X partitioner=murmur2_random -X enable.idempotence=true   # a retry must not change the order

# Records of a topic as a plain reader sees them.
records() { kcat -b "$brokers" -t "$1" -C -e -q -X isolation.level=read_committed -f '%p %o\n' | wc -l; }
metric() { awk -v name="$1" 'index($0, name) == 1 && (substr($0, length(name) + 1, 1) ~ /[ {]/) { sum += $NF } END { print sum + 0 }' "$dir/metrics"; }
events=$(records events)
begin=$(date +%s%N)
"$engine" run -c $study >"$dir/log" 2>&1 &
pid=$!
for ((tries = 0; tries < 600; ++tries)); do
  sleep 0.5
  kill -0 $pid 2>/dev/null || { tail -n 5 "$dir/log" >&2; exit 1; }
  curl -sf "http://127.0.0.1:$port/metrics" -o "$dir/metrics" || continue
  [[ $(metric offerstream_records_total) == "$events" ]] && break
done
seconds=$((($(date +%s%N) - begin) / 100000000))
kill -TERM $pid
wait $pid || { tail -n 5 "$dir/log" >&2; echo "starbucks: did not stop cleanly" >&2; exit 1; }
pid=
decided=$(records decisions) letters=$(records events.dlq)
untriggered=$(metric offerstream_events_untriggered_total) repeats=$(metric offerstream_events_duplicate_total)
folded=$(metric offerstream_events_total)
echo "$events records in $((seconds / 10)).$((seconds % 10)) s; $folded events: $decided decided + $untriggered no trigger + $repeats repeats + $letters dead letters"
[[ $((decided + untriggered + repeats)) == "$folded" && $(metric offerstream_records_total) == "$events" ]] ||
  { echo "starbucks: not every event is accounted for" >&2; exit 1; }
