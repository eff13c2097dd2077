#!/usr/bin/env bash
# How long a restart takes, as a figure anyone can repeat: CUSTOMERS in state, then kill -9 under load.
#   restart    the same instance, its disk kept: from the start of the process to /readyz, and the tail re-folded meanwhile
#   takeover   another instance without local state: rows restored from the changelog a second, and the tail
# Prints what it measured and each partition's own account from the log. Needs ./run build, java, kcat, curl; at 1,000,000 about
# six minutes and 6 GB under TMPDIR.
#   tests/bench/recovery.sh [CUSTOMERS=1000000] [ROUNDS=3]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
customers=${1:-1000000} rounds=${2:-3} partitions=4
engine=${OFFERSTREAM_ENGINE:-$PWD/build/release/offerstream}
[[ -x $engine ]] || { echo "recovery: $engine is missing; run ./run build" >&2; exit 1; }
dir=$(mktemp -d "${TMPDIR:-/tmp}/offerstream-recovery.XXXXXX")
pid=
cleanup() {
  [[ -z $pid ]] || kill -9 "$pid" 2>/dev/null || true
  deploy/kafka/broker.sh stop --dir "$dir/kafka" 2>/dev/null || true
  rm -rf "$dir"
}
trap cleanup EXIT
brokers=$(deploy/kafka/broker.sh start --steady --dir "$dir/kafka" 2>/dev/null | tail -n 1)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >"$dir/recovery.yaml" <<YAML
version: 1
app: { id: recovery, instance: i0 }
kafka: { brokers: "$brokers", consumer: { session.timeout.ms: 6000, heartbeat.interval.ms: 1000 } }
events: [ { topic: recovery-events, mapping: segment } ]
topics: { decisions: recovery-decisions, caps: recovery-caps }
state: { dir: $dir/state-i0, memory: 2GiB, shards: 2 }
http: { listen: "127.0.0.1:$port" }
channels:
  push: { cost: 0.0005, cap: { window: 7d, start: 8, max: 20, learn: true }, cooldown: 30m, unsubscribe_value: 12 }
  email: { cost: 0.002, cap: { window: 7d, start: 8, max: 20, learn: true }, cooldown: 6h, unsubscribe_value: 20 }
offers:
  - { id: savings-plus, channels: [push, email], value: 40 }
  - { id: gold-card, channels: [push, email], value: 90 }
decide: { on: [request, click, conversion], min_interval: 10m, placements: [home] }
dev: true
YAML
"$engine" topics apply -c "$dir/recovery.yaml" --dev --partitions $partitions >/dev/null
"$engine" simulate --customers "$customers" --days 0.5 --seed 1 --keyed >"$dir/events" 2>/dev/null
total=$(wc -l <"$dir/events") fed=0
feed() {  # COUNT: the next records
  sed -n "$((fed + 1)),$((fed + $1))p; $((fed + $1))q" "$dir/events" |
    kcat -P -b "$brokers" -t recovery-events -K "$(printf '\t')" -X queue.buffering.max.messages=1000000 -X linger.ms=20 -z lz4
  fed=$((fed + $1))
}
ready() { [[ $(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/readyz") == 200 ]]; }
start() {  # NAME: runs instance NAME until it is ready, which took so many `seconds`
  local begin; begin=$(date +%s%N)
  at=$(date -u +%T.%3N)
  "$engine" run -c "$dir/recovery.yaml" --set "app.instance=$1" --set "state.dir=$dir/state-$1" >"$dir/$1.log" 2>&1 &
  pid=$!
  until ready; do
    kill -0 $pid 2>/dev/null || { tail -n 5 "$dir/$1.log" >&2; exit 1; }
    sleep 0.02
  done
  seconds=$(python3 -c "print(f'{($(date +%s%N) - $begin) / 1e9:.2f}')")
}
lag() { curl -s "http://127.0.0.1:$port/metrics" | awk '/^offerstream_consumer_lag_records/ {sum += $2; any = 1} END {print any ? sum : -1}'; }
drain() { until [[ $(lag) == 0 ]]; do sleep 0.5; done; }
account() { grep -E ' info (serving|shard|partition)' "$dir/$1.log" | sed 's/^/  /'; }

part=$((total / 10 / (rounds + 1)))
feed $((total / 10 * 9))
begin=$(date +%s)
start i0
drain
echo "filled: $customers customers, $fed events, in $(($(date +%s) - begin)) s"
sleep 2
for ((round = 1; round <= rounds; ++round)); do
  feed $part   # what comes faster than it is decided: the kill finds a tail
  sleep 0.5
  kill -9 $pid
  wait $pid 2>/dev/null || true
  start i0
  echo "restart $round: ready in $seconds s from $at"
  account i0
  drain
done
feed $part
sleep 0.5
kill -9 $pid
wait $pid 2>/dev/null || true
start i1
echo "takeover: ready in $seconds s from $at, with the wait for the dead one's session (6 s) and open transaction (15 s at most, and the broker's sweep)"
account i1
drain
