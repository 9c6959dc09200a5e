"""How long `vegas-data manifest build` takes, and how much memory, on tables as large as AudioSet's.

    python benchmarks/manifest.py --rows 2000000

It generates what it measures: a segments CSV in AudioSet's own form with random ids and 527 classes, all ids of the
shipped categories among them, drawn with equal chances (one to five labels per clip). AudioSet itself is kinder: most
of its labels are speech and music. The build runs in a process of its own, on one core, with one thread; it is the
command that a user types, imports and hashing of the tables included.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from vegas_data.categories import load_categories

NUM_CLASSES = 527
BLOCK = 100_000
ALPHABET = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", dtype=np.uint8)


def write_tables(folder: Path, rows: int, seed: int) -> None:
    """AudioSet's three kinds of file, with ``rows`` clips."""
    named = sorted({label for c in load_categories().values() for label in (*c.include, *c.exclude)})
    labels = np.array(named + [f"/m/x{number:05d}" for number in range(NUM_CLASSES - len(named))])
    classes = [{"id": str(label), "name": f"Class {label}", "child_ids": []} for label in labels]
    (folder / "ontology.json").write_text(json.dumps(classes, indent=1), encoding="utf-8")
    lines = [f'{index},{label},"Class {label}"\n' for index, label in enumerate(labels)]
    (folder / "class_labels_indices.csv").write_text("index,mid,display_name\n" + "".join(lines), encoding="utf-8")
    random = np.random.default_rng(seed)
    with (folder / "unbalanced_train_segments.csv").open("w", encoding="utf-8") as file:
        file.write(f"# Segments csv created by a benchmark\n# num_ytids={rows}, num_segs={rows}\n")
        file.write("# YTID, start_seconds, end_seconds, positive_labels\n")
        for start in range(0, rows, BLOCK):
            count = min(BLOCK, rows - start)
            ids = ALPHABET[random.integers(0, 64, (count, 11))].tobytes().decode()
            begins = (10 * random.integers(0, 60, count)).tolist()
            numbers = random.choice([1, 2, 3, 4, 5], count, p=[0.35, 0.35, 0.18, 0.08, 0.04]).tolist()
            drawn = labels[random.integers(0, NUM_CLASSES, (count, 5))].tolist()
            for i, (begin, number) in enumerate(zip(begins, numbers, strict=True)):
                own = ",".join(sorted(set(drawn[i][:number])))
                file.write(f'{ids[11 * i : 11 * i + 11]}, {begin}.000, {begin + 10}.000, "{own}"\n')


def measure(folder: Path, workspace: Path) -> dict[str, float | int]:
    """Wall seconds, CPU seconds and peak memory of one build."""
    command = [sys.executable, "-m", "vegas_data", "manifest", "build", "--from", str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ARROW_IO_THREADS": "1"}
    core = min(os.sched_getaffinity(0))
    start = time.perf_counter()
    done = subprocess.run(
        [*command, "--workspace", str(workspace), "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    wall = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "manifest_rows": json.loads(done.stdout)["rows"],
        "wall_s": round(wall, 2),
        "cpu_s": round(used.ru_utime + used.ru_stime, 2),
        "peak_mb": round(used.ru_maxrss / 1024),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_tables(folder, arguments.rows, arguments.seed)
        size = (folder / "unbalanced_train_segments.csv").stat().st_size
        result = {"rows": arguments.rows, "csv_bytes": size, **measure(folder, folder / "workspace")}
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
