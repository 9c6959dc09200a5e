"""Which of the files that a site offers for one video are worth bringing.

Offers (yt-dlp's format tables, damaged and locked ones already gone) come in, one file with both tracks or one of each
goes out. In this order: a rendition within the height cap; files that lie at plain addresses, for of those the clip's
span alone can be brought; the original sound, neither dubbed nor dynamically compressed, and the original picture, not
an upscaled one; the tallest picture; H.264, which is cheap to decode; one file rather than two; the larger bitrate, for
at this height a few seconds are small anyway.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

Offer = Mapping[str, Any]
Part = Literal["video", "picture", "sound"]

_DIRECT: Final = frozenset({"http", "https"})
_IN_PIECES: Final = frozenset({"m3u8_native", "http_dash_segments"})  # the rest needs ffmpeg, or is live
_ALTERED: Final = re.compile(r"-(drc|sr)\b")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What to bring.

    Args:
        files: one offer for both tracks (``video``), or ``picture`` and ``sound``.
        direct: every file lies whole at one address.
    """

    files: tuple[tuple[Part, Offer], ...]
    direct: bool

    @property
    def name(self) -> str:
        """The site's names of the formats, such as ``134+140``."""
        return "+".join(str(offer.get("format_id")) for _, offer in self.files)

    @property
    def is_mute(self) -> bool:
        """Whether there is no sound to the picture, as far as the site says."""
        return all(offer.get("acodec") == "none" for _, offer in self.files)


def choose(offers: Sequence[Offer], max_height_px: int) -> Choice | None:
    """The best of the offers, or None if none of them is a moving picture that can be brought.

    A picture without any sound to it is taken last of all, as a ``video``: the file itself shall prove that it is mute.
    """
    for mute in (False, True):
        for within in (True, False):
            for protocols in (_DIRECT, _DIRECT | _IN_PIECES):
                pool = [offer for offer in offers if _protocol(offer) in protocols]
                sounds = [offer for offer in pool if offer.get("vcodec") == "none" and offer.get("acodec") != "none"]
                pictures = [
                    offer
                    for offer in pool
                    if offer.get("vcodec") != "none"
                    and (_height_px(offer) <= max_height_px) is within
                    and (mute or sounds or offer.get("acodec") != "none")
                ]
                if pictures:
                    tall = 1 if within else -1  # above the cap the lowest is best
                    return _choice(max(pictures, key=lambda offer: _worth(offer, tall)), sounds)
    return None


def _choice(picture: Offer, sounds: Sequence[Offer]) -> Choice:
    files: tuple[tuple[Part, Offer], ...] = (("video", picture),)
    if picture.get("acodec") == "none" and sounds:
        files = (("picture", picture), ("sound", max(sounds, key=_sound_worth)))
    return Choice(files=files, direct=all(_protocol(offer) in _DIRECT for _, offer in files))


def _protocol(offer: Offer) -> str:
    protocol = str(offer.get("protocol"))
    return "http_dash_segments" if offer.get("fragments") and protocol in _DIRECT else protocol


def _height_px(offer: Offer) -> int:
    """Of the shorter side, which is what sites name renditions by: a portrait of 360p is 360 wide. 0: not said."""
    return min((int(side) for side in (offer.get("height"), offer.get("width")) if side), default=0)


def _worth(offer: Offer, tall: int) -> tuple[float, ...]:
    whole = offer.get("acodec") != "none"
    return (
        _original(offer) if whole else 0,
        not _ALTERED.search(str(offer.get("format_id"))),
        offer.get("preference") or 0,
        tall * _height_px(offer),
        (offer.get("dynamic_range") or "SDR") == "SDR",
        str(offer.get("vcodec")).startswith(("avc", "h264")),
        whole,
        offer.get("ext") == "mp4",
        offer.get("tbr") or 0,
    )


def _sound_worth(offer: Offer) -> tuple[float, ...]:
    return (
        _original(offer),
        not _ALTERED.search(str(offer.get("format_id"))),
        offer.get("preference") or 0,
        (offer.get("audio_channels") or 2) <= 2,
        str(offer.get("acodec")).startswith("mp4a"),
        offer.get("tbr") or offer.get("abr") or 0,
    )


def _original(offer: Offer) -> int:
    preference = offer.get("language_preference")
    return 0 if preference is None else int(preference)
