"""Judgments made with other tools: records of a file in (``foreign``), events in the log out.

Nothing in such a file is trusted: every refusal names file and line, and a file is taken as a whole or not at all.
Importing it again adds nothing.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from vegas_data.annotate.events import Answered, Lease
from vegas_data.annotate.foreign import bad_line, read_records, short
from vegas_data.annotate.store import JudgmentStore
from vegas_data.annotate.tasks import SIDES, HumanAnswer, Purpose, Question
from vegas_data.config import digest
from vegas_data.errors import AnnotationError
from vegas_data.records import Clip, Side

_MAX_TEXT: Final = 200
_NUMBER: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
_ANSWERS: Final[dict[str, HumanAnswer]] = {
    "yes": "yes",
    "y": "yes",
    "sort_of": "sort_of",
    "sortof": "sort_of",
    "no": "no",
    "n": "no",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Imported:
    """One answer from a file; ``annotator`` as it stands there, empty where none is asked for."""

    line: int
    category: str
    clip_id: str
    video_id: str
    start_ms: int
    end_ms: int
    side: Side
    answer: HumanAnswer
    annotator: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportCounts:
    """What ``import_judgments`` did: answers that are new, and those that were there before."""

    new: int
    known: int


def read_import(
    path: Path, clips: Mapping[str, Clip], categories: Iterable[str], *, with_annotators: bool = True
) -> list[Imported]:
    """All answers in a file, in its order.

    Args:
        clips: by id; answers about other clips are refused. with_annotators: each answer must say whose it is.

    Raises:
        AnnotationError: the first thing in the file that cannot be taken, with its line.
    """
    known = frozenset(categories)
    return [
        found
        for line, record in read_records(path)
        for found in _answers(_Row(path, line, record, with_annotators), clips, known)
    ]


def import_judgments(
    store: JudgmentStore, rows: Iterable[Imported], path: Path, *, purpose: Purpose, at_ms: int
) -> ImportCounts:
    """Put answers into the log, all or none.

    Raises:
        AnnotationError: a person answers one question in two ways, here or against what was imported before.
    """
    leases, said = _imported_before(store)
    groups: dict[tuple[str, str], list[tuple[Imported, Answered]]] = defaultdict(list)
    new = known = 0
    for row in rows:
        who = store.pseudonym(row.annotator)
        question = Question(start_ms=row.start_ms, end_ms=row.end_ms, side=row.side)
        key = f"import-{digest(who, purpose, row.category, row.clip_id, row.start_ms, row.end_ms, row.side)}"
        if key in said:
            if said[key] != row.answer:
                raise bad_line(
                    path,
                    row.line,
                    f"says {row.answer}, and {said[key]} was taken for the same question by the same person",
                )
            known += 1
            continue
        said[key] = row.answer
        answer = Answered(
            at_ms=at_ms, annotator=who, lease=0, key=key, question=question, answer=row.answer, revision=0, played_ms=0
        )
        groups[who, f"import/{purpose}/{row.category}/{row.clip_id}"].append((row, answer))
        new += 1
    with store.transaction():
        for (who, scope), answers in groups.items():
            lease = leases.get((who, scope)) or store.put(_lease(answers[0][0], who, scope, purpose, at_ms)).seq
            for _, answer in answers:
                store.put(replace(answer, lease=lease))
    return ImportCounts(new=new, known=known)


def _imported_before(store: JudgmentStore) -> tuple[dict[tuple[str, str], int], dict[str, HumanAnswer]]:
    leases, said = {}, {}
    for event in store.events():
        if isinstance(event, Lease) and event.scope.startswith("import/"):
            leases[event.annotator, event.scope] = event.seq
        elif isinstance(event, Answered):
            said[event.key] = event.answer
    return leases, said


def _lease(row: Imported, who: str, scope: str, purpose: Purpose, at_ms: int) -> Lease:
    return Lease(
        at_ms=at_ms,
        annotator=who,
        scope=scope,
        task="",
        purpose=purpose,
        category=row.category,
        clip_id=row.clip_id,
        video_id=row.video_id,
        is_gold=False,
        questions=(),
    )


# --- one record -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Row:
    """One record of a file, whose values are looked at one by one."""

    path: Path
    line: int
    record: Mapping[str, Any]
    with_annotators: bool

    def text(self, name: str) -> str:
        value = self.record.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value) if abs(value) < 1 << 63 else None
        if not isinstance(value, str) or not 1 <= len(value) <= _MAX_TEXT:
            raise self.bad(f"{name} is {short(value)}")
        return value

    def milliseconds(self, name: str) -> int:
        text = self.text(name)
        if not _NUMBER.fullmatch(text):
            raise self.bad(f"{name} is {short(text)}, not whole milliseconds")
        return int(text)

    def bad(self, message: str) -> AnnotationError:
        return bad_line(self.path, self.line, message)


def _answers(row: _Row, clips: Mapping[str, Clip], categories: frozenset[str]) -> Iterator[Imported]:
    category, clip_id = row.text("category"), row.text("clip_id")
    clip = clips.get(clip_id)
    if category not in categories:
        raise row.bad(f"{short(category)} is no category")
    if clip is None or category not in clip.categories:
        raise row.bad(f"clip {short(clip_id)} is not listed under {category}")
    start, end = row.milliseconds("start_ms"), row.milliseconds("end_ms")
    if not clip.start_ms <= start < end <= clip.end_ms:
        raise row.bad(f"{start}–{end} ms is no window of a clip of {clip.start_ms}–{clip.end_ms} ms")
    annotator = row.text("annotator") if row.with_annotators else ""
    for side, value in _sides(row):
        yield Imported(
            line=row.line,
            category=category,
            clip_id=clip_id,
            video_id=clip.video_id,
            start_ms=start,
            end_ms=end,
            side=side,
            answer=_answer(row, side, value),
            annotator=annotator,
        )


def _sides(row: _Row) -> Iterator[tuple[Side, Any]]:
    """Side and answer of a long record, or every answered side of a wide one."""
    if "side" in row.record:
        named = row.text("side")
        for side in SIDES:
            if named == side:
                yield side, row.record.get("answer")
                return
        raise row.bad(f"side is {short(named)}, not one of {', '.join(SIDES)}")
    if not any(side in row.record for side in SIDES):
        raise row.bad("holds no answer")
    yield from ((side, row.record[side]) for side in SIDES if row.record.get(side) not in (None, ""))


def _answer(row: _Row, side: Side, value: Any) -> HumanAnswer:
    if isinstance(value, Mapping):  # Label Studio's form for several choices
        value = value.get("choices")
    if isinstance(value, list) and len(value) == 1:
        (value,) = value
    words = value.strip().casefold().replace(" ", "_").replace("-", "_") if isinstance(value, str) else ""
    if words not in _ANSWERS:
        raise row.bad(f"{side} is answered with {short(value)}, not yes, sort_of or no")
    return _ANSWERS[words]
