"""One clip: bring its span, cut it exactly, prove the cut by decoding it, commit it with its side-car."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from vegas_data.config import canonical, digest, load_table
from vegas_data.errors import NOT_HERE, MediaError, RecipeError, WorkspaceError
from vegas_data.fetch.chain import open_sources, source_of
from vegas_data.fetch.local import LOCAL
from vegas_data.fetch.options import ANYONE, Access, FetchOptions, SourceOptions
from vegas_data.fetch.source import Download
from vegas_data.ledger import Attempt
from vegas_data.media.cut import CutOptions, cut_clip
from vegas_data.media.demux import Demuxer
from vegas_data.media.fingerprint import sound_to_text
from vegas_data.media.picture_hash import pictures_to_text
from vegas_data.media.sandbox import ffmpeg_version
from vegas_data.records import Clip, Media
from vegas_data.store import sha256_of
from vegas_data.workspace import Workspace

STAGE_VERSION: Final = 3


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


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """What fetching one clip came to.

    Args:
        received_bytes: that came over the network for it.
    """

    media: Media
    received_bytes: int

    @property
    def origin(self) -> str:
        """Where it came from, for the ledger."""
        return self.media.origin


def came_from_folder(attempt: Attempt) -> bool:
    """Whether what ended a clip was a file of a local folder, or that there is none: no host said a word."""
    return attempt.code == NOT_HERE or attempt.message.removeprefix(f"{attempt.unit}: ").startswith(f"{LOCAL} ")


def make_fetcher(
    options: FetchOptions,
    sources: tuple[SourceOptions, ...],
    workspace: Workspace,
    corpus: str = "",
    access: Access = ANYONE,
) -> Callable[[Clip], Fetched]:
    """A worker that fetches clips; connections, yt-dlp and the demuxer's process are made once and reused.

    Args:
        corpus: as for ``fetch_digest``.

    Raises (the worker):
        FetchError: the source's answer, or its tool's fault (see ``Source.fetch``).
        MediaError: the file is not what a clip needs (ResourcesExhausted: the machine was not).
        WorkspaceError: the disk is full. DependencyMissing: no ffmpeg.
    """
    demuxer = Demuxer()
    places = open_sources(options, sources, workspace, access, demuxer)
    stage_digest = fetch_digest(options, corpus)
    tools = (("ffmpeg", ffmpeg_version()),)

    def fetch_clip(clip: Clip) -> Fetched:
        with workspace.scratch() as folder:
            (folder / "in").mkdir()
            download = source_of(clip, places).fetch(clip, folder / "in")
            target = folder / "clip.mp4"
            media = _cut(clip, download, target, options.cut, demuxer, settings=stage_digest, tools=tools)
            workspace.commit_artefact(clip_key(stage_digest, clip.id), target, canonical(media))
        return Fetched(media=media, received_bytes=download.num_bytes)

    return fetch_clip


def make_looker(
    options: FetchOptions, sources: tuple[SourceOptions, ...], access: Access, workspace: Workspace
) -> Callable[[Clip], None]:
    """A worker that asks whether clips are there, and brings nothing; raises as ``Source.look``."""
    places = open_sources(options, sources, workspace, access, Demuxer())

    def look(clip: Clip) -> None:
        source_of(clip, places).look(clip)

    return look


def _cut(
    clip: Clip,
    download: Download,
    target: Path,
    options: CutOptions,
    demuxer: Demuxer,
    *,
    settings: str,
    tools: tuple[tuple[str, str], ...],
) -> Media:
    try:
        cut = cut_clip(
            download.picture,
            target,
            start_ms=clip.start_ms - download.start_ms,
            end_ms=clip.end_ms - download.start_ms,
            options=options,
            sound=download.sound,
            demuxer=demuxer,
        )
    except MediaError as error:
        copy = f"{LOCAL} copy: " if download.origin.startswith(f"{LOCAL} ") else ""
        error.args = (f"{clip.id}: {copy}{error}",)
        raise
    return Media(
        clip_id=clip.id,
        video_id=clip.video_id,
        start_ms=clip.start_ms,
        end_ms=clip.end_ms,
        duration_ms=cut.duration_ms,
        padding_ms=cut.padding_ms,
        sha256=sha256_of(target),
        num_bytes=target.stat().st_size,
        width=cut.width,
        height=cut.height,
        fps=f"{cut.fps.numerator}/{cut.fps.denominator}",
        num_frames=cut.num_frames,
        sample_rate_hz=options.sample_rate_hz,
        num_samples=cut.num_samples,
        origin=download.origin,
        settings=settings,
        cut=tuple((name, str(value)) for name, value in asdict(options).items()),
        tools=tools,
        sound_fingerprint=sound_to_text(cut.sound_fingerprint),
        picture_hashes=pictures_to_text(cut.picture_hashes),
    )
