"""A small workspace ready to be released: real clips, small features, real scores, tables and shards.

demo-000  drum  train  4 s, both windows accepted: an example that is its whole clip
demo-001  drum  train  4 s, the first window accepted: an example that is cut out of its clip
demo-002  drum  test   licence NOASSERTION
demo-003  dog   val    4 s, both windows accepted, in two categories: two examples
          drum
demo-004  drum         no window accepted
demo-005  dog          could not be fetched          demo-006  dog  not tried yet
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.vegas_data.shards.shard_bench import Bench
from vegas_data.config import canonical, to_json
from vegas_data.media.cut import CutOptions
from vegas_data.records import Clip, Extent, Judgment, ShardInfo, Split
from vegas_data.release import ReleaseSource, Rules
from vegas_data.shards import read_side_car, set_current_folder
from vegas_data.shards.tar import end_of_archive
from vegas_data.store import sha256_of
from vegas_data.verify import Evidence, ScorerOptions, VerifyOptions, read_examples, scores_key, write_tables
from vegas_data.verify.scores import ClipScores, ScorerInfo, Signals, WindowScores, commit_scores
from vegas_data.workspace import Workspace

VERIFY = VerifyOptions(
    scorers=(
        ScorerOptions(name="loudness", side="heard", accept=0.5, reject=0.2),
        ScorerOptions(name="brightness", side="seen", accept=0.5, reject=0.2),
    )
)
INFO = {"loudness": ScorerInfo(side="heard", digest="1" * 12), "brightness": ScorerInfo(side="seen", digest="2" * 12)}
CATEGORIES = {"drum": "drum", "dog": "dog"}
WINDOWS = {
    "demo-000": (("drum",), (0.9, 0.9)),
    "demo-001": (("drum",), (0.9, 0.1)),
    "demo-002": (("drum",), (0.9, 0.9)),
    "demo-003": (("dog", "drum"), (0.9, 0.9)),
    "demo-004": (("drum",), (0.1, 0.3)),
}
SPLITS: dict[str, Split] = {"demo-000": "train", "demo-001": "train", "demo-002": "test", "demo-003": "val"}
LICENCES = {"demo-003": "CC0-1.0 AND CC-BY-3.0"}
CREDIT = "'A dog' by Ann Other (CC-BY-3.0; https://example.org/dog; cropped)"
UNLICENSED = "demo-002_000030000_000034000"
CUT = "demo-001_000030000_000032000"
WHOLE = "demo-000_000030000_000034000"


def clip_of(video_id: str, *categories: str) -> Clip:
    return Clip(video_id=video_id, start_ms=30_000, end_ms=34_000, categories=categories, origin="a list")


def make_source(
    root: Path,
    clip: bytes,
    *,
    unlicensed: str = "demo-002",
    max_examples: int = 2,
    rules: Rules = Rules(options=VERIFY),  # noqa: B008 frozen
    people: tuple[Judgment, ...] = (),
    weights: str = "d" * 12,
) -> ReleaseSource:
    """Make the workspace and say what it has to release."""
    bench = Bench(workspace=Workspace.create(root, ""), clip=clip, weights=weights)
    clips = [clip_of(video_id, *categories) for video_id, (categories, _) in WINDOWS.items()]
    media = {}
    for listed, (_, heard) in zip(clips, WINDOWS.values(), strict=True):
        key, record = bench.media(listed.video_id)
        media[listed.id] = (record, key)
        _commit_scores(bench.workspace, listed, record.sha256, heard)
    evidence = Evidence(calibrations=rules.calibrations, judgments=people)
    write_tables(bench.workspace, clips, rules.options, "d" * 12, CATEGORIES, inputs="e" * 12, evidence=evidence)
    examples = read_examples(bench.workspace)
    licences = {listed.id: LICENCES.get(listed.video_id, "CC0-1.0") for listed in clips}
    licences[f"{unlicensed}_000030000"] = "NOASSERTION"
    sources = [
        replace(
            bench.source(
                example.video_id,
                end_ms=example.end_ms,
                category=example.category,
                split=SPLITS[example.video_id],
            ),
            licence=licences[example.clip_id],
        )
        for example in examples
    ]
    plans = bench.plan(*sources, max_examples=max_examples)
    for plan in plans:
        bench.write(plan)
    set_current_folder(bench.workspace, str(Path(plans[0].key).parent), recipe="f" * 12)
    return ReleaseSource(
        workspace=bench.workspace,
        clips=(*clips, clip_of("demo-005", "dog"), clip_of("demo-006", "dog")),
        media=media,
        failures={clip_of("demo-005", "dog").id: "removed"},
        licences=licences,
        credits={clip_of("demo-003").id: CREDIT},
        licence_texts={"CC-BY-3.0": b"You may.\n", "GPL-3.0-only": b"You may, too.\n"},
        examples=tuple(examples),
        splits=SPLITS,
        shards=tuple(plan.key for plan in plans),
        grid=bench.grid,
        cut=CutOptions(max_height_px=48, crf=30),
        recipe="small",
        recipe_digest="f" * 12,
        rules=rules,
    )


def _commit_scores(workspace: Workspace, clip: Clip, sha256: str, heard: Iterable[float]) -> None:
    windows = tuple(
        WindowScores(
            start_ms=clip.start_ms + 2000 * index,
            end_ms=clip.start_ms + 2000 * (index + 1),
            signals=Signals(
                rms_dbfs=-20.0,
                peak_dbfs=-3.0,
                motion=1.0,
                clipped_share=0.0,
                brightness=150.0,
                duplicate_share=0.0,
                offset_ms=0.0,
            ),
            scores={name: {"dog": score, "drum": score} for name, score in (("loudness", value), ("brightness", 0.9))},
        )
        for index, value in enumerate(heard)
    )
    scores = ClipScores(clip_id=clip.id, video_id=clip.video_id, media_sha256=sha256, scorers=INFO, windows=windows)
    commit_scores(workspace, scores_key("d" * 12, clip.id), scores)


def all_bytes(folder: Path) -> dict[str, bytes]:
    """Relative path → content of every file."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def sum_again(folder: Path) -> None:
    """Write ``SHA256SUMS`` anew: what a clever stranger does after a change."""
    files = sorted(set(all_bytes(folder)) - {"SHA256SUMS"})
    lines = [f"{sha256_of(folder / file)}  {file}\n" for file in files]
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


def edit_table(folder: Path, name: str, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
    """Replace the rows of a table, keeping its schema and metadata, and sum again."""
    path = folder / "manifest" / f"{name}.parquet"
    table = pq.read_table(path)
    pq.write_table(pa.Table.from_pylist(change(table.to_pylist()), schema=table.schema), path, compression="zstd")
    sum_again(folder)


def edit_rules(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the rules in place, and sum again."""
    path = folder / "manifest" / "rules.json"
    rules = json.loads(path.read_text(encoding="utf-8"))
    change(rules)
    path.write_text(to_json(rules, indent=1), encoding="utf-8")
    sum_again(folder)


def edit_text(folder: Path, file: str, old: str, new: str) -> None:
    """Replace ``old`` in a file, where it must stand, and sum again."""
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    sum_again(folder)


def seal(tar: Path, blocks: list[bytes], info: ShardInfo | None = None) -> None:
    """Write ``blocks`` as a shard whose side-car, ``info`` or the one that is there, agrees with every byte of it."""
    info = info or read_side_car(tar)
    offset, extents = 0, []
    for block in blocks:
        extents.append(Extent(offset=offset, num_bytes=len(block), sha256=hashlib.sha256(block).hexdigest()))
        offset += len(block)
    data = b"".join(blocks) + end_of_archive(offset)
    tar.write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    info = replace(info, sha256=sha256, num_bytes=len(data), extents=tuple(extents))
    tar.with_name(tar.name + ".json").write_text(to_json(canonical(info), indent=2), encoding="utf-8")


def blocks_of(tar: Path) -> list[bytes]:
    """The examples' bytes in a shard."""
    data = tar.read_bytes()
    return [data[extent.offset : extent.offset + extent.num_bytes] for extent in read_side_car(tar).extents]
