"""The dataset cards: every number from the tables and the shards' side-cars, by template; nothing is typed by hand.

Enters ``Contents``, as it was built or as it was read back; leaves the two ``README.md``. So ``check`` renders them
again from what it has proven, and any edited number shows.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vegas_data.config import digest
from vegas_data.records import ShardInfo, Verdict
from vegas_data.release.audit import agreement_of_people, reports
from vegas_data.release.layout import CARD, SHARDS_CARD, licence_file
from vegas_data.release.opened import TableFile, Tables
from vegas_data.release.options import Facts
from vegas_data.release.rules import Rules
from vegas_data.release.tables import Row
from vegas_data.shards import StreamMeta
from vegas_data.verify import AUDIT_CONFIDENCE, PAPER_KEPT, CategoryReport, basis_of
from vegas_data.verify.audit import Share
from vegas_data.verify.triage import Basis

if TYPE_CHECKING:
    from jinja2 import Environment

_BY_CALIBRATION: Final = frozenset({"calibrated_accept", "calibrated_reject", "between"})
SPLITS: Final = ("train", "val", "test")
_TEMPLATES: Final = Path(__file__).parent / "templates"
_FILES: Final = {CARD: "README.md.j2", SHARDS_CARD: "shards.md.j2"}
_SIZES: Final = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"))


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What a release holds, as far as its cards tell of it.

    Args:
        clips, examples: rows of these tables. judges: judgments of each judge.
        windows: verdicts by (category, decision, reason). basis: and by what they rest on.
        verified: clips that have verdicts.
        tables: the files, in the order of ``layout.TABLES``. texts: sha256 of the licence texts, by licence.
        shards: side-cars, in the order of their names.
        streams: by name, of the first example: all examples of a release have the same.
        rules: what made the verdicts. audit: what people found in windows drawn at random, by category; empty if
            nobody audited. agreement: of people with one another, by category and side.
    """

    facts: Facts
    clips: Sequence[Row]
    examples: Sequence[Row]
    judges: Mapping[str, int]
    windows: Mapping[tuple[str, str, str], int]
    basis: Mapping[Basis, int]
    verified: int
    tables: Sequence[TableFile]
    texts: Mapping[str, str]
    shards: Sequence[ShardInfo]
    streams: Mapping[str, StreamMeta]
    rules: Rules
    audit: Sequence[CategoryReport]
    agreement: Sequence[Mapping[str, Any]]


def contents_of(
    tables: Tables, *, texts: Mapping[str, str], shards: Sequence[ShardInfo], streams: Mapping[str, StreamMeta]
) -> Contents:
    """What the cards tell of these tables and shards."""
    return Contents(
        facts=tables.facts,
        clips=tables.clips,
        examples=tables.examples,
        judges=Counter(row["judge"] for row in tables.judgments),
        windows=Counter((row["category"], row["decision"], row["reason"]) for row in tables.verdicts),
        basis=Counter(basis_of(Verdict(**row)) for row in tables.verdicts),
        verified=len({row["clip_id"] for row in tables.verdicts}),
        tables=tables.files,
        texts=texts,
        shards=shards,
        streams=streams,
        rules=tables.rules,
        audit=reports(tables.audit),
        agreement=agreement_of_people(tables.judgments, tables.audit_judgments),
    )


def templates_digest() -> str:
    """Digest of the templates: a release built with others cannot be rendered again."""
    return digest([(_TEMPLATES / name).read_text(encoding="utf-8") for name in _FILES.values()])


def render_cards(contents: Contents) -> dict[str, str]:
    """The cards, by their path in the release."""
    environment = _environment()
    context = _context(contents)
    return {path: environment.get_template(name).render(context) for path, name in _FILES.items()}


def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=False,  # noqa: S701 Markdown; every value has passed the patterns of ``layout``
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["thousands"] = lambda number: f"{number:,}"
    environment.filters["hours"] = lambda ms: f"{ms / 3_600_000:.2f}"
    environment.filters["percent"] = lambda share: f"{100 * share:.1f} %"
    environment.filters["share"] = _share
    environment.filters["words"] = lambda code: code.replace("_", " ")
    return environment


def _share(share: Share | None) -> str:
    """A share with its interval, in per cent."""
    if share is None:
        return "not measured"
    return f"{100 * share.value:.1f} % [{100 * share.low:.1f}, {100 * share.high:.1f}]"


def _context(contents: Contents) -> dict[str, Any]:
    packed = [row for row in contents.examples if row["shard"]]
    categories = sorted({row["category"] for row in contents.clips})
    clip_status = {row["clip_id"]: (row["status"], row["reason"]) for row in contents.clips}
    status = Counter(status for status, _ in clip_status.values())
    return {
        "facts": contents.facts,
        "splits": SPLITS,
        "present_splits": [split for split in SPLITS if any(info.split == split for info in contents.shards)],
        "categories": [_category(name, packed, contents) for name in categories],
        "total": _category("", packed, contents),
        "audit": contents.audit,
        "drawn": sum(row.drawn for one in contents.audit for row in one.strata),
        "judged": sum(row.judged for one in contents.audit for row in one.strata),
        "not_audited": [name for name in categories if name not in contents.facts.audited],
        "excluded_videos": len({video for videos in contents.rules.not_audited.values() for video in videos}),
        "confidence": f"{100 * AUDIT_CONFIDENCE:g} %",
        "paper_kept": f"{100 * PAPER_KEPT:.0f} %",
        "agreement": contents.agreement,
        "calibrations": [
            one
            for name, one in sorted(contents.rules.calibrations.items())
            if any(category == name and reason in _BY_CALIBRATION for category, _, reason in contents.windows)
        ],
        "windows_by_reason": _by_reason(contents.windows),
        "clips": {name: status[name] for name in ("fetched", "failed", "pending")} | {"listed": len(clip_status)},
        "verified": contents.verified,
        "clip_failures": _counted(reason for status, reason in clip_status.values() if status == "failed"),
        "left_out": _counted(row["left_out"] for row in contents.examples if row["left_out"]),
        "num_examples": len(contents.examples),
        "num_packed": len(packed),
        "licences": _counted(row["licence"] for row in packed),
        "texts": sorted((licence, licence_file(licence), sha256) for licence, sha256 in contents.texts.items()),
        "judges": sorted(contents.judges.items()),
        "basis": {"calibrated": 0, "uncalibrated": 0, "people": 0, "signals": 0} | dict(contents.basis),
        "by_people": bool(contents.agreement),
        "tables": contents.tables,
        "tables_examples_first": sorted(contents.tables, key=lambda table: table.name != "examples"),
        "shards": contents.shards,
        "shard_bytes": sum(info.num_bytes for info in contents.shards),
        "shards_digest": digest([[info.name, info.sha256] for info in contents.shards]),
        "streams": sorted(contents.streams.items()),
        "random_streams": sorted({name for info in contents.shards for name in info.random_streams}),
        "size_category": next((word for most, word in _SIZES if len(packed) < most), "1M<n<10M"),
    }


def _counted(values: Iterable[str]) -> list[tuple[str, int]]:
    """How often each value stands there, the most frequent first."""
    return sorted(Counter(values).items(), key=lambda pair: (-pair[1], pair[0]))


def _category(name: str, packed: Sequence[Row], contents: Contents) -> dict[str, Any]:
    """Numbers of one category, or of all for the empty name."""
    listed = {row["clip_id"]: row["status"] for row in contents.clips if name in ("", row["category"])}
    rows = [row for row in packed if name in ("", row["category"])]
    decisions: Counter[str] = Counter()
    for (category, decision, _), count in contents.windows.items():
        if name in ("", category):
            decisions[decision] += count
    decided = decisions["accepted"] + decisions["rejected"]
    return {
        "name": name,
        "examples": len(rows),
        "by_split": Counter(row["split"] for row in rows),
        "videos": len({row["video_id"] for row in rows}),
        "ms": sum(row["end_ms"] - row["start_ms"] for row in rows),
        "frames": sum(row["num_frames"] for row in rows),
        "clips": len(listed),
        "fetched": sum(status == "fetched" for status in listed.values()),
        "found": sum(name in ("", row["category"]) for row in contents.examples),
        "windows": decisions.total(),
        **{decision: decisions[decision] for decision in ("accepted", "rejected", "undecided")},
        "kept": decisions["accepted"] / decided if decided else None,
    }


def _by_reason(windows: Mapping[tuple[str, str, str], int]) -> list[tuple[str, str, int]]:
    counts: Counter[tuple[str, str]] = Counter()
    for (_, decision, reason), count in windows.items():
        counts[decision, reason] += count
    return [(decision, reason, count) for (decision, reason), count in sorted(counts.items())]
