"""One clip or feature file and its side-car: do they fit each other, and is each what was written?

Enters a key, leaves findings. To *look* reads the side-car only; to *prove* reads every byte of the file, too.
"""

import math
import re
from collections.abc import Callable, Iterable
from typing import Any, Final, Literal

from vegas_data.config import load_table
from vegas_data.errors import ChecksumMismatch, SchemaMismatch, VegasError
from vegas_data.fetch import clip_key
from vegas_data.records import Media, span_id
from vegas_data.shards import FeatureFile, Finding, unreadable
from vegas_data.store import SIDE_CAR, is_as_written, parse_side_car
from vegas_data.workspace import Workspace

Kind = Literal["clips", "features"]
KINDS: Final[tuple[Kind, ...]] = ("clips", "features")
REMEDY: Final = {
    "clips": "delete the file and its side-car, then run `vegas-data fetch` again",
    "features": "delete the file and its side-car, then run `vegas-data featurize` again",
}
SHA256_DIGITS: Final = 16
_KEY: Final = {
    "clips": re.compile(r"clips/([0-9a-f]+)/[0-9a-f]{2}/([A-Za-z0-9_-]+)\.mp4", re.ASCII),
    "features": re.compile(r"features/([0-9a-f]+)/([0-9a-f]{16})_([0-9]{9})_([0-9]{9})\.npy", re.ASCII),
}
_ITEM_BYTES: Final = 2
_NPY_HEADERS: Final = range(64, 1024, 64)


def list_artefacts(workspace: Workspace, kind: Kind) -> tuple[list[str], list[Finding]]:
    """Keys of the files of a kind that have their side-car, sorted; and what is found by names alone."""
    findings = [_foreign(str(path)) for path in workspace.strangers(kind)]
    there = set(workspace.keys(kind))
    keys = []
    for key in sorted({name.removesuffix(SIDE_CAR) for name in there}):
        file = str(workspace.path(key))
        missing = {key, key + SIDE_CAR} - there
        if not _KEY[kind].fullmatch(key):
            findings.append(_foreign(file))
        elif missing:
            message = f"{missing.pop().rpartition('/')[2]} is missing"
            findings.append(Finding(file=file, key="", code="half_missing", message=message, remedy=REMEDY[kind]))
        else:
            keys.append(key)
    return keys, findings


def _foreign(file: str) -> Finding:
    return Finding(file=file, key="", code="foreign_file", message="does not belong here", remedy="move it elsewhere")


def check_artefact(
    workspace: Workspace, kind: Kind, key: str, *, read_data: bool
) -> tuple[Media | None, list[Finding]]:
    """Look at a file and its side-car, or prove every byte of both; of a clip, also what its side-car says."""
    media: Media | None = None
    file, side_car = workspace.path(key), workspace.path(key + SIDE_CAR)
    wrong = side_car
    try:
        data = side_car.read_bytes()
        if not is_as_written(data):
            raise ChecksumMismatch("not the bytes that were written")
        if kind == "clips":
            media, fits = _clip(key, parse_side_car(data))
            sha256 = media.sha256
        else:
            sha256, fits = _feature(key, parse_side_car(data))
        wrong = file
        size = file.stat().st_size
        if not fits(size):
            raise ChecksumMismatch(f"{size} bytes long, its side-car says otherwise")
        if read_data:
            workspace.verify_checksum(key, sha256)
    except OSError as error:
        return media, [unreadable(wrong, error)]
    except (VegasError, ValueError, RecursionError) as error:
        code = ChecksumMismatch.code if isinstance(error, ChecksumMismatch) else SchemaMismatch.code
        message = str(error).removeprefix(f"{wrong}: ")
        return media, [Finding(file=str(wrong), key="", code=code, message=message, remedy=REMEDY[kind])]
    return media, []


def _clip(key: str, said: dict[str, Any]) -> tuple[Media, Callable[[int], bool]]:
    """What the side-car of a clip says, and which size of the file fits it; raises VegasError."""
    media = load_table(Media, said, where="side-car")
    if clip_key(key.split("/")[1], media.clip_id) != key:
        raise SchemaMismatch(f"of the clip {media.clip_id!r}, not of this file")
    return media, lambda size: size == media.num_bytes


def _feature(key: str, said: dict[str, Any]) -> tuple[str, Callable[[int], bool]]:
    """The sha256 that the side-car of a feature file records, and which size fits it; raises VegasError."""
    feature = FeatureFile.from_side_car(key, said)
    name = span_id(feature.media_sha256[:SHA256_DIGITS], feature.start_ms, feature.end_ms)
    if key != f"features/{feature.digest}/{name}.npy":
        raise SchemaMismatch("of other bytes, another span or another stream than the file's name")
    num_bytes = _ITEM_BYTES * math.prod(feature.shape)
    return feature.sha256, lambda size: size - num_bytes in _NPY_HEADERS


class Owners:
    """Whose a file is: the clip's by its name, the example's by the bytes and the span that features are of."""

    def __init__(self, media: Iterable[Media]) -> None:
        self._clips: dict[str, list[Media]] = {}
        for one in media:
            self._clips.setdefault(one.sha256[:SHA256_DIGITS], []).append(one)

    def of(self, kind: Kind, key: str) -> str:
        """Id of the clip, or of the example; of each where clips have the same bytes; empty if none is here."""
        name = _KEY[kind].fullmatch(key)
        assert name is not None
        if kind == "clips":
            return name[2]
        span = [int(name[3]), int(name[4])]
        clips = self._clips.get(name[2], ())
        return ", ".join(sorted({span_id(one.video_id, *(one.start_ms + ms for ms in span)) for one in clips}))
