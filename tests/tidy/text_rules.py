"""What may stand in a file: words, clocks, libm, sizes, comments on declarations, skipped tests, READMEs."""
import re

from tree import CODE_FOLDERS, Finding, line_of

FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70
MAIN_LINES_MAX = 40

# Assembled from pieces, so that this file does not contain what it forbids.
MACHINE_PATHS = ("/" + "work/", "/" + "root/", "/home/" + "[a-z]", "/" + "Users/")
REGISTRIES = ("deb" + r"\.debian\.org", "repo1?" + r"\.maven", "maven" + r"\.org", "registry" + r"\.npm", "pypi" + r"\.org",
              "files" + r"\.pythonhosted", "crates" + r"\.io", "proxy" + r"\.golang")
CLOCKS = r"\b(system_clock|steady_clock|high_resolution_clock|gettimeofday|clock_gettime|random_device|mt19937\w*|srand|" \
         r"default_random_engine|std::rand|std::time|__rdtsc|rdtsc)\b"
LIBM = r"(exp|exp2|expm1|log|log2|log10|log1p|pow|sin|cos|tan|asin|acos|atan|atan2|sinh|cosh|tanh|erf|erfc|cbrt|hypot|" \
       r"lgamma|tgamma|fma)f?"
FORBIDDEN_IN_MODELS = r"(thread|mutex|condition_variable|atomic|chrono|random|iostream|fstream|sstream|filesystem|cstdio|ctime)"
BANNED_ENDINGS = r"(Manager|Helper|Helpers|Util|Utils|Handler|Processor|Data|Info)"


def _grep(tree, paths, pattern, message, blank=True):
    found = []
    for path in paths:
        text = tree.code(path) if blank else tree.files[path]
        for m in re.finditer(pattern, text):
            found.append(Finding(path, line_of(text, m.start()), message.format(m.group().strip())))
    return found


def forbidden_words(tree):
    """No path of somebody's machine, no package registry, anywhere in the tree."""
    found = _grep(tree, sorted(tree.files), "|".join(r"(?<![\w.])" + p for p in MACHINE_PATHS), "a path of one machine: {}", blank=False)
    return found + _grep(tree, sorted(tree.files), "|".join(REGISTRIES), "a package registry's host: {}", blank=False)


def determinism(tree):
    """No clock, no random device, no libm transcendental where results must repeat bit for bit."""
    pure = tree.cpp("models", "state")
    found = _grep(tree, pure, CLOCKS, "{}: time and chance are arguments here")
    models = [p for p in tree.cpp("models") if not p.startswith("models/domain/fixed_math.")]
    found += _grep(tree, models, r"(?<![\w.>:])(std::|::)?" + LIBM + r"\s*\(|(\.|->)(exp|log|pow|tanh|log1p)\s*\(",
                   "{}: use models/domain/fixed_math.h; libm's last bit differs between machines")
    for path in tree.cpp("models"):
        if path == "models/domain/event_time.cc":  # <date/date.h> and its <chrono> types; no clock is read
            continue
        found += _grep(tree, [path], r"#\s*include\s*<" + FORBIDDEN_IN_MODELS + ">", "models/ is arithmetic: {}")
    return found


def no_exceptions(tree):
    """Errors are values; a library's exceptions are thrown (where it asks for them) and caught in its one file."""
    return _grep(tree, tree.cpp(*CODE_FOLDERS), r"\bthrow\b(?!\s+(CLI|YAML)::)", "{}: return a Status")


def prefetches(tree):
    """Memory is asked for ahead by PrefetchLine alone: the compiler's own builtin may be dropped with the function around it."""
    return _grep(tree, tree.cpp(), r"\b(__builtin_prefetch|_mm_prefetch)\s*\(", "{}: use models/domain/prefetch.h")


def names(tree):
    """No type whose name says nothing."""
    return _grep(tree, tree.cpp(), r"\b(class|struct|enum class)\s+(\[\[\w+\]\]\s*)?\w*[a-z]" + BANNED_ENDINGS + r"\s*(final\s*)?[:{;]",
                 "{}: name what it is")


def file_length(tree):
    """At most 500 lines a file; main.cc at most 40."""
    found = []
    for path, text in sorted(tree.files.items()):
        limit = MAIN_LINES_MAX if path == "consumers/main.cc" else FILE_LINES_MAX
        if path.endswith((".h", ".cc", ".py", ".sh")) and text.count("\n") > limit:
            found.append(Finding(path, limit, f"{text.count(chr(10))} lines; the limit is {limit}"))
    return found


def function_length(tree):
    """At most 70 lines a function, unless `// long: reason` stands in its first line or the one above."""
    found = []
    for path in tree.cpp():
        lines = tree.files[path].split("\n")
        for first, last in functions(tree.code(path)):
            if last - first + 1 <= FUNCTION_LINES_MAX:
                continue
            near = "\n".join(lines[max(0, first - 2):first + 1])
            if not re.search(r"// long: \S+", near):
                found.append(Finding(path, first, f"a function of {last - first + 1} lines; the limit is {FUNCTION_LINES_MAX}"))
    return found


_NOT_A_FUNCTION = re.compile(r"\b(namespace|class|struct|enum|union|extern)\b(?![^()]*\))")


def functions(code):
    """[(first line, last line)] of function bodies outside functions; code must be blanked. A heuristic brace counter."""
    found, stack, head, line, head_line = [], [], "", 1, 1
    for c in code:
        if c == "\n":
            line += 1
        inside = bool(stack) and stack[-1][0]
        if c == "{":
            opens = not inside and ")" in head and not _NOT_A_FUNCTION.search(head) and "=" not in head.split("(")[0]
            stack.append((inside or opens, opens, head_line))
            head = ""
        elif c == "}":
            if stack:
                _, opened, first = stack.pop()
                if opened:
                    found.append((first, line))
            head = ""
        elif c == ";" and not inside:
            head = ""
        else:
            if not head.strip():
                head_line = line
            head += c if c != "\n" else " "
    return found


def documented(tree):
    """Public declarations in headers carry ///. A group without blank lines needs one comment at its head, a group of
    constants any comment; fields, forward declarations, aliases, overrides, special members, operators, Save, Load, Clear, plain
    accessors and one-line bodies explain themselves."""
    found = []
    for path in tree.cpp(*CODE_FOLDERS):
        if path.endswith(".h"):
            found += [Finding(path, line, f"undocumented: {text}") for line, text in undocumented(tree.files[path], tree.code(path))]
    return found


_EXEMPT = re.compile(
    r"^(#|using\b|friend\b|namespace\b|public:|protected:|private:|static_assert|extern\b|OFFERSTREAM_|\}|template\s*<>"
    r"|(enum\s+)?(class|struct)\s+\w+\s*;)|\boperator\b|\boverride\b|=\s*(default|delete)\s*;|^~|^virtual ~"
    r"|^(void Save\(ByteWriter|(bool|Status) Load\(ByteReader|void Clear\(\))|[\w>&*] [a-z_0-9]+\(\) const;")


def undocumented(text, code):
    """[(line, text)] of declarations without a comment; reads indentation-formatted code (clang-format's)."""
    found, lines, bare = [], text.split("\n"), code.split("\n")
    scopes = []  # one per open brace: 'namespace', 'public', 'private' or 'body'
    covered, told, pending = False, False, ""
    for number, (line, plain) in enumerate(zip(lines, bare), 1):
        stripped, plain_stripped = line.strip(), plain.strip()
        if not stripped:
            covered = told = False
            continue
        if stripped.startswith("///"):
            covered = True
        elif stripped.startswith("// "):
            told = True
        elif not plain_stripped:
            pass
        else:
            visible = all(s in ("namespace", "public") for s in scopes)
            starts = visible and not pending
            if starts and not covered and "///" not in line and not _EXEMPT.search(plain_stripped):
                in_class = bool(scopes) and scopes[-1] == "public"
                one_line = "{" in plain and plain_stripped.endswith("}") and "(" in plain
                field = in_class and not re.search(r"\w\s*\(", plain_stripped) and not re.match(r"(class|struct|enum)\b", plain_stripped)
                constant = told and re.match(r"(inline\s+)?constexpr\b", plain_stripped)
                constructor = in_class and re.match(r"(explicit\s+|constexpr\s+)*[A-Z]\w*\(", plain_stripped)
                if not (one_line or field or constructor or constant):
                    found.append((number, stripped[:80]))
            if re.fullmatch(r"(public|protected|private):", plain_stripped) and scopes:
                scopes[-1] = "public" if plain_stripped == "public:" else "private"
                covered = told = False
                continue
        pending = _advance(plain, scopes, pending)
    return found


def _advance(plain, scopes, pending):
    """Follows braces and statement ends of one line; returns the unfinished declaration's text."""
    for c in plain:
        if c == "{":
            head = pending.strip()
            if re.search(r"\bnamespace\b", head) or re.search(r'extern\s*$', head):
                scopes.append("namespace")
            elif re.search(r"\bstruct\b[^()=]*$", head):
                scopes.append("public")
            elif re.search(r"\b(class|union)\b[^()=]*$", head) and not re.search(r"\benum\b", head):
                scopes.append("private")
            else:
                scopes.append("body")
            pending = ""
        elif c == "}":
            if scopes:
                scopes.pop()
            pending = ""
        elif c == ";":
            pending = ""
        else:
            pending += c
    if plain.strip().startswith("#"):
        return ""
    if re.fullmatch(r"\s*(public|protected|private):\s*", plain):
        return ""
    return (pending + " ") if pending.strip() else ""


def skipped_tests(tree):
    """A skipped or disabled test says why, there."""
    found = []
    for path in tree.cpp("tests"):
        text = tree.files[path]
        for m in re.finditer(r"GTEST_SKIP\(\)(?!\s*<<)", text):
            found.append(Finding(path, line_of(text, m.start()), "GTEST_SKIP() without << reason"))
        lines = text.split("\n")
        for number, line in enumerate(lines, 1):
            if re.search(r"\bDISABLED_\w", line) and not (number > 1 and re.match(r"\s*// \S+", lines[number - 2])):
                found.append(Finding(path, number, "DISABLED_ without a comment above that says why and since when"))
    return found


def readmes(tree):
    """Each folder says what it is."""
    tops = {p.split("/")[0] for p in tree.files if "/" in p and not p.startswith(".")}
    rooms = {"/".join(p.split("/")[:2]) for p in tree.files if p.startswith("tests/") and p.count("/") >= 2}
    return [Finding(folder + "/README.md", 1, "missing") for folder in sorted(tops | rooms) if folder + "/README.md" not in tree.files]
