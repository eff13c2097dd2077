#!/usr/bin/env python3
"""Instructions per item of every stage, against the table beside this file. Wall time does not gate: it moves by a quarter from run to
run on a shared machine; the instructions of a fixed compiler repeat.

    gate.py BINARY TABLE            compare: more than 2 % above a line, another digest, or a missing line fails (exit 1)
    gate.py BINARY TABLE --write    measure and write the table

Each stage runs under callgrind with N and with 3 N items; the difference is the cost, so preparation and warm-up do not count.
Exit 77: valgrind is not installed.
"""
import re
import shutil
import subprocess
import sys

ITEMS = 1000
TOLERANCE = 0.02


def run(binary, stage, count):
    """(instructions between begin and end, digest, allocations)"""
    command = ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--callgrind-out-file=/dev/null", binary, stage, str(count)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{stage}: the stage failed under valgrind\n{done.stderr[-2000:]}")
    digest, allocations = done.stdout.split()
    return int(re.search(r"Collected\s*:\s*(\d+)", done.stderr).group(1)), digest, int(allocations)


def measure(binary, stage):
    few, _, few_allocations = run(binary, stage, ITEMS)
    many, digest, many_allocations = run(binary, stage, 3 * ITEMS)
    return {"instructions": (many - few) / (2 * ITEMS), "allocations": (many_allocations - few_allocations) / (2 * ITEMS), "digest": digest}


def read_table(path):
    lines = {}
    with open(path, encoding="utf-8") as f:
        for line in f:
            words = line.split()
            if words and not line.startswith("#"):
                lines[words[0]] = {"instructions": float(words[1]), "allocations": float(words[2]), "digest": words[3]}
    return lines


def main(arguments):
    if not shutil.which("valgrind"):
        print("SKIPPED: valgrind is not installed; ./run setup installs it")
        return 77
    binary, table = arguments[:2]
    stages = subprocess.run([binary], capture_output=True, text=True, check=True).stdout.split()
    measured = {stage: measure(binary, stage) for stage in stages}
    if "--write" in arguments:
        with open(table, "w", encoding="utf-8") as f:
            f.write("# Per item: instructions, allocations; digest of the answers. Raising a line needs a sentence in the commit.\n")
            for stage, m in measured.items():
                f.write(f"{stage:24} {m['instructions']:10.1f} {m['allocations']:8.3f} {m['digest']}\n")
        return 0
    known, broken = read_table(table), 0
    for stage, m in measured.items():
        limit = known.get(stage)
        if limit is None:
            verdict = "no line in the table"
        elif m["digest"] != limit["digest"]:
            verdict = f"other answers: digest {m['digest']}, expected {limit['digest']}"
        elif m["instructions"] > limit["instructions"] * (1 + TOLERANCE):
            verdict = "too many instructions"
        elif m["allocations"] > limit["allocations"] + 0.001:
            verdict = "too many allocations"
        else:
            verdict = "ok"
        broken += verdict != "ok"
        before = f"{limit['instructions']:10.1f} {limit['allocations']:8.3f}" if limit else " " * 19
        print(f"{stage:24} {m['instructions']:10.1f} {m['allocations']:8.3f}   table {before}   {verdict}")
    for stage in sorted(set(known) - set(measured)):
        print(f"{stage:24} is in the table and not in the program")
        broken += 1
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
