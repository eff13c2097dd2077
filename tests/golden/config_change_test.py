#!/usr/bin/env python3
"""`offerstream config diff|preview` on the simulated bank, without a broker. Usage: config_change_test.py BINARY SOURCE."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

ENGINE, SOURCE = sys.argv[1], pathlib.Path(sys.argv[2])
del sys.argv[1:]
BANK = SOURCE / "deploy/demo/offerstream.yaml"


def run(*arguments, code=0):
    done = subprocess.run([ENGINE, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == code, (done.returncode, done.stdout[-2000:], done.stderr[-2000:])
    return done.stdout if code == 0 else done.stderr


class ConfigChange(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.path = pathlib.Path(cls.directory.name)
        cls.events = cls.path / "events.jsonl"
        run("simulate", "--decide", BANK, "--customers", 120, "--days", 7, "--seed", 7, "--out", cls.events, "--decisions", cls.path / "decisions.jsonl")
        cls.text = BANK.read_text()
        cls.offer = next(line for line in cls.text.splitlines() if "- { id:" in line and "value:" in line)
        cls.name = cls.offer.split("id: ")[1].split(",")[0]

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def changed(self, text):
        path = self.path / "changed.yaml"
        path.write_text(text)
        return path

    def preview(self, text, *more):
        return json.loads(run("config", "preview", "-c", BANK, self.changed(text), self.events, "--json", *more))

    def test_the_same_configuration_changes_nothing(self):
        told = self.preview(self.text, "--decisions", self.path / "decisions.jsonl", "--last", 300)
        self.assertEqual((told["changes"], told["decisions"], told["left_without"]), ([], told["decisions"], 0))
        self.assertGreater(told["decisions"], 200)
        self.assertLess(told["changed"], 1e-12)
        self.assertEqual(told["served_before"], told["served_after"])

    def test_an_offer_that_ends_loses_what_others_gain_and_the_decisions_may_be_made_on_the_way(self):
        for more in (["--decisions", self.path / "decisions.jsonl"], []):
            told = self.preview(self.text.replace(self.offer, self.offer.replace("value:", "ends: 2020-01-01, value:")), "--last", 300, *more)
            self.assertEqual([c["setting"] for c in told["changes"]], [f"offers[{self.name}].ends"])
            lost = [o for o in told["offers"] if o["offer"] == self.name]
            self.assertGreater(sum(o["before"] for o in lost), 1)
            self.assertEqual(sum(o["after"] for o in lost), 0)
            self.assertGreater(told["changed"], 0.02)

    def test_a_threshold_nobody_reaches_leaves_customers_without_an_offer(self):
        told = self.preview(self.text.replace("decide: {", "decide: { threshold: 1000000,"), "--last", 300)
        self.assertEqual(told["served_after"], 0)
        self.assertEqual(told["left_without"], told["served_before"])
        self.assertGreater(told["left_without"], 10)

    def test_diff_names_what_needs_a_restart_and_mistakes_of_both_files_come_at_once(self):
        text = self.text.replace("version: 1", "version: 1\nstate: { memory: 3GiB }")
        out = run("config", "diff", "-c", BANK, self.changed(text))
        self.assertIn("state.memory: (not given) -> 3GiB  (needs a restart)", out)
        wrong, worse = self.path / "wrong.yaml", self.path / "worse.yaml"
        wrong.write_text(self.text + "wrong: 1\n")
        worse.write_text(self.text + "worse: 1\nworst: 2\n")
        told = run("config", "diff", "-c", wrong, worse, code=3)
        for word in ("wrong: unknown key", "worse: unknown key", "worst: unknown key"):
            self.assertIn(word, told)


if __name__ == "__main__":
    unittest.main()
