"""One example or clip of a workspace, by its id: gathered from tables, side-cars and people, and put on a sheet.

Reads, takes no lock, and looks at one clip only, whatever the size of the workspace. Writes one file, where the user
wants it.
"""

import bisect
import difflib
import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vegas_data import features, report, shards, verify
from vegas_data.annotate.tasks import PURPOSES
from vegas_data.clips import FETCH, clips_digest, fetched, licences, truth_of_corpus
from vegas_data.context import Run
from vegas_data.errors import VegasError, WorkspaceError
from vegas_data.evidence import answers_of, read_evidence
from vegas_data.onsets import read_onsets
from vegas_data.overview import planted_truth, shard_infos, thresholds, window_scores
from vegas_data.pipeline import scores_digest
from vegas_data.records import Clip, Example, Media
from vegas_data.report.numerals import listing
from vegas_data.shards.schema import member_names
from vegas_data.sheet import Motion, Place, Said, SheetData, StreamRows
from vegas_data.sheet.stored import read_streams
from vegas_data.split import split_examples
from vegas_data.store import place_bytes

_NEIGHBOURS: Final = 200
_NEAREST: Final = 3
_DEFAULT_SHORT_PX: Final = 224
_OLDER: Final = "older than the recipe, the scores, the calibrations or the answers that are here now"


@dataclass(frozen=True, kw_only=True)
class Found:
    """What an id means: a clip, the categories that the sheet is about, and the example if it names one."""

    clip: Clip
    categories: tuple[str, ...]
    example: Example | None = None


def write_sheet(run: Run, unit: str, output: Path | None, *, category: str | None = None) -> tuple[Path, SheetData]:
    """Put the sheet of an example or clip at ``output``, a page or a picture by its suffix; where it is, and of what.

    Args:
        output: ``{id}.html`` in the current folder where there is none.

    Raises:
        WorkspaceError: no such example or clip, its media is not here, or the sheet cannot be written.
        ChecksumMismatch: its media has other bytes than were fetched.
        MediaError: the clip cannot be decoded.
    """
    data, path = gather_sheet(run, unit, category=category)
    output = output or Path(f"{data.id}.html")
    from vegas_data.sheet.draw import draw

    drawing = draw(data, path)
    if output.suffix.lower() == ".png":
        from vegas_data.sheet.picture import render_picture

        content = render_picture(data, drawing)
    else:
        from vegas_data.sheet.page import render_page

        content = render_page(data, drawing, path).encode("utf-8", "replace")
    try:
        place_bytes(output, content, tmp=output.parent)
    except OSError as error:
        raise WorkspaceError(
            f"{output}: cannot be written: {error.strerror}", remedy="give --output a place with room to write"
        ) from error
    return output, data


def gather_sheet(run: Run, unit: str, *, category: str | None = None) -> tuple[SheetData, Path]:
    """Everything known of one example or clip, and where its media lies; raises as ``write_sheet``."""
    found = find(run, unit, category)
    clip, workspace, recipe = found.clip, run.workspace, run.recipe
    media, key = _media(run, found)
    verified = workspace.exists(verify.table_key("examples"))
    everyone = verify.read_examples(workspace) if verified else []
    own = [e for e in everyone if e.clip_id == clip.id and e.category in found.categories]
    examples = tuple(sorted(own, key=lambda e: (e.start_ms, e.category)))
    shown = tuple(one for one in examples if found.example is None or one.id == found.example.id)
    notes: list[str] = []
    if not verified:
        notes.append("Not verified yet: there are no verdicts.")
    elif _is_stale(run, notes):
        notes.append(f"The verdicts are {_OLDER}; `vegas-data verify` makes them anew.")
    places = tuple(_places(run, shown))
    onsets = read_onsets(workspace) or {}
    planned = {one.clip.id: one for one in truth_of_corpus(run)}
    data = SheetData(
        report=report.ReportData(
            recipe_name=recipe.name,
            categories=tuple(one for one in run.categories.values() if one.name in clip.categories),
            clips=(clip,),
            media={clip.id: media},
            verdicts=tuple(verify.read_verdicts(workspace, clip_id=clip.id)) if verified else (),
            scores=tuple(window_scores(run, (clip,), {clip.id: media})) if verified else (),
            thresholds=thresholds(run),
            examples=examples,
            truth=tuple(planted_truth((clip,), tuple(planned.values()))),
            window_ms=recipe.verify.window_ms,
        ),
        clip=clip,
        media=media,
        categories=found.categories,
        example=found.example,
        examples=examples,
        people=tuple(_people(run, found)),
        onsets_ms=tuple(
            ms - clip.start_ms for ms in onsets.get(clip.video_id, ()) if 0 <= ms - clip.start_ms < media.duration_ms
        ),
        onsets_are=("planted" if planned else "known") if clip.video_id in onsets else "",
        motion=_motion(run),
        streams=tuple(_streams(run, shown, media, key, places, notes)),
        sample_rate_hz=recipe.grid.sample_rate_hz,
        licence=licences(run).get(clip.id, shards.UNKNOWN_LICENCE),
        credit=planned[clip.id].credit if clip.id in planned else "",
        split=split_examples(everyone, recipe.split).get(clip.video_id) if examples else None,
        places=places,
        notes=tuple(notes),
        digests=(("recipe", recipe.digest), ("clips", clips_digest(run)), *_table_digests(run, verified)),
    )
    return data, workspace.path(key)


# --- the id ---------------------------------------------------------------------------------------------------


def find(run: Run, unit: str, category: str | None = None) -> Found:
    """The example or clip of that id.

    Raises:
        WorkspaceError: there is none, or not in that category; the remedy names the nearest.
    """
    workspace = run.workspace
    clips = {clip.id: clip for clip in run.manifest()}
    verified = workspace.exists(verify.table_key("examples"))
    examples = verify.read_examples(workspace) if verified else []
    own = [example for example in examples if example.id == unit]
    if not own and unit not in clips:
        raise WorkspaceError(
            f"no example and no clip {unit[:120]!r} in {workspace.root}",
            remedy=_nearest(unit, [*clips, *{example.id for example in examples}]),
        )
    clip = clips.get(own[0].clip_id if own else unit)
    if clip is None:
        raise WorkspaceError(
            f"{unit}: its clip {own[0].clip_id} is not listed any more",
            remedy="run `vegas-data verify` again: the table of clips has changed since",
        )
    names = tuple(example.category for example in own) or clip.categories
    if category is not None and category not in names:
        raise WorkspaceError(f"{unit}: not of {category}", remedy=f"it is of {listing(list(names))}")
    chosen = names if category is None else (category,)
    example = next((example for example in own if example.category == chosen[0]), None)
    return Found(clip=clip, categories=chosen, example=example)


def _nearest(unit: str, ids: list[str]) -> str:
    """What might have been meant: of many ids only those that stand near it in order are compared."""
    ordered = sorted(ids)
    at = bisect.bisect_left(ordered, unit)
    near = ordered[max(0, at - _NEIGHBOURS) : at + _NEIGHBOURS]
    close = difflib.get_close_matches(unit[:120], near, n=10 * _NEAREST, cutoff=0.4)
    named = sorted(close, key=lambda one: -_shared(one, unit))[:_NEAREST]
    if named:
        return f"did you mean {' or '.join(named)}?"
    return "ids are in tables/examples.csv and in the table of clips: `vegas-data manifest show`"


def _shared(one: str, other: str) -> int:
    """So many characters they begin with alike."""
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _media(run: Run, found: Found) -> tuple[Media, str]:
    """The clip's media, every byte of it as it was fetched."""
    here = next(iter(fetched(run, (found.clip,))), None)
    if here is None:
        last = run.ledger.latest(FETCH, clips_digest(run)).get(found.clip.id)
        why = f": {last.code}: {last.message}" if last is not None and last.status != "done" else ""
        raise WorkspaceError(
            f"{found.clip.id}: its media is not here{why}",
            remedy="run `vegas-data fetch`, or with --again what was refused for good",
        )
    _, media, key = here
    run.workspace.verify_checksum(key, media.sha256)
    return media, key


# --- what was decided -----------------------------------------------------------------------------------------


def _is_stale(run: Run, notes: list[str]) -> bool:
    """Whether the verdicts in the tables do not follow from what is here; where that cannot be said, a note says so."""
    try:
        now = verify.verdict_digest(run.recipe.verify, scores_digest(run), read_evidence(run))
    except VegasError as error:
        notes.append(f"Whether the verdicts are up to date is not known: {error}")
        return False
    return verify.tables_made_with(run.workspace)["verdicts"] != now


def _table_digests(run: Run, verified: bool) -> Iterator[tuple[str, str]]:
    if verified:
        made_with = verify.tables_made_with(run.workspace)
        yield from ((name, made_with[name]) for name in ("scores", "verdicts"))


def _people(run: Run, found: Found) -> Iterator[Said]:
    for one in answers_of(run, PURPOSES):
        if one.clip_id == found.clip.id and one.category in found.categories:
            yield Said(
                category=one.category,
                start_ms=one.start_ms,
                side=one.side,
                who=one.annotator,
                answer=one.answer,
                purpose=one.purpose,
            )


# --- features -------------------------------------------------------------------------------------------------


def _motion(run: Run) -> Motion:
    """Flow as the recipe's first stream of flow has it, on the whole picture at the same scale."""
    grid = run.recipe.grid
    for stream in run.recipe.features.streams:
        if stream.flow is not None:
            return Motion(
                options=stream.flow,
                rate_hz=stream.flow.rate_hz or grid.frame_rate_hz,
                short_px=math.ceil(stream.size_px / stream.crop_fraction),
                stream=stream.name,
            )
    return Motion(options=features.FlowOptions(), rate_hz=grid.frame_rate_hz, short_px=_DEFAULT_SHORT_PX)


def _streams(
    run: Run, examples: Iterable[Example], media: Media, key: str, places: Iterable[Place], notes: list[str]
) -> Iterator[StreamRows]:
    recipe = run.recipe
    try:
        digests = features.stream_digests(recipe.features, recipe.grid)
    except VegasError as error:
        notes.append(f"The recipe's features cannot be named: {error}")
        digests = {}
    jobs = (features.FeatureJob(example=example, media=media, media_key=key) for example in examples)
    encoders = {stream.name: stream.encoder for stream in recipe.features.streams}
    yield from read_streams(run.workspace, jobs, places, digests=digests, encoders=encoders, notes=notes)


def _places(run: Run, examples: Iterable[Example]) -> Iterator[Place]:
    wanted = {(example.category, example.id): example for example in examples}
    if not wanted:
        return
    for shard in shard_infos(run):
        names = member_names(shard.profile, [name for name, _ in shard.streams])  # type: ignore[arg-type]
        for key in shard.keys:
            example = wanted.get((shard.category, key))
            if example is not None:
                yield Place(example=example, shard=shard, members=tuple(f"{key}.{name}" for name in names))
