"""What happens when. A schedule is a function of its seed and rows alone: the same seed repeats it, however fast the machine is."""

import random

from kafka_wire import NAMES

STEPS = ["poll", "begin", "fold", "produce", "share", "offsets", "commit", "commit.request", "commit.answer", "store", "stored", "load",
         "refold", "learn.publish", "learn.store"]
ERROR_STEPS = ["poll", "begin", "fold", "produce", "share", "offsets", "commit", "commit.request", "commit.answer", "load", "refold",
               "learn.publish"]
TRANSACTION_APIS = [0, 24, 25, 28]
GROUP_APIS = [9, 11, 12, 14, 22]

# row: (weight in `mixed`, rows of the fault matrix, what)
ROWS = {
    "crash": (6, "1-8", "SIGKILL at a random moment"),
    "failpoint": (4, "1-9", "SIGKILL at the n-th passage of a step"),
    "error": (2, "15", "a step fails, or a commit's outcome is unknown"),
    "term": (2, "11", "SIGTERM, under load or in recovery, and started again"),
    "stop": (2, "10", "SIGSTOP for less than a session, SIGCONT"),
    "zombie": (2, "10", "SIGSTOP for longer than a session, SIGCONT: others have its partitions meanwhile"),
    "zombie-step": (3, "10", "SIGSTOP at the n-th passage of a step, for longer than a session or a transaction, SIGCONT"),
    "leave": (2, "18", "an instance is away for longer than a session, then comes back"),
    "storm": (1, "18", "an instance is killed and started every second or so"),
    "broker-kill": (1, "12, 13", "SIGKILL of the broker, back after seconds"),
    "broker-restart": (1, "13", "the broker stops in order and comes back"),
    "broker-stop": (1, "17", "SIGSTOP of the broker for seconds"),
    "cut": (3, "14", "the network of an instance is gone for seconds"),
    "reset": (2, "14", "RST on all connections of an instance"),
    "stall": (2, "14", "nothing passes, one way or both, and nobody is told"),
    "slow": (1, "16", "50 to 500 ms on the way, or 100 kB/s"),
    "endtxn": (3, "15", "EndTxn or its answer is held for up to 30 s, or dropped"),
    "txn-api": (3, "15", "another request of a transaction, or its answer, is held or dropped"),
    "group-api": (2, "14, 18", "a request of the group, or its answer, is held or dropped"),
    "wipe": (2, "39, 41", "SIGKILL and the directory is gone"),
    "old-copy": (1, "41", "SIGKILL and the directory is what it was some faults ago"),
    "torn": (2, "29", "SIGKILL and a file of the store loses its end, or bytes of it are changed, or it is gone"),
}


def parameters(row, draw, faults_of_row):
    """What one fault of a row needs to know."""
    if row == "failpoint":
        step = STEPS[faults_of_row % len(STEPS)]
        most = {"load": 1, "refold": 1, "learn.publish": 3, "learn.store": 3, "poll": 60, "fold": 20, "produce": 20}.get(step, 12)
        return {"step": step, "n": draw.randint(1, most)}
    if row == "zombie-step":
        step = STEPS[:STEPS.index("load")][faults_of_row % STEPS.index("load")]
        return {"step": step, "n": draw.randint(1, 8), "seconds": draw.choice([7, 9, 18])}
    if row == "error":
        return {"step": draw.choice(ERROR_STEPS), "n": draw.randint(1, 8), "more": draw.randint(0, 3)}
    if row == "crash":
        return {"down": round(draw.uniform(0, 1.5), 2)}
    if row == "term":
        return {"down": round(draw.uniform(0, 0.5), 2), "again": draw.choice([0.0, 0.3, 1.0])}
    if row == "stop":
        return {"seconds": round(draw.uniform(0.2, 4), 2)}
    if row in ("zombie", "leave"):
        return {"seconds": round(draw.uniform(7, 12), 2)}
    if row == "storm":
        return {"times": draw.randint(3, 6), "pause": round(draw.uniform(0.5, 1.5), 2)}
    if row in ("broker-kill", "broker-restart"):
        return {"down": round(draw.choice([0.0, 1.0, 4.0, 9.0]), 2)}
    if row == "broker-stop":
        return {"seconds": draw.choice([1, 3, 8, 14])}
    if row == "cut":
        return {"seconds": draw.choice([0.5, 1, 3, 8, 20])}
    if row == "stall":
        return {"directions": draw.choice([["up"], ["down"], ["up", "down"]]), "seconds": draw.choice([1, 4, 10, 20])}
    if row == "slow":
        return draw.choice([{"least": 0.05, "more": 0.45, "rate": 0}, {"least": 0.0, "more": 0.05, "rate": 100_000}]) | {"seconds": 8}
    if row in ("endtxn", "txn-api", "group-api"):
        api = 26 if row == "endtxn" else draw.choice(TRANSACTION_APIS if row == "txn-api" else GROUP_APIS)
        return {"api": api, "name": NAMES[api], "direction": draw.choice(["up", "down"]), "action": draw.choice(["hold", "hold", "drop"]),
                "seconds": draw.choice([1, 5, 12, 18, 30]), "times": draw.randint(1, 3), "cut": draw.random() < 0.5}
    if row == "torn":
        return {"how": draw.choice(["cut", "flip", "gone", "log"]), "where": draw.random()}
    return {}


def make_schedule(seed, rows, seconds, every, instances):
    """[(second, row, instance, parameters)] in order."""
    draw = random.Random(seed)
    names = list(rows)
    weights = [ROWS[r][0] for r in names]
    counts, schedule, at = dict.fromkeys(names, 0), [], 3.0
    while at < seconds:
        row = draw.choices(names, weights)[0]
        schedule.append((round(at, 2), row, draw.randrange(instances), parameters(row, draw, counts[row])))
        counts[row] += 1
        at += draw.uniform(0.3, 1.7) * every
    return schedule


def parse_rows(text):
    """`mixed` is all; a list of names; `mixed,-torn` leaves one out."""
    rows = []
    for name in text.split(","):
        if name == "mixed":
            rows += [r for r in ROWS if r not in rows]
        elif name.startswith("-") and name[1:] in ROWS:
            rows = [r for r in rows if r != name[1:]]
        elif name in ROWS:
            rows.append(name)
        else:
            raise SystemExit(f"chaos: no row {name!r}; there are mixed, {', '.join(ROWS)}")
    return rows
