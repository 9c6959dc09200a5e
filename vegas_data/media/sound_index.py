"""Which of many known sounds is this? Finds the few that may be it by exact halves of words, then compares those.

Enters: fingerprints of known sounds, then one to name. Leaves: the known sound that is least likely to agree with it
by chance. In an encoded copy one bit in seven is wrong, but among hundreds of words some halves have stayed whole,
and of one copy these all have the same offset. Comparing with every known sound would take seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vegas_data.media.alignment import UNRELATED, Match
from vegas_data.media.fingerprint import SAME_BELOW, distance, sound_words

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_HALF_BITS: Final = 16
_TABLES: Final = (0, 8, 15)  # the lowest bit of each half that is looked up; the middle one overlaps the others
_COMPARED: Final = 24  # candidates
_MAX_BUCKET: Final = 20_000  # a half that so many words share tells nothing
_MAX_WORDS: Final = 1 << 15  # of one sound: 20 minutes


@dataclass(frozen=True, kw_only=True)
class Named:
    """The known sound that a sound is; ``index`` counts as the sounds were given."""

    index: int
    match: Match


class SoundIndex:
    """Known sounds by their fingerprints. 30,000 clips of 10 s take 0.3 GB.

    Raises:
        ValueError: not fingerprints, or one of more than 20 minutes.
    """

    def __init__(self, fingerprints: Sequence[bytes]) -> None:
        import numpy as np

        self._fingerprints = tuple(fingerprints)
        rows = [sound_words(fingerprint) for fingerprint in self._fingerprints]
        if any(row.size >= _MAX_WORDS for row in rows):
            raise ValueError(f"a known sound has fewer than {_MAX_WORDS} words")
        lengths = np.array([row.size for row in rows], dtype=np.int64)
        words = np.concatenate([*rows, np.zeros(0, dtype=np.uint32)])
        owner = np.repeat(np.arange(len(rows), dtype=np.int64), lengths)
        place = np.arange(words.size) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        sounds = words != 0
        words, where = words[sounds], (owner * (2 * _MAX_WORDS) + place + _MAX_WORDS)[sounds]
        self._tables = [_table(_half(words, low), where) for low in _TABLES]

    def find(self, fingerprint: bytes) -> Named | None:
        """The known sound that ``fingerprint`` is, or None if it is none of them, or silent.

        Raises:
            ValueError: not a fingerprint.
        """
        return max(self.find_all(fingerprint), key=lambda named: _strength(named.match), default=None)

    def find_all(
        self, fingerprint: bytes, among: "npt.NDArray[np.bool_] | None" = None, *, at_least: int = 1
    ) -> list[Named]:
        """All that ``fingerprint`` may be, of the 24 likeliest; those with the most halves in common first.

        Args:
            among: [known sounds], those that it may be; all, where it is left out.
            at_least: halves that have to agree at one offset. Strangers share one by chance, hardly ever three.

        Raises:
            ValueError: not a fingerprint.
        """
        compared = (
            Named(index=index, match=distance(self._fingerprints[index], fingerprint))
            for index in self._candidates(sound_words(fingerprint), among, at_least)
        )
        return [named for named in compared if named.match.error_rate < SAME_BELOW]

    def _candidates(
        self, words: "npt.NDArray[np.uint32]", among: "npt.NDArray[np.bool_] | None", at_least: int
    ) -> list[int]:
        import numpy as np

        votes: list[npt.NDArray[np.int64]] = []
        for low, (starts, where) in zip(_TABLES, self._tables, strict=True):
            for place, half in enumerate(_half(words, low)):
                first, end = starts[half], starts[int(half) + 1]
                if words[place] and end - first <= _MAX_BUCKET:
                    votes.append(where[first:end] - place)
        if not votes:
            return []
        cast = np.concatenate(votes)
        if among is not None:
            cast = cast[among[cast // (2 * _MAX_WORDS)]]
        ballots, counts = np.unique(cast, return_counts=True)
        ballots, counts = ballots[counts >= at_least], counts[counts >= at_least]
        most = np.argsort(-counts, kind="stable")[: 4 * _COMPARED]
        owners = dict.fromkeys((ballots[most] // (2 * _MAX_WORDS)).tolist())
        return list(owners)[:_COMPARED]


def _strength(match: Match) -> float:
    """Many words that agree well say more than a few that agree better."""
    return float((UNRELATED - match.error_rate) * match.num_compared**0.5)


def _half(words: "npt.NDArray[np.uint32]", low: int) -> "npt.NDArray[np.uint32]":
    import numpy as np

    return (words >> np.uint32(low)) & np.uint32((1 << _HALF_BITS) - 1)


def _table(
    keys: "npt.NDArray[np.uint32]", where: "npt.NDArray[np.int64]"
) -> "tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]":
    """For each half where its places begin, and the places."""
    import numpy as np

    ends = np.cumsum(np.bincount(keys, minlength=1 << _HALF_BITS))
    return np.concatenate([np.zeros(1, dtype=np.int64), ends]), where[np.argsort(keys, kind="stable")]
