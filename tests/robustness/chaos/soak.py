#!/usr/bin/env python3
"""Does anything grow? One instance of `offerstream run` is left alone for an hour under a steady load, while a second one comes and
goes, so that partitions move every half a minute. Memory, descriptors and threads of the first are written to a table every ten seconds;
after the first sixth of the time the last third is compared with the second. At the end the oracle counts.

  soak.py [--minutes 60] [--rate 1500] [--seed 1] [--out TABLE]

Exit 1: something grew by more than a tenth, or something is lost, twice or wrong. Needs a built engine, java, kcat."""

import argparse
import csv
import pathlib
import random
import shutil
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import oracle  # noqa: E402
from chaos import EVENTS_TOPIC, say, write_config  # noqa: E402
from kafka_wire import Wire  # noqa: E402
from stage import SESSION_MS, Broker, Feeder, Instance, ROOT  # noqa: E402
import subprocess  # noqa: E402

APP, PARTITIONS, EVERY_S, GROWTH_MAX = "soak", 4, 10, 1.10
FIELDS = ("rss_mib", "fds", "threads")


def growth(table, field):
    """(median of the second third, of the last) after a sixth for warming up."""
    kept = [row[field] for row in table[len(table) // 6:]]
    third = max(1, len(kept) // 3)
    return statistics.median(kept[:third]), statistics.median(kept[-third:])


def soak(o, directory):
    broker = Broker(directory / "kafka", 2, o.seed)
    config = write_config(directory, APP, broker.address, "commit")
    subprocess.run([o.engine, "topics", "apply", "-c", config, "--dev", "--partitions", str(PARTITIONS)], check=True, stdout=subprocess.DEVNULL)
    steady, guest = (Instance(n, o.engine, config, directory, broker, 1) for n in range(2))
    feeder = Feeder(o.engine, directory, broker.address, EVENTS_TOPIC, PARTITIONS, o.rate, o.minutes * 60, o.seed)
    draw, table, begin, moves = random.Random(o.seed), [], time.monotonic(), 0
    steady.start()
    feeder.start()
    next_move = begin + 30
    with open(o.out, "w", newline="", encoding="utf-8") as out:
        rows = csv.writer(out)
        rows.writerow(("seconds", "fed", "moves", *FIELDS))
        while feeder.is_alive() and steady.running():
            time.sleep(EVERY_S)
            steady.peak = dict.fromkeys(FIELDS, 0)
            steady.measure()
            table.append(steady.peak)
            rows.writerow((round(time.monotonic() - begin), feeder.fed, moves, *(steady.peak[f] for f in FIELDS)))
            out.flush()
            if time.monotonic() > next_move:
                if not guest.running():
                    guest.start()
                elif draw.random() < 0.5:
                    guest.terminate()
                else:
                    guest.kill()
                moves += 1
                next_move = time.monotonic() + SESSION_MS / 1000 + draw.uniform(10, 30)
    return broker, steady, guest, feeder, table, moves


def await_end(broker, feeder):
    wire = Wire(broker.address)
    ends = wire.offsets(EVENTS_TOPIC, PARTITIONS)
    for _ in range(3000):
        if [max(0, offset) for offset, _ in wire.committed(APP, EVENTS_TOPIC, PARTITIONS)] == ends:
            return ""
        time.sleep(0.1)
    return f"not at the end {ends}; {feeder.failed}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=1500, help="events a second")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("soak.csv"))
    parser.add_argument("--engine", default=str(ROOT / "build/release/offerstream"))
    o = parser.parse_args()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="offerstream-soak."))
    say(f"seed {o.seed}: {o.minutes:g} min at {o.rate:g} events/s, in {directory}")
    broker, steady, guest, feeder, table, moves = soak(o, directory)
    problems = [] if steady.running() else [f"the steady instance ended: {steady.log_text()[-1000:]}"]
    for field in FIELDS:
        before, after = growth(table, field)
        say(f"{field}: {before:g} then {after:g}, at most {max(row[field] for row in table)}")
        if after > before * GROWTH_MAX:
            problems.append(f"{field} grew from {before:g} to {after:g}")
    late = await_end(broker, feeder)
    if late:
        problems.append(late)
    time.sleep(2)
    guest.terminate()
    steady.terminate()
    found, counts = oracle.count_account(broker.address, APP, EVENTS_TOPIC)
    problems += found + oracle.check_journal(oracle.read_raw(broker.address, f"{APP}-journal"), Wire(broker.address).offsets(EVENTS_TOPIC, PARTITIONS))[0]
    say(f"{counts}; {moves} moves of partitions; exits {steady.exits}, {guest.exits}; {len(problems)} problems")
    for problem in problems[:10]:
        print("  " + problem)
    broker.close()
    if not problems:
        shutil.rmtree(directory, ignore_errors=True)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
