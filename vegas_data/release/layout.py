"""What lies where in a release, and what every table may hold: the one place that says so.

README.md               dataset card; its YAML names one config per table
SHA256SUMS              of every other file, as ``sha256sum -c`` reads it
vegas.csv               the table of examples, for people
manifest/*.parquet      clips, scores, judgments, verdicts, examples; where people audited them, audit, audit_judgments
manifest/rules.json     what turned scores and people's answers into verdicts
shards/README.md        card of the shards: a second root, for one Hugging Face folder has one kind of file
shards/*.tar, *.tar.json  the shards and their side-cars
LICENSES/*.txt          only in *media*: texts of the licences that its rows name
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Final

from vegas_data.shards.options import MAX_SHARD_BYTES
from vegas_data.shards.schema import KEY, MAX_MEMBER_BYTES, SHA256, SHARD_NAME
from vegas_data.shards.side_car import MAX_SIDE_CAR_BYTES
from vegas_data.verify import REQUIRED_SIDES
from vegas_data.verify.audit import PATHS
from vegas_data.verify.scores import Signals

CARD: Final = "README.md"
SUMS: Final = "SHA256SUMS"
CSV: Final = "vegas.csv"
SHARDS: Final = "shards"
SHARDS_CARD: Final = "shards/README.md"
LICENCE_TEXT: Final = re.compile(r"LICENSES/([A-Za-z0-9][A-Za-z0-9.-]{0,63})\.txt", re.ASCII)
TABLES: Final = ("clips", "scores", "judgments", "verdicts", "examples")
AUDIT_TABLES: Final = ("audit", "audit_judgments")  # both or none
VERBATIM: Final = ("scores", "judgments", "verdicts")  # the workspace's own tables, byte for byte
UNSETTLED: Final = "unsettled"
NOT_LEFT_OUT: Final = ""
LEFT_OUT: Final = ("licence", "no_features")
MAX_TEXT: Final = 256
MAX_CREDIT: Final = 4096
FACTS: Final = b"vegas_data.release"


def table_file(name: str) -> str:
    """``manifest/clips.parquet``."""
    return f"manifest/{name}.parquet"


RULES: Final = "manifest/rules.json"
FIXED_FILES: Final = (CARD, SUMS, CSV, SHARDS_CARD, RULES, *map(table_file, TABLES))
AUDIT_FILES: Final = tuple(map(table_file, AUDIT_TABLES))


def licence_file(licence: str) -> str:
    """``LICENSES/CC-BY-3.0.txt``."""
    return f"LICENSES/{licence}.txt"


def max_bytes(file: str) -> int:
    """More than this is not read: a release of three million windows has tables of 100 MB."""
    if file.endswith(".tar"):
        return MAX_SHARD_BYTES + 64 * MAX_MEMBER_BYTES
    if file.endswith(".json"):
        return MAX_SIDE_CAR_BYTES
    if file.endswith(".parquet"):
        return 4 * 2**30
    return 256 * 2**20 if file.endswith(".csv") else 32 * 2**20


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its Arrow type, and what a value must be."""

    name: str
    kind: str
    allows: Callable[[Any], object]


def _like(pattern: str) -> Callable[[Any], object]:
    return re.compile(pattern, re.ASCII).fullmatch


def _one_of(*words: str) -> Callable[[Any], object]:
    return frozenset(words).__contains__


def _not_negative(value: int) -> bool:
    return 0 <= value < 2**53  # every reader of JSON and CSV can hold it


def _finite(value: float) -> bool:
    return abs(value) < 1e9  # false for NaN, too


def _share(value: float) -> bool:
    return 0.0 <= value <= 1.0


def _share_or_nan(value: float) -> bool:
    return _share(value) or value != value


def _text(value: str) -> bool:
    return len(value) <= MAX_TEXT and value.isprintable()


def _credit(value: str) -> bool:
    return len(value) <= MAX_CREDIT and value.isprintable()


_CODE: Final = _like(r"[a-z0-9_]{1,64}")
_NAME: Final = _like(r"[A-Za-z0-9_.-]{1,64}")
_SHA256_OR_NONE: Final = _like(rf"({SHA256.pattern})?")
_CATEGORY: Final = Column("category", "string", _like(r"[a-z][a-z0-9_]{0,31}"))
_LICENCE: Final = Column("licence", "string", _like(r"[A-Za-z0-9.+:() -]{1,256}"))
_SIDE: Final = Column("side", "string", _one_of("heard", "seen", "pair"))
_SPAN: Final = (
    Column("clip_id", "string", _like(r"[A-Za-z0-9_-]{1,64}_[0-9]{9}")),
    Column("video_id", "string", _like(r"[A-Za-z0-9_-]{1,64}")),
    Column("start_ms", "int64", _not_negative),
    Column("end_ms", "int64", _not_negative),
)
_SETTLED: Final = _one_of("yes", "sort_of", "no", UNSETTLED)
COLUMNS: Final[dict[str, tuple[Column, ...]]] = {
    "clips": (
        *_SPAN,
        _CATEGORY,
        Column("origin", "string", _text),
        Column("status", "string", _one_of("fetched", "failed", "pending")),
        Column("reason", "string", _CODE),
        Column("duration_ms", "int64", _not_negative),
        Column("media_sha256", "string", _SHA256_OR_NONE),
        _LICENCE,
    ),
    "scores": (
        *_SPAN,
        Column("scorer", "string", _NAME),
        Column("digest", "string", _NAME),
        _SIDE,
        _CATEGORY,
        Column("score", "double", _share),
        *(Column(field.name, "double", _finite) for field in fields(Signals)),
        Column("media_sha256", "string", SHA256.fullmatch),
    ),
    "judgments": (
        _CATEGORY,
        *_SPAN,
        _SIDE,
        Column("judge", "string", _like(r"(model|human):[A-Za-z0-9_.@-]{1,100}")),
        Column("answer", "string", _one_of("yes", "sort_of", "no", "unsure")),
        Column("score", "double", _share_or_nan),
    ),
    "verdicts": (
        _CATEGORY,
        *_SPAN,
        Column("decision", "string", _one_of("accepted", "rejected", "undecided")),
        Column("reason", "string", _CODE),
        Column("rule", "string", _CODE),
    ),
    "audit": (
        _CATEGORY,
        *_SPAN,
        Column("path", "string", _one_of(*PATHS)),
        Column("decision", "string", _one_of("accepted", "rejected")),
        Column("stratum_windows", "int64", _not_negative),
        Column("heard", "string", _SETTLED),
        Column("seen", "string", _SETTLED),
        Column("present", "string", _one_of("yes", "no", UNSETTLED)),
    ),
    "audit_judgments": (
        _CATEGORY,
        *_SPAN,
        Column("side", "string", _one_of(*REQUIRED_SIDES)),
        Column("judge", "string", _like(r"human:[A-Za-z0-9_.@-]{1,100}")),
        Column("answer", "string", _one_of("yes", "sort_of", "no")),
    ),
    "examples": (
        Column("key", "string", KEY.fullmatch),
        _CATEGORY,
        Column("split", "string", _one_of("train", "val", "test")),
        *_SPAN,
        Column("num_frames", "int64", _not_negative),
        Column("num_samples", "int64", _not_negative),
        Column("gain_db", "double", _finite),
        Column("audio_sha256", "string", _SHA256_OR_NONE),
        Column("video_sha256", "string", _SHA256_OR_NONE),
        Column("media_sha256", "string", SHA256.fullmatch),
        _LICENCE,
        Column("credit", "string", _credit),
        Column("shard", "string", _like(rf"({SHARD_NAME.pattern})?")),
        Column("left_out", "string", _one_of(NOT_LEFT_OUT, *LEFT_OUT)),
    ),
}
# Rows stand in the order of these columns. But for judgments, of which a window has several, no two rows agree in all
# of them.
ORDER: Final = {
    "clips": ("video_id", "start_ms", "category"),
    "scores": ("clip_id", "start_ms", "scorer", "category"),
    "judgments": ("clip_id", "category", "start_ms"),
    "verdicts": ("clip_id", "category", "start_ms"),
    "audit": ("clip_id", "category", "start_ms"),
    "audit_judgments": ("clip_id", "category", "start_ms"),
    "examples": ("category", "video_id", "start_ms"),
}
