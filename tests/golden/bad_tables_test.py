#!/usr/bin/env python3
"""Tables with something wrong in them: without an outcome, with a constant column, with a category of 10,000 levels, with dates out of
order. Each gives a message and an exit code, or a count that is right. Usage: bad_tables_test.py BINARY."""
import datetime
import json
import math
import pathlib
import random
import subprocess
import sys
import tempfile

CONFIG = """version: 1
app: {{ id: bad-table }}
events: [ {{ topic: t, mapping: mapping.yaml }} ]
channels: {{ phone: {{ cap: {{ window: 7d, start: 20, max: 20, learn: false }} }} }}
offers: [ {{ id: offer, value: 1 }} ]
decide: {{ on: [] }}
experiment: {{ holdout: 0, random: 0 }}
consent: {{ channels_from: none }}
features:
  attributes:
    - {{ name: age, center: 40, scale: 10, missing: false }}
    - {{ name: wage, center: 3000, scale: 900, missing: false }}
    - {{ name: same, center: 7, scale: 1, missing: false }}
    - {{ name: town, type: category, levels: [{levels}] }}
  profile: []
  time: false
  segment: false
  ordinal: false
segments: {{ features: [] }}
"""
MAPPING = """version: 1
format: csv
fields:
  event_id:    {{ row: "row-{{n}}" }}
  customer_id: {{ row: "customer-{{n}}" }}
  time:        {{ from: /day, format: "%Y-%m-%d" }}
  kind:        {{ const: {kind} }}
  offer_id:    {{ const: offer }}
  channel:     {{ const: phone }}
{outcomes}attributes: {{ include: ["*"] }}
"""
OUTCOMES = "  outcomes: { conversion: { from: /bought } }\n"
DAY = datetime.date(2026, 1, 1)


def rows(n, order):
    draw = random.Random(7)
    days = sorted(draw.randrange(90) for _ in range(n))
    if not order:
        draw.shuffle(days)
    table = []
    for i in range(n):
        age = draw.gauss(40, 10)
        table.append({"day": DAY + datetime.timedelta(days[i]), "age": round(age, 2), "wage": round(50 * age + draw.gauss(1000, 500), 2), "same": 7,
                      "town": f"town{i % 10_000}", "bought": int(draw.random() < 1 / (1 + math.exp(2 - (age - 40) / 10)))})
    return table


class Bench:
    def __init__(self, binary, folder):
        self.binary, self.folder = binary, folder

    def run(self, table, levels="town1, town2", kind="impression", outcomes=OUTCOMES):
        write = lambda name, text: (self.folder / name).write_text(text)
        write("config.yaml", CONFIG.format(levels=levels))
        write("mapping.yaml", MAPPING.format(kind=kind, outcomes=outcomes))
        write("table.csv", "\n".join([",".join(table[0])] + [",".join(map(str, row.values())) for row in table]) + "\n")
        report = self.folder / "report.json"
        report.unlink(missing_ok=True)
        done = subprocess.run([self.binary, "replay", "-c", str(self.folder / "config.yaml"), "--report", str(report), "--html", str(self.folder / "r.html"),
                               str(self.folder / "table.csv")], capture_output=True, text=True, check=False)
        text = report.read_text() if report.exists() else ""
        refuse = lambda word: sys.exit(f"the report holds {word}, which is no number")
        return done, json.loads(text, parse_constant=refuse) if text else None


def kinds(report):
    return [w["kind"] for w in report.get("warnings", [])]


def main():
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(sys.argv[1], pathlib.Path(name))
        table = rows(20_000, order=True)

        done, report = bench.run(table)
        assert done.returncode == 0 and not kinds(report), (done.stderr, kinds(report))
        model = next(m for m in report["models"] if m["id"] == "offer/conversion")
        assert model["n"] == 20_000 and model["auc"] > 0.7
        found = {d["feature"]: d for d in model["drivers"]}
        assert found["age"]["found"] and not found["same"]["found"]
        assert "same" not in [r["feature"] for r in model["rates"]], "a constant has rates"
        assert "same" in report.get("factors", {"left_out": ["same"]})["left_out"], "a constant is part of a factor"
        town = next(r for r in model["rates"] if r["feature"] == "town")["parts"]
        assert {p["level"]: p["n"] for p in town} == {"town1": 2, "town2": 2, "other": 19_996}, town

        done, report = bench.run(table, levels=", ".join(f"town{i}" for i in range(10_000)))
        assert done.returncode == 3 and report is None
        assert "features are more than 64: bias 1, attributes 10003" in done.stderr, done.stderr

        done, report = bench.run(table, outcomes="")
        assert done.returncode == 0 and kinds(report) == ["no_answers"], kinds(report)
        assert "20000 impressions" in report["warnings"][0]["text"]
        done, report = bench.run(table, kind="profile", outcomes="")
        assert done.returncode == 0 and kinds(report) == ["no_impressions"], kinds(report)

        mixed = rows(20_000, order=False)
        done, report = bench.run(mixed)
        newest, late = DAY, 0
        for row in mixed:
            late += row["day"] < newest   # the lateness of ten minutes is less than a day
            newest = max(newest, row["day"])
        assert done.returncode == 0 and kinds(report) == ["out_of_order"], kinds(report)
        assert report["events"]["late"] == late and str(late) in report["warnings"][0]["text"], (report["events"]["late"], late)
        assert next(m for m in report["models"] if m["id"] == "offer/conversion")["n"] == 20_000, "late rows still count"

        broken = [dict(row) for row in table[:1000]]
        for i in range(0, 1000, 10):
            broken[i]["day"] = "soon"
        done, report = bench.run(broken)
        assert done.returncode == 0 and report["input"]["rejected"] == {"timestamp_invalid": 100}, report["input"]
    print("no outcome, no impression, constants, 10,000 levels, disorder, unreadable dates: told or counted")
    return 0


if __name__ == "__main__":
    sys.exit(main())
