#!/usr/bin/env python3
"""Rows of the fault matrix that have one answer each, over a real broker: bad disks, limits, what befalls topics and offsets, clocks,
strangers. After each what was published is judged by oracle.py, mostly against an application that nothing befell."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import oracle  # noqa: E402
from kafka_wire import record_batch  # noqa: E402
from matrix_stage import PARTITIONS, MatrixCase  # noqa: E402


class Disk(MatrixCase):
    def test_27_a_disk_without_room_is_waited_for_before_it_is_full(self):
        app = self.application()
        self.mount(app.state, "size=200m")
        app.feed(1500)
        service = app.start()
        self.await_log(service, "cause=disk_low")
        time.sleep(1)
        self.assertFalse(service.ended())
        self.assertEqual(app.committed(), [0, 0])
        subprocess.run(["mount", "-o", "remount,size=800m", app.state], check=True)
        app.await_end(service=service)
        time.sleep(1.3)
        self.assertEqual(service.stop(), 0)
        app.judge()

    def test_27_a_disk_that_fills_under_the_store_ends_the_process_and_nothing_is_torn(self):
        app = self.application()
        self.mount(app.state, "size=500m")
        app.feed(1000)
        first = app.start()
        app.await_end(service=first)
        with open(app.state / "ballast", "wb") as ballast:   # at once: the look before a transaction comes too late
            os.posix_fallocate(ballast.fileno(), 0, shutil.disk_usage(app.state).free - 4096)
        app.feed(2500)
        time.sleep(3)
        if first.ended():
            self.assertEqual(first.process.returncode, 75, first.log()[-2000:])
        else:
            self.assertIn("cause=disk_low", first.log())
            first.kill()
        (app.state / "ballast").unlink()
        app.run_to_end()
        app.judge()

    def test_27_a_file_that_may_not_grow_ends_the_process_with_75(self):
        app = self.application()
        app.feed(3000)
        service = app.start(under=["prlimit", "--fsize=60000"])
        self.assert_stopped(service, 75, "cause=")
        app.run_to_end()
        app.judge()

    def test_30_directories_that_cannot_be_used_are_named_before_joining(self):
        app = self.application()
        app.feed(100)
        file = app.directory / "file"
        file.write_text("x")
        self.mount(app.directory / "readonly", "size=300m,ro")
        self.mount(app.directory / "inodes", "size=300m,nr_inodes=3")
        for path in (file, app.directory / "readonly", app.directory / "inodes"):
            with self.subTest(path=path.name):
                service = app.start(path.name + ".log", sets=[f"state.dir={path}"])
                self.assertIn(service.code(), (1, 3, 75), service.log())
                self.assertIn(str(path), service.log())
                self.assertNotIn("assigned", service.log())

    def test_29_a_store_damaged_in_each_way_is_set_aside_and_rebuilt(self):
        app = self.application()
        app.feed(1000)
        app.run_to_end()
        for n, damage in enumerate(["manifest", "no current", "sst gone", "sst flipped", "sst cut", "wal cut", "stray"]):
            with self.subTest(damage=damage):
                if damage.startswith("sst"):
                    app.run_to_end()   # opening what a log holds writes it to tables
                self.damage(app.state / "db", damage)
                app.feed(200)
                for _ in range(3):   # what is noticed in reading costs a start
                    service = app.start(f"log{n}")
                    try:
                        app.await_end(service=service, seconds=30)
                    except AssertionError:
                        self.assertEqual(service.process.poll(), 75, service.log()[-2000:])
                        continue
                    time.sleep(1.3)
                    self.assertEqual(service.stop(), 0, service.log()[-2000:])
                    break
                app.await_end(seconds=1)
        app.judge()

    def damage(self, database, how):
        files = sorted(database.iterdir())
        tables = [f for f in files if f.suffix == ".sst"]
        if how == "manifest":
            next(f for f in files if f.name.startswith("MANIFEST")).write_bytes(b"nonsense" * 50)
        elif how == "no current":
            (database / "CURRENT").unlink()
        elif how == "sst gone":
            tables[0].unlink()
        elif how == "sst flipped":
            raw = bytearray(max(tables, key=lambda f: f.stat().st_size).read_bytes())
            for at in range(0, len(raw) // 2, 512):
                raw[at] ^= 0xFF
            max(tables, key=lambda f: f.stat().st_size).write_bytes(raw)
        elif how == "sst cut":
            os.truncate(tables[-1], tables[-1].stat().st_size // 2)
        elif how == "wal cut":
            log = max((f for f in files if f.suffix == ".log"), key=lambda f: f.name)
            os.truncate(log, log.stat().st_size // 2)
        else:
            (database / "stray.sst").write_bytes(b"stray")


class Limits(MatrixCase):
    def test_32_64_descriptors_are_an_error_that_says_so_or_enough(self):
        app = self.application()
        app.feed(500)
        service = app.start(under=["prlimit", "--nofile=64"])
        end = time.monotonic() + 25
        while not service.ended() and app.committed() != app.ends() and time.monotonic() < end:
            time.sleep(0.1)
        if service.ended():
            self.assertIn(service.process.returncode, (1, 5, 75), service.log()[-2000:])
            self.assertRegex(service.log(), "(?i)too many open files|descriptor")
        else:
            service.kill()
        app.run_to_end()
        app.judge()

    def test_11_a_second_sigterm_ends_at_once(self):
        app = self.application()
        app.feed(2000)
        service = app.start(environment={"OFFERSTREAM_FAILPOINT": "commit:3:delay=8000"})
        self.await_log(service, "failpoint commit: waiting")
        service.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        begin = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        self.assertEqual(service.code(5), 130)
        self.assertLess(time.monotonic() - begin, 2)
        app.run_to_end()
        app.judge()

    def test_19_of_two_with_one_name_the_newcomer_stays(self):
        app = self.application()
        app.feed(500)
        first = app.start()
        app.await_end(service=first)
        second = app.start("second", sets=[f"state.dir={app.directory}/state2"])
        self.assert_stopped(first, 1)
        app.feed(500)
        app.await_end(service=second)
        time.sleep(1.3)
        self.assertEqual(second.stop(), 0, second.log())
        app.judge()

    def test_21_a_clock_that_jumps_changes_no_decision(self):
        library = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
        if library is None:
            self.skipTest("libfaketime is not installed")
        app = self.application()
        clock = app.directory / "clock"
        clock.write_text("+0\n")
        app.feed(1000)
        faked = {"LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        service = app.start(environment=faked)
        app.await_end(service=service)
        # librdkafka 2.0.2 waits on the wall clock and may stand still after a jump; then the watchdog ends the process within 60 s.
        for jump in ("+1h", "-1h", "+400d", "+0"):
            clock.write_text(jump + "\n")
            app.feed(500)
            end = time.monotonic() + 4
            while app.committed() != app.ends() and time.monotonic() < end and not service.ended():
                time.sleep(0.1)
            if app.committed() != app.ends():
                service.kill()
                service = app.start(environment=faked)
        app.await_end(service=service)
        time.sleep(1.3)
        self.assertEqual(service.stop(), 0, service.log()[-2000:])
        app.judge()


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


class Instances(MatrixCase):
    def test_45_an_instance_that_missed_changes_of_the_configuration_goes_on_with_them(self):
        app = self.application()
        value = lambda v: "learning: { adopt: never }\nexplore: { kappa: %d }\n" % v  # noqa: E731
        second = [f"state.dir={app.directory}/state2", "app.instance=i1"]
        for kappa, sets in [(10, []), (10, second), (11, []), (12, []), (13, second), (13, [])]:
            app.write_config(value(kappa))
            app.feed(400)
            service = app.run_to_end(sets=sets)
            self.assertNotIn("cause=", service.log())
            self.await_empty_group(app)
        app.judge(twin=False)
        epochs = {int(key[5:]): text for _, _, key, text in oracle.read_raw(self.broker.address, f"{app.name}-profiles") if key.startswith(b"plan|")}
        told = [text for _, _, key, text in oracle.read_raw(self.broker.address, f"{app.name}-profiles") if key.startswith(b"plan|")]
        self.assertEqual(sorted(epochs), [1, 2, 3, 4])
        self.assertEqual(len(set(told)), 4, "an epoch has one text, and a text one epoch")

    def test_45_an_instance_of_before_takes_over_what_a_newer_configuration_has_written(self):
        app = self.application()
        sets = [f"state.dir={app.directory}/state2", "app.instance=i1"]
        app.feed(400)
        older = app.start("older", sets=sets)
        app.await_end(service=older)
        app.write_config("learning: { adopt: never }\nexplore: { kappa: 11 }\n")
        newer = app.start("newer")
        self.await_log(newer, "ready in")
        app.feed(600)
        app.await_end(service=newer)
        newer.kill()
        app.feed(400)
        app.await_end(service=older)
        time.sleep(1.3)
        self.assertEqual(older.stop(), 0, older.log()[-2000:])
        app.judge(twin=False)


if __name__ == "__main__":
    unittest.main(verbosity=2)
