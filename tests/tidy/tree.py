"""The source tree as the house rules see it: files with their text, and C++ with comments and strings blanked out."""
import os
import re

CODE_FOLDERS = ("models", "state", "metrics", "consumers")
SKIPPED = {"build", ".git", ".kafka", "__pycache__", "node_modules"}
TEXT_ENDINGS = (".h", ".cc", ".md", ".py", ".sh", ".yaml", ".yml", ".json", ".txt", ".xml", ".cmake", ".html", ".js", ".css")
TEXT_NAMES = ("run", "Dockerfile", "CMakeLists.txt", "LICENSE", ".gitignore", ".clang-format")


class Finding:
    """One broken rule at one place; str() is `path:line: message`."""

    def __init__(self, path, line, message):
        self.path, self.line, self.message = path, line, message

    def __str__(self):
        return f"{self.path}:{self.line}: {self.message}"


class Tree:
    """Path -> text. Tests build one from a dict; load() reads a directory."""

    def __init__(self, files):
        self.files = dict(files)
        self._code = {}

    @staticmethod
    def load(root):
        files = {}
        for folder, names, plain in os.walk(root):
            names[:] = sorted(n for n in names if n not in SKIPPED)
            for name in sorted(plain):
                if name.endswith(TEXT_ENDINGS) or name in TEXT_NAMES:
                    path = os.path.join(folder, name)
                    with open(path, encoding="utf-8", errors="replace") as f:
                        files[os.path.relpath(path, root).replace(os.sep, "/")] = f.read()
        return Tree(files)

    def cpp(self, *folders):
        """The paths of C++ files below the folders (all of them when none is named), sorted."""
        return [p for p in sorted(self.files)
                if p.endswith((".h", ".cc")) and (not folders or p.split("/")[0] in folders)]

    def code(self, path):
        """The text with comments and literals replaced by spaces: same length, same lines."""
        if path not in self._code:
            self._code[path] = blank_comments_and_literals(self.files[path])
        return self._code[path]


_TOKEN = re.compile(
    r'//[^\n]*'                                    # line comment
    r'|/\*.*?\*/'                                  # block comment
    r'|R"(?P<d>[^()\s\\"]{0,16})\(.*?\)(?P=d)"'    # raw string
    r'|"(?:\\.|[^"\\\n])*"'                        # string
    r"|(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+'",       # character, not a digit separator
    re.DOTALL)


def blank_comments_and_literals(text):
    return _TOKEN.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def includes(text):
    """[(line number, '<' or '"', name)] of the include lines, those in comments left out."""
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        m = re.match(r'\s*#\s*include\s*([<"])([^">]+)[">]', line)
        if m:
            found.append((number, m.group(1), m.group(2)))
    return found


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1
