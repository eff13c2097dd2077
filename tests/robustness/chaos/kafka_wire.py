"""As much of Kafka's protocol as the harness needs, over one broker at a time, in versions that 3.9 and 4.1 both know: what is committed,
where logs end, and what an operator or a stranger does to them (topics, offsets, a transaction that is left hanging)."""

import hashlib
import os
import socket
import struct
import time

PRODUCE, LIST_OFFSETS, METADATA, OFFSET_COMMIT, OFFSET_FETCH, FIND_COORDINATOR, DESCRIBE_GROUPS = 0, 2, 3, 8, 9, 10, 15
CREATE_TOPICS, DELETE_TOPICS, DELETE_RECORDS, INIT_PRODUCER_ID, ADD_PARTITIONS = 19, 20, 21, 22, 24
END_TXN, CREATE_PARTITIONS, DELETE_GROUPS, ALTER_CONFIGS = 26, 37, 42, 44
CREATE_ACLS, DELETE_ACLS, ALTER_SCRAM = 30, 31, 51
ACL_KINDS = {"topic": 2, "group": 3, "transactional-id": 5}
ACL_OPERATIONS = {"Read": 3, "Write": 4}
SCRAM = {"SCRAM-SHA-256": (1, "sha256"), "SCRAM-SHA-512": (2, "sha512")}
SCRAM_ITERATIONS = 4096
NAMES = {0: "Produce", 1: "Fetch", 2: "ListOffsets", 3: "Metadata", 9: "OffsetFetch", 10: "FindCoordinator", 11: "JoinGroup",
         12: "Heartbeat", 13: "LeaveGroup", 14: "SyncGroup", 22: "InitProducerId", 24: "AddPartitionsToTxn", 25: "AddOffsetsToTxn",
         26: "EndTxn", 28: "TxnOffsetCommit"}
# Not yet, or not here: asked again. Loading, coordinator, leader, copies and network; topics that are only being made.
RETRIED = {3, 5, 6, 7, 13, 14, 15, 16, 19, 20, 51}
DUPLICATE_SEQUENCE = 46


class KafkaError(Exception):
    def __init__(self, code, what):
        super().__init__(f"{what}: Kafka's error {code}")
        self.code = code


def text(value):
    if value is None:
        return struct.pack(">h", -1)
    raw = value.encode()
    return struct.pack(">h", len(raw)) + raw


def array(items, write):
    return struct.pack(">i", len(items)) + b"".join(write(i) for i in items)


class Answer:
    """Reads an answer's fields one after the other."""

    def __init__(self, raw):
        self.raw, self.at = raw, 0

    def take(self, form):
        value, = struct.unpack_from(">" + form, self.raw, self.at)
        self.at += struct.calcsize(">" + form)
        return value

    def text(self):
        n = self.take("h")
        if n < 0:
            return None
        self.at += n
        return self.raw[self.at - n:self.at].decode("utf-8", "replace")

    def array(self, read):
        return [read() for _ in range(self.take("i"))]

    def check(self, what):
        code = self.take("h")
        if code:
            raise KafkaError(code, what)


class Wire:
    """One connection, made anew when it breaks. Every call is tried until `patience` seconds are over, of several brokers
    ("HOST:PORT,HOST:PORT") at one after the other: the leader or coordinator is among them."""

    def __init__(self, address, patience=60.0):
        self.addresses = [(host, int(port)) for host, port in (one.rsplit(":", 1) for one in address.split(","))]
        self.patience, self.link, self.number = patience, None, 0

    @property
    def address(self):
        return self.addresses[0]

    def next_broker(self):
        if len(self.addresses) > 1:
            self.close()
            self.addresses = self.addresses[1:] + self.addresses[:1]

    def close(self):
        if self.link is not None:
            self.link.close()
        self.link = None

    def exchange(self, api, version, body, flexible=False):
        if self.link is None:
            self.link = socket.create_connection(self.address, timeout=10)
        self.number += 1
        head = struct.pack(">hhi", api, version, self.number) + text("chaos") + (b"\0" if flexible else b"")
        self.link.sendall(struct.pack(">i", len(head) + len(body)) + head + body)
        size, = struct.unpack(">i", self.receive(4))
        answer = Answer(self.receive(size))
        if answer.take("i") != self.number:
            raise OSError("an answer to another request")
        if flexible:
            answer.take("b")   # no tags
        return answer

    def receive(self, size):
        parts = bytearray()
        while len(parts) < size:
            part = self.link.recv(size - len(parts))
            if not part:
                raise OSError("connection closed")
            parts += part
        return bytes(parts)

    def call(self, api, version, body, read, flexible=False):
        """`read(answer)`; its KafkaError among RETRIED and broken connections are tried again."""
        end = time.monotonic() + self.patience
        while True:
            try:
                return read(self.exchange(api, version, body, flexible))
            except (OSError, struct.error) as error:
                self.close()
                if time.monotonic() > end:
                    raise TimeoutError(f"no answer from Kafka at {self.address}: {error}") from error
                self.next_broker()
            except KafkaError as error:
                if error.code not in RETRIED or time.monotonic() > end:
                    raise
                self.next_broker()
            time.sleep(0.1)

    # -- asking

    def metadata(self, topic=None):
        """By topic (all: None) and partition: (leader, brokers in sync). A topic or partition with an error is not there."""
        def read(a):
            a.array(lambda: (a.take("i"), a.text(), a.take("i"), a.text()))
            a.take("i")
            found = {}
            for _ in range(a.take("i")):
                code, name = a.take("h"), a.text()
                a.take("b")
                numbers = lambda: a.array(lambda: a.take("i"))
                parts = a.array(lambda: (a.take("h"), a.take("i"), a.take("i"), numbers(), numbers()))
                if not code:
                    found[name] = {p: (leader, in_sync) for error, p, leader, _, in_sync in parts if not error}
            return found
        return self.call(METADATA, 1, struct.pack(">i", -1) if topic is None else array([topic], text), read)

    def partitions(self, topic):
        """How many; 0 when there is no such topic."""
        return len(self.metadata(topic).get(topic, ()))

    def leader(self, topic, partition=0):
        """The number of the broker that leads it; None: none does."""
        return self.metadata(topic).get(topic, {}).get(partition, (None, ()))[0]

    def offsets(self, topic, count, at=-1):
        """The ends (at=-1) or starts (-2) of partitions 0..count-1."""
        body = struct.pack(">ib", -1, 0) + array([topic], lambda t: text(t) + array(list(range(count)), lambda p: struct.pack(">iq", p, at)))

        def read(a):
            a.take("i")
            found = {}

            def one():
                p = a.take("i")
                a.check(f"{topic}[{p}]")
                a.take("q")
                found[p] = a.take("q")
            a.array(lambda: (a.text(), a.array(one)))
            return [found[p] for p in range(count)]
        return self.call(LIST_OFFSETS, 2, body, read)

    def committed(self, group, topic, count):
        """(offset, metadata) of each partition; -1: none."""
        self.find_coordinator(group, 0)
        body = text(group) + array([topic], lambda t: text(t) + array(list(range(count)), lambda p: struct.pack(">i", p)))

        def read(a):
            found = {}

            def one():
                p, offset, metadata = a.take("i"), a.take("q"), a.text()
                a.check(f"committed {group} {topic}[{p}]")
                found[p] = (offset, metadata)
            a.array(lambda: (a.text(), a.array(one)))
            if len(found) < count:   # a broker that has just started may not know the topic yet
                raise KafkaError(5, f"committed {group} {topic}")
            return [found[p] for p in range(count)]
        return self.call(OFFSET_FETCH, 1, body, read)

    def find_coordinator(self, key, kind):
        """The number of the broker that coordinates a group (kind 0) or a transactional id (1)."""
        def read(a):
            a.take("i")
            a.check(f"coordinator of {key}")
            a.text()
            return a.take("i")
        return self.call(FIND_COORDINATOR, 1, text(key) + struct.pack(">b", kind), read)

    def group_state(self, group):
        """Stable, Empty, Dead, ..."""
        self.find_coordinator(group, 0)

        def read(a):
            a.take("i")   # how many: one
            a.check(f"group {group}")
            a.text()
            return a.text()
        return self.call(DESCRIBE_GROUPS, 0, array([group], text), read)

    # -- what operators do

    def create_topic(self, name, count, on=(), **settings):
        """One copy of each partition, or one on each of the brokers `on`, the first of which leads."""
        body = array([name], lambda t: text(t) + struct.pack(">ih", -1 if on else count, -1 if on else 1) +
                     array(list(range(count)) if on else [], lambda p: struct.pack(">i", p) + array(list(on), lambda b: struct.pack(">i", b))) +
                     array(list(settings.items()), lambda s: text(s[0].replace("_", ".")) + text(str(s[1])))) + struct.pack(">ib", 10_000, 0)
        self.call(CREATE_TOPICS, 2, body, lambda a: (a.take("i"), a.array(lambda: (a.text(), a.check("creating " + name), a.text()))))

    def delete_topic(self, name):
        body = array([name], text) + struct.pack(">i", 10_000)
        self.call(DELETE_TOPICS, 1, body, lambda a: (a.take("i"), a.array(lambda: (a.text(), a.check("deleting " + name)))))

    def add_partitions(self, name, count):
        body = array([name], lambda t: text(t) + struct.pack(">ii", count, -1)) + struct.pack(">ib", 10_000, 0)
        self.call(CREATE_PARTITIONS, 0, body, lambda a: (a.take("i"), a.array(lambda: (a.text(), a.check("widening " + name), a.text()))))

    def set_topic(self, topic, **settings):
        """Changes these settings of a topic and no others."""
        body = array([topic], lambda t: struct.pack(">b", 2) + text(t) + array(
            list(settings.items()), lambda s: text(s[0].replace("_", ".")) + struct.pack(">b", 0) + text(str(s[1])))) + struct.pack(">b", 0)
        self.call(ALTER_CONFIGS, 0, body, lambda a: (a.take("i"), a.array(lambda: (a.check("settings of " + topic), a.text(), a.take("b"), a.text()))))

    def delete_records(self, topic, partition, before):
        """As retention does: the log begins at `before`."""
        body = array([topic], lambda t: text(t) + array([partition], lambda p: struct.pack(">iq", p, before))) + struct.pack(">i", 10_000)
        self.call(DELETE_RECORDS, 0, body, lambda a: (a.take("i"), a.array(
            lambda: (a.text(), a.array(lambda: (a.take("i"), a.take("q"), a.check(f"cutting {topic}")))))))

    def set_committed(self, group, topic, partition, offset, metadata=""):
        """A reset by hand; the group must be empty."""
        self.find_coordinator(group, 0)
        body = text(group) + struct.pack(">i", -1) + text("") + struct.pack(">q", -1) + array(
            [topic], lambda t: text(t) + array([partition], lambda p: struct.pack(">iq", p, offset) + text(metadata)))
        self.call(OFFSET_COMMIT, 2, body, lambda a: a.array(lambda: (a.text(), a.array(lambda: (a.take("i"), a.check("committing"))))))

    def delete_group(self, group):
        self.find_coordinator(group, 0)
        self.call(DELETE_GROUPS, 0, array([group], text), lambda a: (a.take("i"), a.array(lambda: (a.text(), a.check("deleting " + group)))))

    # -- rights and passwords

    def grant(self, user, operation, kind, name, prefixed=False):
        """As `kafka-acls.sh --add --allow-principal User:NAME --operation ... --topic ...` does."""
        body = array([0], lambda _: struct.pack(">b", ACL_KINDS[kind]) + text(name) + struct.pack(">b", 4 if prefixed else 3) +
                     text("User:" + user) + text("*") + struct.pack(">bb", ACL_OPERATIONS[operation], 3))
        self.call(CREATE_ACLS, 1, body, lambda a: (a.take("i"), a.array(lambda: (a.check("granting"), a.text()))))

    def revoke(self, user, operation, kind, name, prefixed=False):
        """How many rights that took away."""
        body = array([0], lambda _: struct.pack(">b", ACL_KINDS[kind]) + text(name) + struct.pack(">b", 4 if prefixed else 3) +
                     text("User:" + user) + text("*") + struct.pack(">bb", ACL_OPERATIONS[operation], 3))

        def read(a):
            a.take("i")

            def one():
                a.check("revoking")
                a.text()
                return len(a.array(lambda: (a.take("h"), a.text(), a.take("b"), a.text(), a.take("b"), a.text(), a.text(), a.take("b"), a.take("b"))))
            return sum(a.array(one))
        return self.call(DELETE_ACLS, 1, body, read)

    def set_password(self, user, mechanism, password):
        """SCRAM's; connections that stand are not asked again."""
        number, digest = SCRAM[mechanism]
        salt = os.urandom(16)
        salted = hashlib.pbkdf2_hmac(digest, password.encode(), salt, SCRAM_ITERATIONS)
        compact = lambda raw: bytes([len(raw) + 1]) + raw  # noqa: E731
        body = b"\1" + b"\2" + compact(user.encode()) + struct.pack(">bi", number, SCRAM_ITERATIONS) + compact(salt) + compact(salted) + b"\0" + b"\0"

        def read(a):
            a.take("i")
            a.take("b")                          # one result
            n = a.take("b") - 1
            a.at += n
            a.check(f"password of {user}")
        self.call(ALTER_SCRAM, 0, body, read, flexible=True)

    # -- a stranger's transaction

    def producer_id(self, name, timeout_ms):
        def read(a):
            a.take("i")
            a.check("producer id")
            return a.take("q"), a.take("h")
        return self.call(INIT_PRODUCER_ID, 0, text(name) + struct.pack(">i", timeout_ms), read)

    def begin_transaction(self, name, topic, partition, timeout_ms):
        """Opens one and writes a record: (producer id, epoch) to end it with."""
        self.find_coordinator(name, 1)
        pid, epoch = self.producer_id(name, timeout_ms)
        body = text(name) + struct.pack(">qh", pid, epoch) + array([topic], lambda t: text(t) + array([partition], lambda p: struct.pack(">i", p)))
        self.call(ADD_PARTITIONS, 0, body, lambda a: (a.take("i"), a.array(lambda: (a.text(), a.array(lambda: (a.take("i"), a.check("joining")))))))
        self.send(topic, {partition: record_batch([(b"stranger", b"{}")], pid, epoch, 0, True)}, name)
        return pid, epoch

    def end_transaction(self, name, pid, epoch, commit):
        def read(a):
            a.take("i")
            a.check("ending " + name)
        self.call(END_TXN, 0, text(name) + struct.pack(">qhb", pid, epoch, commit), read)

    def send(self, topic, batches, transaction=None):
        """One batch for each partition; repeated until each is there. A repeated batch of an idempotent producer counts once."""
        body = text(transaction) + struct.pack(">hi", -1, 10_000) + array(
            [topic], lambda t: text(t) + array(list(batches.items()), lambda b: struct.pack(">ii", b[0], len(b[1])) + b[1]))

        def read(a):
            def one():
                a.take("i")
                code = a.take("h")
                a.take("q"), a.take("q")
                if code not in (0, DUPLICATE_SEQUENCE):
                    raise KafkaError(code, f"writing {topic}")
            a.array(lambda: (a.text(), a.array(one)))
        self.call(PRODUCE, 3, body, read)


def zigzag(n):
    n = (n << 1) ^ (n >> 63)
    out = bytearray()
    while True:
        out.append((n & 0x7F) | (0x80 if n > 0x7F else 0))
        n >>= 7
        if not n:
            return bytes(out)


def crc_table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = (n >> 1) ^ (0x82F63B78 if n & 1 else 0)
        table.append(n)
    return table


_CRC = crc_table()


def crc32c(raw):
    crc, table = 0xFFFFFFFF, _CRC
    for byte in raw:
        crc = (crc >> 8) ^ table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def murmur2(raw):
    """Where Java's clients put a key."""
    h, n = (0x9747B28C ^ len(raw)) & 0xFFFFFFFF, len(raw) & ~3
    for i in range(0, n, 4):
        k = struct.unpack_from("<I", raw, i)[0] * 0x5BD1E995 & 0xFFFFFFFF
        k = (k ^ k >> 24) * 0x5BD1E995 & 0xFFFFFFFF
        h = h * 0x5BD1E995 & 0xFFFFFFFF ^ k
    if tail := raw[n:]:
        h = (h ^ int.from_bytes(tail, "little")) * 0x5BD1E995 & 0xFFFFFFFF
    h = (h ^ h >> 13) * 0x5BD1E995 & 0xFFFFFFFF
    return (h ^ h >> 15) & 0x7FFFFFFF


def record_batch(records, pid=-1, epoch=-1, sequence=-1, transactional=False):
    """(key, value) pairs in Kafka's format of 0.11 and later; a value of None is a deletion."""
    body = bytearray()
    for i, (key, value) in enumerate(records):
        record = b"\0" + zigzag(0) + zigzag(i) + zigzag(len(key)) + key + (zigzag(-1) if value is None else zigzag(len(value)) + value) + zigzag(0)
        body += zigzag(len(record)) + record
    now = int(time.time() * 1000)
    body = struct.pack(">hiqqqhii", 0x10 if transactional else 0, len(records) - 1, now, now, pid, epoch, sequence, len(records)) + body
    return struct.pack(">qiibI", 0, 9 + len(body), -1, 2, crc32c(body)) + body


class Writer:
    """An idempotent producer that never gives up: what is written is in the topic once, in order, whatever becomes of the broker."""

    def __init__(self, address, topic, count):
        self.wire, self.topic, self.count, self.waiting, self.next = Wire(address, 600), topic, count, {}, [0] * count
        self.pid, self.epoch = self.wire.producer_id(None, 60_000)

    def add(self, key, value):
        """Bytes that wait in all partitions."""
        self.waiting.setdefault(murmur2(key) % self.count, []).append((key, value))
        return sum(len(k) + len(v or b"") for records in self.waiting.values() for k, v in records)

    def flush(self):
        if self.waiting:
            batches = {p: record_batch(r, self.pid, self.epoch, self.next[p]) for p, r in self.waiting.items()}
            self.wire.send(self.topic, batches)
            for p, records in self.waiting.items():
                self.next[p] += len(records)
            self.waiting = {}
