"""What the confined child says of a file, as plain JSON, and its worker's reading of that: it believes none of it.

A number that no file can have, a wrong type or a missing key means that something else speaks than our own program.
"""

import dataclasses
import json
from fractions import Fraction
from typing import Any, Final

from vegas_data.errors import DecodeFailed
from vegas_data.media.probe import MAX_FPS, PictureTrack, Probe, SoundTrack

TAKEN_OVER: Final = "the process that opened it did not answer as it has to"
MAX_US: Final = 1 << 50
_MAX_SIDE_PX: Final = 1 << 16
_MAX_RATE_HZ: Final = 1 << 20
_MAX_CHANNELS: Final = 1 << 10


def plain(probe: Probe) -> dict[str, Any]:
    """What the child sends of a probe."""
    return {
        name: None if track is None else {key: _plain_value(value) for key, value in dataclasses.asdict(track).items()}
        for name, track in (("picture", probe.picture), ("sound", probe.sound))
    }


def _plain_value(value: Any) -> Any:
    return [value.numerator, value.denominator] if isinstance(value, Fraction) else value


def parsed(text: bytes) -> dict[str, Any] | None:
    """A JSON object, or None where it is something else."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def integer(value: object, low: int, high: int) -> int:
    """``value`` if it is an integer in that range; DecodeFailed otherwise, here as below."""
    if not isinstance(value, int) or not low <= value <= high:
        raise DecodeFailed(TAKEN_OVER)
    return value


def maybe(value: object) -> int | None:
    """A time in microseconds, or None."""
    return None if value is None else integer(value, -MAX_US, MAX_US)


def probe_of(said: dict[str, Any], *, picture: bool, sound: bool) -> Probe:
    """The probe that ``plain`` was made of, of exactly the tracks that were asked for."""
    tracks = _table(said.get("probe"))
    shown = _table(tracks.get("picture")) if picture else None
    heard = _table(tracks.get("sound")) if sound else None
    return Probe(
        picture=None
        if shown is None
        else PictureTrack(
            **_track(shown),
            width=integer(shown.get("width"), 1, _MAX_SIDE_PX),
            height=integer(shown.get("height"), 1, _MAX_SIDE_PX),
            fps=_rate(shown.get("fps")),
        ),
        sound=None
        if heard is None
        else SoundTrack(
            **_track(heard),
            sample_rate_hz=integer(heard.get("sample_rate_hz"), 1, _MAX_RATE_HZ),
            channels=integer(heard.get("channels"), 0, _MAX_CHANNELS),
        ),
    )


def _table(said: object) -> dict[str, Any]:
    if not isinstance(said, dict):
        raise DecodeFailed(TAKEN_OVER)
    return said


def _track(said: dict[str, Any]) -> dict[str, Any]:
    return {
        "start_us": integer(said.get("start_us"), -MAX_US, MAX_US),
        "end_us": maybe(said.get("end_us")),
        "end_is_known": said.get("end_is_known") is True,
    }


def _rate(said: object) -> Fraction:
    if not isinstance(said, list) or len(said) != 2:
        raise DecodeFailed(TAKEN_OVER)
    rate = Fraction(integer(said[0], 1, MAX_US), integer(said[1], 1, MAX_US))
    if rate > MAX_FPS:
        raise DecodeFailed(TAKEN_OVER)
    return rate
