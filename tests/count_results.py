#!/usr/bin/env python3
"""Counts ctest's JUnit files in a folder: names what failed and what was skipped and why, then one line

    N passed, N failed, N skipped

Exit 1 when anything failed or nothing ran at all. Skipped means the test said so itself (SKIPPED with a reason); a test
that could not be started is a failure.
"""
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree


def classify(case):
    """One <testcase>: ('passed' | 'failed' | 'skipped', reason)."""
    status = case.get("status", "run")
    output = case.findtext("system-out") or ""
    if case.find("failure") is not None or status == "fail":
        return "failed", (case.find("failure").get("message") or "") if case.find("failure") is not None else ""
    if status == "disabled":
        return "skipped", "disabled"
    skipped = case.find("skipped")
    if skipped is not None or status == "notrun":
        message = skipped.get("message", "") if skipped is not None else ""
        if not message.startswith("SKIP_"):
            return "failed", "could not be started: " + message
        told = re.search(r"(?:Skipped|SKIPPED)[:\n]+\s*([^\n\[][^\n]*)", output)
        return "skipped", told.group(1).strip() if told else "no reason given"
    return "passed", ""


def count(folder):
    """All *.xml of a folder: {'passed': [(name, reason)], 'failed': [...], 'skipped': [...]}."""
    found = {"passed": [], "failed": [], "skipped": []}
    for path in sorted(pathlib.Path(folder).glob("*.xml")):
        try:
            root = ElementTree.parse(path).getroot()
        except ElementTree.ParseError as error:
            found["failed"].append((path.name, f"unreadable result file: {error}"))
            continue
        for case in root.iter("testcase"):
            verdict, reason = classify(case)
            found[verdict].append((case.get("name", "?"), reason))
    return found


def main(folder):
    found = count(folder)
    print()
    for verdict in ("skipped", "failed"):
        for name, reason in found[verdict]:
            print(f"{verdict}: {name}" + (f" ({reason})" if reason else ""))
    print(f"{len(found['passed'])} passed, {len(found['failed'])} failed, {len(found['skipped'])} skipped")
    return 1 if found["failed"] or not found["passed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
