"""The packets of a span, from a source of any length into a small file; nothing is decoded.

Picture begins at the last key frame that is not after the span's start, sound a second before it, and both run about a
second past its end (pictures are stored out of order, decoders lag behind). Time stamps stay the source's own but for
a whole number of seconds, so that a clip cut from the piece has the bytes of one cut from the source.
"""

import contextlib
import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from vegas_data.errors import DecodeFailed, LimitExceeded, NoSuchTime, Unsupported
from vegas_data.media.probe import MICROSECONDS, PictureTrack, Probe, Track

if TYPE_CHECKING:
    import av.container
    from av.packet import Packet
    from av.stream import Stream

SHORTFALL_TOLERATED_US: Final = 100_000  # beyond this a source announced more than it holds
_SOUND_LEAD_US: Final = 1_000_000
_TAIL_US: Final = 1_000_000
_MAX_KEY_DISTANCE_US: Final = 120 * MICROSECONDS
_MAX_HELD_BYTES: Final = 64 << 20
_MOST_REORDERED: Final = 16
_ROOM_S: Final = 2  # before the source's first time stamp, for what lies before it: priming, reordered pictures
_NEVER_US: Final = -(1 << 60)
_AS_GIVEN: Final = {"avoid_negative_ts": "disabled"}
_FRAGMENTS: Final = {
    **_AS_GIVEN,
    "movflags": "empty_moov+delay_moov+default_base_moof+frag_discont+frag_keyframe",  # AC-3 is known by its packets
    "use_editlist": "0",
}
_MUXERS: Final = {
    "mov": (("mp4", _FRAGMENTS), ("mov", _FRAGMENTS)),
    "matroska": (("matroska", _AS_GIVEN),),
    "mpegts": (("matroska", _AS_GIVEN),),
}


@dataclass(frozen=True, kw_only=True)
class Copied:
    """See ``section.Section``."""

    shift_s: int
    picture_until_us: int | None
    sound_until_us: int | None


class _Lane:
    """One track on its way; times are microseconds from the source's start.

    Its numbers are taken out of PyAV's fractions once: there are a thousand packets to a clip.
    """

    def __init__(self, announced: Track, stream: "Stream", target: "Stream", shift_s: int) -> None:
        assert stream.time_base is not None
        self.announced = announced
        self.stream = stream
        self.target = target
        self.is_picture = isinstance(announced, PictureTrack)
        self.grain_us = int(MICROSECONDS / announced.fps) if isinstance(announced, PictureTrack) else 0
        self.shift = round(shift_s / stream.time_base)
        self._last_dts: int | None = None
        # Matroska has no decoding times: of 16 pictures, the most that any codec holds back, the first shown is due.
        self._waiting: list[int] | None = [] if self.is_picture and _family(stream.container) == "matroska" else None
        self.seen_until_us = _NEVER_US
        self.is_past = False
        self._unit = stream.time_base.numerator * MICROSECONDS, stream.time_base.denominator

    def time_us(self, stamp: int) -> int:
        return stamp * self._unit[0] // self._unit[1] - self.announced.start_us

    def until_us(self, packet: "Packet[Any]") -> int:
        duration = packet.duration or 0  # the last picture's is not always given
        return self.time_us(_stamp(packet) + duration) + (0 if duration else self.grain_us)

    def stamps(self, packet: "Packet[Any]") -> tuple[int, int]:
        """Presentation and decoding time of a packet in the piece; the latter must rise."""
        shown, decoded = _stamp(packet) + self.shift, _decoded_at(packet) + self.shift
        if self._waiting is not None:
            if not self._waiting:
                self._waiting = [shown - _MOST_REORDERED + number for number in range(_MOST_REORDERED)]
            decoded = heapq.heappushpop(self._waiting, shown)
        if self._last_dts is not None:
            decoded = max(decoded, self._last_dts + 1)
        self._last_dts = decoded
        return max(shown, decoded), decoded


def has_index(container: "av.container.Container") -> bool:
    """Whether a span can be found without reading all that lies before it."""
    return _family(container) != "mpegts"


def copy_packets(
    container: "av.container.InputContainer", into: Any, probe: Probe, *, start_us: int, end_us: int
) -> Copied:
    """Copy the packets of ``[start_us, end_us)`` of the tracks of ``probe`` to the open binary file ``into``.

    Raises:
        NoSuchTime: a track ends before the span begins. DecodeFailed: the file ends before it said it would.
        LimitExceeded: more lies between two key frames than a clip may cost. Unsupported: a codec without a place in
            its own container.
    """
    tracks = [track for track in (probe.picture, probe.sound) if track is not None]
    for track in tracks:
        if track.end_us is not None and track.end_us <= start_us:
            raise NoSuchTime(f"it ends at {track.end_us / MICROSECONDS:.3f} s, where the span has not begun")
    output, targets = _open_output(container, into, probe)
    with output:
        shift_s = _ROOM_S + max(0, -(tracks[0].start_us // MICROSECONDS))
        lanes = {}
        for track, target in zip(tracks, targets, strict=True):
            found = container.streams.video if isinstance(track, PictureTrack) else container.streams.audio
            lanes[found[0].index] = _Lane(track, found[0], target, shift_s)
        span = _Span(lanes, start_us=start_us, end_us=end_us)
        for packet in span.packets(container):
            lane = lanes[packet.stream_index]
            packet.pts, packet.dts = lane.stamps(packet)
            packet.stream = lane.target
            output.mux(packet)
    until = {lane.is_picture: _end(lane, end_us) for lane in lanes.values()}
    _require_whole(container, list(lanes.values()), end_us)
    for found_us in until.values():
        if found_us is not None and found_us <= start_us:
            raise NoSuchTime(f"it ends at {found_us / MICROSECONDS:.3f} s, where the span has not begun")
    return Copied(shift_s=shift_s, picture_until_us=until.get(True), sound_until_us=until.get(False))


def _family(container: "av.container.Container") -> str:
    return container.format.name.split(",")[0]


def _open_output(
    container: "av.container.InputContainer", into: Any, probe: Probe
) -> "tuple[av.container.OutputContainer, list[Stream]]":
    import av

    wanted = [
        *container.streams.video[: probe.picture is not None],
        *container.streams.audio[: probe.sound is not None],
    ]
    for muxer, options in _MUXERS[_family(container)]:
        output = av.open(into, "w", format=muxer, options=dict(options))
        try:
            return output, [output.add_stream_from_template(stream, opaque=True) for stream in wanted]
        except ValueError:  # this muxer has no place for one of the codecs
            output.close()
    raise Unsupported("a codec that its own kind of container cannot hold")


class _Span:
    """Picks the packets of ``[start_us, end_us)`` out of a source's."""

    def __init__(self, lanes: dict[int, _Lane], *, start_us: int, end_us: int) -> None:
        self._lanes = lanes
        self._start_us = start_us
        self._end_us = end_us
        self._held: list[Packet[Any]] = []
        self._held_bytes = 0
        self._key_us: int | None = None

    def packets(self, container: "av.container.InputContainer") -> "Iterator[Packet[Any]]":
        """Yield what is to be written, in the source's order."""
        is_settled = not any(lane.is_picture for lane in self._lanes.values())
        for packet in self._read(container):
            lane = self._lanes[packet.stream_index]
            if not lane.is_picture:
                if lane.until_us(packet) <= self._start_us - _SOUND_LEAD_US:
                    continue
            elif not is_settled and not self._is_needed(packet, lane.time_us(_stamp(packet))):
                continue
            elif not is_settled and lane.time_us(_stamp(packet)) > self._start_us:
                is_settled = True
                yield from self._held
                self._held.clear()
            if is_settled:
                yield packet
            else:
                self._hold(packet)
        yield from self._held

    def _is_needed(self, packet: "Packet[Any]", shown_us: int) -> bool:
        """Whether a picture can be decoded; a key frame before the span makes those before it needless."""
        if packet.is_keyframe and (self._key_us is None or shown_us <= self._start_us):
            self._held = [other for other in self._held if not self._lanes[other.stream_index].is_picture]
            self._held_bytes = sum(other.size for other in self._held)
            self._key_us = shown_us
        if self._key_us is not None and min(shown_us, self._start_us) - self._key_us > _MAX_KEY_DISTANCE_US:
            raise LimitExceeded("more than two minutes from one key frame to the next")
        return self._key_us is not None

    def _hold(self, packet: "Packet[Any]") -> None:
        self._held.append(packet)
        self._held_bytes += packet.size
        if self._held_bytes > _MAX_HELD_BYTES:
            raise LimitExceeded("too much lies between two key frames")

    def _read(self, container: "av.container.InputContainer") -> "Iterator[Packet[Any]]":
        """Yield the packets of our tracks up to a second past the span's end."""
        for packet in self._from_key_frame(container):
            if packet.size == 0 or (packet.pts is None and packet.dts is None):
                continue
            lane = self._lanes[packet.stream_index]
            if lane.is_past:
                continue
            lane.seen_until_us = max(lane.seen_until_us, lane.until_us(packet))
            if lane.time_us(_decoded_at(packet)) <= self._end_us + _TAIL_US:
                yield packet
                continue
            lane.is_past = True
            if all(other.is_past for other in self._lanes.values()):
                return

    def _from_key_frame(self, container: "av.container.InputContainer") -> "Iterator[Packet[Any]]":
        """Yield packets from a key frame before the span on; from the file's start where its index leads past that."""
        import av

        leading = next(iter(self._lanes.values()))
        streams = [lane.stream for lane in self._lanes.values()]
        wanted_us = self._start_us - _SOUND_LEAD_US
        if wanted_us > 0 and has_index(container):
            file_start_us = container.start_time or 0
            with contextlib.suppress(av.FFmpegError):  # no index after all: it stays where it is, at its start
                container.seek(wanted_us + file_start_us)
            ahead: list[Packet[Any]] = []
            for packet in container.demux(streams):
                ahead.append(packet)
                if packet.stream_index == leading.stream.index:
                    break
            if ahead and ahead[-1].size and leading.time_us(_stamp(ahead[-1])) <= self._start_us:
                yield from ahead
            else:
                container.seek(file_start_us)
        yield from container.demux(streams)


def _stamp(packet: "Packet[Any]") -> int:
    stamp = packet.dts if packet.pts is None else packet.pts
    assert stamp is not None
    return stamp


def _decoded_at(packet: "Packet[Any]") -> int:
    return _stamp(packet) if packet.dts is None else packet.dts


def _end(lane: _Lane, end_us: int) -> int | None:
    """Where a track ends, if that is before ``end_us``; the track's own word and what was found must agree."""
    said = lane.announced.end_us if lane.announced.end_is_known else None
    if lane.is_past or lane.seen_until_us >= end_us:
        found = end_us if said is None else said
    elif said is None:
        found = lane.seen_until_us
    else:
        if lane.seen_until_us < min(said, end_us) - SHORTFALL_TOLERATED_US:
            raise DecodeFailed(_missing(said, lane.seen_until_us))
        found = min(said, lane.seen_until_us + lane.grain_us)
    return found if found < end_us else None


def _require_whole(container: "av.container.InputContainer", lanes: list[_Lane], end_us: int) -> None:
    """Where no track says how long it is, the file does: one of its tracks must reach that far."""
    others = len(container.streams.video) + len(container.streams.audio) - len(lanes)
    if container.duration is None or others or any(lane.is_past or lane.announced.end_is_known for lane in lanes):
        return
    seen_us = max(lane.seen_until_us for lane in lanes)
    if seen_us < min(container.duration, end_us) - SHORTFALL_TOLERATED_US:
        raise DecodeFailed(_missing(container.duration, seen_us))


def _missing(said_us: int, seen_us: int) -> str:
    return f"{said_us // 1000} ms announced, {max(seen_us, 0) // 1000} ms are there"
