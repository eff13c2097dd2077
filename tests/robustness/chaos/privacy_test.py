#!/usr/bin/env python3
"""Erasures and the operator's commands over a real broker: a customer whose id can be recognised is fed and erased, and no file of
the state directory and of the compacted topics holds it any more; receipts are there once, whatever was killed; positions and state
are looked at, copied, put back and reset."""

import json
import os
import pathlib
import secrets
import shutil
import subprocess
import sys
import time
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import oracle  # noqa: E402
from kafka_wire import murmur2  # noqa: E402
from matrix_stage import ENGINE, PARTITIONS, MatrixCase  # noqa: E402

INTERNAL = ("-profiles", "-journal", "-observations", "-models", "-erasures")
START = 1_767_225_660   # 2026-01-01T00:01:00Z, when the simulated customers begin
COMPACTED = ("-profiles", "-caps", "-models")


def run(*arguments):
    done = subprocess.run([ENGINE, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


class PrivacyCase(MatrixCase):
    def canary(self):
        """An id that is nowhere by chance, and the part of it that no compression can take apart."""
        mark = secrets.token_hex(8)
        return f"canary-{mark}".encode(), mark[2:].encode()

    def feed_canary(self, app, canary, events=40):
        """Requests and impressions of the canary, in the first minutes of the other customers' time: feed it first, and nothing is late."""
        for i in range(events):
            stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(START + 10 * i))
            body = {"messageId": f"k{i}-{secrets.token_hex(4)}", "userId": canary.decode(), "timestamp": stamp}
            if i % 2:
                body |= {"type": "page"}
            else:
                body |= {"type": "track", "event": "Promotion Viewed", "properties": {"offer_id": "gold-card", "channel": "push"}}
            app.feed(0)
            app.writer.add(canary, json.dumps(body).encode())
        app.writer.flush()

    def erase(self, app, customer, request=None):
        """By an event of the customer's own time; without a number of the request by a record without value, which has the clock's."""
        app.feed(0)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(START + 600))
        event = {"type": "delete", "messageId": request, "userId": customer.decode(), "timestamp": stamp}
        app.writer.add(customer, json.dumps(event).encode() if request else None)
        app.writer.flush()

    def receipts(self, app):
        return [json.loads(value) for _, _, _, value in oracle.read_raw(self.broker.address, f"{app.name}-erasures")]

    def await_receipts(self, app, count, seconds=30):
        end = time.monotonic() + seconds
        while True:
            found = self.receipts(app)
            if len(found) >= count:
                return found
            if time.monotonic() > end or app.services[-1].ended():
                break
            time.sleep(0.2)
        self.fail(f"{count} receipts: {found}: {app.services[-1].log()[-2000:]}")

    @staticmethod
    def holding(directory, mark):
        """The files below that hold these bytes. One that goes while it is looked for holds nothing."""
        found = []
        for path in sorted(pathlib.Path(directory).rglob("*")):
            try:
                if path.is_file() and mark in path.read_bytes():
                    found.append(path.name)
            except FileNotFoundError:
                pass
        return found

    def topic_files(self, topic, mark):
        return [f"{topic}-{p}/{name}" for p in range(PARTITIONS)
                for name in self.holding(self.broker.directory / "records" / f"{topic}-{p}", mark) if name.endswith(".log")]


class Erasure(PrivacyCase):
    def test_nothing_of_an_erased_customer_is_left_in_files(self):
        app = self.application()
        # So that bytes are what they are: whatever the writer compresses, the broker stores plainly.
        for suffix in (*INTERNAL, "-caps", "-decisions"):
            self.wire.set_topic(app.name + suffix, compression_type="uncompressed")
        canary, mark = self.canary()
        self.feed_canary(app, canary)
        app.feed(800)
        service = app.start(sets=["state.purge=1s"])
        app.await_end(service=service)
        time.sleep(1.5)
        self.assertNotEqual(self.holding(app.state, mark), [], "the canary can be found where it is")
        for suffix in ("-profiles", "-caps", "-decisions"):
            self.assertNotEqual(self.topic_files(app.name + suffix, mark), [], suffix)
        self.erase(app, canary, "request-4711")
        receipt, = self.await_receipts(app, 1)
        self.assertTrue(receipt["known"])
        self.assertEqual(receipt["request_id"], "request-4711")
        self.assertGreater(receipt["removed"]["exposures"] + receipt["removed"]["impressions"], 0, receipt)
        self.assertGreater(receipt["removed"]["caps"], 0, receipt)
        for suffix in COMPACTED:
            self.wire.set_topic(app.name + suffix, segment_ms=200, min_cleanable_dirty_ratio=0.001, delete_retention_ms=100, max_compaction_lag_ms=200)
        left = ["not looked yet"]
        for _ in range(40):
            app.feed(60)   # segments roll, cleaners come, floors move
            time.sleep(1)
            left = self.holding(app.state, mark) + [f for suffix in COMPACTED for f in self.topic_files(app.name + suffix, mark)]
            if not left:
                break
        self.assertEqual(left, [], service.log()[-1500:])
        for suffix in ("-journal", "-observations", "-models", "-erasures"):
            self.assertEqual(self.topic_files(app.name + suffix, mark), [], suffix + " never holds ids")
        self.assertNotIn(canary.decode(), service.log())
        app.await_end(service=service)
        self.assertEqual(service.stop(), 0)
        code, out, _ = run("state", "inspect", "-c", app.config, "--customer", canary.decode())
        self.assertEqual((code, out), (1, ""))

    def test_39_an_erasure_in_the_tail_stays_whatever_is_killed_and_its_receipt_comes_once(self):
        deaths = [("commit.answer:5:kill", True)]
        if "OFFERSTREAM_TEST_LONG" in os.environ:
            deaths += [("store:6:kill", False), ("commit.answer:5:kill", False), ("store:5:kill", True), ("stored:6:kill", True), ("stored:7:kill", False)]
        for number, (failpoint, wiped) in enumerate(deaths):
            with self.subTest(failpoint=failpoint, wiped=wiped):
                app = self.application()
                canary, mark = self.canary()
                self.feed_canary(app, canary)
                app.feed(700 + 40 * number)
                self.erase(app, canary)
                app.feed(700)
                service = app.start(environment={"OFFERSTREAM_FAILPOINT": failpoint})
                self.assertEqual(service.code(30), -9, service.log()[-2000:])
                if wiped:
                    shutil.rmtree(app.state)
                app.run_to_end()
                receipts = self.receipts(app)
                self.assertEqual([r["known"] for r in receipts], [True], receipts)
                self.assertEqual(run("state", "inspect", "-c", app.config, "--customer", canary.decode())[0], 1)
                caps = {key: value for _, _, key, value in oracle.read_raw(self.broker.address, f"{app.name}-caps")}
                mine = [key for key in caps if mark in key]
                self.assertGreater(len(mine), 0)
                self.assertEqual([caps[key] for key in mine if caps[key]], [], "caps of an erased customer are taken back")
                self.assertEqual(oracle.check_journal(oracle.read_raw(self.broker.address, f"{app.name}-journal"), app.ends())[0], [])

    def test_an_erasure_by_the_interface_gives_a_receipt_with_its_number_and_is_audited(self):
        app = self.application()
        canary, _ = self.canary()
        self.feed_canary(app, canary)
        app.feed(300)
        service = app.start(sets=["http.listen=127.0.0.1:0"])
        app.await_end(service=service)
        port = service.log().split("serving HTTP on port ")[1].split()[0]
        url = f"http://127.0.0.1:{port}/api/v1/customers/{canary.decode()}"
        self.assertEqual(urllib.request.urlopen(url, timeout=10).status, 200)
        ask = urllib.request.Request(url, method="DELETE", headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(ask, timeout=10) as answer:
            self.assertEqual(answer.status, 202)
            told = json.load(answer)
        self.assertEqual(told["partitions"], [murmur2(canary) % PARTITIONS])
        receipt, = self.await_receipts(app, 1)
        self.assertEqual((receipt["request_id"], receipt["customer"], receipt["known"]), (told["request_id"], told["customer"], True))
        with self.assertRaises(urllib.error.HTTPError) as gone:
            urllib.request.urlopen(url, timeout=10)
        self.assertEqual(gone.exception.code, 404)
        # Who is not known here may be known elsewhere: the request goes to every partition.
        with urllib.request.urlopen(urllib.request.Request(url, method="DELETE", headers={"Content-Type": "application/json"}), timeout=10) as answer:
            self.assertEqual(json.load(answer)["partitions"], list(range(PARTITIONS)))
        self.assertEqual(sorted(r["known"] for r in self.await_receipts(app, 1 + PARTITIONS)), [False] * PARTITIONS + [True])
        self.assertIn(f"audit read customer={told['customer']}", service.log())
        self.assertIn(f"audit erase {told['request_id']} customer={told['customer']}", service.log())
        self.assertNotIn(canary.decode(), service.log())
        self.assertEqual(service.stop(), 0)


class Operator(PrivacyCase):
    def test_state_is_inspected_copied_put_back_and_exported(self):
        app = self.application()
        app.feed(1200)
        service = app.start()
        app.await_end(service=service)
        code, _, error = run("state", "inspect", "-c", app.config)
        self.assertEqual(code, 1, error)
        self.assertIn("a service runs on it", error)
        time.sleep(1.3)
        self.assertEqual(service.stop(), 0)
        code, out, error = run("state", "inspect", "-c", app.config, "--json", "--online")
        self.assertEqual(code, 0, error)
        told = json.loads(out)
        offsets = {(c["partition"]): c for c in told["committed_in_kafka"]}
        for p in told["state"]["partitions"]:
            self.assertEqual(p["committed"]["offsets"], [offsets[p["partition"]]["offset"]])
            self.assertEqual(p["committed"]["transaction"], offsets[p["partition"]]["transaction"])
            self.assertEqual(p["floor"]["transaction"], p["committed"]["transaction"], "a clean stop leaves no tail")
            self.assertGreater(p["customers"], 20)
        code, out, _ = run("state", "export", "-c", app.config)
        self.assertEqual(code, 0)
        lines = out.splitlines()
        self.assertEqual(len(lines), sum(p["customers"] for p in told["state"]["partitions"]))
        ids = [(json.loads(line)["partition"], json.loads(line)["customer_id"]) for line in lines]
        self.assertEqual(ids, sorted(ids))
        code, hashed, _ = run("state", "export", "-c", app.config, "--hash-ids", "--partition", "0")
        self.assertEqual(len({json.loads(line)["customer_id"] for line in hashed.splitlines()}), told["state"]["partitions"][0]["customers"])
        self.assertEqual([one for _, one in ids if f'"{one}"' in hashed], [])
        # A copy that was interrupted is no copy; the next attempt makes a whole one.
        copy = app.directory / "copy"
        killed = subprocess.run([ENGINE, "state", "checkpoint", "-c", app.config, copy], check=False, stderr=subprocess.DEVNULL,
                                env={**os.environ, "OFFERSTREAM_FAILPOINT": "checkpoint:1:kill"})
        self.assertEqual(killed.returncode, -9)
        self.assertFalse(copy.exists())
        code, out, error = run("state", "checkpoint", "-c", app.config, copy)
        self.assertEqual(code, 0, error)
        self.assertEqual(json.loads((copy / "manifest.json").read_text())["state"], told["state"])
        subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=copy, check=True)
        self.assertFalse(pathlib.Path(f"{copy}.half").exists())
        self.assertEqual(run("state", "checkpoint", "-c", app.config, copy)[0], 1, "it does not write over one")
        # The service goes on, the disk is lost, the copy comes back: what came since is taken from the changelog.
        app.feed(900)
        app.run_to_end()
        shutil.rmtree(app.state)
        app.state.mkdir()
        shutil.copytree(copy / "db", app.state / "db")
        app.feed(500)
        service = app.run_to_end()
        self.assertIn("loaded", service.log())
        app.judge(twin=False)

    def test_offsets_are_reset_only_when_told_and_nobody_is_there(self):
        app = self.application()
        app.feed(1000)
        service = app.start()
        app.await_end(service=service)
        code, out, error = run("reset", "-c", app.config, "--to", "earliest", "--execute")
        self.assertEqual((code, out), (1, ""), error)
        self.assertIn("has members", error)
        self.assertEqual(service.stop(), 0)
        self.await_empty_group(app)
        at = app.committed()
        code, out, error = run("reset", "-c", app.config, "--to", "earliest")
        self.assertEqual(code, 0, error)
        self.assertIn(f"move {app.topic}[0] {at[0]} -> 0", out)
        self.assertIn("nothing was changed", out)
        self.assertEqual(app.committed(), at)
        for wrong in ("yesterday", f"{app.topic}:0=x", f"{app.topic}:0=99999999"):
            self.assertEqual(run("reset", "-c", app.config, "--to", wrong)[0], 2, wrong)
        code, out, error = run("reset", "-c", app.config, "--to", f"{app.topic}:0={at[0] - 50}", "--execute")
        self.assertEqual(code, 0, error)
        self.assertEqual(app.committed(), [at[0] - 50, at[1]])
        self.assert_stopped(app.start(), 1, "were set by hand", "--accept-offset-reset")
        self.await_empty_group(app)
        app.run_to_end(arguments=["--accept-offset-reset"])
        self.assertEqual(app.committed(), app.ends())

    def test_a_whole_reset_begins_anew_and_decides_the_same(self):
        app = self.application()
        app.feed(1000)
        app.run_to_end()
        before = [value for _, _, _, value in oracle.read_raw(self.broker.address, f"{app.name}-decisions")]
        self.await_empty_group(app)
        code, out, error = run("reset", "-c", app.config, "--state")
        self.assertEqual(code, 0, error)
        for suffix in ("-profiles", "-journal", "-observations", "-models"):
            self.assertIn(f"anew {app.name}{suffix} partitions={PARTITIONS} replication=1", out)
        self.assertTrue((app.state / "db").exists())
        code, _, error = run("reset", "-c", app.config, "--state", "--execute")
        self.assertEqual(code, 0, error)
        self.assertFalse((app.state / "db").exists())
        app.run_to_end()
        after = [value for _, _, _, value in oracle.read_raw(self.broker.address, f"{app.name}-decisions")]
        self.assertEqual(sorted(after), sorted(before * 2), "the same events decide the same")


if __name__ == "__main__":
    unittest.main(verbosity=2)
