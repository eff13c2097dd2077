#!/usr/bin/env python3
"""Alerts, dashboards and runbook name what the metric catalogue has, all of it and nothing else; promtool accepts the alerts."""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CATALOGUE = (ROOT / "metrics/metric_catalogue.cc").read_text()
ENTRY = re.compile(r'\{"(\w+)",\s*k(\w+),\s*"([^"]*)",\s*\d+,\s*"(\w*)"')


def catalogue():
    return {name: (kind, labels.split(",") if labels else [], alert) for name, kind, labels, alert in ENTRY.findall(CATALOGUE)}


def metrics_in(expression):
    return re.findall(r"\b(?:offerstream|process)_\w+", expression)


def known(name, metrics):
    if name in metrics:
        return True
    base = re.sub(r"_(bucket|sum|count)$", "", name)
    return base in metrics and metrics[base][0] == "Histogram"


class Operations(unittest.TestCase):
    def setUp(self):
        self.metrics = catalogue()
        self.alerts = (ROOT / "deploy/alerts.yml").read_text()

    def test_the_catalogue_is_read_whole(self):
        self.assertEqual(len(self.metrics), CATALOGUE.count('    {"'))

    def test_every_alert_of_the_catalogue_exists_and_no_other(self):
        promised = {alert for _, _, alert in self.metrics.values() if alert}
        self.assertEqual(set(re.findall(r"- alert: (\w+)", self.alerts)), promised)

    def test_every_alert_has_a_paragraph_in_the_runbook(self):
        told = re.findall(r"^## (\w+)$", (ROOT / "deploy/guide/runbook.md").read_text(), re.M)
        self.assertEqual(sorted(told), sorted(re.findall(r"- alert: (\w+)", self.alerts)))

    def test_alerts_use_metrics_that_exist(self):
        for expression in re.findall(r"expr: (.*)", self.alerts):
            for name in metrics_in(expression):
                self.assertTrue(known(name, self.metrics), name)

    def test_dashboards_use_metrics_and_labels_that_exist(self):
        boards = sorted((ROOT / "deploy/grafana").glob("*.json"))
        self.assertEqual(len(boards), 3)
        for board in boards:
            for panel in json.loads(board.read_text())["panels"]:
                for target in panel["targets"]:
                    names = metrics_in(target["expr"])
                    self.assertTrue(names, panel["title"])
                    labels = {"instance"}
                    for name in names:
                        self.assertTrue(known(name, self.metrics), f"{board.name}: {name}")
                        labels.update(self.metrics.get(name, ("", [], ""))[1])
                    for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
                        self.assertIn(label, labels, f"{board.name}: {panel['title']}")

    def test_promtool_accepts_the_alerts_and_their_tests(self):
        if not shutil.which("promtool"):
            self.skipTest("promtool is not installed; ./run setup installs it")
        for command in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"], ["check", "config", "prometheus.yml"]):
            done = subprocess.run(["promtool", *command], cwd=ROOT / "deploy", capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    sys.exit(unittest.main())
