#!/usr/bin/env bash
# The package in a Debian root made anew: installed by apt, started as its user with the unit's environment beside a real broker,
# ready, upgraded over itself, removed, purged. Needs root, debootstrap and ./run package.
#   deploy/package/try.sh PACKAGE.deb
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
package=$(realpath "${1:?usage: try.sh PACKAGE.deb}")
[[ $(id -u) == 0 ]] || { echo "try: needs root" >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "try: needs debootstrap" >&2; exit 1; }
dir=$(mktemp -d "${TMPDIR:-/tmp}/offerstream-package.XXXXXX")
root=$dir/root pid=
finish() {
  [[ -z $pid ]] || kill -9 "$pid" 2>/dev/null || true
  deploy/kafka/broker.sh stop --dir "$dir/kafka" 2>/dev/null || true
  umount -q "$root/proc" 2>/dev/null || true
  rm -rf --one-file-system "$dir"
}
trap finish EXIT
say() { echo "try: $*"; }
inside() { chroot "$root" /usr/bin/env DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"; }

if [[ -n ${OFFERSTREAM_DEBIAN_ROOT:-} ]]; then cp -a "$OFFERSTREAM_DEBIAN_ROOT" "$root"; else debootstrap --variant=minbase bookworm "$root" >"$dir/log"; fi
mount -t proc proc "$root/proc"
cp /etc/resolv.conf "$root/etc/resolv.conf"
cp "$package" "$root/offerstream.deb"
inside apt-get -qq update
inside apt-get -qq -y install --no-install-recommends /offerstream.deb >>"$dir/log" 2>&1 || { tail -n 20 "$dir/log" >&2; exit 1; }
say "installed: $(inside dpkg-query -W -f '${Package} ${Version} ${Status}' offerstream)"
inside id -u offerstream >/dev/null
[[ $(stat -c %a "$root/etc/offerstream/offerstream.yaml") == 640 ]] || { echo "try: the configuration is readable by all" >&2; exit 1; }

brokers=$(deploy/kafka/broker.sh start --port 0 --dir "$dir/kafka" 2>/dev/null | tail -n 1)
port=$((20000 + RANDOM % 20000))
settings=(HOSTNAME=package OFFERSTREAM__KAFKA__BROKERS="$brokers" OFFERSTREAM__HTTP__LISTEN="127.0.0.1:$port")
# An array and not a function: in the background the process is the service itself, which signals must reach.
as_service=(chroot --userspec=offerstream:offerstream "$root" /usr/bin/env -i "${settings[@]}" /usr/bin/offerstream)
say "check: $("${as_service[@]}" check /etc/offerstream/offerstream.yaml 2>&1 | tail -n 1)"
"${as_service[@]}" topics apply -c /etc/offerstream/offerstream.yaml --dev >"$dir/topics" 2>&1 || { cat "$dir/topics" >&2; exit 1; }
up() {
  "${as_service[@]}" run -c /etc/offerstream/offerstream.yaml >"$dir/run.log" 2>&1 &
  pid=$!
  for ((i = 0; i < 300; ++i)); do
    curl -fs "http://127.0.0.1:$port/readyz" >/dev/null && { say "ready"; return; }
    kill -0 "$pid" 2>/dev/null || { cat "$dir/run.log" >&2; exit 1; }
    sleep 0.2
  done
  cat "$dir/run.log" >&2
  exit 1
}
down() { kill -TERM "$pid"; wait "$pid" || { cat "$dir/run.log" >&2; exit 1; }; pid=; }
up
curl -fs "http://127.0.0.1:$port/metrics" -o "$dir/metrics"
grep -q '^offerstream_' "$dir/metrics" || { echo "try: no metrics" >&2; exit 1; }
down
inside dpkg -i /offerstream.deb >>"$dir/log" 2>&1
say "upgraded over itself"
up
down
inside apt-get -qq -y remove offerstream >>"$dir/log" 2>&1
[[ -e $root/etc/offerstream/offerstream.yaml && -d $root/var/lib/offerstream ]] || { echo "try: removing took configuration or state" >&2; exit 1; }
inside dpkg --purge offerstream >>"$dir/log" 2>&1
[[ ! -e $root/etc/offerstream/offerstream.yaml && ! -e $root/var/lib/offerstream ]] || { echo "try: purging left something" >&2; exit 1; }
say "removed and purged"
