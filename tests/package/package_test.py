#!/usr/bin/env python3
"""`package_test.py BUILD`: builds the Debian package from BUILD and reads it back."""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else ROOT / "build/release").resolve()


def run(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout


@unittest.skipUnless(shutil.which("cpack") and shutil.which("dpkg-deb") and shutil.which("dpkg-shlibdeps"), "needs cpack and dpkg-dev")
class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        run("cpack", "--config", str(BUILD / "CPackConfig.cmake"), "-B", cls.directory.name)
        cls.package = next(pathlib.Path(cls.directory.name).glob("*.deb"))
        cls.tree = pathlib.Path(cls.directory.name) / "tree"
        run("dpkg-deb", "-R", str(cls.package), str(cls.tree))
        cls.control = (cls.tree / "DEBIAN/control").read_text()
        cls.unit = (cls.tree / "usr/lib/systemd/system/offerstream.service").read_text()

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def test_its_name_says_version_and_architecture(self):
        version = re.search(r"project\(offerstream VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text()).group(1)
        self.assertEqual(self.package.name, f"offerstream_{version}_amd64.deb")

    def test_it_depends_on_every_library_of_the_program(self):
        depends = re.search(r"^Depends: (.*)$", self.control, re.M).group(1)
        for library in ("librdkafka1", "librocksdb7.8", "libsimdjson14", "libyaml-cpp0.7", "libxgboost0", "libfmt9", "adduser"):
            self.assertIn(library, depends)

    def test_all_configuration_is_kept_over_upgrades(self):
        kept = set((self.tree / "DEBIAN/conffiles").read_text().split())
        there = {"/" + str(p.relative_to(self.tree)) for p in (self.tree / "etc").rglob("*") if p.is_file()}
        self.assertEqual(kept, there)

    def test_the_program_runs_and_its_configuration_is_sound(self):
        program = str(self.tree / "usr/bin/offerstream")
        self.assertIn("offerstream", run(program, "version"))
        env = {"HOSTNAME": "here", "PATH": "/usr/bin:/bin"}
        subprocess.run([program, "check", str(self.tree / "etc/offerstream/offerstream.yaml")], check=True, env=env, capture_output=True)

    def test_scripts_are_shell_that_parses_and_executable(self):
        for name in ("postinst", "prerm", "postrm"):
            script = self.tree / "DEBIAN" / name
            self.assertTrue(script.stat().st_mode & 0o111, name)
            run("sh", "-n", str(script))

    def test_the_unit_restarts_after_everything_but_a_wrong_configuration(self):
        self.assertIn("Restart=on-failure", self.unit)
        self.assertIn("RestartPreventExitStatus=2 3", self.unit)
        self.assertIn("User=offerstream", self.unit)

    def test_nobody_else_may_write_what_is_installed(self):
        for path in self.tree.rglob("*"):
            if not path.is_symlink():
                self.assertFalse(path.stat().st_mode & 0o022, path)

    def test_the_guide_and_the_operators_files_are_there(self):
        for name in ("share/doc/offerstream/README.md", "share/doc/offerstream/guide/runbook.md", "share/doc/offerstream/copyright",
                     "share/offerstream/alerts.yml", "share/offerstream/grafana/pipeline.json", "share/offerstream/schemas/config.json"):
            self.assertTrue((self.tree / "usr" / name).is_file(), name)


class Unit(unittest.TestCase):
    @unittest.skipUnless(shutil.which("systemd-analyze"), "needs systemd-analyze")
    def test_the_sandbox_is_tight(self):
        unit = str(ROOT / "deploy/package/offerstream.service")
        done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=20", unit], capture_output=True, text=True)
        if "unrecognized option" in done.stderr or "Unknown" in done.stderr:
            self.skipTest("this systemd-analyze does not look at files")
        self.assertEqual(done.returncode, 0, done.stdout[-2000:] + done.stderr)


if __name__ == "__main__":
    unittest.main()
