"""One clip: fetch its video, cut the span exactly, prove the cut by decoding it, commit it with its side-car."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from vegas_data.config import canonical, digest, load_table
from vegas_data.errors import FetchError, MediaError, RecipeError, WorkspaceError
from vegas_data.fetch.options import FetchOptions, SourceOptions
from vegas_data.fetch.source import Download, Source
from vegas_data.media.cut import cut_clip
from vegas_data.media.sandbox import ffmpeg_version
from vegas_data.records import Clip, Media
from vegas_data.store import sha256_of
from vegas_data.workspace import Workspace

STAGE_VERSION: Final = 2


def fetch_digest(options: FetchOptions, corpus: str = "") -> str:
    """Digest of all that decides a clip's bytes, ffmpeg's version apart (that stands in the side-car).

    Args:
        corpus: digest of the embedded corpus the clips come from; empty where the sources' ids say it all.
    """
    return digest("fetch", STAGE_VERSION, options, corpus)


def clip_key(stage_digest: str, clip_id: str) -> str:
    """Workspace key of a fetched clip; folders by two hex digits keep directories small."""
    return f"clips/{stage_digest}/{digest(clip_id)[:2]}/{clip_id}.mp4"


def read_media(workspace: Workspace, stage_digest: str, clip: Clip) -> Media | None:
    """The media record of a clip, or None if it has not been fetched with the span it now has.

    Raises:
        WorkspaceError: the side-car is not what this version writes.
    """
    key = clip_key(stage_digest, clip.id)
    if not workspace.has_artefact(key):
        return None
    where = f"{workspace.path(key)}.json"
    try:
        media = load_table(Media, workspace.side_car(key), where=where)
    except RecipeError as error:
        raise WorkspaceError(
            str(error), remedy="delete it and the mp4 beside it, then run `vegas-data fetch` again"
        ) from None
    return media if media.end_ms == clip.end_ms else None  # the id holds the start; the end may have been edited


def is_fetched(workspace: Workspace, stage_digest: str, clip: Clip) -> bool:
    """Whether a clip is here with the span it now has; ``Raises:`` as ``read_media``."""
    return read_media(workspace, stage_digest, clip) is not None


def make_fetcher(
    options: FetchOptions, sources: tuple[SourceOptions, ...], workspace: Workspace, corpus: str = ""
) -> Callable[[Clip], Media]:
    """A worker that fetches clips; its yt-dlp instances are made once and reused.

    Args:
        corpus: as for ``fetch_digest``.

    Raises (the worker):
        VideoUnavailable, RateLimited, TransferFailed: the source's answer.
        MediaError: the file is not what a clip needs (ResourcesExhausted: the machine was not).
        WorkspaceError: the disk is full. DependencyMissing: no ffmpeg.
    """
    from vegas_data.fetch.ytdlp import YtDlpSource

    by_name: Mapping[str, Source] = {source.name: YtDlpSource(source, options) for source in sources}
    stage_digest = fetch_digest(options, corpus)
    tools = (("ffmpeg", ffmpeg_version()),)

    def fetch_clip(clip: Clip) -> Media:
        source = by_name.get(clip.source)
        if source is None:
            raise FetchError(
                f"{clip.id}: no source called {clip.source!r} in this recipe",
                remedy=f"known sources: {', '.join(sorted(by_name))}",
            )
        with workspace.scratch() as folder:
            (folder / "in").mkdir()
            download = source.fetch(clip, folder / "in")
            target = folder / "clip.mp4"
            media = _cut(clip, download, target, options, stage_digest, tools)
            workspace.commit_artefact(clip_key(stage_digest, clip.id), target, canonical(media))
        return media

    return fetch_clip


def _cut(
    clip: Clip,
    download: Download,
    target: Path,
    options: FetchOptions,
    stage_digest: str,
    tools: tuple[tuple[str, str], ...],
) -> Media:
    try:
        cut = cut_clip(
            download.picture,
            target,
            start_ms=clip.start_ms,
            end_ms=clip.end_ms,
            options=options.cut,
            sound=download.sound,
        )
    except MediaError as error:
        error.args = (f"{clip.id}: {error}",)
        raise
    return Media(
        clip_id=clip.id,
        video_id=clip.video_id,
        start_ms=clip.start_ms,
        end_ms=clip.end_ms,
        duration_ms=cut.duration_ms,
        sha256=sha256_of(target),
        num_bytes=target.stat().st_size,
        width=cut.width,
        height=cut.height,
        fps=f"{cut.fps.numerator}/{cut.fps.denominator}",
        num_frames=cut.num_frames,
        sample_rate_hz=options.cut.sample_rate_hz,
        num_samples=cut.num_samples,
        settings=stage_digest,
        tools=tools,
    )
