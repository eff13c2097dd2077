#!/usr/bin/env python3
"""A configuration that changes while the service runs (SIGHUP), over a real broker: killed around the change, refused, and by two
instances at once. What was published is judged by oracle.py, and `replay --verify` re-derives it."""

import json
import pathlib
import re
import signal
import sys
import time
import unittest
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import oracle  # noqa: E402
from matrix_stage import ENGINE, MatrixCase, Service  # noqa: E402

THIRD_OFFER = "  - { id: home-loan, channels: [push, email], value: 70 }\n"


class Reload(MatrixCase):
    def hang_up(self, service):
        service.process.send_signal(signal.SIGHUP)

    def change(self, app, old, new, config=None):
        config = config or app.config
        text = config.read_text()
        self.assertIn(old, text)
        config.write_text(text.replace(old, new))

    def decisions(self, app):
        """By partition, in order."""
        found = {}
        for partition, _, _, value in oracle.read_raw(self.broker.address, f"{app.name}-decisions"):
            found.setdefault(partition, []).append(json.loads(value))
        return found

    def judge(self, app, epochs):
        """The oracle, the journal, every epoch in order, and everything derived again."""
        app.judge(twin=False)
        for partition, decisions in self.decisions(app).items():
            seen = [d["config_epoch"] for d in decisions]
            self.assertEqual(seen, sorted(seen), f"partition {partition} went back to an older plan")
            self.assertEqual(seen[-1], epochs)
        problems, verdict = oracle.verify(ENGINE, app.config)
        self.assertEqual(problems, [])
        self.assertIn("verified", verdict)
        texts = {}
        for _, _, key, text in oracle.read_raw(self.broker.address, f"{app.name}-profiles"):
            if key.startswith(b"plan|"):
                texts.setdefault(int(key[5:]), set()).add(text)
        self.assertEqual([len(texts[e]) for e in sorted(texts)], [1] * len(texts), "an epoch has one text")
        self.assertEqual(max(texts), epochs)

    def start_again(self, app):
        starts = app.services[-1].log().count("info started")
        service = app.start()
        for _ in range(400):   # before it, a hangup is the end of a process
            if service.log().count("info started") > starts:
                return service
            time.sleep(0.05)
        self.fail(service.log()[-2000:])

    def await_epoch(self, service, epoch):
        self.await_log(service, f"plan epoch {epoch} is in force on all shards")

    def test_caps_offers_and_values_change_under_load_and_kills_around_it_lose_nothing(self):
        app = self.application(more="")
        app.feed(800)
        service = app.start()
        app.await_end(service=service)
        # Offers come and go, caps and values move; each change is a plan of its own.
        changes = [("start: 8", "start: 3"), ("decide:", THIRD_OFFER + "decide:"), ("value: 90", "value: 45"),
                   ("value: 45", "value: 45, ends: 2020-01-01"),
                   ("placements: [home] }", "placements: [home], threshold: 0.001 }\nexplore: { kappa: 20 }"), ("start: 3", "start: 5")]
        for number, (old, new) in enumerate(changes):
            app.feed(150)
            self.change(app, old, new)
            self.hang_up(service)
            app.feed(150)
            delay = [0.0, 0.1, 0.25, 0.5, None, 1.0][number]   # None: it may live
            if delay is None:
                self.await_epoch(service, number + 2)
            else:
                time.sleep(delay)
                service.kill()
                service = self.start_again(app)
            app.await_end(service=service)
        app.feed(200)
        app.await_end(service=service)
        time.sleep(1.3)
        self.assertEqual(service.stop(), 0, service.log()[-2000:])
        self.judge(app, epochs=7)
        last = [d for partition in self.decisions(app).values() for d in partition if d["config_epoch"] == 7]
        offered = {d["offer"]["offer_id"] for d in last if d["offer"]}
        self.assertNotIn("gold-card", offered)
        self.assertIn("home-loan", offered)
        self.assertNotIn("only older models", service.log())

    def test_a_wrong_file_and_one_that_needs_a_restart_change_nothing_and_say_so(self):
        app = self.application(more="")
        app.feed(400)
        service = app.start(sets=["http.listen=127.0.0.1:0"])
        app.await_end(service=service)
        port = re.search(r"serving HTTP on port (\d+)", service.log())[1]

        def metric(name):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as page:
                return float(re.search(rf"^offerstream_{name}(?:{{.*}})? (\S+)$", page.read().decode(), re.M)[1])

        good, begun = app.config.read_text(), metric("config_last_reload_success_timestamp_seconds")
        self.assertEqual(metric("config_last_reload_successful"), 1)
        app.config.write_text(good.replace("start: 8", "start: many").replace("value: 90", "value: 90, valu: 2"))
        self.hang_up(service)
        self.await_log(service, "the configuration has 3 mistakes; plan epoch 1 stays in force")
        self.assertIn("did you mean 'value'?", service.log())
        self.assertEqual(metric("config_last_reload_successful"), 0)
        app.config.write_text(good.replace("memory: 256MiB", "memory: 300MiB").replace("value: 90", "value: 45"))
        self.hang_up(service)
        self.await_log(service, "these settings change at a start only: state.memory; nothing was taken over, plan epoch 1 stays in force")
        self.assertEqual(metric("config_last_reload_successful"), 0)
        app.feed(300)
        app.await_end(service=service)
        app.config.write_text(good.replace("value: 90", "value: 45"))
        self.hang_up(service)
        self.await_epoch(service, 2)
        self.assertIn("offers[gold-card].value: 90 -> 45", service.log())
        self.assertEqual(metric("config_last_reload_successful"), 1)
        self.assertGreater(metric("config_last_reload_success_timestamp_seconds"), begun)
        app.feed(300)
        app.await_end(service=service)
        self.assertEqual(service.stop(), 0)
        self.judge(app, epochs=2)
        self.assertEqual({partition[0]["config_epoch"] for partition in self.decisions(app).values()}, {1})

    def test_two_instances_that_activate_different_plans_at_once_share_no_number_and_end_in_one_plan(self):
        app = self.application(more="")
        second = app.directory / "second.yaml"
        second.write_text(app.config.read_text())
        app.feed(600)
        one = app.start("one")
        two = Service(second, app.directory / "two", sets=[f"state.dir={app.directory}/state2", "app.instance=i1"])
        app.services.append(two)
        app.await_end(service=one)
        self.await_log(two, "ready in")
        self.change(app, "value: 90", "value: 45")
        self.change(app, "value: 90", "value: 60", config=second)
        self.hang_up(one)
        self.hang_up(two)
        app.feed(600)
        for service in (one, two):
            self.await_epoch(service, 3)
        app.feed(400)
        app.await_end(service=one)
        time.sleep(1.3)
        self.assertEqual([one.stop(), two.stop()], [0, 0])
        self.assertEqual(sum("another instance has activated plan epoch" in s.log() for s in (one, two)), 1)
        self.judge(app, epochs=3)
        # Started again with unchanged files: the plan that came last holds for both.
        self.await_empty_group(app)
        for name, config, sets in [("one", app.config, []), ("two", second, [f"state.dir={app.directory}/state2", "app.instance=i1"])]:
            again = Service(config, app.directory / f"{name}-again", sets=sets)
            app.services.append(again)
            self.await_log(again, "ready in")
            self.assertEqual(again.stop(), 0)
            self.await_empty_group(app)
        self.assertEqual(sum("was superseded" in s.log() for s in app.services[-2:]), 1)
        self.judge(app, epochs=3)


if __name__ == "__main__":
    unittest.main(verbosity=2)
