#!/usr/bin/env python3
"""Rows of the fault matrix that have one answer each, over a real broker: bad disks, limits, clocks, names, requests that straggle,
outages, configurations of several ages. After each what was published is judged by oracle.py, mostly against an application that nothing
befell. What befalls logs is in matrix_logs_test.py."""

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
from fault_proxy import UP, Rule  # noqa: E402
from matrix_stage import MatrixCase  # noqa: E402
from stage import ROOT  # noqa: E402


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

    def faulty_disk(self, app):
        library = pathlib.Path(os.environ.get("OFFERSTREAM_FAULTY_DISK", ROOT / "build/release/tests/robustness/libfaulty_disk.so"))
        if not library.exists():
            self.skipTest(f"{library} is not built")
        orders = app.directory / "disk"
        orders.write_text("sound")
        return {"LD_PRELOAD": str(library), "FAULTY_DISK_BELOW": str(app.state), "FAULTY_DISK_ORDERS": str(orders)}, orders

    def test_28_a_disk_that_fails_ends_the_process_with_75_and_nothing_is_torn(self):
        app = self.application()
        app.feed(500)
        faulty, orders = self.faulty_disk(app)
        for n in range(3):
            service = app.start(f"log{n}", environment=faulty)
            app.await_end(service=service)
            orders.write_text("eio")
            app.feed(300)
            self.assert_stopped(service, 75, "cause=")
            orders.write_text("sound")
        app.run_to_end()
        app.judge()

    def test_28_a_slow_disk_is_slow_and_right(self):
        app = self.application()
        faulty, orders = self.faulty_disk(app)
        service = app.start(environment=faulty)
        self.await_log(service, "assigned")
        orders.write_text("slow 200")
        app.feed(600)
        app.await_end(service=service)
        orders.write_text("sound")
        time.sleep(1.3)
        self.assertEqual(service.stop(), 0, service.log()[-2000:])
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

    def test_31_memory_that_cannot_be_had_ends_the_process_with_75_or_nothing(self):
        app = self.application()
        app.feed(500)
        ended = 0
        for n in range(3):
            service = app.start(f"log{n}")
            app.await_end(service=service)
            size = next(int(line.split()[1]) for line in pathlib.Path(f"/proc/{service.process.pid}/status").read_text().splitlines() if line.startswith("VmSize"))
            subprocess.run(["prlimit", "--pid", str(service.process.pid), f"--as={size * 1024}"], check=True)
            app.feed(300)
            end = time.monotonic() + 20
            while not service.ended() and app.committed() != app.ends() and time.monotonic() < end:
                time.sleep(0.1)
            if service.ended():
                ended += 1
                self.assertIn(service.process.returncode, (75, -6, 127), service.log()[-2000:])   # 127: the loader, for a thread's data
            else:
                self.assertEqual(app.committed(), app.ends(), service.log()[-2000:])
                service.kill()
        print(f"  {ended} of 3 ended", end=" ", flush=True)
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

    def test_11_sigterm_in_the_middle_of_joining_ends_in_order(self):
        app = self.application()
        app.feed(1000)
        other = app.start("other", sets=[f"state.dir={app.directory}/state2", "app.instance=i1"])
        for n in range(40):   # the assignment of a rebalance may arrive while the consumer is closed
            service = app.start(f"log{n}")
            self.await_log(service, "started")
            time.sleep(0.004 * n)
            self.assertEqual(service.stop(), 0, f"after {4 * n} ms: {service.log()[-500:]}")
        other.kill()
        app.run_to_end()
        app.judge()

    def test_11_sigterm_while_kafka_is_waited_for_at_the_start_ends_at_once(self):
        app = self.application()
        service = app.start(sets=["kafka.brokers=127.0.0.1:1"])
        time.sleep(1)
        begin = time.monotonic()
        self.assertEqual(service.stop(), 0, service.log())
        self.assertLess(time.monotonic() - begin, 3)

    def test_11_a_client_that_does_not_end_holds_up_nothing(self):
        app = self.application()
        app.feed(1000)
        service = app.start(environment={"OFFERSTREAM_FAILPOINT": "end:1:delay=60000"})
        app.await_end(service=service)
        time.sleep(1.3)
        begin = time.monotonic()
        self.assertEqual(service.stop(), 0, service.log())
        self.assertLess(time.monotonic() - begin, 10)
        self.assertIn("a Kafka client does not end", service.log())
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

    @staticmethod
    def faked_clock(app):
        library = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
        if library is None:
            raise unittest.SkipTest("libfaketime is not installed")
        clock = app.directory / "clock"
        clock.write_text("+0\n")
        return {"LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}, clock

    def test_21_a_clock_that_jumps_changes_no_decision(self):
        app = self.application()
        faked, clock = self.faked_clock(app)
        app.feed(1000)
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


class Network(MatrixCase):
    doors = 1

    def straggle(self, api, seconds, then):
        """A request of a kind is under way for so long, its client does not know and asks anew; `then` before it arrives."""
        app, proxy = self.application(), self.broker.proxies[0]
        self.addCleanup(proxy.heal)
        app.feed(1000)
        service = app.start(sets=[f"kafka.brokers=127.0.0.1:{proxy.port}"])
        then(app, service)
        hits = proxy.hits
        proxy.add_rule(Rule([api], UP, "hold", seconds))
        if service.ended() or api == 11:
            service.kill()
            service = app.start("second", sets=[f"kafka.brokers=127.0.0.1:{proxy.port}"])
        for _ in range(3000):
            if proxy.hits > hits:
                break
            app.feed(1 if _ % 20 == 0 else 0)
            time.sleep(0.01)
        self.assertGreater(proxy.hits, hits)
        time.sleep(0.5)
        proxy.reset_clients()
        for _ in range(int(seconds + 4)):
            app.feed(50)
            time.sleep(1)
        app.await_end(service=service)
        time.sleep(1.3)
        self.assertEqual(service.stop(), 0, service.log()[-2000:])
        app.judge()
        return service

    def test_14_a_straggling_request_to_join_of_our_own_is_survived(self):
        service = self.straggle(11, 5, lambda app, service: app.await_end(service=service))
        self.assertIn("joining anew", service.log())

    def test_15_a_straggling_end_of_a_transaction_ends_no_other(self):
        service = self.straggle(26, 5, lambda app, service: app.await_end(service=service))
        self.assertRegex(service.log(), "making the producer anew|outcome unknown|given up")

    def test_15_straggling_offsets_of_a_transaction_move_no_other(self):
        self.straggle(28, 5, lambda app, service: app.await_end(service=service))


@unittest.skipUnless("OFFERSTREAM_TEST_LONG" in os.environ, "takes minutes; OFFERSTREAM_TEST_LONG=1")
class Outage(MatrixCase):
    down_s = 100

    def outage(self, service):
        self.broker.stop()
        time.sleep(self.down_s)
        self.broker.start()
        if service.ended():
            self.fail(f"ended with {service.process.returncode}: {service.log()[-2000:]}")

    def test_13_no_broker_for_longer_than_the_watchdog_waits_is_waited_for(self):
        app = self.application()
        app.feed(500)
        service = app.start()
        app.await_end(service=service)
        self.outage(service)
        app.feed(500)
        app.await_end(service=service)
        time.sleep(1.3)
        self.assertEqual(service.stop(), 0)
        app.judge()

    def test_13_no_broker_in_the_middle_of_a_transaction_is_waited_for(self):
        app = self.application()
        app.feed(1500)
        service = app.start(environment={"OFFERSTREAM_FAILPOINT": "offsets:3:delay=2000"})
        self.await_log(service, "failpoint offsets: waiting")
        self.outage(service)
        app.await_end(service=service)
        time.sleep(1.3)
        self.assertEqual(service.stop(), 0)
        app.judge()

    def test_13_no_broker_in_the_middle_of_a_recovery_is_waited_for(self):
        app = self.application()
        app.feed(1500)
        app.run_to_end()
        shutil.rmtree(app.state)
        service = app.start(environment={"OFFERSTREAM_FAILPOINT": "load:1:delay=4000"})
        self.await_log(service, "failpoint load: waiting")
        self.outage(service)
        app.feed(300)
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
