#!/usr/bin/env python3
"""The last line of './run test' counts what ctest wrote, and counts what could not start as failed."""
import contextlib
import io
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))
import count_results  # noqa: E402

JUNIT = """<?xml version="1.0"?><testsuite name="x">
<testcase name="good" status="run"><system-out>fine</system-out></testcase>
<testcase name="bad" status="fail"><failure message="1"/><system-out>no</system-out></testcase>
<testcase name="asked" status="notrun"><skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/>
<system-out>a_test.cc:9: Skipped
no data here

[  SKIPPED ] A.B (0 ms)</system-out></testcase>
<testcase name="absent" status="notrun"><skipped message="Unable to find executable"/></testcase>
<testcase name="off" status="disabled"/>
</testsuite>"""


class CountResults(unittest.TestCase):
    def told(self, *files):
        with tempfile.TemporaryDirectory() as folder:
            for number, text in enumerate(files):
                (pathlib.Path(folder) / f"{number}.xml").write_text(text)
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                code = count_results.main(folder)
            return code, out.getvalue().splitlines()

    def test_counts_and_says_why(self):
        code, lines = self.told(JUNIT)
        self.assertEqual(lines[-1], "1 passed, 2 failed, 2 skipped")
        self.assertEqual(code, 1)
        self.assertIn("skipped: asked (no data here)", lines)
        self.assertIn("failed: absent (could not be started: Unable to find executable)", lines)

    def test_all_good_is_zero(self):
        code, lines = self.told('<testsuite><testcase name="a" status="run"/></testsuite>', '<testsuite><testcase name="b" status="run"/></testsuite>')
        self.assertEqual((code, lines[-1]), (0, "2 passed, 0 failed, 0 skipped"))

    def test_no_test_at_all_is_a_failure(self):
        self.assertEqual(self.told()[0], 1)

    def test_a_result_file_that_is_cut_is_a_failure(self):
        code, lines = self.told(JUNIT[:200])
        self.assertEqual((code, lines[-1]), (1, "0 passed, 1 failed, 0 skipped"))


if __name__ == "__main__":
    sys.exit(unittest.main())
