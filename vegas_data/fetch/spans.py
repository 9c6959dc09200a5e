"""Where a clip's files are in, the clip's span of them in a folder out: over the network comes little more than that.

A server that answers ranges is read like a disk: the demuxer asks for the index and for the packets of the span. Where
there are no ranges, or no index, or the file is small, the whole file comes. All under the limits of ``Web``.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vegas_data.errors import VegasError
from vegas_data.fetch.addresses import Address
from vegas_data.fetch.ranges import open_remote
from vegas_data.fetch.source import Download
from vegas_data.fetch.web import Web
from vegas_data.media.section import Section
from vegas_data.records import Clip

if TYPE_CHECKING:
    from vegas_data.media.demux import Demuxer, Tracks

WHOLE_BYTES: Final = 1 << 20  # a file up to this size is not worth the questions
_TRACKS: "Final[dict[str, Tracks]]" = {"video": "both", "picture": "picture", "sound": "sound"}


def bring(
    web: Web,
    addresses: Sequence[Address],
    clip: Clip,
    into: Path,
    demuxer: "Demuxer | None",
    *,
    max_bytes: int,
) -> Download:
    """Bring the span of ``clip`` of the files at ``addresses`` into the empty folder ``into``.

    ``Download.origin`` says what came: ``video span``, ``picture span + sound whole``.

    Args:
        addresses: one video, or one picture and one sound. demuxer: None brings whole files.
        max_bytes: of all files together.

    Raises:
        As ``Web.get`` and, with a demuxer, ``Demuxer.copy_span``; WorkspaceError: the disk is full. Messages begin
        with the clip's id.
    """
    parts = [address.part for address in addresses]
    if sorted(parts) not in (["video"], ["picture", "sound"]):
        raise ValueError(f"neither a video nor a picture and a sound: {parts}")
    sections: dict[str, Section] = {}
    taken: list[str] = []
    num_bytes = 0
    with naming(clip):
        for address in addresses:
            section, came = _bring_one(web, address, clip, into, demuxer, max_bytes=max_bytes - num_bytes)
            num_bytes += came
            sections[address.part] = section
            taken.append(f"{address.part} {'whole' if section.shift_s is None else 'span'}")
    picture = sections.get("video") or sections["picture"]
    return Download(
        picture=picture, sound=sections.get("sound", picture), origin=" + ".join(taken), num_bytes=num_bytes
    )


def _bring_one(
    web: Web, address: Address, clip: Clip, into: Path, demuxer: "Demuxer | None", *, max_bytes: int
) -> tuple[Section, int]:
    """One file, and how many bytes it took."""
    whole = into / f"{address.part}.whole"
    remote = open_remote(web, address, whole, max_bytes=max_bytes)
    if remote is None:
        return Section(path=whole), whole.stat().st_size
    section = None
    if demuxer is not None and remote.size > WHOLE_BYTES:
        section = demuxer.copy_span(
            remote,
            into / f"{address.part}.span",
            start_ms=clip.start_ms,
            end_ms=clip.end_ms,
            tracks=_TRACKS[address.part],
        )
    if section is None:
        remote.save(whole)
        section = Section(path=whole)
    return section, remote.num_bytes


@contextmanager
def naming(clip: Clip) -> Iterator[None]:
    """Errors begin with the clip's id."""
    try:
        yield
    except VegasError as error:
        error.args = (f"{clip.id}: {error}",)
        raise
