"""A11: the streaming segments of world S3 against scikit-learn's KMeans over all customers at once."""
import argparse
import subprocess

import numpy
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("driver")
    parser.add_argument("folder")
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    print(f"segments, S3: 30,000 customers, 10 numbers, 120,000 moves, {given.seeds} seeds; KMeans: n_init 10, planted k")
    print(f"{'k':>3}{'apart':>7}{'inertia/KMeans':>16}{'k found':>12}{'ARI':>8}{'of KMeans':>11}")
    passed = True
    for k in (5, 8):
        for apart in (5, 3):
            ratios, found, own, batch = [], [], [], []
            for seed in range(1, given.seeds + 1):
                path = f"{given.folder}/segments.points"
                subprocess.run([given.driver, "segments", str(k), str(apart), str(seed), path], check=True)
                with open(path, encoding="ascii") as lines:
                    count = int(next(lines))
                    centres = numpy.array([next(lines).split() for _ in range(count)], dtype=float)
                    rows = numpy.loadtxt(lines)
                group, points = rows[:, 0].astype(int), rows[:, 1:]
                far = ((points[:, None, :] - centres[None]) ** 2).sum(axis=2)
                fit = KMeans(n_clusters=k, n_init=10, random_state=seed).fit(points)
                ratios.append(far.min(axis=1).sum() / fit.inertia_)
                found.append(count)
                own.append(adjusted_rand_score(group, far.argmin(axis=1)))
                batch.append(adjusted_rand_score(group, fit.labels_))
            ratio, ours, theirs = (float(numpy.mean(v)) for v in (ratios, own, batch))
            right = ratio <= 1.02 and ours >= theirs - .02 and all(f == k for f in found)
            passed &= right
            print(f"{k:3}{apart:7}{ratio:16.4f}{str(found):>12}{ours:8.4f}{theirs:11.4f}  {'' if right else 'not reached'}", flush=True)
    print(f"segments: {'PASS' if passed else 'FAIL'}, inertia <= 1.02 of KMeans, k right, ARI >= KMeans' - .02")
    return 0 if passed else 1


if __name__ == "__main__":
    raise SystemExit(main())
