"""The tables of a workspace: what was measured, said, decided and kept, as Parquet (zstd) in one fixed order.

    tables/scores.parquet      one row per window, scorer and category that was scored, wanted or not
    tables/judgments.parquet   one row per window, judge and category the clip is a candidate for; people by pseudonym
    tables/verdicts.parquet    one row per window and category the clip is a candidate for
    tables/examples.parquet    one row per example; also examples.csv, for people

Enters: the scores of all clips, clip by clip, and the evidence. Leaves: the same bytes for the same scores, evidence
and options, whatever the order they came in. The digests of scores and verdicts stand in each file's schema. Rows are
written as they come, in groups, so that a table of millions of scores needs no memory.
"""

import dataclasses
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from vegas_data.errors import WorkspaceError
from vegas_data.records import Clip, Example, Judgment, Verdict
from vegas_data.verify.aggregate import judge, merge_examples
from vegas_data.verify.digests import verdict_digest
from vegas_data.verify.evidence import NO_EVIDENCE, Evidence
from vegas_data.verify.options import VerifyOptions
from vegas_data.verify.scores import ClipScores, Signals, read_scores, scores_key
from vegas_data.verify.triage import triage
from vegas_data.workspace import Workspace

if TYPE_CHECKING:
    import pyarrow as pa

R = TypeVar("R", Judgment, Verdict, Example)

TABLES: Final = "tables"
NAMES: Final = ("scores", "judgments", "verdicts", "examples")
SCHEMA_VERSION: Final = "1"
ROWS_PER_GROUP: Final = 65_536
_SPAN: Final = (("clip_id", "string"), ("video_id", "string"), ("start_ms", "int64"), ("end_ms", "int64"))
_COLUMNS: Final = {
    "scores": (
        *_SPAN,
        ("scorer", "string"),
        ("digest", "string"),
        ("side", "string"),
        ("category", "string"),
        ("score", "double"),
        *((field.name, "double") for field in dataclasses.fields(Signals)),
        ("media_sha256", "string"),
    ),
    "judgments": (
        ("category", "string"),
        *_SPAN,
        ("side", "string"),
        ("judge", "string"),
        ("answer", "string"),
        ("score", "double"),
    ),
    "verdicts": (("category", "string"), *_SPAN, ("decision", "string"), ("reason", "string"), ("rule", "string")),
    "examples": (("category", "string"), *_SPAN),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class TableCounts:
    """What ``write_tables`` wrote.

    Args:
        windows: verdicts, one per window and category. reasons: how many of them under each reason, sorted.
    """

    windows: int
    accepted: int
    rejected: int
    undecided: int
    reasons: tuple[tuple[str, int], ...]
    examples: int


def table_key(name: str) -> str:
    """Where a table lives."""
    return f"{TABLES}/{name}.parquet"


def write_tables(
    workspace: Workspace,
    clips: Iterable[Clip],
    options: VerifyOptions,
    scores: str,
    categories: Collection[str],
    *,
    inputs: str = "",
    evidence: Evidence = NO_EVIDENCE,
    copies: Mapping[str, Collection[str]] = MappingProxyType({}),
) -> TableCounts:
    """Judge every clip of ``clips`` that has scores, and put all tables into the workspace, the examples last.

    Args:
        clips, categories: all of the workspace, not a selection: the tables are made anew as a whole.
        inputs: digest of what ``clips`` are, kept with the tables, so that older ones are not taken for these.
        scores: the digest that names the folder of scores. evidence: what verdicts rest on besides scores.
        copies: the categories in which a clip is a copy of another, by clip (``duplicates.dropped_copies``).

    Raises:
        WorkspaceError: a file of scores is damaged. DependencyMissing: see ``crowd.settle``.
    """
    counts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    accepted: list[Verdict] = []
    said, people = evidence.by_clip(), evidence.settled(options.triage)
    verdicts_of = partial(triage, calibrations=evidence.calibrations, people=people)
    metadata = {
        "scores": scores,
        "verdicts": verdict_digest(options, scores, evidence),
        "inputs": inputs,
        "version": SCHEMA_VERSION,
    }
    with workspace.scratch() as folder:
        with ExitStack() as stack:
            writers = {name: stack.enter_context(_TableWriter(folder / name, name, metadata)) for name in NAMES[:3]}
            for clip, measured in _scored_clips(workspace, clips, scores):
                asked = [category for category in clip.categories if category in categories]
                judgments = judge(measured, options, asked)
                verdicts = verdicts_of(judgments, measured, options, asked, copy_in=copies.get(clip.id, ()))
                judgments += _about(verdicts, said.get(clip.id, ()))
                writers["scores"].add(_score_rows(measured))
                writers["judgments"].add(map(dataclasses.asdict, sorted(judgments, key=_place)))
                writers["verdicts"].add(map(dataclasses.asdict, verdicts))
                counts.update(verdict.decision for verdict in verdicts)
                reasons.update(verdict.reason for verdict in verdicts)
                accepted += (verdict for verdict in verdicts if verdict.decision == "accepted")
        examples = merge_examples(accepted)
        with _TableWriter(folder / "examples", "examples", metadata) as writer:
            writer.add(map(dataclasses.asdict, examples))
        for name in NAMES[:3]:
            workspace.commit_file(table_key(name), folder / name)
        workspace.commit_bytes(f"{TABLES}/examples.csv", _csv(examples))
        workspace.commit_file(table_key(NAMES[3]), folder / NAMES[3])  # last: it says what all of them were made with
    return TableCounts(
        windows=counts.total(),
        accepted=counts["accepted"],
        rejected=counts["rejected"],
        undecided=counts["undecided"],
        reasons=tuple(sorted(reasons.items())),
        examples=len(examples),
    )


def read_examples(workspace: Workspace) -> list[Example]:
    """The examples, sorted by category, video and time.

    Raises:
        WorkspaceError: *verify* has not been run, or the table is damaged.
    """
    return _read(workspace, "examples", Example)


def read_verdicts(workspace: Workspace, *, clip_id: str | None = None) -> list[Verdict]:
    """The verdicts, of one clip or of all, sorted by clip, category and time. Raises as ``read_examples``."""
    return _read(workspace, "verdicts", Verdict, clip_id=clip_id)


def read_judgments(workspace: Workspace) -> list[Judgment]:
    """The judgments, sorted by clip, category and time. Raises as ``read_examples``."""
    return _read(workspace, "judgments", Judgment)


def tables_made_with(workspace: Workspace) -> dict[str, str]:
    """The digests that the tables depend on: ``scores``, ``verdicts``, ``inputs``. Raises as ``read_examples``."""
    metadata = read_table(workspace, "examples").schema.metadata or {}
    names = ("scores", "verdicts", "inputs")
    return {name: metadata.get(f"vegas_data.{name}".encode(), b"").decode("ascii") for name in names}


def read_table(workspace: Workspace, name: str) -> "pa.Table":
    """One of ``NAMES`` as an Arrow table. Raises as ``read_examples``."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = workspace.path(table_key(name))
    try:
        table = pq.read_table(path)
    except FileNotFoundError:
        raise WorkspaceError(f"{path}: not there yet", remedy="run `vegas-data verify` first") from None
    except (OSError, pa.ArrowException) as error:
        raise WorkspaceError(f"{path}: unreadable: {error}", remedy="run `vegas-data verify` again") from None
    if table.schema.names != [column for column, _ in _COLUMNS[name]]:
        raise WorkspaceError(f"{path}: has other columns than this version", remedy="run `vegas-data verify` again")
    return table


def _read(workspace: Workspace, name: str, record: type[R], *, clip_id: str | None = None) -> list[R]:
    table = read_table(workspace, name)
    if clip_id is not None:
        import pyarrow.compute as pc

        table = table.filter(pc.equal(table["clip_id"], clip_id))
    return [record(**row) for row in table.to_pylist()]


def _scored_clips(workspace: Workspace, clips: Iterable[Clip], scores: str) -> Iterator[tuple[Clip, ClipScores]]:
    for clip in sorted(clips, key=lambda clip: clip.id):
        key = scores_key(scores, clip.id)
        if workspace.exists(key):
            yield clip, read_scores(workspace, key)


def _about(verdicts: Iterable[Verdict], judgments: Iterable[Judgment]) -> list[Judgment]:
    """The judgments of windows and categories that there are verdicts of, side by side, then by person."""
    windows = {(verdict.category, verdict.start_ms, verdict.end_ms) for verdict in verdicts}
    about = (one for one in judgments if (one.category, one.start_ms, one.end_ms) in windows)
    return sorted(about, key=lambda one: (one.side, one.judge))


def _place(judgment: Judgment) -> tuple[str, int]:
    """Where a clip's judgment stands; those of one window stay as they came."""
    return judgment.category, judgment.start_ms


def _score_rows(measured: ClipScores) -> Iterator[dict[str, Any]]:
    for window in measured.windows:
        for scorer, row in sorted(window.scores.items()):
            for category, score in sorted(row.items()):
                yield {
                    "clip_id": measured.clip_id,
                    "video_id": measured.video_id,
                    "start_ms": window.start_ms,
                    "end_ms": window.end_ms,
                    "scorer": scorer,
                    **dataclasses.asdict(measured.scorers[scorer]),
                    "category": category,
                    "score": score,
                    **dataclasses.asdict(window.signals),
                    "media_sha256": measured.media_sha256,
                }


def _csv(examples: Sequence[Example]) -> bytes:
    """Ids, names and numbers only: none of them can hold a comma or a quote."""
    lines = ["id,category,clip_id,video_id,start_ms,end_ms"]
    lines += [f"{e.id},{e.category},{e.clip_id},{e.video_id},{e.start_ms},{e.end_ms}" for e in examples]
    return ("\n".join(lines) + "\n").encode()


class _TableWriter:
    """Rows in, one Parquet file out, in row groups of one size."""

    def __init__(self, path: Path, name: str, metadata: dict[str, str]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns = [pa.field(column, pa.type_for_alias(kind), nullable=False) for column, kind in _COLUMNS[name]]
        self._schema = pa.schema(columns, metadata={f"vegas_data.{key}": value for key, value in metadata.items()})
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")
        self._rows: list[dict[str, Any]] = []

    def __enter__(self) -> "_TableWriter":
        return self

    def __exit__(self, *_: object) -> None:
        if self._rows:
            self._flush(len(self._rows))
        self._writer.close()

    def add(self, rows: Iterable[dict[str, Any]]) -> None:
        """Append rows."""
        self._rows.extend(rows)
        while len(self._rows) >= ROWS_PER_GROUP:
            self._flush(ROWS_PER_GROUP)

    def _flush(self, count: int) -> None:
        import pyarrow as pa

        self._writer.write_table(pa.Table.from_pylist(self._rows[:count], schema=self._schema), row_group_size=count)
        del self._rows[:count]
