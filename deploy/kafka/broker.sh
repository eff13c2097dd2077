#!/usr/bin/env bash
# A real Kafka broker for tests and the demo: one KRaft node from pinned jars, on loopback, up in a few seconds.
#
#   broker.sh start [--version V] [--port N] [--dir DIR] [--behind "PORT:ADVERTISED ..."] [--steady] [--secure CERTS]
#                                                          prints progress on stderr and, as the last line of stdout,
#                                                          the bootstrap address; returns when the broker answers
#                                                          --behind: further listeners that send their clients to another
#                                                          port of this machine, where a proxy stands before them
#                                                          --steady: compiles fully and compacts as rarely as a broker in
#                                                          production; for measurements, slower in its first half minute
#                                                          --secure: further listeners with TLS, mTLS and SASL, and access control
#                                                          lists; certificates and passwords are made in CERTS (below)
#   broker.sh stop  [--dir DIR]                            harmless when nothing runs
#   broker.sh jars  [--version V]                          only fetches and verifies the jars
#
# Several brokers run side by side, one per --dir. A stopped directory started again keeps its records and its port.
# DIR holds: address, broker.pid, broker.log, server.properties, cluster.id, records/.
# Not for production: one replica, short timeouts, no fsync beyond the broker's defaults.
#
# CERTS holds: ca.pem; broker.pem; admin.pem and app.pem (certificate and key of the clients `admin` and `app`, mode 0600), their
# passwords admin.password and app.password for PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512; addresses, one listener a line:
#   PLAINTEXT (everybody is the super user ANONYMOUS), TLS, MTLS, SASL, and two whose certificates are bad: EXPIRED, OTHERNAME.
# admin may do everything, app what access control lists allow: none at first. Connections by SCRAM-SHA-512 end after 4 s unless
# their clients authenticate again.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${OFFERSTREAM_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/offerstream}
start_attempts_max=4
answer_timeout_s=60
stop_timeout_s=15

say() { printf 'kafka: %s\n' "$*" >&2; }
die() { say "$*"; exit "${code:-1}"; }

need() { command -v "$1" >/dev/null 2>&1 || die "$1 is missing; './run setup' installs it (package $2)"; }

# Jars of one version into the cache, whole or not at all: resolved beside, compared with the checked-in list, renamed.
fetch_jars() {
  local list="$here/jars-$version.sha256"
  [[ -f $list ]] || code=2 die "no pinned jar list for Kafka $version; known: $(known_versions)"
  jars="$cache/kafka-$version"
  [[ -f $jars/verified && $(cat "$jars/verified") == "$(sha256sum <"$list")" ]] && return
  need mvn maven
  mkdir -p "$cache"
  exec 8>"$cache/kafka-$version.lock"
  flock 8
  if ! [[ -f $jars/verified && $(cat "$jars/verified") == "$(sha256sum <"$list")" ]]; then
    local fresh="$jars.fresh" log="$cache/kafka-$version.maven.log"
    rm -rf "$fresh" "$jars"
    say "fetching the jars of Kafka $version (about 45 MB, once)"
    local attempt
    for attempt in 1 2 3; do
      if mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -Dkafka.version="$version" \
           -DincludeScope=runtime -DoutputDirectory="$fresh" >"$log" 2>&1; then break; fi
      [[ $attempt == 3 ]] && { tail -n 20 "$log" >&2; die "Maven could not fetch the jars; its log is $log"; }
      say "Maven failed, trying again ($attempt of 3)"
      sleep $((attempt * 3))
    done
    (cd "$fresh" && sha256sum --quiet --strict -c "$list" >&2) ||
      die "a jar of Kafka $version differs from $list: not used; remove $fresh and look into it"
    [[ $(find "$fresh" -name '*.jar' | wc -l) == $(wc -l <"$list") ]] ||
      die "Kafka $version came with jars that are not in $list: not used; see $fresh"
    sha256sum <"$list" >"$fresh/verified"
    mv "$fresh" "$jars"
  fi
  exec 8>&-
}

known_versions() { (cd "$here" && printf '%s ' jars-*.sha256 | sed 's/jars-//g; s/\.sha256//g'); }

# True when DIR's broker process is alive (the pid file may be stale and its number reused).
is_running() {
  [[ -f $dir/broker.pid ]] || return 1
  local pid; pid=$(cat "$dir/broker.pid")
  [[ -n $pid && -r /proc/$pid/cmdline ]] && tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qF "$dir/server.properties"
}

# Two free ports below the range the kernel hands to outgoing connections, so that nothing takes them by chance.
free_ports() {
  python3 - "$1" <<'PY'
import random, socket, sys
def free(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
wanted = int(sys.argv[1])
pick = random.SystemRandom()
ports = [wanted] if wanted else []
while len(ports) < 2:
    port = pick.randrange(20000, 32000)
    if port not in ports and free(port):
        ports.append(port)
print(*ports)
PY
}

secure_listeners="TLS MTLS SASL EXPIRED OTHERNAME"

# A certificate NAME.pem (key, then certificate) signed by the directory's own authority; valid for DAYS from now on.
make_certificate() {  # name, common name, subjectAltName, first day, days
  openssl req -newkey rsa:2048 -nodes -sha256 -subj "/CN=$2" -keyout "$secure/$1.key" -out "$secure/$1.csr" 2>/dev/null
  local from; from=$(date -u -d "$4" +%Y%m%d%H%M%SZ)
  local until; until=$(date -u -d "$4 + $5 days" +%Y%m%d%H%M%SZ)
  openssl ca -batch -notext -config "$secure/ca.cnf" -in "$secure/$1.csr" -out "$secure/$1.crt" -startdate "$from" -enddate "$until" \
    -extfile <(printf 'subjectAltName=%s\n' "$3") 2>>"$secure/openssl.log" || die "openssl made no certificate; see $secure/openssl.log"
  cat "$secure/$1.key" "$secure/$1.crt" >"$secure/$1.pem"
  rm -f "$secure/$1.csr"
}

# An authority for this directory alone, certificates by it, passwords. Once.
make_secrets() {
  need openssl openssl
  mkdir -p "$secure"
  secure=$(cd "$secure" && pwd)
  [[ -s $secure/app.password ]] && return
  (
    umask 077
    cat >"$secure/ca.cnf" <<CNF
[ca]
default_ca = here
[here]
database = $secure/index.txt
new_certs_dir = $secure
certificate = $secure/ca.pem
private_key = $secure/ca.key
default_md = sha256
policy = any
rand_serial = yes
unique_subject = no
copy_extensions = none
[any]
commonName = supplied
CNF
    : >"$secure/index.txt"
    openssl req -x509 -newkey rsa:2048 -nodes -sha256 -days 30 -subj "/CN=Offerstream test authority" \
      -addext basicConstraints=critical,CA:TRUE -keyout "$secure/ca.key" -out "$secure/ca.pem" 2>"$secure/openssl.log" ||
      die "openssl made no authority; see $secure/openssl.log"
    make_certificate broker localhost "DNS:localhost,IP:127.0.0.1" "-1 day" 30
    make_certificate expired localhost "DNS:localhost,IP:127.0.0.1" "-10 days" 5
    make_certificate othername elsewhere.example.org "DNS:elsewhere.example.org" "-1 day" 30
    make_certificate admin admin "DNS:admin" "-1 day" 30
    make_certificate app app "DNS:app" "-1 day" 30
    openssl rand -hex 16 >"$secure/admin.password"
    openssl rand -hex 16 >"$secure/app.password"
  )
}

# What --secure adds to server.properties. Ports are kept in DIR, so that a restart has the same.
secure_properties() {
  local module=org.apache.kafka.common.security
  local plain="$module.plain.PlainLoginModule required user_admin=\"$(cat "$secure/admin.password")\" user_app=\"$(cat "$secure/app.password")\";"
  cat <<PROPERTIES
ssl.keystore.type=PEM
ssl.keystore.location=$secure/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location=$secure/ca.pem
ssl.principal.mapping.rules=RULE:^CN=([^,]+).*$/\$1/,DEFAULT
listener.name.mtls.ssl.client.auth=required
listener.name.expired.ssl.keystore.type=PEM
listener.name.expired.ssl.keystore.location=$secure/expired.pem
listener.name.othername.ssl.keystore.type=PEM
listener.name.othername.ssl.keystore.location=$secure/othername.pem
listener.name.sasl.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl.plain.sasl.jaas.config=$plain
listener.name.sasl.scram-sha-256.sasl.jaas.config=$module.scram.ScramLoginModule required;
listener.name.sasl.scram-sha-512.sasl.jaas.config=$module.scram.ScramLoginModule required;
listener.name.sasl.scram-sha-512.connections.max.reauth.ms=4000
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:admin
PROPERTIES
}

write_properties() {  # $1 client port, $2 controller port
  local listeners="PLAINTEXT://127.0.0.1:$1" advertised="PLAINTEXT://127.0.0.1:$1" protocols=PLAINTEXT:PLAINTEXT pair number=0
  for pair in $behind; do
    number=$((number + 1))
    listeners+=",BEHIND$number://127.0.0.1:${pair%:*}"
    advertised+=",BEHIND$number://127.0.0.1:${pair#*:}"
    protocols+=",BEHIND$number:PLAINTEXT"
  done
  if [[ -n $secure ]]; then
    [[ -s $dir/secure.ports ]] || { free_ports 0; free_ports 0; free_ports 0; } | tr '\n' ' ' >"$dir/secure.ports"
    local ports name; read -r -a ports <"$dir/secure.ports"
    : >"$secure/addresses"
    echo "PLAINTEXT 127.0.0.1:$1" >>"$secure/addresses"
    number=0
    for name in $secure_listeners; do
      listeners+=",$name://127.0.0.1:${ports[number]}"
      advertised+=",$name://127.0.0.1:${ports[number]}"
      if [[ $name == SASL ]]; then protocols+=",$name:SASL_SSL"; else protocols+=",$name:SSL"; fi
      echo "$name 127.0.0.1:${ports[number]}" >>"$secure/addresses"
      number=$((number + 1))
    done
  fi
  cat >"$dir/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$2
listeners=$listeners,CONTROLLER://127.0.0.1:$2
advertised.listeners=$advertised
listener.security.protocol.map=$protocols,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs=$dir/records
# A fast broker: no waiting for members, small internal topics, prompt ends of dead transactions.
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
offsets.topic.num.partitions=3
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=3
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
# Nothing is deleted by age: replayed history carries old timestamps, and retention looks at those.
log.retention.ms=-1
log.cleaner.backoff.ms=$([[ $steady ]] && echo 15000 || echo 100)
log.cleaner.dedupe.buffer.size=16777216
num.network.threads=2
num.io.threads=4
num.recovery.threads.per.data.dir=2
PROPERTIES
  if [[ -n $secure ]]; then
    secure_properties >>"$dir/server.properties"
    chmod 600 "$dir/server.properties"
  fi
  if [[ $version != 3.* ]]; then
    cat >>"$dir/server.properties" <<'PROPERTIES'
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
PROPERTIES
  fi
}

# One attempt; 0 = answers, 1 = a port was taken meanwhile. Anything else ends the script.
launch() {
  local ports; read -r -a ports <<<"$(free_ports "$port")"
  write_properties "${ports[@]}"
  local java=(java -XX:+UseSerialGC -XX:TieredStopAtLevel=$([[ $steady ]] && echo 4 || echo 1) -Xms128m -Xmx512m -XX:-UsePerfData -Djava.awt.headless=true
    -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info
    -Dorg.slf4j.simpleLogger.showDateTime=true '-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS'
    -cp "$jars/*")
  # Word splitting is wanted: several options in one variable.
  # shellcheck disable=SC2206
  java+=(${OFFERSTREAM_KAFKA_JAVA_OPTS:-})
  if [[ ! -f $dir/records/meta.properties ]]; then
    [[ -s $dir/cluster.id ]] ||
      python3 -c 'import base64,os; print("O" + base64.urlsafe_b64encode(os.urandom(16)).decode()[1:22])' >"$dir/cluster.id"
    local scram=() user mechanism
    if [[ -n $secure ]]; then
      for user in admin app; do
        for mechanism in SCRAM-SHA-256 SCRAM-SHA-512; do scram+=(--add-scram "$mechanism=[name=$user,password=$(cat "$secure/$user.password")]"); done
      done
    fi
    "${java[@]}" kafka.tools.StorageTool format --ignore-formatted -t "$(cat "$dir/cluster.id")" "${scram[@]}" \
      -c "$dir/server.properties" >"$dir/format.log" 2>&1 || { cat "$dir/format.log" >&2; die "formatting $dir failed"; }
  fi
  : >"$dir/broker.log"
  setsid nohup "${java[@]}" kafka.Kafka "$dir/server.properties" </dev/null >>"$dir/broker.log" 2>&1 7>&- &
  local pid=$!
  echo "$pid" >"$dir/broker.pid"
  disown "$pid" 2>/dev/null || true
  local waited
  for ((waited = 0; waited < answer_timeout_s * 10; ++waited)); do
    if grep -q 'Kafka Server started' "$dir/broker.log"; then
      echo "127.0.0.1:${ports[0]}" >"$dir/address"
      return 0
    fi
    if ! kill -0 "$pid" 2>/dev/null; then
      rm -f "$dir/broker.pid"
      if grep -q 'Address already in use' "$dir/broker.log" && [[ $asked_port == 0 ]]; then port=0; rm -f "$dir/secure.ports"; return 1; fi
      tail -n 20 "$dir/broker.log" >&2
      die "the broker ended while starting; its log is $dir/broker.log"
    fi
    sleep 0.1
  done
  kill -9 "$pid" 2>/dev/null || true
  rm -f "$dir/broker.pid"
  tail -n 20 "$dir/broker.log" >&2
  die "the broker did not answer within $answer_timeout_s s; its log is $dir/broker.log"
}

start() {
  need java default-jre-headless
  need python3 python3
  fetch_jars
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd)
  if [[ -n $secure ]]; then make_secrets; fi
  exec 7>"$dir/start.lock"
  flock 7
  if is_running; then
    say "already running in $dir (pid $(cat "$dir/broker.pid"))"
    cat "$dir/address"
    return
  fi
  asked_port=$port
  # A directory that ran before keeps its address: clients and other brokers know it.
  if [[ $port == 0 && -s $dir/address && -f $dir/records/meta.properties ]]; then port=$(sed 's/.*://' "$dir/address"); fi
  local attempt
  for ((attempt = 1; attempt <= start_attempts_max; ++attempt)); do
    if launch; then
      say "Kafka $version answers in $dir (pid $(cat "$dir/broker.pid"), log $dir/broker.log)"
      cat "$dir/address"
      return
    fi
    say "a port was taken meanwhile, trying others ($attempt of $start_attempts_max)"
  done
  die "no free ports after $start_attempts_max attempts"
}

stop() {
  [[ -d $dir ]] || { say "nothing to stop: no directory $dir"; return; }
  dir=$(cd "$dir" && pwd)
  if ! is_running; then
    rm -f "$dir/broker.pid"
    say "nothing runs in $dir"
    return
  fi
  local pid waited; pid=$(cat "$dir/broker.pid")
  kill -TERM "$pid" 2>/dev/null || true
  for ((waited = 0; waited < stop_timeout_s * 10; ++waited)); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  if kill -0 "$pid" 2>/dev/null; then
    say "pid $pid did not end in $stop_timeout_s s: killed"
    kill -KILL "$pid" 2>/dev/null || true
  fi
  rm -f "$dir/broker.pid"
  say "stopped in $dir"
}

version=3.9.1 port=0 behind= steady= secure= dir="$root/.kafka/default"
[[ $# -gt 0 ]] || { sed -n '2,16p' "${BASH_SOURCE[0]}" >&2; exit 2; }
verb=$1; shift
while [[ $# -gt 0 ]]; do
  case $1 in
    --version | --port | --dir | --behind | --secure)
      [[ $# -ge 2 ]] || code=2 die "$1 needs a value"
      printf -v "${1#--}" '%s' "$2"
      shift 2 ;;
    --steady) steady=yes; shift ;;
    *) code=2 die "unknown argument $1" ;;
  esac
done
[[ $port =~ ^[0-9]+$ && $port -le 65535 ]] || code=2 die "--port takes a number from 0 (any) to 65535, not '$port'"
case $verb in
  start) start ;;
  stop) stop ;;
  jars) fetch_jars; echo "$jars" ;;
  *) code=2 die "unknown verb $verb; start, stop or jars" ;;
esac
