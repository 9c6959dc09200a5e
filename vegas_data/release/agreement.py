"""Do the tables of a release agree with one another, and with its shards? Rows in, contradictions out.

Clip by clip: every window has the same scorers and categories, and judgments and verdicts are what scores, rules and
people's answers give when they are made again (``again``), one for every window and category that the clip is listed
for. Then the examples are exactly what merging the accepted windows gives, and the shards hold exactly these. So no
single row can be dropped, added or edited in any table without a contradiction.
"""

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict

from vegas_data.records import Verdict
from vegas_data.release.again import SIGNALS, Trouble, clip_scores, decisions_disagree
from vegas_data.release.licences import may_pass_on
from vegas_data.release.options import Facts
from vegas_data.release.rules import Rules
from vegas_data.release.tables import Row
from vegas_data.shards import CheckedExample, CheckedShard, StreamMeta
from vegas_data.verify import merge_examples


def clips_disagree(clips: Sequence[Row]) -> Iterator[Trouble]:
    """Rows of one clip say the same of it, and what is said fits together."""
    first: dict[str, Row] = {}
    for row in clips:
        clip_id = row["clip_id"]
        if clip_id != f"{row['video_id']}_{row['start_ms']:09d}":
            yield clip_id, "is not the clip that video and start say"
        known = first.setdefault(clip_id, row)
        if {**row, "category": ""} != {**known, "category": ""}:
            yield clip_id, "two rows say different things of it"
        here = row["status"] == "fetched"
        if here != (row["reason"] == "ok") or here != bool(row["media_sha256"]) or here != bool(row["duration_ms"]):
            yield clip_id, f"status {row['status']} contradicts reason, media_sha256 or duration_ms"


def windows_disagree(
    clips: Sequence[Row], scores: Iterable[Row], judgments: Sequence[Row], verdicts: Sequence[Row], rules: Rules
) -> Iterator[Trouble]:
    """Scores, judgments and verdicts of each clip; ``scores`` is read once, in order."""
    listed: dict[str, list[Row]] = defaultdict(list)
    for row in clips:
        listed[row["clip_id"]].append(row)
    judged, decided = _by_clip(judgments), _by_clip(verdicts)
    scored = set()
    for clip_id, group in itertools.groupby(scores, key=lambda row: str(row["clip_id"])):
        scored.add(clip_id)
        rows = list(group)
        yield from _clip_disagrees(
            clip_id, listed.get(clip_id, []), rows, judged.get(clip_id, []), decided.get(clip_id, []), rules
        )
    for clip_id in sorted({*judged, *decided} - scored):
        yield clip_id, "has judgments or verdicts, and no scores"


def _by_clip(rows: Sequence[Row]) -> dict[str, list[Row]]:
    return {clip_id: list(group) for clip_id, group in itertools.groupby(rows, key=lambda row: str(row["clip_id"]))}


def _clip_disagrees(
    clip_id: str, listed: list[Row], scores: list[Row], judgments: list[Row], verdicts: list[Row], rules: Rules
) -> Iterator[Trouble]:
    if not listed:
        yield clip_id, "has scores, and is not listed"
        return
    sha256 = listed[0]["media_sha256"]
    if any(row["media_sha256"] != sha256 for row in scores):
        yield clip_id, "its scores are of other bytes than the clip listed"
    windows = {(row["start_ms"], row["end_ms"]) for row in scores}
    panel = {(row["scorer"], row["digest"], row["side"], row["category"]) for row in scores}
    scorers = {(row["scorer"], row["digest"], row["side"]) for row in scores}
    signals = {(row["start_ms"], *(row[name] for name in SIGNALS)) for row in scores}
    if len(scores) != len(windows) * len(panel) or len(signals) != len(windows):
        yield clip_id, "a row of scores is missing, or rows of one window contradict each other"
        return
    if len(scorers) != len({name for name, _, _ in scorers}):
        yield clip_id, "a scorer has two digests or sides"
        return
    if any(not listed[0]["start_ms"] <= start < end <= listed[0]["end_ms"] for start, end in windows):
        yield clip_id, "a window is not within the clip"
    asked = {row["category"] for row in listed}
    expected = {(category, *window) for category in asked for window in windows}
    if len(verdicts) != len(expected) or {_window(row) for row in verdicts} != expected:
        yield clip_id, "a verdict is missing, or one is of a window or category that is not there"
        return
    addresses = Counter((*_window(row), row["side"], row["judge"]) for row in judgments)
    if max(addresses.values(), default=1) > 1 or not {key[:3] for key in addresses} <= expected:
        yield clip_id, "a judgment stands twice, or is of a window or category that is not there"
    yield from decisions_disagree(clip_scores(scores), asked, judgments, verdicts, rules)


def _window(row: Row) -> tuple[str, int, int]:
    return row["category"], row["start_ms"], row["end_ms"]


def examples_disagree(clips: Sequence[Row], verdicts: Sequence[Row], examples: Sequence[Row]) -> Iterator[Trouble]:
    """The examples are the accepted windows, merged; no more, no fewer."""
    merged = {(example.category, example.id): example for example in merge_examples(Verdict(**row) for row in verdicts)}
    rows = {(row["category"], row["key"]): row for row in examples}
    for category, key in sorted(merged.keys() - rows.keys()):
        yield key, f"accepted windows of {category} that are no example"
    listed = {row["clip_id"]: row for row in clips}
    for (category, key), row in rows.items():
        example = merged.get((category, key))
        if example is None or any(row[name] != value for name, value in asdict(example).items()):
            yield key, f"an example of {category} whose windows are not all accepted"
        clip = listed.get(row["clip_id"])
        if clip is None or any(row[name] != clip[name] for name in ("media_sha256", "licence")):
            yield key, "its clip is not listed, or has other bytes or another licence"
        if bool(row["shard"]) == bool(row["left_out"]):
            yield key, "it must be in a shard or left out for a reason"


def splits_leak(examples: Sequence[Row]) -> Iterator[Trouble]:
    """Source videos that are in more than one split."""
    splits: dict[str, str] = {}
    for row in examples:
        first = splits.setdefault(row["video_id"], row["split"])
        if first != row["split"]:
            yield row["key"], f"the source video {row['video_id']} is in {first} and in {row['split']}"


def licences_forbid(examples: Sequence[Row], facts: Facts) -> Iterator[Trouble]:
    """Examples with media that must not be passed on, and examples left out that could be."""
    media = facts.profile == "media"
    for row in examples:
        allowed = may_pass_on(row["licence"], credit=row["credit"]) or not media
        if row["shard"] and not allowed:
            yield (
                row["key"],
                f"its licence {row['licence']} does not allow passing it on, or names an author whom `credit` does not",
            )
        if row["left_out"] == "licence" and allowed:
            yield row["key"], f"left out for its licence {row['licence']}, which does not ask for that"


def shards_disagree(examples: Sequence[Row], shards: Sequence[CheckedShard]) -> Iterator[Trouble]:
    """The shards hold exactly the rows that name them, and these say what the shards' own JSON says."""
    rows = {(row["shard"], row["key"]): row for row in examples if row["shard"]}
    held = {(shard.path.name, example.meta.key): example for shard in shards for example in shard.examples}
    for shard_name, key in sorted(rows.keys() - held.keys()):
        yield key, f"not in {shard_name}, where the table of examples says it is"
    for shard_name, key in sorted(held.keys() - rows.keys()):
        yield key, f"in {shard_name}, and the table of examples does not say so"
    streams = {name: _kind(stream) for name, stream in first_streams(shards).items()}
    for address in sorted(rows.keys() & held.keys()):
        row, example = rows[address], held[address]
        wrong = [name for name, value in _told(example).items() if row[name] != value]
        if wrong:
            yield address[1], f"the table of examples and its JSON differ in {', '.join(wrong)}"
        if {name: _kind(stream) for name, stream in example.meta.streams.items()} != streams:
            yield address[1], "its streams are not those of the first example"


def first_streams(shards: Sequence[CheckedShard]) -> Mapping[str, StreamMeta]:
    """The streams of the first example; none if there is none."""
    return next((example.meta.streams for shard in shards for example in shard.examples), {})


def _kind(stream: StreamMeta) -> tuple[object, ...]:
    """What all examples' streams of one name must share."""
    return (stream.digest, stream.weights, stream.rate_hz, stream.window, stream.stride, stream.shape[1:])


def _told(example: CheckedExample) -> Row:
    """What an example's JSON says that the table of examples says, too."""
    meta = example.meta
    return {
        "category": meta.category,
        "split": meta.split,
        "clip_id": meta.clip_id,
        "video_id": meta.video_id,
        "start_ms": meta.start_ms,
        "end_ms": meta.end_ms,
        "num_frames": meta.num_frames,
        "num_samples": meta.num_samples,
        "gain_db": meta.gain_db,
        "audio_sha256": meta.audio_sha256,
        "media_sha256": meta.media.sha256,
        "licence": meta.licence,
        "video_sha256": example.video_sha256,
    }
