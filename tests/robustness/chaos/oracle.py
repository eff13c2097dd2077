"""Judges what a run left in its topics, by means that share nothing with the engine: independent_count.py's account of events,
decisions and caps; the dead letters; the journal's ranges; committed offsets; and, with frozen models, an uninterrupted twin."""

import argparse
import json
import pathlib
import struct
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import independent_count  # noqa: E402

DAY_MS = 86_400_000
FRAME_BYTES = 10   # format u8, version u8, checksum u32, length u32 (state/FORMAT.md)
JOURNAL = 6


def read_raw(brokers, topic):
    """(partition, offset, key, value) with exact bytes; None where there is no key or value."""
    out = subprocess.run(["kcat", "-b", brokers, "-t", topic, "-C", "-e", "-q", "-X", "isolation.level=read_committed", "-f", "%p %o %K %S\n%k%s"],
                         stdout=subprocess.PIPE, check=True).stdout
    at, records = 0, []
    while at < len(out):
        line = out.index(b"\n", at)
        partition, offset, key_size, size = map(int, out[at:line].split())
        at = line + 1
        key = None if key_size < 0 else out[at:at + key_size]
        at += max(0, key_size)
        value = None if size < 0 else out[at:at + size]
        at += max(0, size)
        records.append((partition, offset, key, value))
    records.sort(key=lambda r: r[:2])
    return records


class Varints:
    def __init__(self, raw):
        self.raw, self.at = raw, 0

    def take(self):
        value = shift = 0
        while True:
            byte = self.raw[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def signed(self):
        n = self.take()
        return (n >> 1) ^ -(n & 1)


def check_journal(records, ends):
    """Each partition: transactions 1, 2, ... none missing or twice, in whole pieces, and their ranges cover the input once."""
    problems, logs = [], {}
    for partition, offset, _, value in records:
        log = logs.setdefault(partition, {"seq": None, "pieces": [], "next": 0, "id": None, "transactions": 0})
        where = f"journal[{partition}] offset {offset}"
        if value is None or value[0] != JOURNAL:
            problems.append(f"{where}: not a journal record")
            continue
        seq, number, last = struct.unpack_from("<QIB", value, FRAME_BYTES)
        if number == 0:
            if log["pieces"]:
                problems.append(f"{where}: transaction {log['seq']} lacks its last piece")
            if log["seq"] is not None and seq != log["seq"] + 1:
                kind = "twice" if seq <= log["seq"] else "missing"
                problems.append(f"{where}: transaction {seq} after {log['seq']}: {kind}")
            log["seq"], log["pieces"] = seq, []
        elif seq != log["seq"] or number != len(log["pieces"]):
            problems.append(f"{where}: piece {number} of {seq}, expected piece {len(log['pieces'])} of {log['seq']}")
        log["pieces"].append(value[FRAME_BYTES + 13:])
        if last:
            problems += take_ranges(log, b"".join(log["pieces"]), where)
            log["pieces"], log["transactions"] = [], log["transactions"] + 1
    for partition, end in enumerate(ends):
        done = logs.get(partition, {"next": 0})["next"]
        if done != end:
            problems.append(f"journal[{partition}] covers the input to {done}, it ends at {end}: missing")
    return problems, sum(log["transactions"] for log in logs.values())


def take_ranges(log, raw, where):
    problems = []
    if log["id"] not in (None, raw[:16]):
        problems.append(f"{where}: another log id")
    log["id"], fields = raw[:16], Varints(raw)
    fields.at = 16
    fields.take()   # plan epoch
    for _ in range(fields.take()):
        fields.take()   # input
        start = fields.signed()
        end = start + fields.signed()
        if start != log["next"]:
            problems.append(f"{where}: folds {start} to {end}, before it {log['next']}: {'twice' if start < log['next'] else 'missing'}")
        log["next"] = end
    return problems


def check_letters(letters, events):
    """Each dead letter once, with the event's bytes or, of a record too large to copy, their beginning."""
    by_place, seen, problems = {(p, o): v for p, o, _, v, _ in events}, set(), []
    for _, offset, _, payload, headers in letters:
        h = dict(zip(headers[::2], headers[1::2]))
        place = int(h.get("__connect.errors.partition", -1)), int(h.get("__connect.errors.offset", -1))
        if place in seen:
            problems.append(f"dead letter {offset} for {place} was made twice")
        seen.add(place)
        if place not in by_place:
            problems.append(f"dead letter {offset} is about {place}, where nothing is")
        elif payload != by_place[place] and not (len(by_place[place] or "") > 100_000):
            problems.append(f"dead letter {offset} has not the bytes of {place}")
    return problems


def settings(budget=None):
    minute = 60_000
    return argparse.Namespace(triggers={"request", "click", "conversion"}, placement="home", min_interval=10 * minute, lateness=10 * minute,
                              dedup=7 * DAY_MS, channels={"push": (7 * DAY_MS, 20), "email": (7 * DAY_MS, 20)}, budget=budget)


def count_account(brokers, app, events_topic, budget=None):
    """(problems, counts) of independent_count.py; and the dead letters'."""
    events, decisions, caps, letters = (independent_count.read_topic(brokers, t)
                                        for t in (events_topic, f"{app}-decisions", f"{app}-caps", f"{events_topic}.dlq"))
    account = independent_count.Account(settings(budget), decisions, caps, letters)
    problems = account.run(events)
    return problems + check_letters(letters, events), account.count


def profiles(brokers, app):
    """The newest row of each customer without as_of: what the changelog says the state is."""
    rows = {}
    for partition, _, key, value in read_raw(brokers, f"{app}-profiles"):
        if key is None or not key.startswith(b"p|"):   # the rest: meta, plans and claims to their numbers
            continue
        rows[partition, key] = None if value is None else value[FRAME_BYTES + 8:]
    return {k: v for k, v in rows.items() if v is not None}


def compare_twin(brokers, app, twin):
    """With frozen models everything is equal: decisions and caps in order, and every customer's row."""
    problems = []
    for topic in ("decisions", "caps"):
        mine, others = ([(p, k, v) for p, _, k, v in read_raw(brokers, f"{a}-{topic}")] for a in (app, twin))
        if mine != others:
            at = next((i for i, (a, b) in enumerate(zip(mine, others)) if a != b), min(len(mine), len(others)))
            problems.append(f"{topic}: {len(mine)} records, an uninterrupted run has {len(others)}; the first that differs is number {at}: "
                            f"{mine[at:at + 1]!r:.300} against {others[at:at + 1]!r:.300}")
    mine, others = profiles(brokers, app), profiles(brokers, twin)
    different = [k for k in mine.keys() | others.keys() if mine.get(k) != others.get(k)]
    if different:
        problems.append(f"state: {len(different)} of {len(others)} customers differ from an uninterrupted run's, one is {different[0]}")
    return problems, len(mine)


def classify(problems):
    """Losses, duplicates, wrong caps and counts."""
    kinds = {"losses": 0, "duplicates": 0, "wrong": 0}
    for problem in problems:
        if "twice" in problem or "too many" in problem or "nothing asked" in problem:
            kinds["duplicates"] += 1
        elif "missing" in problem or "no decision" in problem or "not in the dead letters" in problem or "no record" in problem:
            kinds["losses"] += 1
        else:
            kinds["wrong"] += 1
    return kinds


def verify(engine, config):
    """`replay --verify`: every decision re-derived from the logs."""
    done = subprocess.run([engine, "replay", "--verify", "-c", config], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    last = done.stdout.strip().splitlines()[-1:] or [""]
    return ([] if done.returncode == 0 else [f"replay --verify: exit {done.returncode}: {done.stdout[-600:]}"]), last[0]


def dump_json(path, value):
    pathlib.Path(path).write_text(json.dumps(value, indent=1, default=str) + "\n")
