"""AudioSet's tables in small: an ontology of a few real ids, and segments in every form that is seen in the wild."""

import json
from pathlib import Path

DOG, BARK, GROWL, CAT = "/m/0bt9lr", "/m/05tny_", "/m/0ghcn6", "/m/01yrx"
DRUM, SNARE, KIT, MACHINE = "/m/026t6", "/m/06rvn", "/m/02hnl", "/m/0cfdd"
SPEECH, ANIMAL = "/m/09x0r", "/m/0jbk"

CHILDREN = {
    ANIMAL: [DOG, CAT],
    DOG: [BARK, GROWL],
    CAT: [GROWL],
    BARK: [],
    GROWL: [],
    DRUM: [SNARE, KIT],
    KIT: [MACHINE],
    SNARE: [],
    MACHINE: [],
    SPEECH: [],
}
CATEGORIES_TOML = f"""
schema = 1
[[category]]
name = "dog"
title = "Dog"
include = ["{DOG}"]
exclude = ["{GROWL}"]
vggsound_classes = ["dog barking"]
[[category]]
name = "drum"
title = "Drum"
include = ["{DRUM}"]
exclude = ["{MACHINE}"]
vggsound_classes = ["playing snare drum", "playing drum kit"]
"""
HEADER = "YTID,start_seconds,end_seconds,positive_labels\n"
OFFICIAL_HEADER = (
    "# Segments csv created Sun Mar  5 10:54:31 2017\n"
    "# num_ytids={0}, num_segs={0}, num_unique_labels=5, num_positive_labels=9\n"
    "# YTID, start_seconds, end_seconds, positive_labels\n"
)


def write_ontology(folder: Path, children: dict[str, list[str]] | None = None) -> Path:
    """``ontology.json`` and ``class_labels_indices.csv``."""
    children = CHILDREN if children is None else children
    classes = [{"id": label, "name": f"N {label}", "child_ids": below} for label, below in children.items()]
    (folder / "ontology.json").write_text(json.dumps(classes, indent=2), encoding="utf-8")
    lines = [f'{index},{label},"N, {label}"\n' for index, label in enumerate(children)]
    (folder / "class_labels_indices.csv").write_text("index,mid,display_name\n" + "".join(lines), encoding="utf-8")
    return folder / "ontology.json"


def write_tables(folder: Path, rows: str | bytes, *, header: str = HEADER, name: str = "balanced_train") -> Path:
    """A folder of tables as ``--from`` takes it; the segments CSV is returned."""
    folder.mkdir(parents=True, exist_ok=True)
    write_ontology(folder)
    path = folder / f"{name}_segments.csv"
    path.write_bytes(header.encode() + (rows if isinstance(rows, bytes) else rows.encode()))
    return path
