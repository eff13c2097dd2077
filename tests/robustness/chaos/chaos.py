#!/usr/bin/env python3
"""Breaks a running Offerstream by a seeded schedule and judges what is left. `chaos.py --list` names the rows.

  chaos.py --rows mixed|ROW,ROW|mixed,-ROW --minutes N --seed S --instances K [--models frozen|learning] [--every SECONDS] [--rate EVENTS]

A real broker, a feeder of simulated events with dirt, K instances of `offerstream run` (static members, each with its own directory and
its own proxy before the broker), faults; at the end everything is healed, the input is read to its end and oracle.py judges. Frozen models:
decisions, caps and every customer must equal those of an uninterrupted run byte for byte. Exit 0: nothing lost, twice or wrong."""

import argparse
import datetime
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import oracle  # noqa: E402
import schedule as schedules  # noqa: E402
from faults import Faults  # noqa: E402
from kafka_wire import Wire  # noqa: E402
from stage import BANK_PLAN, Broker, EXPECTED_EXITS, Feeder, Instance, ROOT, launch  # noqa: E402

EVENTS_TOPIC = "chaos-events"
DRAIN_S = 240
TABLE = ROOT / "tests/robustness/CHAOS.md"


def say(text):
    print(f"{datetime.datetime.now(datetime.timezone.utc):%H:%M:%S} {text}", flush=True)


def write_config(directory, app, brokers, adopt):
    """Time comes from events alone: a partition that is silent while all is broken must not advance by the clock, or no twin could agree."""
    path = pathlib.Path(directory) / f"{app}.yaml"
    path.write_text(f"""version: 1
app: {{ id: {app}, instance: i0 }}
kafka: {{ brokers: "{brokers}" }}
events: [ {{ topic: {EVENTS_TOPIC}, mapping: segment }} ]
topics: {{ decisions: {app}-decisions, caps: {app}-caps }}
state: {{ dir: {directory}/state-{app}, memory: 256MiB, shards: 1 }}
http: {{ listen: "" }}
commit: {{ events_max: 500 }}
time: {{ idle_after: 1d }}
{BANK_PLAN}learning: {{ adopt: {adopt} }}
""")
    return path


class Run:
    def __init__(self, options, directory):
        self.o, self.directory, self.problems, self.over = options, pathlib.Path(directory), [], threading.Event()
        self.adopt = "never" if options.models == "frozen" else "commit"
        self.engine = pathlib.Path(options.engine).resolve()

    def prepare(self):
        self.broker = Broker(self.directory / "kafka", self.o.instances, self.o.seed)
        self.wire = Wire(self.broker.address)
        for app in ("chaos", "twin"):
            config = write_config(self.directory, app, self.broker.address, self.adopt)
            subprocess.run([self.engine, "topics", "apply", "-c", config, "--dev", "--partitions", str(self.o.partitions)], check=True,
                           stdout=subprocess.DEVNULL)
        self.config = self.directory / "chaos.yaml"
        self.instances = [Instance(i, self.engine, self.config, self.directory, self.broker, self.o.shards) for i in range(self.o.instances)]
        self.feeder = Feeder(self.engine, self.directory, self.broker.address, EVENTS_TOPIC, self.o.partitions, self.o.rate, self.o.minutes * 60, self.o.seed)

    def attend(self):
        while not self.attended.is_set():
            for instance in self.instances:
                instance.attend()
            time.sleep(0.05)

    def break_things(self):
        plan = schedules.make_schedule(self.o.seed, self.o.rows, self.o.minutes * 60, self.o.every, self.o.instances)
        self.faults = Faults(self.broker, self.instances, self.over)
        begin, self.threads = time.monotonic(), []
        with open(self.directory / "schedule.log", "w", encoding="utf-8") as log:
            for at, row, number, p in plan:
                while (wait := begin + at - time.monotonic()) > 0:
                    time.sleep(min(wait, 0.5))
                log.write(f"{time.monotonic() - begin:8.2f} {row} i{number} {p}\n")
                log.flush()
                if self.o.verbose:
                    say(f"{row} i{number} {p}")
                thread = threading.Thread(target=self.one, args=(row, self.instances[number], p), daemon=True)
                thread.start()
                self.threads.append(thread)
            rest = begin + self.o.minutes * 60 - time.monotonic()
            if rest > 0:
                time.sleep(rest)

    def one(self, row, instance, p):
        try:
            self.faults.do(row, instance, p)
        except Exception as error:  # a fault that cannot be done is a fault of the harness: told, not hidden
            self.problems.append(f"harness: {row} {p}: {type(error).__name__} {error}")

    def heal(self):
        """Everything in order again, and every process one without failpoints."""
        self.over.set()
        for thread in self.threads:
            thread.join(60)
        for instance in self.instances:
            instance.proxy.heal()
            with instance.lock:
                if not instance.running() or {"error", "zombie-step"} & set(self.o.rows):
                    instance.kill()
                    instance.start()
        self.feeder.hurry()

    def await_end(self, app, ends, seconds=DRAIN_S):
        """True when all input is committed and stays so."""
        for _ in range(int(seconds * 4)):
            done = self.wire.committed(app, EVENTS_TOPIC, self.o.partitions)
            if [max(0, offset) for offset, _ in done] == ends:
                return True
            if app == "chaos" and self.gave_up():
                return False
            time.sleep(0.25)
        self.problems.append(f"{app}: not at the end after {seconds} s: committed {done}, ends {ends}: missing")
        return False

    def gave_up(self):
        """An instance that ends again and again with what a person must look at."""
        return any(code not in EXPECTED_EXITS and n > 20 for i in self.instances for code, n in i.exits.items())

    def go(self):
        self.attended = threading.Event()
        for instance in self.instances:
            instance.start()
        watch = threading.Thread(target=self.attend, daemon=True)
        watch.start()
        self.feeder.start()
        self.break_things()
        self.heal()
        self.feeder.join(300)
        if self.feeder.failed:
            self.problems.append(f"harness: {self.feeder.failed}")
        ends = self.wire.offsets(EVENTS_TOPIC, self.o.partitions)
        if sum(ends) != self.feeder.fed:
            self.problems.append(f"harness: {self.feeder.fed} records were fed, the topic has {sum(ends)}")
        drained = time.monotonic()
        at_end = self.await_end("chaos", ends)
        self.drain_s = time.monotonic() - drained
        time.sleep(2.5)   # without input for a second all rows are written
        self.attended.set()
        watch.join()
        for instance in self.instances:
            instance.terminate()
        return ends, at_end

    def run_twin(self, ends):
        broker = self.broker
        process = launch([self.engine, "run", "-c", self.directory / "twin.yaml", "--set", "state.shards=2"],
                         stdout=open(self.directory / "twin.log", "wb"), stderr=subprocess.STDOUT)
        try:
            self.await_end("twin", ends)
            time.sleep(2.5)
        finally:
            process.terminate()
            if process.wait(30):
                self.problems.append(f"twin: exit {process.returncode}")
        problems, rows = oracle.compare_twin(broker.address, "chaos", "twin")
        self.problems += problems
        return rows

    def judge(self, ends):
        raw = oracle.read_raw(self.broker.address, "chaos-journal")
        problems, transactions = oracle.check_journal(raw, ends)
        self.problems += problems
        problems, counts = oracle.count_account(self.broker.address, "chaos", EVENTS_TOPIC)
        self.problems += problems
        rows = 0
        if self.o.models == "frozen":
            rows = self.run_twin(ends)
        problems, verified = oracle.verify(self.engine, self.config)
        self.problems += problems
        self.judge_exits()
        return counts, transactions, rows, verified

    def judge_exits(self):
        for instance in self.instances:
            for code, n in instance.exits.items():
                if code not in EXPECTED_EXITS and not (code == 0):
                    what = "did not stop in 20 s" if code == -999 else f"ended with {code}"
                    self.problems.append(f"exit: {instance.name} {what} {n} times: {self.last_words(instance, code)}")

    @staticmethod
    def last_words(instance, code):
        lines = [line for line in instance.log_text().splitlines() if "cause=" in line or "Assert" in line or "assert" in line]
        return " | ".join(lines[-2:]) if code != -999 else ""

    def recoveries(self):
        seconds, tails, unknown, unclean = [], [], 0, 0
        for instance in self.instances:
            text = instance.log_text()
            seconds += [float(s) for s in re.findall(r"ready in ([0-9.]+) s", text)]
            tails += [int(n) for n in re.findall(r"(\d+) events re-folded", text)]
            unknown += text.count("outcome unknown")
            unclean += text.count("making the producer anew")
        return {"recoveries": len(seconds), "slowest_s": max(seconds, default=0), "longest_tail": max(tails, default=0),
                "unknown_outcomes": unknown, "unclean": unclean}


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default="mixed")
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--seed", type=int, help="repeats a schedule; without it one is drawn and printed")
    parser.add_argument("--instances", type=int, default=2, choices=range(1, 5))
    parser.add_argument("--shards", type=int, default=1, help="of each instance")
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--models", choices=["frozen", "learning"], default="frozen")
    parser.add_argument("--every", type=float, default=2.0, help="seconds between faults, on average")
    parser.add_argument("--rate", type=float, default=400, help="events a second")
    parser.add_argument("--engine", default=str(ROOT / "build/release/offerstream"))
    parser.add_argument("--no-record", action="store_true", help="leaves CHAOS.md alone")
    parser.add_argument("--keep", action="store_true", help="keeps the directory")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--list", action="store_true")
    o = parser.parse_args()
    if o.list:
        for name, (weight, matrix, what) in schedules.ROWS.items():
            print(f"{name:16} fault matrix {matrix:8} weight {weight}: {what}")
        sys.exit(0)
    if o.seed is None:
        o.seed = random.SystemRandom().randrange(1, 1 << 31)
    o.rows_text, o.rows = o.rows, schedules.parse_rows(o.rows)
    o.commit = commit_name()   # now: the tree may go on while it runs
    return o


def commit_name():
    """A plus: the engine is not what that commit has."""
    git = lambda *a: subprocess.run(["git", "-C", ROOT, *a], stdout=subprocess.PIPE, text=True, check=False).stdout.strip()  # noqa: E731
    return (git("rev-parse", "--short", "HEAD") or "?") + ("+" if git("status", "--porcelain", "consumers", "models", "state", "metrics") else "")


def record(o, run, counts, kinds):
    faults = ", ".join(f"{what} {n}" for what, n in sorted(run.faults.happened.items()))
    TABLE.open("a", encoding="utf-8").write(
        f"| {datetime.date.today()} | {o.commit} | {o.rows_text} | {o.models} | {o.seed} | {o.minutes:g} | {o.instances} | {faults} | "
        f"{counts['events']} | {counts['decisions']} | {kinds['losses']} | {kinds['duplicates']} | {kinds['wrong']} |\n")


def main():
    o = options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))   # ends in order: nothing is left running
    if shutil.which("java") is None or shutil.which("kcat") is None:
        print("chaos: SKIPPED: java or kcat is missing")
        return 77
    directory = tempfile.mkdtemp(prefix="offerstream-chaos.")
    say(f"seed {o.seed}: rows {o.rows_text}, {o.minutes:g} min, {o.instances} instances, {o.models} models, in {directory}")
    run, good = Run(o, directory), False
    try:
        run.prepare()
        ends, at_end = run.go()
        counts, transactions, rows, verified = run.judge(ends)
        kinds = oracle.classify([p for p in run.problems if not p.startswith(("harness", "exit"))])
        good = at_end and not run.problems
        for problem in run.problems[:20]:
            print("differs:", problem)
        say(f"counted: {', '.join(f'{n} {what}' for what, n in counts.items())}; {transactions} transactions; {rows} customers equal to the twin's"
            if rows else f"counted: {', '.join(f'{n} {what}' for what, n in counts.items())}; {transactions} transactions")
        say(f"verify: {verified}")
        say(f"faults: {sum(run.faults.happened.values())}: {', '.join(f'{w} {n}' for w, n in sorted(run.faults.happened.items()))}")
        say(f"recoveries: {run.recoveries()}; drained in {run.drain_s:.1f} s; peaks {[i.peak for i in run.instances]}; exits {[i.exits for i in run.instances]}")
        say(f"seed {o.seed}: {kinds['losses']} losses, {kinds['duplicates']} duplicates, {kinds['wrong']} wrong; {len(run.problems)} problems in all")
        if not o.no_record:
            record(o, run, counts, kinds)
    finally:
        run.over.set()
        for instance in getattr(run, "instances", []):
            instance.kill()
        if hasattr(run, "broker"):
            run.broker.close()
        if o.keep or not good:
            print(f"kept: {directory} (logs, states, schedule.log)")
        else:
            shutil.rmtree(directory, ignore_errors=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
