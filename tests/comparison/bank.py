"""Bank marketing in file order: the online model against forests and boosting refitted every 250 rows on all of the past."""
import argparse
import subprocess
import time

import lightgbm
import numpy
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.metrics import log_loss, roc_auc_score

FIRST = 2_000

# What the packages do when asked nothing, and a setting that suits 20,000 noisy rows better. The last one forgets.
RIVALS = {
    "sklearn forest, defaults": (lambda: RandomForestClassifier(n_estimators=100, random_state=1), None),
    "sklearn forest, leaves of 20": (lambda: RandomForestClassifier(n_estimators=100, min_samples_leaf=20, random_state=1), None),
    "sklearn boosting, defaults": (lambda: HistGradientBoostingClassifier(random_state=1), None),
    "sklearn boosting, slow": (lambda: HistGradientBoostingClassifier(
        learning_rate=.05, max_iter=80, max_leaf_nodes=15, min_samples_leaf=40, random_state=1), None),
    "LightGBM, defaults": (lambda: lightgbm.LGBMClassifier(random_state=1, verbose=-1, n_jobs=1), None),
    "LightGBM, slow": (lambda: lightgbm.LGBMClassifier(
        learning_rate=.03, n_estimators=100, num_leaves=15, min_child_samples=50, random_state=1, verbose=-1, n_jobs=1), None),
    "LightGBM, slow, last 5,000": (lambda: lightgbm.LGBMClassifier(
        learning_rate=.03, n_estimators=100, num_leaves=7, min_child_samples=50, random_state=1, verbose=-1, n_jobs=1), 5_000),
}


def said(make, window, x, y, every):
    """Predicted before learned, from row FIRST on."""
    p = numpy.empty(len(y) - FIRST)
    for begin in range(FIRST, len(y), every):
        past = slice(0 if window is None else max(0, begin - window), begin)
        end = min(begin + every, len(y))
        p[begin - FIRST:end - FIRST] = make().fit(x[past], y[past]).predict_proba(x[begin:end])[:, 1]
    return numpy.clip(p, 1e-6, 1 - 1e-6)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("driver")
    parser.add_argument("folder")
    parser.add_argument("--every", type=int, default=250)
    given = parser.parse_args()
    table = f"{given.folder}/bank.csv"
    if subprocess.run([given.driver, "bank", table], check=False).returncode == 77:
        print("bank: SKIPPED, bank_marketing is not there")
        return 0
    rows = numpy.loadtxt(table, delimiter=",", dtype=numpy.float32)
    y, x = rows[:, 0].astype(int), rows[:, 2:]
    online = numpy.clip(rows[FIRST:, 1].astype(float), 1e-6, 1 - 1e-6)
    truth = y[FIRST:]

    def loss(p):
        return -numpy.where(truth == 1, numpy.log(p), numpy.log(1 - p))

    print(f"bank, {len(y):,} rows, rivals refitted every {given.every} rows; rows > {FIRST:,}", flush=True)
    print(f"{'':32}{'AUC':>8}{'log-loss':>10}{'loss above ours, 95 %':>26}{'s':>8}", flush=True)
    print(f"{'Offerstream, shipped defaults':32}{roc_auc_score(truth, online):8.4f}{log_loss(truth, online):10.4f}", flush=True)
    ahead = True
    for name, (make, window) in RIVALS.items():
        begin = time.monotonic()
        p = said(make, window, x, y, given.every)
        above = loss(p) - loss(online)
        mean, half = above.mean(), 1.96 * above.std() / len(above) ** .5
        ahead &= mean - half > 0 and roc_auc_score(truth, p) < roc_auc_score(truth, online)
        print(f"{name:32}{roc_auc_score(truth, p):8.4f}{log_loss(truth, p):10.4f}{mean:12.4f} [{mean - half:.4f}, {mean + half:.4f}]"
              f"{time.monotonic() - begin:8.0f}", flush=True)
    print(f"bank: {'PASS' if ahead else 'FAIL'}, online ahead of every rival in AUC and, beyond doubt, in log-loss: {ahead}")
    return 0 if ahead else 1


if __name__ == "__main__":
    raise SystemExit(main())
