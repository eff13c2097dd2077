"""What the tests of single rows share: one broker, an application of its own for each test, and a service that may be started in
bad surroundings."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import oracle
from kafka_wire import Wire, Writer
from stage import BANK_PLAN, ROOT, Broker, launch

ENGINE = os.environ.get("OFFERSTREAM_ENGINE", str(ROOT / "build/release/offerstream"))
PARTITIONS = 2
EVENTS = 4000   # simulated once for all tests; each feeds what it needs


class Service:
    """One `offerstream run`; `under` is a command it is started by, such as prlimit."""

    def __init__(self, config, log, sets=(), under=(), environment=None, arguments=()):
        self.log_path = pathlib.Path(log)
        command = [*under, ENGINE, "run", "-c", config, *arguments]
        for one in sets:
            command += ["--set", one]
        with open(self.log_path, "ab") as out:
            self.process = launch(command, stdout=out, stderr=out, env={**os.environ, **(environment or {})})

    def log(self):
        return self.log_path.read_text(errors="replace")

    def code(self, seconds=25):
        """The exit code within so long, or None."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def ended(self):
        return self.process.poll() is not None

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.code(20)

    def kill(self):
        if not self.ended():
            self.process.kill()
        self.process.wait()


class Application:
    """Configuration, topics and what was fed. Models are frozen unless said otherwise."""

    partitions, topics = PARTITIONS, ("--dev",)   # as `topics apply` is told

    def __init__(self, case, name, more="learning: { adopt: never }\n", topic=None):
        self.case, self.name, self.topic = case, name, topic or f"{name}-events"
        self.directory = case.directory / name
        self.directory.mkdir()
        self.config, self.state, self.fed, self.services = self.directory / "offerstream.yaml", self.directory / "state", 0, []
        self.write_config(more)
        case.run_engine("topics", "apply", "-c", self.config, "--partitions", str(self.partitions), *self.topics)

    def write_config(self, more):
        self.config.write_text(f"""version: 1
app: {{ id: {self.name}, instance: i0 }}
kafka: {{ brokers: "{self.case.broker.address}", consumer: {{ session.timeout.ms: 3000, heartbeat.interval.ms: 700 }} }}
events: [ {{ topic: {self.topic}, mapping: segment }} ]
topics: {{ decisions: {self.name}-decisions, caps: {self.name}-caps }}
state: {{ dir: {self.state}, memory: 256MiB, shards: 1 }}
http: {{ listen: "" }}
commit: {{ events_max: 200 }}
time: {{ idle_after: 1d }}
{BANK_PLAN}{more}""")

    def feed(self, count):
        """The next `count` simulated events."""
        if not hasattr(self, "writer"):
            self.writer = Writer(self.case.broker.address, self.topic, self.partitions)
        for line in self.case.lines[self.fed:self.fed + count]:
            if self.writer.add(*line.split(b"\t", 1)) > 200_000:
                self.writer.flush()
        self.writer.flush()
        self.fed += count

    def close(self):
        for service in self.services:
            service.kill()
        if hasattr(self, "writer"):
            self.writer.wire.close()

    def start(self, name="log", **how):
        service = Service(self.config, self.directory / name, **how)
        self.services.append(service)
        return service

    def ends(self):
        return self.case.wire.offsets(self.topic, self.partitions)

    def committed(self):
        return [max(0, offset) for offset, _ in self.case.wire.committed(self.name, self.topic, self.partitions)]

    def await_end(self, seconds=60, service=None):
        ends = self.ends()
        for _ in range(seconds * 10):
            if self.committed() == ends:
                return
            if service is not None and service.ended():
                self.case.fail(f"ended with {service.process.returncode}: {service.log()[-2000:]}")
            time.sleep(0.1)
        self.case.fail(f"not at the end {ends}: {self.committed()}: {self.services[-1].log()[-2000:]}")

    def run_to_end(self, **how):
        """A start in good surroundings, to the end of the input, and a clean stop."""
        service = self.start(**how)
        self.await_end(service=service)
        time.sleep(1.3)   # without input for a second all rows are written
        self.case.assertEqual(service.stop(), 0, service.log()[-2000:])
        return service

    def judge(self, twin=True, journal=True):
        """The oracle, and byte-equality with an application that nothing befell."""
        problems, counts = oracle.count_account(self.case.broker.address, self.name, self.topic)
        if journal:
            problems += oracle.check_journal(oracle.read_raw(self.case.broker.address, f"{self.name}-journal"), self.ends())[0]
        self.case.assertEqual(problems[:5], [])
        self.case.assertGreater(counts["decisions"], 0)
        if twin:
            plain = type(self)(self.case, self.name + "-twin", topic=self.topic)
            plain.run_to_end()
            plain.close()
            problems, _ = oracle.compare_twin(self.case.broker.address, self.name, plain.name)
            self.case.assertEqual(problems, [])


@unittest.skipIf(shutil.which("java") is None or shutil.which("kcat") is None, "java or kcat is missing")
class MatrixCase(unittest.TestCase):
    doors = 0   # proxies
    applications = 0
    kind = Application

    @classmethod
    def start_broker(cls):
        return Broker(cls.directory / "kafka", cls.doors, 1)

    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="offerstream-matrix."))
        cls.broker = cls.start_broker()
        cls.wire = Wire(cls.broker.address)
        cls.run_engine("simulate", "--customers", "200", "--days", "30", "--seed", "3", "--events", str(EVENTS), "--dirt", "0.02", "--keyed",
                       "--out", cls.directory / "lines")
        cls.lines = (cls.directory / "lines").read_bytes().splitlines()

    @classmethod
    def tearDownClass(cls):
        cls.broker.close()
        cls.wire.close()
        if "OFFERSTREAM_TEST_KEEP" not in os.environ:
            shutil.rmtree(cls.directory, ignore_errors=True)

    @staticmethod
    def run_engine(*arguments):
        subprocess.run([ENGINE, *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def application(self, more="learning: { adopt: never }\n"):
        MatrixCase.applications += 1
        name = re.sub(r"[^a-z0-9]+", "-", self._testMethodName.lower())[5:35].strip("-") + f"-{MatrixCase.applications}"
        app = self.kind(self, name, more)
        self.addCleanup(app.close)
        return app

    def mount(self, path, options):
        """A file system of its own for a test, gone with it."""
        path.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path], stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            self.skipTest("no right to mount a small file system: " + done.stderr.strip())
        self.addCleanup(lambda: subprocess.run(["umount", "-l", path], check=False))

    def await_log(self, service, text, seconds=20):
        for _ in range(seconds * 20):
            if text in service.log():
                return
            if service.ended() and text not in service.log():
                break
            time.sleep(0.05)
        self.assertIn(text, service.log())

    def assert_stopped(self, service, code, *texts, seconds=30):
        self.assertEqual(service.code(seconds), code, service.log()[-2000:])
        for text in texts:
            self.assertIn(text, service.log())

    def await_empty_group(self, app):
        """Static members stay until their sessions end."""
        for _ in range(200):
            if self.wire.group_state(app.name) in ("Empty", "Dead"):
                return
            time.sleep(0.1)
        self.fail("the group has still members")
