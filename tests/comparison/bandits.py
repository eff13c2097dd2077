"""A22: classification tables as contextual bandits; progressive loss of our exploration against Vowpal Wabbit's."""
import argparse
import math
import multiprocessing
import os
import subprocess

import numpy
import vowpalwabbit
from sklearn import datasets

OURS = ("inverse_gap", "squarecb", "thompson", "epsilon_greedy")
THEIRS = {"squarecb": "--squarecb", "regcb": "--regcb", "epsilon .05": "--epsilon 0.05"}
RATES = (.5, .1, 2.0)  # the first is the package's own


def tables(rows):
    """The tables scikit-learn brings, then generated ones: seed s makes the same table everywhere."""
    for name, load in (("iris", datasets.load_iris), ("wine", datasets.load_wine), ("breast_cancer", datasets.load_breast_cancer),
                       ("digits", datasets.load_digits)):
        x, y = load(return_X_y=True)
        yield name, x, y
    for seed in range(1, 21):
        classes, features = (2, 3, 4, 6, 10)[seed % 5], (8, 12, 20, 30)[seed % 4]
        x, y = datasets.make_classification(
            n_samples=rows, n_features=features, n_informative=min(features, 4 + seed % 5 + classes // 2), n_redundant=0,
            n_classes=classes, n_clusters_per_class=1 + seed % 2, class_sep=(.6, 1, 1.5)[seed % 3],
            flip_y=(.01, .1, .2)[seed % 3], random_state=seed)
        yield f"generated {seed}", x, y


def ready(x, y):
    """Numbers standardised over the table, rows shuffled by seed 1; the same for both sides."""
    deviation = x.std(axis=0)
    x = ((x - x.mean(axis=0)) / numpy.where(deviation > 0, deviation, 1))[:, deviation > 0]
    order = numpy.random.default_rng(1).permutation(len(y))
    return x[order].astype(numpy.float32), y[order]


def theirs(x, y, classes, algorithm, rate, seed):
    """Share of wrong choices. The customer's numbers are shared, each action has its own weights for them (-q sa)."""
    learner = vowpalwabbit.Workspace(
        f"--cb_explore_adf {algorithm} -q sa --ignore_linear s -l {rate} --random_seed {seed} --quiet")
    draws = numpy.random.default_rng(seed)
    wrong = 0
    for row, label in zip(x, y):
        shared = "shared |s one:1 " + " ".join(f"{j}:{v:.6g}" for j, v in enumerate(row))
        p = numpy.asarray(learner.predict([shared] + [f"|a c{a}" for a in range(classes)]), dtype=float)
        chosen = int(draws.choice(classes, p=p / p.sum()))
        cost = 0 if chosen == label else 1
        wrong += cost
        learner.learn([shared] + [(f"{a}:{cost}:{p[a]:.9g} " if a == chosen else "") + f"|a c{a}" for a in range(classes)])
    learner.finish()
    return wrong / len(y)


def significant(a, b, n):
    """Whether loss a is lower than b: one-sided 5 %, as in Bietti, Agarwal & Langford (2021), section 5."""
    variance = (a * (1 - a) + b * (1 - b)) / n
    return variance > 0 and .5 * math.erfc((b - a) / math.sqrt(2 * variance)) < .05


def raced(driver, folder, name, x, y):
    """(name, rows, classes, our losses, their losses by learning rate) of one table."""
    x, y = ready(x, y)
    classes = int(y.max()) + 1
    path = f"{folder}/{name.replace(' ', '_')}.table"
    with open(path, "w", encoding="ascii") as out:
        out.write(f"{len(y)} {x.shape[1]} {classes}\n")
        for row, label in zip(x, y):
            out.write(f"{label} " + " ".join(f"{v:.7g}" for v in row) + "\n")
    ours = {a: float(subprocess.run([driver, "bandit", path, a, "1"], check=True, capture_output=True).stdout) for a in OURS}
    rivals = {b: [theirs(x, y, classes, flag, rate, 1) for rate in RATES] for b, flag in THEIRS.items()}
    return name, len(y), classes, ours, rivals


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("driver")
    parser.add_argument("folder")
    parser.add_argument("--rows", type=int, default=5_000, help="of a generated table")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    given = parser.parse_args()
    columns = [f"ours {name}" for name in OURS] + [f"vw {name}" for name in THEIRS]
    print(f"bandits, progressive loss (vw: its best of the learning rates {RATES}, chosen afterwards)")
    print(f"{'table':16}{'n':>6}{'K':>4}" + "".join(f"{c:>20}" for c in columns), flush=True)
    score = {(a, b, which): [0, 0] for a in OURS for b in THEIRS for which in ("default", "best")}
    losses = []
    with multiprocessing.Pool(given.jobs) as pool:
        tasks = [pool.apply_async(raced, (given.driver, given.folder, *table)) for table in tables(given.rows)]
        for task in tasks:
            name, rows, classes, ours, rivals = task.get()
            losses.append([ours[a] for a in OURS] + [min(r) for r in rivals.values()])
            for (a, b, which), count in score.items():
                rival = rivals[b][0] if which == "default" else min(rivals[b])
                count[0] += significant(ours[a], rival, rows)
                count[1] += significant(rival, ours[a], rows)
            print(f"{name:16}{rows:6}{classes:4}" + "".join(f"{v:20.4f}" for v in losses[-1]), flush=True)
    print(f"{'mean':26}" + "".join(f"{v:20.4f}" for v in numpy.mean(losses, axis=0)))
    print("significant wins - losses of ours   against vw at its default rate | at its best rate")
    for a in OURS:
        print(f"  {a:16}" + "   ".join(
            f"{b}: {score[a, b, 'default'][0]} - {score[a, b, 'default'][1]} | {score[a, b, 'best'][0]} - {score[a, b, 'best'][1]}"
            for b in THEIRS))
    passed = all(score["inverse_gap", b, "default"][0] >= score["inverse_gap", b, "default"][1] for b in THEIRS)
    print(f"bandits: {'PASS' if passed else 'FAIL'}, the default policy has at least as many wins as losses against each at its default rate")
    return 0 if passed else 1


if __name__ == "__main__":
    raise SystemExit(main())
