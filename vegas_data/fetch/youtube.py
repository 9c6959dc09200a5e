"""A site that yt-dlp understands, as a source: yt-dlp says where a video's files are, our own transport brings them.

A clip comes in, a ``Download`` goes out. A video is asked about once for all of its clips: the answer, or the failure,
is kept until another video is asked for, so clips should come sorted. A clip that comes a second time is a new attempt
and asks anew, for addresses expire and failures pass.
"""

import copy
import dataclasses
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vegas_data.errors import FetchError, NoSuchTime, TransferFailed, VegasError, VideoUnavailable
from vegas_data.fetch.addresses import Address
from vegas_data.fetch.extractor import GENERIC, Extractor
from vegas_data.fetch.failures import REMEDY_RETRY, UPGRADE
from vegas_data.fetch.formats import Choice, choose
from vegas_data.fetch.options import Access, FetchOptions, SourceOptions
from vegas_data.fetch.pace import Pace
from vegas_data.fetch.source import Download, Opening
from vegas_data.fetch.spans import bring
from vegas_data.fetch.web import Web
from vegas_data.media.section import Section
from vegas_data.records import Clip

if TYPE_CHECKING:
    from vegas_data.media.demux import Demuxer

_LIVE: Final = frozenset({"is_live", "is_upcoming", "post_live"})
_KEPT_S: Final = 3600.0
_MAX_WAIT_S: Final = 60.0


@dataclasses.dataclass(kw_only=True)
class _Answer:
    """What was said of one video, and to which clips."""

    video_id: str
    asked_at_s: float
    clip_ids: set[str]
    info: Mapping[str, Any] | None = None
    error: FetchError | None = None


class YouTubeSource:
    """Videos of one site, by id.

    Args:
        access: cookies and proxy. web: brings what lies at plain addresses. demuxer: finds the span in it; None brings
            whole files. pace: is asked before every question to the site. clock: seconds.

    Raises:
        RecipeError: the cookies file cannot be used.
    """

    def __init__(
        self,
        source: SourceOptions,
        options: FetchOptions,
        access: Access,
        *,
        web: Web,
        demuxer: "Demuxer | None",
        pace: Pace,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = source.name
        self._source = source
        self._options = options
        self._web = web
        self._demuxer = demuxer
        self._pace = pace
        self._clock = clock
        self._extractor = Extractor(source, access, max_bytes=options.max_source_bytes)
        self._last: _Answer | None = None

    def fetch(self, clip: Clip, into: Path) -> Download:
        """See ``Source.fetch``."""
        try:
            info, choice = self._find(clip)
            self._web.deadline = self._clock() + self._options.deadline_s
            download = self._bring(clip, into, choice) if choice.direct else self._bring_pieces(into, choice, info)
        except VegasError as error:
            raise _named(error, clip) from None
        return dataclasses.replace(download, origin=f"{info.get('extractor')} {choice.name} {download.origin}")

    def look(self, clip: Clip) -> None:
        """See ``Source.look``."""
        try:
            self._find(clip)
        except VegasError as error:
            raise _named(error, clip) from None

    def close(self) -> None:
        """Close the connections to the site; the transport belongs to somebody else."""
        self._extractor.close()

    def _find(self, clip: Clip) -> tuple[Mapping[str, Any], Choice]:
        """The answer for a clip's video, and the files to bring."""
        answer = self._last
        if (
            answer is None
            or answer.video_id != clip.video_id
            or clip.id in answer.clip_ids
            or self._clock() - answer.asked_at_s > _KEPT_S
        ):
            answer = self._last = self._ask(clip)
        answer.clip_ids.add(clip.id)
        if answer.error is not None:
            raise copy.copy(answer.error)
        info = answer.info
        assert info is not None
        choice = choose(info["formats"], self._options.max_source_height_px)
        assert choice is not None, "an answer without any file is an error"
        duration_s = info.get("duration")
        if duration_s and clip.start_ms >= duration_s * 1000:
            raise NoSuchTime(f"the clip begins at {clip.start_ms / 1000:g} s, the video has {duration_s:g} s")
        return info, choice

    def _ask(self, clip: Clip) -> _Answer:
        self._pace.wait()
        answer = _Answer(video_id=clip.video_id, asked_at_s=self._clock(), clip_ids=set())
        try:
            answer.info = self._extractor.ask(self._source.url.replace("{id}", clip.source_local_id))
            self._check(answer.info, clip)
        except FetchError as error:
            answer.error = error.with_traceback(None)
        return answer

    def _check(self, info: Mapping[str, Any], clip: Clip) -> None:
        status = info.get("live_status")
        if status in _LIVE:
            raise VideoUnavailable(f"a live stream or a premiere ({status})", reason="live")
        if info.get("extractor") != GENERIC and info.get("id") != clip.source_local_id:
            # so YouTube answers for a film that has to be paid for
            raise VideoUnavailable(f"another video, {info.get('id')!r}, stands in for it", reason="members_only")
        choice = choose(info["formats"], self._options.max_source_height_px)
        missing = "sound" if choice else "moving picture"
        if choice is None or choice.is_mute:
            error = self._extractor.explain(f"Requested format is not available: no {missing} that can be brought")
            if choice is None or error.code != "format_missing":  # else the file itself shall prove that it is mute
                raise error

    def _bring(self, clip: Clip, into: Path, choice: Choice) -> Download:
        soonest_s = max(float(offer.get("available_at") or 0) for _, offer in choice.files)
        time.sleep(min(max(soonest_s - time.time(), 0), _MAX_WAIT_S))  # YouTube answers 403 before
        addresses = [
            Address(
                url=str(offer["url"]),
                headers=tuple(sorted((str(k), str(v)) for k, v in (offer.get("http_headers") or {}).items())),
                part=part,
                is_final=False,
            )
            for part, offer in choice.files
        ]
        self._web.deadline = time.monotonic() + self._options.deadline_s
        try:
            return bring(self._web, addresses, clip, into, self._demuxer, max_bytes=self._options.max_source_bytes)
        except TransferFailed as error:
            error.remedy = f"{REMEDY_RETRY}; if it stays so: {UPGRADE}"
            raise

    def _bring_pieces(self, into: Path, choice: Choice, info: Mapping[str, Any]) -> Download:
        paths = {part: into / part for part, _ in choice.files}
        num_bytes = self._extractor.bring_whole({paths[part]: offer for part, offer in choice.files}, info)
        picture, sound = next(iter(paths.values())), list(paths.values())[-1]
        origin = " + ".join(f"{part} whole" for part in paths)
        return Download(picture=Section(path=picture), sound=Section(path=sound), origin=origin, num_bytes=num_bytes)


def open_youtube(opening: Opening) -> YouTubeSource:
    """Open a source of kind ``youtube``; raises as ``YouTubeSource``."""
    return YouTubeSource(
        opening.source,
        opening.options,
        opening.access,
        web=opening.web(),
        demuxer=opening.demuxer,
        pace=opening.pace(),
    )


def _named(error: VegasError, clip: Clip) -> VegasError:
    if clip.id not in str(error):
        error.args = (f"{clip.id}: {error}",)
    return error
