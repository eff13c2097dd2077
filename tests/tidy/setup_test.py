"""'./run setup' on a machine that lacks packages asks apt-get for exactly those. dpkg-query and apt-get are stand-ins: as
the real one does, dpkg-query fails when it does not know one of the packages it is asked for."""
import os
import stat
import subprocess
import tempfile
import unittest

RUN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "run")

DPKG_QUERY = """#!/bin/sh
status=0
for package in "$@"; do
  case $package in
    -*) ;;
    %s) status=1 ;;
    *) echo "$package installed" ;;
  esac
done
exit $status
"""


class Setup(unittest.TestCase):
    def asked_for(self, missing, apt_status=0):
        """Runs setup where only `missing` (a shell pattern) is not installed: its exit code and what apt-get was asked for."""
        with tempfile.TemporaryDirectory() as folder:
            calls = os.path.join(folder, "calls")
            scripts = {
                "dpkg-query": DPKG_QUERY % missing,
                "apt-get": f'#!/bin/sh\necho "$@" >>{calls}\nexit {apt_status}\n',
                "id": "#!/bin/sh\necho 0\n",
            }
            for name, text in scripts.items():
                path = os.path.join(folder, name)
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)
                os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)
            environment = {**os.environ, "PATH": folder + os.pathsep + os.environ["PATH"]}
            done = subprocess.run([RUN, "setup"], env=environment, capture_output=True, text=True, check=False)
            if not os.path.exists(calls):
                return done.returncode, None
            with open(calls, encoding="utf-8") as file:
                installs = [line.split() for line in file if " install " in line]
            return done.returncode, [word for line in installs for word in line[line.index("--no-install-recommends") + 1:]]

    def test_what_is_missing_is_installed(self):
        self.assertEqual((0, ["cmake", "kcat"]), self.asked_for("cmake|kcat"))

    def test_nothing_is_asked_for_when_all_is_there(self):
        self.assertEqual((0, None), self.asked_for("none-of-them"))

    def test_a_failed_installation_fails_the_setup(self):
        self.assertEqual(1, self.asked_for("cmake", apt_status=100)[0])


if __name__ == "__main__":
    unittest.main()
