#!/usr/bin/env bash
# The crash promise at size, as a figure anyone can repeat: simulated events through a real broker, `offerstream run` killed
# with SIGKILL at random moments. Frozen models: decisions and caps must hash equal to an uninterrupted run's. Learning: the
# count of independent_count.py from the topics alone finds no decision missing or twice, no wrong use of a cap and no more money
# spent than its budget has, and `replay --verify` passes. Two of a hundred events are repeated, late or garbage. About three minutes for 200,000 events.
# Needs ./run build, java, kcat.
#   tests/robustness/crash.sh [EVENTS=200000] [KILLS=10]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
events=${1:-200000} kills=${2:-10} partitions=4
budget=0.05:365d:2026-01-01:gold-card   # leases are an impression or two: money runs out while partitions still ask and are killed
engine=$PWD/build/release/offerstream
[[ -x $engine ]] || { echo "crash: $engine is missing; run ./run build" >&2; exit 1; }
dir=$(mktemp -d "${TMPDIR:-/tmp}/offerstream-crash.XXXXXX")
trap 'deploy/kafka/broker.sh stop --dir "$dir/kafka" 2>/dev/null; rm -rf "$dir"' EXIT
brokers=$(deploy/kafka/broker.sh start --port 0 --dir "$dir/kafka" 2>/dev/null | tail -n 1)

configure() {  # NAME ADOPT [BUDGET: gold-card is paid from one of AMOUNT:PERIOD:START:OFFER]
  local budgets= paid=
  if [[ -n ${3:-} ]]; then
    local amount period start offer
    IFS=: read -r amount period start offer <<<"$3"
    budgets="budgets: [ { id: spring, amount: $amount, period: $period, starts: $start, pace: asap } ]"
    paid=", budget: spring"
  fi
  cat >"$dir/$1.yaml" <<YAML
version: 1
app: { id: $1, instance: i0 }
kafka: { brokers: "$brokers" }
events: [ { topic: crash-events, mapping: segment } ]
topics: { decisions: $1-decisions, caps: $1-caps }
state: { dir: $dir/state-$1, memory: 512MiB, shards: 2 }
http: { listen: "" }
commit: { events_max: 2000 }
channels:
  push: { cost: 0.0005, cap: { window: 7d, start: 8, max: 20, learn: true }, cooldown: 30m, unsubscribe_value: 12 }
  email: { cost: 0.002, cap: { window: 7d, start: 8, max: 20, learn: true }, cooldown: 6h, unsubscribe_value: 20 }
offers:
  - { id: savings-plus, channels: [push, email], value: 40 }
  - { id: gold-card, channels: [push, email], value: 90$paid }
$budgets
decide: { on: [request, click, conversion], min_interval: 10m, placements: [home] }
learning: { adopt: $2 }
YAML
  "$engine" topics apply -c "$dir/$1.yaml" --dev --partitions $partitions >/dev/null
}

journal_bytes() { kcat -b "$brokers" -t "$1-journal" -C -e -q 2>/dev/null | wc -c; }
# Runs until the journal stands still, then stops cleanly.
finish() {
  "$engine" run -c "$dir/$1.yaml" >>"$dir/$1.log" 2>&1 &
  local pid=$! before=-1 same=0 now
  while ((same < 3)); do
    sleep 1
    now=$(journal_bytes "$1")
    if [[ $now == "$before" && $now != 0 ]]; then same=$((same + 1)); else same=0; fi
    before=$now
  done
  kill -TERM $pid
  wait $pid || { tail -n 5 "$dir/$1.log" >&2; echo "crash: $1 did not stop cleanly" >&2; exit 1; }
}
read_topic() {
  local p
  for ((p = 0; p < partitions; ++p)); do kcat -b "$brokers" -t "$1" -p $p -C -e -q -X isolation.level=read_committed -f '%k %s\n'; done
}

configure plain never
configure killed never
configure learning commit $budget
"$engine" simulate --customers $((events / 50)) --days 60 --seed 7 --events "$events" --dirt 0.02 --keyed --out "$dir/events.txt" 2>/dev/null
kcat -b "$brokers" -t crash-events -P -K '	' -X partitioner=murmur2_random -X enable.idempotence=true -l "$dir/events.txt"
echo "$(wc -l <"$dir/events.txt") events"
finish plain
for app in killed learning; do
  for ((i = 0; i < kills; ++i)); do
    "$engine" run -c "$dir/$app.yaml" >>"$dir/$app.log" 2>&1 &
    pid=$!
    sleep "0.$((3 + RANDOM % 7))$((RANDOM % 10))"
    kill -KILL $pid
    wait $pid 2>/dev/null || true
  done
  finish $app
  echo "$app: killed $kills times; slowest partition ready in $(grep -o 'ready in [0-9.]*' "$dir/$app.log" | awk '{ if ($3 > m) m = $3 } END { print m }') s," \
    "longest tail $(grep -o '[0-9]* events re-folded' "$dir/$app.log" | sort -n | tail -n 1)"
done
result=0
for topic in decisions caps; do
  plain=$(read_topic plain-$topic | sha256sum) killed=$(read_topic killed-$topic | sha256sum)
  if [[ $plain == "$killed" ]]; then echo "$topic: equal, sha256 ${plain%% *}"; else echo "$topic: DIFFERENT"; result=1; fi
done
for app in killed learning; do
  echo -n "$app: "
  paid=()
  if [[ $app == learning ]]; then paid=(--budget $budget); fi
  tests/robustness/independent_count.py --brokers "$brokers" --events crash-events --letters crash-events.dlq \
    --decisions $app-decisions --caps $app-caps --channels push:7d:20,email:7d:20 --min-interval 10m "${paid[@]}" --prove || result=1
done
"$engine" replay --verify -c "$dir/learning.yaml" || result=1
exit $result
