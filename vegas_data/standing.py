"""Where fetching stands: what the recipe's cap still asks for, how many clips a category is short, and why.

Enters: who is here, and the last attempt at each clip. Leaves: the clips to work on, and counts by category and class.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from vegas_data.context import Run
from vegas_data.ledger import Attempt
from vegas_data.manifest import clips_to_try, read_queues, read_workspace_table, table_of, walk_queue
from vegas_data.records import Clip


@dataclass(frozen=True, kw_only=True)
class CategoryStanding:
    """Clips of one category.

    Args:
        classes: of those that are not here, by the class that the last attempt ended in. untried: never attempted.
        short: how many the recipe's cap is missed by even if all that can still be tried are alive; None: no cap.
    """

    category: str
    listed: int
    fetched: int
    untried: int
    classes: Mapping[str, int]
    short: int | None


def in_queue(
    run: Run, clips: tuple[Clip, ...], *, here: AbstractSet[str], last: Mapping[str, Attempt]
) -> tuple[Clip, ...]:
    """Of ``clips`` those that the recipe's cap asks for: settled ones, then those to try, heads of queues first."""
    options = run.recipe.manifest
    if options is None or not options.cap:
        return clips
    queues, dead = _queues(run), _dead(run, here=here, last=last)
    by_id = {clip.id: clip for clip in clips}
    settled = set(dead)
    for queue in queues.values():
        settled.update(walk_queue(queue, alive=here, dead=dead, cap=options.cap).taken)
    to_try = clips_to_try(queues, alive=here, dead=dead, cap=options.cap)
    return (*(clip for clip in clips if clip.id in settled), *(by_id[name] for name in to_try if name in by_id))


def ended_in(clips: Iterable[Clip], classes: tuple[str, ...], last: Mapping[str, Attempt]) -> tuple[Clip, ...]:
    """The clips whose last attempt ended in one of these classes."""
    return tuple(clip for clip in clips if clip.id in last and last[clip.id].code in classes)


def short_of_cap(run: Run, *, here: AbstractSet[str], last: Mapping[str, Attempt]) -> dict[str, int]:
    """Category → how many clips the cap is missed by at the end of its queue; empty where the recipe has no cap."""
    options = run.recipe.manifest
    if options is None or not options.cap:
        return {}
    dead = _dead(run, here=here, last=last)
    queues = _queues(run)
    return {name: walk_queue(queue, alive=here, dead=dead, cap=options.cap).short for name, queue in queues.items()}


def stand(
    run: Run, clips: Iterable[Clip], *, here: AbstractSet[str], last: Mapping[str, Attempt]
) -> list[CategoryStanding]:
    """Each wanted category that has clips, in the order of the table of categories."""
    of_category: dict[str, list[Clip]] = {category.name: [] for category in run.wanted}
    for clip in clips:
        for name in clip.categories:
            if name in of_category:
                of_category[name].append(clip)
    short = short_of_cap(run, here=here, last=last) if any(of_category.values()) else {}
    return [_standing(name, listed, here, last, short.get(name)) for name, listed in of_category.items() if listed]


def _standing(
    name: str, listed: list[Clip], here: AbstractSet[str], last: Mapping[str, Attempt], short: int | None
) -> CategoryStanding:
    missing = [clip.id for clip in listed if clip.id not in here]
    codes = [last[unit].code for unit in missing if unit in last and last[unit].status != "done"]
    return CategoryStanding(
        category=name,
        listed=len(listed),
        fetched=len(listed) - len(missing),
        untried=len(missing) - len(codes),
        classes=dict(sorted(Counter(codes).items())),
        short=short,
    )


def _queues(run: Run) -> dict[str, tuple[str, ...]]:
    assert run.recipe.manifest is not None
    table = read_workspace_table(run.workspace, run.categories) if run.listed is None else table_of(run.listed)
    names = {category.name for category in run.wanted}
    return {name: queue for name, queue in read_queues(table, run.recipe.manifest.seed).items() if name in names}


def _dead(run: Run, *, here: AbstractSet[str], last: Mapping[str, Attempt]) -> set[str]:
    """Clips that are refused for good, and that this command does not ask for again."""
    if run.selection.again:
        return set()
    retried = run.selection.retry
    return {unit for unit, one in last.items() if one.status == "rejected" and one.code not in retried} - here
