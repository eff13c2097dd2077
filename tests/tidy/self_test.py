#!/usr/bin/env python3
"""Each house rule on a good sample, which it passes, and on bad ones, which it reports: a rule that cannot fail proves nothing."""
import sys
import unittest

import check
from tree import Tree, blank_comments_and_literals
from text_rules import functions

LONG_BODY = "  int x;\n" * 75

# Rule -> (files it accepts, [files it must report, one dict each])
SAMPLES = {
    "folder_direction": (
        {"consumers/a.cc": '#include "state/b.h"\n', "state/b.cc": '#include "models/c.h"\n', "metrics/d.cc": '#include "models/domain/e.h"\n'},
        [{"models/a.cc": '#include "state/b.h"\n'}, {"state/a.h": '#include "consumers/b.h"\n'}, {"metrics/a.h": '#include "models/fold.h"\n'},
         {"state/a.h": '#include "metrics/b.h"\n'}, {"consumers/a.cc": '#include "tests/support/x.h"\n'}, {"models/a.cc": '#include "b.h"\n'},
         {"models/a.cc": '#include "../state/b.h"\n'}]),
    "room_direction": (
        {"consumers/commands/a.cc": '#include "consumers/service.h"\n', "models/deciding/a.h": '#include "models/learning/b.h"\n',
         "consumers/service.cc": '#include "consumers/decision_worker.h"\n', "models/x.h": '#include "models/deciding/y.h"\n'},
        [{"models/domain/a.h": '#include "models/deciding/b.h"\n'}, {"models/learning/a.h": '#include "models/deciding/b.h"\n'},
         {"models/deciding/a.h": '#include "models/decision_fold.h"\n'}, {"consumers/kafka/a.h": '#include "consumers/decision_worker.h"\n'},
         {"consumers/wire/a.h": '#include "consumers/kafka/b.h"\n'}, {"consumers/config/a.h": '#include "consumers/wire/b.h"\n'},
         {"consumers/decision_worker.h": '#include "consumers/service.h"\n'}, {"consumers/seams/a.h": '#include "consumers/config/b.h"\n'}]),
    "no_cycles": (
        {"models/a.h": '#include "models/b.h"\n', "models/b.h": ""},
        [{"models/a.h": '#include "models/b.h"\n', "models/b.h": '#include "models/a.h"\n'}]),
    "library_home": (
        {"state/rocksdb_store.cc": "#include <rocksdb/db.h>\n#include <vector>\n#include <sys/statvfs.h>\n", "models/learning/a.h": "#include <Eigen/Core>\n",
         "consumers/a.cc": "#include <fmt/format.h>\n"},
        [{"state/a.cc": "#include <rocksdb/db.h>\n"}, {"consumers/kafka/a.cc": "#include <librdkafka/rdkafka.h>\n"},
         {"state/a.cc": "#include <Eigen/Core>\n"}, {"consumers/a.h": "#include <fmt/format.h>\n"}, {"models/a.cc": "#include <unistd.h>\n"},
         {"consumers/a.cc": "#include <simdjson.h>\n"}, {"consumers/a.cc": "#include <curl/curl.h>\n"}, {"metrics/a.cc": "#include <boost/beast/http.hpp>\n"}]),
    "own_header_first": (
        {"models/a.cc": '#include "models/a.h"\n#include <vector>\n', "models/a.h": ""},
        [{"models/a.cc": '#include <vector>\n#include "models/a.h"\n', "models/a.h": ""}, {"models/a.cc": "int x;\n", "models/a.h": ""}]),
    "forbidden_words": (
        {"README.md": "See build/release/offerstream and https://kafka.apache.org.\n", "a.cc": "// it works well\n"},
        [{"README.md": "cd /" + "work/main\n"}, {"a.cc": "// /" + "root/x\n"}, {"run": "ping deb" + ".debian.org\n"},
         {"pom.xml": "https://repo" + "1.maven.apache\n"}]),
    "determinism": (
        {"models/a.cc": "double y = Exp(x); // std::exp( is not used\nstd::sqrt(2.0); view.log(); Catalog(1); my_exp(2);\n".replace("view.log(); ", ""),
         "models/domain/fixed_math.h": "double Exp(double x) { return std::exp(x); }\n", "consumers/a.cc": "std::chrono::steady_clock::now();\n"},
        [{"models/a.cc": "auto t = std::chrono::steady_clock::now();\n"}, {"state/a.cc": "std::random_device d;\n"}, {"models/a.cc": "double y = std::exp(x);\n"},
         {"models/a.cc": "double y = log1p(x);\n"}, {"models/a.cc": "v = a.array().exp();\n"}, {"models/a.cc": "#include <mutex>\n"},
         {"models/a.h": "#include <iostream>\n"}, {"state/a.cc": "std::mt19937_64 g;\n"}, {"models/a.cc": "double y = ::pow(x, 2);\n"}]),
    "no_exceptions": (
        {"models/a.cc": "// we do not throw\nint x;\n"},
        [{"consumers/a.cc": "void F() { throw 1; }\n"}]),
    "prefetches": (
        {"models/a.h": "// not __builtin_prefetch(\nPrefetchLine(at);\n"},
        [{"state/a.cc": "__builtin_prefetch(at, 1);\n"}, {"models/a.cc": "_mm_prefetch(at, _MM_HINT_T0);\n"}]),
    "names": (
        {"models/a.h": "class Journal {};\nstruct DataMissing {};\n"},
        [{"models/a.h": "class OfferManager {};\n"}, {"models/a.h": "struct CustomerData {\n"}, {"consumers/a.cc": "class EventHandler : public X {\n"}]),
    "file_length": (
        {"models/a.cc": "\n" * 500, "consumers/main.cc": "\n" * 40, "README.md": "\n" * 900},
        [{"models/a.cc": "\n" * 501}, {"consumers/main.cc": "\n" * 41}, {"tests/x.py": "\n" * 501}]),
    "function_length": (
        {"models/a.cc": "namespace x {\nvoid F() {\n" + "  int x;\n" * 60 + "}\nclass C {\n" + LONG_BODY + "};\n}\n",
         "models/b.cc": "// long: a table of cases reads best in one piece\nvoid F() {\n" + LONG_BODY + "}\n"},
        [{"models/a.cc": "namespace x {\nvoid F(int a,\n       int b) const {\n" + LONG_BODY + "}\n}\n"},
         {"tests/a.cc": "TEST(A, B) {\n  if (x) {\n" + LONG_BODY + "  }\n}\n"}, {"models/a.h": "class C {\n  void F() {\n" + LONG_BODY + "  }\n};\n"},
         {"models/a.cc": "// long:\nvoid F() {\n" + LONG_BODY + "}\n"}]),
    "documented": (
        {"models/a.h": "#pragma once\nnamespace x {\nclass Forward;\n/// Adds.\nint Add(int a, int b);\nint Sub(int a, int b);\n\n"
                       "/// A thing. One thread.\nclass Thing {\n public:\n  explicit Thing(int x);\n  ~Thing();\n  int size() const { return 1; }\n"
                       "  /// Grows. \n  void Grow();\n\n private:\n  void Secret();\n  int x_;\n};\n\n// Limits.\ninline constexpr int kA = 1;\ninline constexpr int kB = 1;\n\n/// Two.\nstruct Pair {\n  int a = 0;\n  int b = 0;\n};\n}\n"},
        [{"models/a.h": "namespace x {\nint Add(int a, int b);\n}\n"}, {"models/a.h": "namespace x {\nclass Thing {\n};\n}\n"},
         {"models/a.h": "/// A.\nclass T {\n public:\n  void Grow();\n};\n"}, {"models/a.h": "/// A.\nint A();\n\nint B();\n"},
         {"models/a.h": "inline constexpr int kA = 1;\n"}, {"models/a.h": "enum class E { kA };\n"}]),
    "skipped_tests": (
        {"tests/a.cc": 'GTEST_SKIP() << "no broker";\n// Since 2026-01-01: waits for the fix of X.\nTEST(A, DISABLED_B) {}\n'},
        [{"tests/a.cc": "GTEST_SKIP();\n"}, {"tests/a.cc": "int x;\nTEST(A, DISABLED_B) {}\n"}]),
    "readmes": (
        {"models/README.md": "", "models/a.h": "", "run": ""},
        [{"models/a.h": ""}, {"tests/README.md": "", "tests/golden/a.txt": ""}]),
}


class EveryRule(unittest.TestCase):
    def test_has_samples(self):
        self.assertEqual(sorted(SAMPLES), sorted(check.RULES))

    def test_accepts_the_good_sample(self):
        for name, (good, _) in SAMPLES.items():
            with self.subTest(rule=name):
                self.assertEqual([str(f) for f in check.RULES[name](Tree(good))], [])

    def test_reports_each_bad_sample(self):
        for name, (_, bad) in SAMPLES.items():
            for files in bad:
                with self.subTest(rule=name, files=files):
                    self.assertNotEqual(check.RULES[name](Tree(files)), [])


class Reading(unittest.TestCase):
    def test_comments_and_literals_are_blanked_and_lines_kept(self):
        text = 'int a = 1\'000; // throw\nauto s = "throw { \\" x"; /* {\n} */ char c = \'{\'; auto r = R"x(throw " )" )x";\n'
        code = blank_comments_and_literals(text)
        self.assertEqual(len(code), len(text))
        self.assertEqual(code.count("\n"), text.count("\n"))
        for word in ("throw", "{", "}"):
            self.assertNotIn(word, code)
        self.assertIn("1'000", code)

    def test_functions_are_found_and_classes_are_not(self):
        code = "namespace a {\nclass B {\n  int F() const {\n    if (x) {\n    }\n  }\n};\nconstexpr int t[] = {\n1};\nB::B(int x) : x_{x} {\n}\n}\n"
        self.assertIn((3, 6), functions(code))
        self.assertNotIn((2, 7), functions(code))


if __name__ == "__main__":
    sys.exit(unittest.main())
