#!/usr/bin/env python3
"""House rules: `check.py RULE ROOT` or `check.py all ROOT`; one finding a line, exit 1 when there is one."""
import pathlib
import sys

import include_rules
import text_rules
from tree import Tree

RULES = {
    rule.__name__: rule
    for rule in (
        include_rules.folder_direction, include_rules.room_direction, include_rules.no_cycles, include_rules.library_home,
        include_rules.own_header_first, text_rules.forbidden_words, text_rules.determinism, text_rules.no_exceptions,
        text_rules.prefetches, text_rules.names, text_rules.file_length, text_rules.function_length, text_rules.documented, text_rules.skipped_tests,
        text_rules.readmes)
}


def main(arguments):
    if len(arguments) != 2 or (arguments[0] != "all" and arguments[0] not in RULES):
        print(f"usage: check.py all|{'|'.join(RULES)} ROOT", file=sys.stderr)
        return 2
    tree = Tree.load(pathlib.Path(arguments[1]))
    wanted = RULES if arguments[0] == "all" else [arguments[0]]
    broken = 0
    for name in wanted:
        for finding in RULES[name](tree):
            print(f"{finding} [{name}]")
            broken += 1
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
