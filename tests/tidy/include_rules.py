"""Who may include whom: folders, rooms inside a folder, libraries, own header first, no cycles."""
import re

from tree import CODE_FOLDERS, Finding, includes

# Folder -> what it may include, besides itself.
MAY_INCLUDE = {
    "models": (),
    "state": ("models/",),
    "metrics": ("models/domain/",),
    "consumers": ("state/", "models/", "metrics/"),
}

# Room -> rooms it may include, besides itself. A file's room is the first entry of ROOM_OF that matches.
ROOM_OF = (
    (r"models/domain/", "models/domain"),
    (r"models/learning/", "models/learning"),
    (r"models/evaluating/", "models/evaluating"),
    (r"models/deciding/", "models/deciding"),
    (r"models/(model_view|fold_memory)\.", "models/seams"),
    (r"models/", "models/folds"),
    (r"consumers/seams/", "consumers/seams"),
    (r"consumers/(log|failpoint|drain_gate|watchdog)\.", "consumers/basics"),
    (r"consumers/config/", "consumers/config"),
    (r"consumers/wire/", "consumers/wire"),
    (r"consumers/kafka/", "consumers/kafka"),
    (r"consumers/offline/", "consumers/offline"),
    (r"consumers/service(_customers|_plans)?\.", "consumers/service"),
    (r"consumers/commands/", "consumers/commands"),
    (r"consumers/main\.cc", "consumers/main"),
    (r"consumers/[^/]+$", "consumers/workers"),
    (r"state/", "state"),
    (r"metrics/", "metrics"),
)
_BASE = ("consumers/seams", "consumers/basics")
_MIDDLE = _BASE + ("consumers/config", "consumers/wire")
ROOM_MAY_INCLUDE = {
    "models/domain": (),
    "models/seams": ("models/domain",),
    "models/learning": ("models/domain", "models/seams", "models/evaluating"),  # a learner keeps its own honest score
    "models/evaluating": ("models/domain", "models/seams"),
    "models/deciding": ("models/domain", "models/seams", "models/learning", "models/evaluating"),
    "models/folds": ("models/domain", "models/seams", "models/learning", "models/evaluating", "models/deciding"),
    "state": (),
    "metrics": (),
    "consumers/basics": (),
    "consumers/seams": ("consumers/basics",),
    "consumers/config": _BASE,
    "consumers/wire": _BASE + ("consumers/config",),
    "consumers/kafka": _BASE + ("consumers/config",),
    "consumers/workers": _MIDDLE + ("consumers/kafka",),
    "consumers/offline": _MIDDLE + ("consumers/kafka",),
    "consumers/service": _MIDDLE + ("consumers/kafka", "consumers/workers", "consumers/offline"),
    "consumers/commands": _MIDDLE + ("consumers/kafka", "consumers/workers", "consumers/offline", "consumers/service"),
    "consumers/main": ("consumers/commands",),
}

# Library by the start of its include -> the files of the program that may name it (regular expression).
LIBRARY_HOME = (
    (r"fmt/", r".*\.cc"),
    (r"Eigen/", r"models/.*"),
    (r"xgboost/", r"models/learning/tree_model\.cc"),
    (r"simdjson", r"consumers/wire/event_decoder\.cc"),
    (r"(librdkafka/)?rdkafka", r"consumers/kafka/kafka_(client\.cc|producer\.cc|admin\.cc|handle\.h)"),
    (r"rocksdb/", r"state/rocksdb_(store\.cc|options\.(cc|h))"),
    (r"yaml-cpp/", r"consumers/config/yaml_document\.cc"),
    (r"CLI/", r"consumers/commands/cli\.cc"),
    (r"spdlog/", r"consumers/log\.cc"),
    (r"prometheus/", r"metrics/prometheus_exporter\.cc"),
    (r"boost/(beast|asio)", r"metrics/admin_server\.cc"),
    (r"boost/iostreams|zstd|zlib\.h", r"consumers/wire/file_reader\.cc"),
    (r"boost/unordered", r"state/customer_slab\.(h|cc)"),
    (r"date/", r"models/domain/event_time\.cc"),
    (r"tl/expected", r"models/domain/status\.h"),
)
# The operating system, at the edge and in the store's folder, and intrinsics anywhere.
SYSTEM = r"(sys/|netinet/|arpa/|linux/)?(\w+)\.h"
INTRINSICS = r"(immintrin|xmmintrin|pmmintrin|emmintrin)\.h"


def room_of(path):
    for pattern, room in ROOM_OF:
        if re.match(pattern, path):
            return room
    return None


def folder_direction(tree):
    """consumers -> state -> models, metrics -> models/domain; nothing includes tests."""
    found = []
    for path in tree.cpp(*CODE_FOLDERS):
        own = path.split("/")[0]
        for line, kind, name in includes(tree.files[path]):
            if kind != '"':
                continue
            if "/" not in name or name.startswith("."):
                found.append(Finding(path, line, f'write "{name}" from the root, e.g. "models/domain/ids.h"'))
            elif not name.startswith((own + "/",) + MAY_INCLUDE[own]):
                found.append(Finding(path, line, f"{own}/ may not include {name}: the arrow is consumers -> state -> models"))
    return found


def room_direction(tree):
    """commands -> service -> workers, offline -> kafka, wire -> config, seams; folds -> deciding -> learning -> domain."""
    found = []
    for path in tree.cpp(*CODE_FOLDERS):
        own = room_of(path)
        for line, kind, name in includes(tree.files[path]):
            other = room_of(name) if kind == '"' else None
            if other is None or other == own or other.split("/")[0] != own.split("/")[0]:
                continue
            if other not in ROOM_MAY_INCLUDE[own]:
                found.append(Finding(path, line, f"room {own} may not include {name} of room {other}"))
    return found


def no_cycles(tree):
    """No header reaches itself."""
    edges = {p: [n for _, k, n in includes(tree.files[p]) if k == '"' and n in tree.files] for p in tree.cpp(*CODE_FOLDERS)}
    found, state = [], {}

    def visit(path, way):
        state[path] = "open"
        for other in edges.get(path, ()):
            if state.get(other) == "open":
                found.append(Finding(path, 1, "include cycle: " + " -> ".join(way + [path, other])))
            elif other not in state:
                visit(other, way + [path])
        state[path] = "done"

    for path in edges:
        if path not in state:
            visit(path, [])
    return found


def library_home(tree):
    """A third-party library is named in one file of the program; unknown ones are named here first."""
    found = []
    for path in tree.cpp(*CODE_FOLDERS):
        for line, kind, name in includes(tree.files[path]):
            if kind != "<":
                continue
            homes = [home for pattern, home in LIBRARY_HOME if re.match(pattern, name)]
            if homes:
                if not re.fullmatch(homes[0], path):
                    found.append(Finding(path, line, f"<{name}> belongs into {homes[0]} alone"))
            elif re.fullmatch(r"[a-z_0-9]+", name) or re.fullmatch(INTRINSICS, name):
                continue
            elif re.fullmatch(SYSTEM, name):
                if path.startswith("models/"):
                    found.append(Finding(path, line, f"models/ knows no operating system: <{name}>"))
            else:
                found.append(Finding(path, line, f"<{name}> is a library tests/tidy/include_rules.py does not know"))
    return found


def own_header_first(tree):
    """x.cc includes x.h first: so the build itself proves that x.h stands alone (the others: target headers_alone)."""
    found = []
    for path in tree.cpp(*CODE_FOLDERS):
        header = path[:-3] + ".h"
        if path.endswith(".cc") and header in tree.files:
            names = includes(tree.files[path])
            if not names or names[0][2] != header:
                found.append(Finding(path, names[0][0] if names else 1, f'include "{header}" first'))
    return found
