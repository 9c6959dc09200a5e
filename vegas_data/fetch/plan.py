"""How much a fetch would ask for, and how long that takes at the very least. Nobody is asked."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from vegas_data.fetch.local import make_local
from vegas_data.fetch.options import SourceOptions
from vegas_data.records import Clip

S_PER_HOUR = 3600


@dataclass(frozen=True, kw_only=True)
class SourcePlan:
    """What the hosts of one source would be asked for.

    Args:
        videos_per_hour: its limit; 0: none. pace_hours: how long the limit makes it last.
    """

    source: str
    clips: int
    videos: int
    videos_per_hour: float
    pace_hours: float


@dataclass(frozen=True, kw_only=True)
class FetchPlan:
    """What a fetch would do.

    Args:
        videos: that hosts are asked for. local_clips: that are looked for in a local folder alone, or lie there.
        measured_clips: how many fetches in this workspace the time of a clip is known from.
        seconds_per_clip: their median; None: no clip was fetched here so far.
        work_hours: clips times that, by ``workers`` at a time.
        hours: the longest of all that is known; None: nothing is. It is never less, and more if clips are dead and a
            cap asks for others.
    """

    clips: int
    videos: int
    local_clips: int
    workers: int
    sources: tuple[SourcePlan, ...]
    measured_clips: int
    seconds_per_clip: float | None
    work_hours: float | None
    hours: float | None


def plan_fetch(
    clips: Iterable[Clip], sources: Sequence[SourceOptions], *, seconds: Sequence[float], workers: int
) -> FetchPlan:
    """What fetching ``clips`` takes; local folders are looked into.

    Args:
        seconds: that earlier fetches took, one each. workers: units at a time.

    Raises:
        RecipeError: a local folder cannot be used.
    """
    clips = tuple(clips)
    asked = _not_in_folders(clips, sources)
    by_source = [_plan_source(name, asked, sources) for name in sorted({clip.source for clip in asked})]
    per_clip = median(seconds) if seconds else None
    work_hours = None if per_clip is None else len(clips) * per_clip / workers / S_PER_HOUR
    known = [plan.pace_hours for plan in by_source if plan.videos_per_hour] + (
        [] if work_hours is None else [work_hours]
    )
    return FetchPlan(
        clips=len(clips),
        videos=sum(plan.videos for plan in by_source),
        local_clips=len(clips) - len(asked),
        workers=workers,
        sources=tuple(by_source),
        measured_clips=len(seconds),
        seconds_per_clip=per_clip,
        work_hours=work_hours,
        hours=max(known, default=None),
    )


def _not_in_folders(clips: Sequence[Clip], sources: Sequence[SourceOptions]) -> list[Clip]:
    """The clips that some host is asked for: no local folder has them, and there is a host to ask."""
    folders = [make_local(source) for source in sources if source.kind == "local"]
    hosts = {source.name for source in sources if source.kind != "local"}
    only_here = {folder.name for folder in folders} - hosts
    return [
        clip
        for clip in clips
        if clip.source not in only_here and not any(f.name == clip.source and f.has(clip) for f in folders)
    ]


def _plan_source(name: str, clips: Sequence[Clip], sources: Sequence[SourceOptions]) -> SourcePlan:
    of_source = Counter(clip.video_id for clip in clips if clip.source == name)
    remote = (source.pace_per_hour for source in sources if source.name == name and source.kind != "local")
    limit = next(remote, 0.0)
    return SourcePlan(
        source=name,
        clips=of_source.total(),
        videos=len(of_source),
        videos_per_hour=limit,
        pace_hours=len(of_source) / limit if limit else 0.0,
    )
