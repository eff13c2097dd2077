#!/usr/bin/env bash
# The package in a Debian root made anew, beside a real broker: every command of the guide (install, configure, monitor, upgrade), line by
# line, as a newcomer would type it; an upgrade to a next version and the way back with the state kept; removed, purged. Only addresses
# and file names are put in. Needs root, debootstrap and ./run package.
#   deploy/package/try.sh PACKAGE.deb
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
package=$(realpath "${1:?usage: try.sh PACKAGE.deb}")
[[ $(id -u) == 0 ]] || { echo "try: needs root" >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "try: needs debootstrap" >&2; exit 1; }
dir=$(mktemp -d "${TMPDIR:-/tmp}/offerstream-package.XXXXXX")
root=$dir/root
inside() { chroot "$root" /usr/bin/env -i HOME=/root DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"; }
finish() {
  [[ ! -e $root/run/offerstream.pid ]] || kill -9 "$(<"$root/run/offerstream.pid")" 2>/dev/null || true
  deploy/kafka/broker.sh stop --dir "$dir/kafka" 2>/dev/null || true
  umount -q "$root/proc" 2>/dev/null || true
  rm -rf --one-file-system "$dir"
}
trap finish EXIT
say() { echo "try: $*"; }
die() { echo "try: $*" >&2; tail -n 20 "$root/var/log/offerstream.log" >&2 2>/dev/null || true; exit 1; }

if [[ -n ${OFFERSTREAM_DEBIAN_ROOT:-} ]]; then cp -a "$OFFERSTREAM_DEBIAN_ROOT" "$root"; else debootstrap --variant=minbase bookworm "$root" >"$dir/log"; fi
mount -t proc proc "$root/proc"
cp /etc/resolv.conf "$root/etc/resolv.conf"
mkdir -p "$root/run/systemd/system"   # as on a machine that runs systemd: the package's scripts restart the service
install -m 755 deploy/package/systemctl "$root/usr/bin/systemctl"
mkdir -p "$root/etc/offerstream"
brokers=$(deploy/kafka/broker.sh start --port 0 --dir "$dir/kafka" 2>/dev/null | tail -n 1)
port=$((20000 + RANDOM % 10000))
echo "OFFERSTREAM__HTTP__LISTEN=127.0.0.1:$port" >"$root/etc/offerstream/environment"
old=$(basename "$package")
cp "$package" "$root/root/$old"
inside apt-get -qq update
# The next version: the same program under a higher number.
dpkg-deb -R "$package" "$dir/next"
version=$(sed -n 's/^Version: //p' "$dir/next/DEBIAN/control")
sed -i "s/^Version: .*/Version: $version+next/" "$dir/next/DEBIAN/control"
new=offerstream_${version}+next_amd64.deb
dpkg-deb --root-owner-group -b "$dir/next" "$dir/$new" >/dev/null

# The commands of one page, block by block.
walk() {
  local number=0 block
  rm -rf "$dir/blocks" && mkdir "$dir/blocks"
  awk -v out="$dir/blocks" '/^```sh$/ { ++n; f = sprintf("%s/%02d", out, n); next } /^```$/ { f = ""; next } f { print > f }' "deploy/guide/$1"
  for block in "$dir"/blocks/*; do
    number=$((number + 1))
    sed -i -e "s/localhost:9092/$brokers/g" -e "s/127\.0\.0\.1:8080/127.0.0.1:$port/g" -e "s/offerstream_NEW_amd64.deb/$new/" \
      -e "s/offerstream_OLD_amd64.deb/$old/" "$block"
    cp "$block" "$root/root/block.sh"
    if ! inside bash -c 'cd /root && exec bash -e block.sh' >"$dir/out" 2>&1 </dev/null; then
      cat "$dir/out" >&2
      cat "$block" >&2
      die "$1, block $number failed"
    fi
  done
  say "$1: $number blocks of commands done"
}

walk install.md
[[ $(stat -c %a "$root/etc/offerstream/offerstream.yaml") == 640 ]] || die "the configuration is readable by all"
if inside offerstream inspect customer c-1 -c /etc/offerstream/offerstream.yaml >"$dir/out" 2>&1; then die "the customer was not erased"; fi
grep -q erased "$dir/out" || die "$(<"$dir/out")"
walk configure.md
grep -q 'is in force on all shards' "$root/var/log/offerstream.log" || die "the reload did nothing"
walk monitor.md
cp "$dir/$new" "$root/root/$new"
before=$(inside offerstream inspect customer "$(kcat -C -q -e -b "$brokers" -t decisions -f '%k\n' | tail -n 1)" -c /etc/offerstream/offerstream.yaml)
walk upgrade.md
say "upgraded to $version+next and back to $(inside dpkg-query -W -f '${Version}' offerstream)"
[[ $(grep -c 'info started' "$root/var/log/offerstream.log") -ge 4 ]] || die "the package did not restart the service"
! grep -q -e 'rebuilding' -e 'cause=' <(grep -v 'cause=anchor' "$root/var/log/offerstream.log") || die "the state was not kept"
after=$(inside offerstream inspect customer "$(kcat -C -q -e -b "$brokers" -t decisions -f '%k\n' | tail -n 1)" -c /etc/offerstream/offerstream.yaml)
[[ $before == "$after" ]] || die "a customer is not what it was"
inside apt-get -qq -y remove offerstream >>"$dir/log" 2>&1
[[ -e $root/etc/offerstream/offerstream.yaml && -d $root/var/lib/offerstream ]] || die "removing took configuration or state"
inside dpkg --purge offerstream >>"$dir/log" 2>&1
[[ ! -e $root/etc/offerstream/offerstream.yaml && ! -e $root/var/lib/offerstream ]] || die "purging left something"
say "removed and purged"
