#!/usr/bin/env python3
"""Rows of the fault matrix about logs, over a real broker: retention, offsets moved by hand, topics made anew or widened, corrupt
batches, strangers' transactions. After each what was published is judged by oracle.py."""

import pathlib
import shutil
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from kafka_wire import record_batch  # noqa: E402
from matrix_stage import PARTITIONS, MatrixCase  # noqa: E402


class Logs(MatrixCase):
    def stopped(self, first=1000):
        """An application that has folded some events and stopped in order."""
        app = self.application()
        app.feed(first)
        app.run_to_end()
        return app

    def test_38_a_retention_gap_before_the_position_stops_with_both_numbers(self):
        app = self.stopped()
        app.feed(600)
        done, ends = app.committed(), app.ends()
        self.wire.delete_records(app.topic, 0, done[0] + 50)
        self.assert_stopped(app.start(), 1, f"begins at offset {done[0] + 50} but the state ends at {done[0]}")
        self.assertEqual(app.ends(), ends)

    def test_38_retention_that_passes_a_running_reader_stops_it(self):
        app = self.application()
        app.feed(1000)
        service = app.start(environment={"OFFERSTREAM_FAILPOINT": "fold:1:delay=3000"}, sets=["commit.events_max=50"])
        self.await_log(service, "failpoint fold: waiting")
        for p, end in enumerate(app.ends()):
            self.wire.delete_records(app.topic, p, end)
        app.feed(500)
        code = service.code(30)
        if code is None:   # what it held in memory was enough: then nothing may be missing
            app.await_end(service=service)
        else:
            self.assertEqual(code, 1, service.log()[-2000:])

    def test_38_offsets_moved_by_hand_stop_it_unless_accepted(self):
        app = self.stopped()
        at = app.committed()[0]
        self.await_empty_group(app)
        self.wire.set_committed(app.name, app.topic, 0, at - 100)
        self.assert_stopped(app.start(), 1, "were set by hand", "--accept-offset-reset")
        self.await_empty_group(app)
        self.wire.set_committed(app.name, app.topic, 0, at)
        app.feed(500)
        app.run_to_end()
        app.judge()

    def test_38_a_deleted_group_goes_on_at_what_the_state_says(self):
        app = self.stopped()
        self.await_empty_group(app)
        self.wire.delete_group(app.name)
        app.feed(500)
        app.run_to_end()
        app.judge()

    def test_38_without_a_group_an_old_local_copy_is_not_where_it_goes_on(self):
        app = self.stopped(800)
        self.await_empty_group(app)
        app.feed(800)
        app.run_to_end(sets=[f"state.dir={app.directory}/state2", "app.instance=i1"])
        self.await_empty_group(app)
        self.wire.delete_group(app.name)
        app.feed(400)
        app.run_to_end()
        app.judge()

    def recreate(self, topic, **settings):
        self.wire.delete_topic(topic)
        for _ in range(100):
            if self.wire.partitions(topic) == 0:
                break
            time.sleep(0.1)
        self.wire.create_topic(topic, PARTITIONS, **settings)

    def test_36_inputs_made_anew_stop_it_with_both_numbers(self):
        app = self.stopped()
        self.recreate(app.topic)
        self.assert_stopped(app.start(), 1, "it was cut or made anew")

    def test_36_an_input_deleted_under_a_running_service_stops_it_and_names_it(self):
        app = self.application()
        app.feed(1000)
        service = app.start()
        app.await_end(service=service)
        self.recreate(app.topic)
        app.writer.wire.close()
        del app.writer
        app.feed(300)
        self.assertIn(service.code(40), (1, 5), service.log()[-2000:])
        self.assertIn(app.topic, service.log().splitlines()[-1])

    def test_39_a_changelog_made_anew_is_noticed_while_there_is_still_a_copy(self):
        app = self.stopped()
        self.recreate(app.name + "-profiles", cleanup_policy="compact", delete_retention_ms=604800000)
        app.feed(300)
        self.assert_stopped(app.start(), 1, app.name + "-profiles")

    def test_39_a_changelog_deleted_under_a_running_service_is_noticed(self):
        app = self.application()
        app.feed(1000)
        service = app.start()
        app.await_end(service=service)
        time.sleep(1.5)
        self.recreate(app.name + "-profiles", cleanup_policy="compact", delete_retention_ms=604800000)
        for _ in range(10):
            app.feed(100)
            time.sleep(1)
            if service.ended():
                break
        self.assertIn(service.code(20), (1, 5), service.log()[-2000:])
        self.assertIn(app.name + "-profiles", service.log())

    def test_39_a_journal_made_anew_is_noticed(self):
        app = self.stopped()
        self.recreate(app.name + "-journal", retention_ms=604800000)
        app.feed(300)
        self.assert_stopped(app.start(), 1, app.name + "-journal")

    def test_37_partitions_added_to_the_input_are_refused_and_under_a_running_service_lose_nothing(self):
        app = self.application()
        app.feed(500)
        service = app.start()
        app.await_end(service=service)
        self.wire.add_partitions(app.topic, PARTITIONS + 1)
        self.wire.send(app.topic, {PARTITIONS: record_batch([(b"c1", b"{}")])})
        time.sleep(8)
        app.feed(500)
        if not service.ended():
            app.await_end(service=service)
            self.assertEqual(self.wire.committed(app.name, app.topic, PARTITIONS + 1)[PARTITIONS][0], -1, service.log()[-2000:])
            service.stop()
        else:
            self.assertIn(service.process.returncode, (1, 3, 5), service.log()[-2000:])
        self.assert_stopped(app.start(), 3, "partition counts must be equal", f"{app.topic} has 3")

    def test_26_a_corrupt_batch_stops_the_partition_and_is_never_skipped(self):
        app = self.stopped(500)
        app.feed(500)
        segment = next((self.broker.directory / "records" / f"{app.topic}-0").glob("*.log"))
        raw = segment.read_bytes()
        with open(segment, "r+b") as file:
            file.seek(len(raw) - 40)
            file.write(bytes([raw[-40] ^ 0xFF]))
        service = app.start()
        self.assert_stopped(service, 1, app.topic)
        self.assertLess(app.committed()[0], app.ends()[0])
        with open(segment, "r+b") as file:
            file.seek(len(raw) - 40)
            file.write(raw[-40:-39])
        app.run_to_end()
        app.judge()


class Strangers(MatrixCase):
    def hang(self, topic, seconds, commit=False):
        """A stranger's open transaction on partition 0; returns what ends it."""
        name = f"stranger-{self._testMethodName}"
        pid, epoch = self.wire.begin_transaction(name, topic, 0, seconds * 1000)
        return lambda: self.wire.end_transaction(name, pid, epoch, commit)

    def test_20_a_hanging_transaction_on_the_input_is_waited_for_and_nothing_is_passed_over(self):
        app = self.application()
        app.feed(500)
        service = app.start()
        app.await_end(service=service)
        held = app.committed()
        end = self.hang(app.topic, 60)
        app.feed(800)
        time.sleep(4)
        self.assertFalse(service.ended(), service.log())
        self.assertEqual(app.committed()[0], held[0])
        self.assertGreater(app.committed()[1], held[1])
        end()
        app.feed(200)
        app.await_end(service=service)
        time.sleep(1.3)
        self.assertEqual(service.stop(), 0)
        app.judge(journal=False)

    def test_20_hanging_transactions_on_changelog_and_journal_never_make_a_recovery_short(self):
        app = self.application()
        app.feed(500)
        app.run_to_end()
        ends = [self.hang(f"{app.name}-profiles", 60)]
        app.feed(1500)
        service = app.start(environment={"OFFERSTREAM_FAILPOINT": "stored:5:kill"})
        service.code(20)
        service.kill()
        shutil.rmtree(app.state)
        service = app.start("second")
        time.sleep(6)
        self.assertFalse(service.ended(), service.log())
        self.assertNotIn("partition 0: at transaction", service.log())
        for end in ends:
            end()
        app.await_end(service=service)
        time.sleep(1.3)
        self.assertEqual(service.stop(), 0)
        app.judge()


if __name__ == "__main__":
    unittest.main(verbosity=2)
