"""What a run stands on: the broker and what can befall it, the engine's processes, and the feeder."""

import concurrent.futures
import ctypes
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

from fault_proxy import FaultProxy
from kafka_wire import KafkaError, Writer

# What the bank shows and when it decides: the plan of every run here.
BANK_PLAN = """channels:
  push: { cost: 0.0005, cap: { window: 7d, start: 8, max: 20, learn: true }, cooldown: 30m, unsubscribe_value: 12 }
  email: { cost: 0.002, cap: { window: 7d, start: 8, max: 20, learn: true }, cooldown: 6h, unsubscribe_value: 20 }
offers:
  - { id: savings-plus, channels: [push, email], value: 40 }
  - { id: gold-card, channels: [push, email], value: 90 }
decide: { on: [request, click, conversion], min_interval: 10m, placements: [home] }
"""

ROOT = pathlib.Path(__file__).resolve().parents[3]
SESSION_MS = 6000            # of the group's members: what is stopped for longer is a zombie
IMPATIENT_MS = 2000          # of every second instance: how long it waits for an answer before it asks again (10 s)
EVENTS_PER_CUSTOMER = 50
OVERSIZE_EVERY = 4000        # records; so large that a copy in the dead letters has no room for reasons
OVERSIZE_BYTES = 1_048_000
# Exit codes that a fault may cause: 0 asked to (SIGTERM before the program has its handler), 5 no broker at the start, 75 stopped to
# protect data.
EXPECTED_EXITS = {0, -signal.SIGTERM, 5, 75, -signal.SIGKILL}


# Children die with the thread that made them (PR_SET_PDEATHSIG): one thread that lives as long as the harness makes all.
_launcher = concurrent.futures.ThreadPoolExecutor(max_workers=1)
_prctl = ctypes.CDLL(None).prctl


def launch(command, **how):
    return _launcher.submit(subprocess.Popen, command, preexec_fn=lambda: _prctl(1, signal.SIGKILL), **how).result()


def free_port():
    """Below what the kernel gives to outgoing connections."""
    pick = random.SystemRandom()
    while True:
        port = pick.randrange(20000, 32000)
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class Broker:
    """One real broker; each instance comes in through a proxy of its own, all others by the front door."""

    def __init__(self, directory, doors, seed, arguments=()):
        self.directory, self.lock, self.arguments = pathlib.Path(directory), threading.RLock(), arguments
        pairs = [(free_port(), free_port()) for _ in range(doors)]
        self.behind = " ".join(f"{inner}:{outer}" for inner, outer in pairs)
        self.address = ""
        self.start()
        self.proxies = [FaultProxy(outer, inner, seed * 100 + i) for i, (inner, outer) in enumerate(pairs)]

    def script(self, *arguments):
        done = subprocess.run([ROOT / "deploy/kafka/broker.sh", *arguments, "--dir", self.directory], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"broker.sh {arguments[0]}: {done.stderr}")
        return done.stdout

    def start(self):
        with self.lock:
            self.address = self.script("start", "--behind", self.behind, *self.arguments).splitlines()[-1]

    def stop(self):
        with self.lock:
            self.script("stop")

    def signal(self, number):
        os.kill(int((self.directory / "broker.pid").read_text()), number)

    def close(self):
        for proxy in getattr(self, "proxies", []):
            proxy.close()
        try:
            self.signal(signal.SIGCONT)
        except (OSError, ValueError):
            pass
        self.stop()


class Instance:
    """One `offerstream run` with a name, a directory and a proxy of its own. What ends without being asked to is started again."""

    def __init__(self, number, engine, config, directory, broker, shards):
        self.number, self.name, self.engine, self.config, self.shards = number, f"i{number}", engine, config, shards
        self.state, self.log = pathlib.Path(directory) / f"state-i{number}", pathlib.Path(directory) / f"i{number}.log"
        self.proxy = broker.proxies[number]
        self.lock = threading.RLock()     # one fault at a time
        self.process, self.wanted, self.exits, self.next_start, self.peak = None, False, {}, 0.0, {"rss_mib": 0, "fds": 0, "threads": 0}

    def start(self, failpoint=""):
        self.wanted = True
        environment = {**os.environ, "OFFERSTREAM_FAILPOINT": failpoint}
        if not failpoint:
            del environment["OFFERSTREAM_FAILPOINT"]
        producer = f"{{socket.timeout.ms: {IMPATIENT_MS}}}" if self.number % 2 else "{}"
        with open(self.log, "ab") as out:
            self.process = launch(
                [self.engine, "run", "-c", self.config, "--set", f"app.instance={self.name}", "--set", f"state.dir={self.state}",
                 "--set", f"state.shards={self.shards}", "--set", f"kafka.brokers=127.0.0.1:{self.proxy.port}",
                 "--set", f"kafka.consumer={{session.timeout.ms: {SESSION_MS}, heartbeat.interval.ms: 1000}}",
                 "--set", f"kafka.producer={producer}"],
                stdout=out, stderr=out, env=environment)

    def running(self):
        return self.process is not None and self.process.poll() is None

    def stands_still(self):
        """Stopped by a signal."""
        try:
            return pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"
        except (OSError, AttributeError):
            return False

    def reap(self):
        """Counts an end; True when it has ended."""
        if self.process is None:
            return True
        code = self.process.poll()
        if code is None:
            return False
        self.exits[code] = self.exits.get(code, 0) + 1
        self.process = None
        return True

    def kill(self):
        """SIGKILL, and not started again by itself."""
        self.wanted = False
        if self.running():
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        self.reap()

    def terminate(self, seconds=20):
        """SIGTERM; what does not end in time is killed, and counted as -999."""
        self.wanted = False
        if self.running():
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.exits[-999] = self.exits.get(-999, 0) + 1
                self.process.kill()
                self.process.wait()
        self.reap()

    def signal(self, number):
        if self.running():
            self.process.send_signal(number)

    def attend(self):
        """Starts again what has ended by itself, and looks at what it uses."""
        if not self.lock.acquire(blocking=False):
            return
        try:
            if self.wanted and self.reap():
                if time.monotonic() >= self.next_start:
                    self.next_start = time.monotonic() + 1.0
                    self.start()
            elif self.running():
                self.measure()
        finally:
            self.lock.release()

    def measure(self):
        try:
            status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
            found = {"rss_mib": int(re.search(r"VmRSS:\s+(\d+)", status)[1]) // 1024, "threads": int(re.search(r"Threads:\s+(\d+)", status)[1]),
                     "fds": len(os.listdir(f"/proc/{self.process.pid}/fd"))}
        except (OSError, TypeError):
            return
        for name, value in found.items():
            self.peak[name] = max(self.peak[name], value)

    def wipe(self):
        shutil.rmtree(self.state, ignore_errors=True)

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""


class Feeder(threading.Thread):
    """Simulated events, 2 of 100 of them dirt, and now and then a record as large as the topic takes, at a steady rate."""

    def __init__(self, engine, directory, address, topic, partitions, rate, seconds, seed):
        super().__init__(daemon=True)
        self.rate, self.fed, self.stopped, self.failed = rate, 0, threading.Event(), ""
        self.lines = pathlib.Path(directory) / "events.txt"
        events = int(rate * seconds)
        subprocess.run([engine, "simulate", "--customers", str(max(100, events // EVENTS_PER_CUSTOMER)), "--days", "60", "--seed", str(seed),
                        "--events", str(events), "--dirt", "0.02", "--keyed", "--out", self.lines], check=True, stderr=subprocess.DEVNULL)
        self.writer = Writer(address, topic, partitions)

    def run(self):
        begin, waiting = time.monotonic(), 0
        try:
            with open(self.lines, "rb") as lines:
                for line in lines:
                    key, value = line.rstrip(b"\n").split(b"\t", 1)
                    waiting = self.writer.add(key, value)
                    self.fed += 1
                    if self.fed % OVERSIZE_EVERY == 0:
                        self.writer.flush()
                        waiting = self.writer.add(key, b"x" * OVERSIZE_BYTES)
                        self.fed += 1
                    if waiting > 200_000 or self.fed % 25 == 0:
                        self.writer.flush()
                        ahead = self.fed / self.rate - (time.monotonic() - begin)
                        if ahead > 0 and not self.stopped.is_set():
                            time.sleep(ahead)
            self.writer.flush()
        except (OSError, KafkaError) as error:
            self.failed = f"{type(error).__name__} {error}"

    def hurry(self):
        """The rest at once."""
        self.stopped.set()
