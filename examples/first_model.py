"""A first model of the final table: the distance from x, y and z, tested on people it never saw.

    pip install 'stedi[examples]'
    python examples/first_model.py           # builds the sample, and scores it

    stedi export machine_learning_curated steps --folds 5
    python examples/first_model.py steps     # scores folds of your own

What it shows:

- The sample is generated: the distance follows from the phase of a step, and so do x, y and z. That
  it can be learned is by construction, and says nothing about people.
- Seen is the score where the rows of each person are in all folds. It is higher, since each person
  reaches farther or less far, and a model that has seen a person knows. So test by folds of people.
- The control is the same model after the distances were shuffled. Where it scores more than
  nothing, the test is wrong, not the model good.
- `published` pairs readings by their time alone. Where people share serial numbers, other people's
  steps come beside a person's motion, and the score falls: a wrong join shows in the model.
- Nothing can be learned from the course's public data: (x, y, z) has 18 distinct values there.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

# Before scikit-learn is imported: more threads than processors wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pyarrow.parquet as pq
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import r2_score

INPUTS = ["x", "y", "z"]
TARGET = "distanceFromObject"
FEW = 100


def read(folder: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return inputs and target of each fold that somebody is in."""
    found = []
    for path in sorted(folder.glob("fold-*.parquet")):
        table = pq.read_table(path, columns=[*INPUTS, TARGET])
        inputs = np.column_stack([table[name].to_numpy() for name in INPUTS])
        if len(inputs):
            found.append((inputs, table[TARGET].to_numpy().astype(float)))
    if len(found) < 2:
        raise SystemExit(f"{folder} has less than two folds: stedi export TABLE {folder} --folds 5")
    return found


def score(folds: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """Return R² over all rows, each predicted by a model that saw none of its person's."""
    predicted = []
    for tested in range(len(folds)):
        train = [fold for number, fold in enumerate(folds) if number != tested]
        model = HistGradientBoostingRegressor(random_state=0)
        model.fit(np.concatenate([x for x, _ in train]), np.concatenate([y for _, y in train]))
        predicted.append(model.predict(folds[tested][0]))
    return float(r2_score(np.concatenate([y for _, y in folds]), np.concatenate(predicted)))


def mixed(folds: list[tuple[np.ndarray, np.ndarray]]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return as many folds of the same rows, with each person's in all of them."""
    inputs, targets = (np.concatenate(part) for part in zip(*folds, strict=True))
    places = np.array_split(np.random.default_rng(0).permutation(len(targets)), len(folds))
    return [(inputs[place], targets[place]) for place in places]


def shuffled(folds: list[tuple[np.ndarray, np.ndarray]]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the folds with all their targets in another order, which leaves nothing to learn."""
    order = np.random.default_rng(0).permutation(np.concatenate([y for _, y in folds]))
    ends = np.cumsum([len(y) for _, y in folds])[:-1]
    return [(x, y) for (x, _), y in zip(folds, np.split(order, ends), strict=True)]


def show(title: str, folder: Path) -> None:
    """Score folds, and print a line."""
    folds = read(folder)
    rows = sum(len(y) for _, y in folds)
    scores = [score(folds), score(mixed(folds)), score(shuffled(folds))]
    print(f"{title:<12}{rows:>9,}" + "".join(f"{found:>9.3f}" for found in scores), flush=True)
    distinct = len(np.unique(np.concatenate([x for x, _ in folds]), axis=0))
    if distinct < FEW:
        print(f"  Nothing can be learned from it: (x, y, z) has {distinct} distinct values.")


def export(policy: str, folder: Path) -> Path:
    """Build the sample under a policy below a folder, and return its folds."""
    stedi = [sys.executable, "-m", "stedi_cli", "--root", str(folder / "lake")]
    steps = folder / policy
    for words in (
        ["infra", "up"],
        ["jobs", "run", "--all", "--policy", policy],
        ["export", "machine_learning_curated", str(steps), "--folds", "5"],
    ):
        subprocess.run([*stedi, *words], check=True, capture_output=True)
    return steps


def main() -> None:
    """Score the folders that are named, or the sample under two policies."""
    print(f"{'':<12}{'rows':>9}{'R²':>9}{'seen':>9}{'control':>9}")
    if len(sys.argv) > 1:
        for name in sys.argv[1:]:
            show(Path(name).name, Path(name))
        return
    with TemporaryDirectory() as folder:
        for policy in ("strict", "published"):
            show(policy, export(policy, Path(folder)))
    print(
        "\nThe sample is generated, so that it can be learned by construction. Under published,"
        "\nrows mix two people, and the score falls. Of the course's public data nothing can be"
        "\nlearned: (x, y, z) has 18 distinct values there."
    )


if __name__ == "__main__":
    main()
