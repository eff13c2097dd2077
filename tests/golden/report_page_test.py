#!/usr/bin/env python3
"""The report of a simulated bank: it is the same for any number of shards, its engagement equals a recount from the events alone, and its page, looked at in a headless
browser, has no error, asks for nothing, and shows every section with its charts and tables.
Usage: report_page_test.py BINARY SOURCE. Without a browser the looking is SKIPPED (exit 77) after the recount passed."""
import collections
import html.parser
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
WINDOWS = {"click": HOUR_MS, "conversion": DAY_MS}   # deploy/demo/offerstream.yaml
CAP_WINDOW_MS, LATENESS_MS = 7 * DAY_MS, 600_000
ORDINALS = 26
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def milliseconds(text):
    day, clock = text.rstrip("Z").split("T")
    year, month, date = map(int, day.split("-"))
    shift = (14 - month) // 12
    y, m = year + 4800 - shift, month + 12 * shift - 3
    days = date + (153 * m + 2) // 5 + 365 * y + y // 4 - y // 100 + y // 400 - 32045 - 2440588
    hours, minutes, seconds = clock.split(":")
    return days * DAY_MS + int(hours) * HOUR_MS + int(minutes) * 60_000 + round(float(seconds) * 1000)


def recount(path, product_of):
    """(channel, ordinal, outcome) -> [impressions whose window is over, answered]: the last touch that fits channel, offer and
    product, as far as the answer names them; a second answer to it counts nothing."""
    impressions = collections.defaultdict(list)   # customer -> [[time, offer, ordinal, {outcome}, channel]]
    last = 0
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            event = json.loads(line.split("\t", 1)[1])
            time = milliseconds(event["timestamp"])
            last = max(last, time)
            properties = event.get("properties", {})
            shown = impressions[event["userId"]]
            name, channel, offer, product = event.get("event"), properties.get("channel"), properties.get("offer_id"), properties.get("product_id")
            if name == "Promotion Viewed":
                before = sum(i[4] == channel and i[0] > time - CAP_WINDOW_MS for i in shown)
                shown.append([time, offer, before + 1, set(), channel])
                continue
            outcome = {"Promotion Clicked": "click", "Order Completed": "conversion"}.get(name)
            if outcome is None:
                continue
            for impression in reversed(shown):
                fits = (channel in (None, impression[4]) and offer in (None, impression[1]) and
                        (offer is not None or product in (None, product_of[impression[1]])))
                if fits and time - impression[0] <= WINDOWS[outcome]:
                    impression[3].add(outcome)
                    break
    cells = collections.defaultdict(lambda: [0, 0])
    for shown in impressions.values():
        for time, _, ordinal, answers, channel in shown:
            for outcome, window in WINDOWS.items():
                if time + window > last - LATENESS_MS:
                    continue   # may still be answered
                cell = cells[channel, min(ordinal, ORDINALS), outcome]
                cell[0] += 1
                cell[1] += outcome in answers
    return dict(cells)


def reported(report):
    cells = collections.defaultdict(lambda: [0, 0])
    for cell in report["engagement"]:
        for row in cell["by_impression"]:
            for outcome in WINDOWS:
                if outcome in row:
                    counts = cells[cell["channel"], row["n"], outcome]
                    counts[0] += row[outcome]["n"]
                    counts[1] += row[outcome]["k"]
    return dict(cells)


class Page(html.parser.HTMLParser):
    """What stands in the drawn page: headings, sections, charts with the size of their drawing, tables with their rows."""

    def __init__(self):
        super().__init__()
        self.headings, self.sections, self.charts, self.tables = [], [], [], []
        self._stack, self._text = [], None

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "section":
            self.sections.append({"id": given.get("id"), "charts": 0, "tables": 0})
        if tag in ("h1", "h2"):
            self._text = []
        if tag == "div" and "chart" in (given.get("class") or "").split():
            self.charts.append({"name": given.get("aria-label"), "drawn": None})
            if self.sections:
                self.sections[-1]["charts"] += 1
        if tag == "svg" and self.charts and self.charts[-1]["drawn"] is None:
            self.charts[-1]["drawn"] = (float(given.get("width", 0)), float(given.get("height", 0)))
        if tag == "table":
            self.tables.append(0)
            if self.sections:
                self.sections[-1]["tables"] += 1
        if tag == "tr" and self.tables:
            self.tables[-1] += 1

    def handle_endtag(self, tag):
        if tag in ("h1", "h2") and self._text is not None:
            self.headings.append("".join(self._text))
            self._text = None

    def handle_data(self, data):
        if self._text is not None:
            self._text.append(data)


def look(browser, page, folder):
    """The page as drawn, what its console said, and the addresses it asked for."""
    log = folder / "net.json"
    log.unlink(missing_ok=True)
    done = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1280,2000",
         "--disable-background-networking", "--disable-component-update", "--no-first-run", "--host-resolver-rules=MAP * ~NOTFOUND",
         f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=10000", f"--log-net-log={log}", "--enable-logging=stderr", "--dump-dom",
         page.as_uri()],
        capture_output=True, text=True, timeout=240, check=False, env={**os.environ, "HOME": str(folder)})
    drawn = Page()
    drawn.feed(done.stdout)
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    asked = []
    if log.exists():
        text = log.read_text(encoding="utf-8", errors="replace")
        # The browser's own errands do not count: what a page asks for carries the page's key.
        asked = [line for line in text.splitlines() if '"network_isolation_key":"file://' in line and re.search(r'"url":"(https?|wss?):', line)]
    return drawn, console, asked


def main():
    binary, source = sys.argv[1], pathlib.Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        events, report_file, page_file = folder / "events", folder / "report.json", folder / "report.html"
        config = source / "deploy/demo/offerstream.yaml"
        subprocess.run([binary, "simulate", "--customers", "700", "--days", "14", "--seed", "5", "--keyed", "--out", str(events)],
                       check=True, stdout=subprocess.DEVNULL)
        subprocess.run([binary, "replay", "-c", str(config), "--report", str(report_file), "--html", str(page_file), str(events)],
                       check=True, stderr=subprocess.DEVNULL)
        report = json.loads(report_file.read_text())
        cut_file = folder / "cut.json"
        subprocess.run([binary, "replay", "-c", str(config), "--shards", "3", "--observation-partitions", "2", "--report", str(cut_file), str(events)],
                       check=True, stderr=subprocess.DEVNULL)
        assert cut_file.read_bytes() == report_file.read_bytes(), "the report depends on the number of shards"
        page = page_file.read_text()

        product_of = dict(re.findall(r"id: ([\w-]+), campaign: [\w-]+, product: ([\w-]+)", config.read_text()))
        own, told = recount(events, product_of), reported(report)
        assert sum(cell[0] for cell in own.values()) > 10_000, "the recount counted next to nothing"
        differing = {key: (own.get(key), told.get(key)) for key in own.keys() | told.keys() if own.get(key) != told.get(key)}
        assert not differing, f"engagement differs from the recount in {len(differing)} places, e.g. {list(differing.items())[:5]}"

        content = re.search(r'<script type="application/json" id="content">\n(.*?)\n</script>', page, re.S).group(1)
        assert json.loads(content) == report, "the page holds other numbers than the JSON report"
        frame = re.sub(r"<script[^>]*>.*?</script>", "<script>", page, flags=re.S)
        assert frame.count("<script>") == 3 and not re.search(r"\b(src|href)\s*=|url\(|@import", frame), "the page refers to another file"

        browser = next((b for b in map(shutil.which, BROWSERS) if b), None)
        if browser is None:
            print("SKIPPED: no chromium to look at the page with; ./run setup installs it")
            return 77
        # First a page that does both, so that silence below means something.
        bad = folder / "bad.html"
        bad.write_text('<h1>bad</h1><img src="http://127.0.0.1:9/x"><script>missing()</script>')
        drawn, console, asked = look(browser, bad, folder)
        assert drawn.headings == ["bad"] and console and asked, "an error or a request of a page would not be noticed"
        drawn, console, asked = look(browser, page_file, folder)
        assert not console, f"the console says: {console[:3]}"
        assert not asked, f"the page asked for {asked[:3]}"
        for heading in ("offerstream-demo", "What was read", "Who responds, and why", "Segments", "How many impressions are enough",
                        "Engagement and purchase", "Conversion by feature", "Clicks and purchases against impressions", "Campaigns", "Who owns what", "Deposits, withdrawals and purchases", "Whom to approach again",
                        "Decisions"):
            assert heading in drawn.headings, f"no heading {heading!r} among {drawn.headings}"
        assert len(drawn.charts) >= 20, f"{len(drawn.charts)} charts"
        for chart in drawn.charts:
            assert chart["drawn"] and min(chart["drawn"]) >= 100, f"an empty chart: {chart}"
        assert min(drawn.tables) >= 2, "a table without rows"
        for section in drawn.sections:
            assert section["tables"] >= 1, f"section {section['id']} has charts and no table"
        print(f"{len(own)} counts agree; {len(drawn.sections)} sections, {len(drawn.charts)} charts, {len(drawn.tables)} tables")
    return 0


if __name__ == "__main__":
    sys.exit(main())
