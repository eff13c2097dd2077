#!/usr/bin/env python3
"""Rows of the fault matrix that need three brokers: one of them is lost or stands still, and an election that loses records.
Needs a built engine (OFFERSTREAM_ENGINE), java, kcat."""

import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from cluster import NODES, Cluster  # noqa: E402
from matrix_stage import Application, MatrixCase  # noqa: E402

SESSION_S = 20   # longer than any pause that one lost broker may cause


class Replicated(Application):
    partitions, topics = 1, ("--replication", "3")


class Lossy(Replicated):
    """Its input has two copies, the first of which takes records alone, and the other may lead without them."""
    topics = ("--replication", "3")

    def __init__(self, case, name, *more, **how):
        case.wire.create_topic(f"{name}-events", 1, on=(1, 2), min_insync_replicas=1, unclean_leader_election_enable="true")
        super().__init__(case, name, *more, **how)


class Brokers(MatrixCase):
    kind = Replicated

    @classmethod
    def start_broker(cls):
        return Cluster(cls.directory / "kafka")

    def heal(self, node):
        """It is back, and every copy with it: the next loss is again of one of three."""
        self.broker.restart(node)
        for _ in range(300):
            if all(len(in_sync) == 3 for parts in self.wire.metadata().values() for _, in_sync in parts.values()):
                return
            time.sleep(0.1)
        self.fail(f"broker {node} did not catch up: {self.wire.metadata()}")

    def await_progress(self, app, service):
        begin = time.monotonic()
        app.await_end(seconds=SESSION_S, service=service)
        return time.monotonic() - begin

    def test_12_losing_the_broker_that_leads_or_coordinates_is_a_pause(self):
        app = self.application()
        app.feed(500)
        service = app.start()
        app.await_end(service=service)
        wire, name = self.wire, app.name
        for who in (lambda: wire.leader(app.topic), lambda: wire.find_coordinator(name, 0), lambda: wire.find_coordinator(f"{name}-i0-0", 1),
                    lambda: wire.leader(f"{name}-profiles")):
            node = who()
            self.broker.kill(node)
            app.feed(500)
            self.await_progress(app, service)
            self.heal(node)
        time.sleep(1.3)
        self.assertEqual(service.stop(), 0, service.log()[-2000:])
        app.judge()

    def test_17_a_broker_that_stands_still_now_and_then_is_a_pause(self):
        app = self.application()
        app.feed(300)
        service = app.start()
        app.await_end(service=service)
        for _ in range(3):
            node = self.wire.leader(app.topic)
            app.feed(300)
            self.broker.pause(node, 4)   # longer than the controller waits for it
            app.feed(300)
            self.await_progress(app, service)
        time.sleep(1.3)
        self.assertEqual(service.stop(), 0, service.log()[-2000:])
        app.judge()

    def test_40_an_unclean_election_that_loses_input_is_noticed_and_never_passed_over(self):
        type(self).kind = Lossy
        self.addCleanup(lambda: setattr(Brokers, "kind", Replicated))
        app = self.application()
        app.feed(400)
        app.run_to_end()
        kept = app.ends()[0]
        self.broker.kill(2)
        app.feed(400)   # only the first broker has them
        service = app.start("before")
        app.await_end(service=service)
        time.sleep(1.3)
        self.assertEqual(service.stop(), 0, service.log()[-2000:])
        done = app.committed()[0]
        self.broker.kill(1)
        self.broker.restart(2)
        for _ in range(600):
            try:
                if self.wire.leader(app.topic) == 2 and self.wire.offsets(app.topic, 1) == [kept]:
                    break
            except (OSError, TimeoutError):
                pass
            time.sleep(0.1)
        self.assertEqual(self.wire.offsets(app.topic, 1), [kept])
        self.assert_stopped(app.start("after"), 1, f"events ends at offset {kept}", str(done), seconds=60)
        self.broker.restart(1)
        self.assertEqual(set(NODES), {n for n, p in self.broker.processes.items() if p.poll() is None})


if __name__ == "__main__":
    unittest.main(verbosity=2)
