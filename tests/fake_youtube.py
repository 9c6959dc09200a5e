"""A YouTube of our own inside the real yt-dlp: an extractor that answers what a test tells it to.

``plant(monkeypatch, answer)`` puts it in the place of yt-dlp's own, in this process (for whole commands: ``--workers
0``). ``answer(extractor, video_id)`` returns yt-dlp's table of a video (``video(...)`` makes one) or raises, with the
helpers that YouTube's own extractor uses: ``extractor.raise_no_formats(text, expected=True)``,
``extractor.raise_geo_restricted(text, countries)``, ``ExtractorError``. The list that comes back grows by the id of
each video that is asked for. Nothing leaves this machine.
"""

from collections.abc import Callable
from typing import Any

import pytest
from yt_dlp.extractor.common import InfoExtractor

from vegas_data.fetch import extractor as seam

Answer = Callable[[Any, str], Any]


def plant(monkeypatch: pytest.MonkeyPatch, answer: Answer) -> list[str]:
    """Let ``answer`` speak for YouTube; returns the ids that were asked for, in order."""
    asked: list[str] = []

    class YoutubeIE(InfoExtractor):  # type: ignore[misc]  # its name decides whose place it takes
        IE_NAME = "youtube"
        _VALID_URL = r"https://www\.youtube\.com/watch\?v=(?P<id>[\w-]{11})$"

        def _real_extract(self, url: str) -> Any:
            asked.append(self._match_id(url))
            return answer(self, asked[-1])

    make = seam.make_downloader

    def planted(*args: Any, **options: Any) -> Any:
        downloader = make(*args, **options)
        downloader.add_info_extractor(YoutubeIE())
        return downloader

    monkeypatch.setattr(seam, "make_downloader", planted)
    return asked


def says(text: str) -> Answer:
    """YouTube's way to refuse a video: no formats, and a sentence."""

    def answer(extractor: Any, video_id: str) -> None:
        extractor.raise_no_formats(text, expected=True)

    return answer


def video(video_id: str, *formats: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A video with these formats, the worst first."""
    offers = [{"format_id": str(index), "ext": "mp4", **offer} for index, offer in enumerate(formats)]
    return {"id": video_id, "title": "a $HOME %(title)s", "formats": offers, **more}
