"""Clips that show and sound what another clip does already: the same film under another name, or from another source.

Enters: the fingerprints that fetch left (docs/decisions/0013). Leaves: for each clip the earlier ones (by id) that it
is a copy of. Somebody who uploads a film again changes its name, size, codec and edges; a training set that holds it
twice counts it twice, and a test set that holds it measures memory.

A copy has the sound *and*, at the offset at which the sounds agree, the pictures. Each alone is no proof: one still
photograph stands for a thousand songs, and one sound effect for a thousand films. The bound for the sound is stricter
than the one that names a copy among known sounds (``media.fingerprint``), for here a mistake loses a clip; and three
seconds have to be common to both, for many films hold the same bark or the same stroke of a drum.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from vegas_data.config import digest
from vegas_data.media.alignment import Match
from vegas_data.media.fingerprint import is_silent, sound_from_text
from vegas_data.media.picture_hash import SAME_BELOW as SAME_PICTURES_BELOW
from vegas_data.media.picture_hash import pictures_distance_at, pictures_from_text
from vegas_data.media.sound_index import SoundIndex
from vegas_data.records import Clip, Media
from vegas_data.workspace import Workspace

KEY: Final = "tables/duplicates.json"
SAME_SOUND_BELOW: Final = 0.25
VERSION: Final = 2
LEAST_COMMON_MS: Final = 3_000
_LEAST_PICTURES: Final = 2
_LEAST_HALVES: Final = 3


def find_duplicates(media: Iterable[Media]) -> dict[str, tuple[str, ...]]:
    """For each clip that is a copy, the ids of all clips before it that it is a copy of, sorted.

    Clips of one video are never copies of one another: where they overlap, their spans say so. A silent clip is like
    no other, and so is one of which fetch left no fingerprints.

    Raises:
        MediaError: a fingerprint is of a kind that is not known.
    """
    import numpy as np

    told = [
        _Told(media=one, sound=sound_from_text(one.sound_fingerprint), pictures=pictures_from_text(one.picture_hashes))
        for one in sorted(media, key=lambda one: one.clip_id)
        if one.sound_fingerprint and one.picture_hashes
    ]
    told = [one for one in told if not is_silent(one.sound)]
    index = SoundIndex([one.sound for one in told])
    videos = np.unique([one.media.video_id for one in told], return_inverse=True)[1]
    is_copy, is_earlier = np.zeros((2, len(told)), dtype=np.bool_)
    found = {}
    for place, one in enumerate(told):
        may_be = is_earlier & (videos != videos[place])
        # By themselves those that are copies of nothing: of a film that is there often, the copies alone are likelier.
        near = [
            by
            for among in (may_be & ~is_copy, may_be & is_copy)
            for by in index.find_all(one.sound, among, at_least=_LEAST_HALVES)
        ]
        originals = sorted(told[by.index].media.clip_id for by in near if _is_copy(told[by.index], one, by.match))
        is_earlier[place], is_copy[place] = True, bool(originals)
        if originals:
            found[one.media.clip_id] = tuple(originals)
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class _Told:
    media: Media
    sound: bytes
    pictures: bytes


def _is_copy(earlier: _Told, later: _Told, sounds: Match) -> bool:
    """Whether two clips whose sounds agree like this are one film."""
    ends_ms = min(earlier.media.duration_ms, sounds.offset_ms + later.media.duration_ms)
    common_ms = ends_ms - max(0, sounds.offset_ms)
    if common_ms < LEAST_COMMON_MS or sounds.error_rate >= SAME_SOUND_BELOW:
        return False
    shown = pictures_distance_at(earlier.pictures, later.pictures, sounds.offset_ms)
    return shown.num_compared >= _LEAST_PICTURES and shown.error_rate < SAME_PICTURES_BELOW


def known_duplicates(workspace: Workspace, media: Collection[Media]) -> dict[str, tuple[str, ...]]:
    """``find_duplicates``, kept in the workspace at ``KEY`` for as long as the clips are the same; raises likewise."""
    inputs = digest(
        "verify.duplicates",
        VERSION,
        sorted((one.clip_id, one.video_id, one.sound_fingerprint, one.picture_hashes) for one in media),
    )
    if workspace.exists(KEY):
        kept = workspace.read_json(KEY)
        if isinstance(kept, dict) and kept.get("inputs") == inputs:
            return {clip_id: tuple(originals) for clip_id, originals in kept["duplicates"].items()}
    found = find_duplicates(media)
    workspace.commit_json(KEY, {"inputs": inputs, "duplicates": {key: list(value) for key, value in found.items()}})
    return found


def dropped_copies(clips: Iterable[Clip], duplicates: Mapping[str, Collection[str]]) -> dict[str, frozenset[str]]:
    """For each copy, the categories in which one of its originals is kept.

    Per category the first clip by id stays, and every clip stays that is a copy of none that stays: of three in a
    row, each like its neighbour only, the first and the third.
    """
    kept: set[tuple[str, str]] = set()
    dropped: dict[str, frozenset[str]] = {}
    for clip in sorted(clips, key=lambda clip: clip.id):
        originals = duplicates.get(clip.id, ())
        gone = {name for name in clip.categories if any((original, name) in kept for original in originals)}
        kept.update((clip.id, name) for name in clip.categories if name not in gone)
        if gone:
            dropped[clip.id] = frozenset(gone)
    return dropped
