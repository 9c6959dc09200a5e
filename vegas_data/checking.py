"""Is a workspace whole? Enters a run, leaves findings: an empty list says that nothing is wrong. Changes nothing.

    quick       names, side-cars and their seals, sizes, halves without each other, numbers of shards, examples that
                stand twice, and whether the shards are those of the tables; no byte of a clip, feature or shard is read
    read_data   besides, every byte of them: any that has changed is found, and the example it belongs to is named

One file is one unit of work for the executor, so that reading goes on in as many processes as there are workers.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, Literal

from vegas_data import shards
from vegas_data.artefacts import KINDS, Owners, check_artefact, list_artefacts
from vegas_data.context import Run
from vegas_data.errors import EXIT_DEPENDENCY, VegasError
from vegas_data.pipeline import feature_jobs
from vegas_data.records import Media
from vegas_data.run.gate import Gate
from vegas_data.run.stage import Outcome, Stage
from vegas_data.sealing import stale_shards
from vegas_data.shards import CheckedShard, Finding, current_folder
from vegas_data.store import SIDE_CAR, has_seal
from vegas_data.workspace import Workspace

CHECK: Final = "check"
_DEADLINE_S: Final = 6 * 3600.0


@dataclass(frozen=True, kw_only=True)
class Checked:
    """How many files were looked at, by kind, and what was found; ``read_data``: whether every byte was read.

    Args:
        unsealed: side-cars of older versions, without a seal: of these the form alone is proven.
        not_compared: why nobody could say whether the shards are those of the tables; empty where it was looked at.
    """

    counts: dict[str, int]
    findings: list[Finding]
    read_data: bool
    unsealed: int = 0
    not_compared: str = ""


@dataclass(frozen=True, kw_only=True)
class _File:
    """A unit: one file with its side-car, by its key."""

    kind: Literal["shards", "clips", "features"]
    id: str


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """What one file came to: what was found, and what its side-car says where others are compared with it."""

    findings: list[Finding] = field(default_factory=list)
    shard: CheckedShard | None = None
    media: Media | None = None
    is_sealed: bool = True


def check(run: Run, *, read_data: bool = False) -> Checked:
    """Look at every shard, clip and feature of the workspace, or read them through.

    Raises:
        VegasError: the workers cannot work.
    """
    files, findings = _list_files(run.workspace)
    seen = _check_files(run, files, read_data=read_data)
    owners = Owners(one.media for one in seen.values() if one.media)
    for file in files:
        for found in seen[file.id].findings:
            key = found.key if file.kind == "shards" else owners.of(file.kind, file.id)
            findings.append(replace(found, key=key))
    findings += shards.check_together(seen[file.id].shard for file in files)
    not_compared = ""
    if not findings:  # what is damaged comes first
        try:
            findings += _stale(run)
        except VegasError as error:
            not_compared = f"{error}; {error.remedy}"
    counts = {kind: sum(file.kind == kind for file in files) for kind in ("shards", *KINDS)}
    unsealed = sum(not one.is_sealed for one in seen.values())
    return Checked(counts=counts, findings=findings, read_data=read_data, unsealed=unsealed, not_compared=not_compared)


def _list_files(workspace: Workspace) -> tuple[list[_File], list[Finding]]:
    """The files that have their side-car, and what is found by names alone."""
    paths, findings = shards.list_shards(workspace)
    files = [_File(kind="shards", id=path.relative_to(workspace.root).as_posix()) for path in paths]
    for kind in KINDS:
        keys, found = list_artefacts(workspace, kind)
        files += [_File(kind=kind, id=key) for key in keys]
        findings += found
    return files, findings


def _check_files(run: Run, files: list[_File], *, read_data: bool) -> dict[str, _Seen]:
    stage = Stage[_File](
        name=CHECK,
        digest="",
        make_worker=partial(_make_checker, run.workspace, read_data=read_data),
        deadline_s=_DEADLINE_S,
    )
    seen: dict[str, _Seen] = {}
    run.progress.start(CHECK, len(files))
    try:
        for outcome in run.executor.map(stage, files, Gate(stage)):
            run.progress.advance(outcome)
            seen[outcome.unit] = _seen(outcome, run.workspace)
    finally:
        run.progress.finish()
    return seen


def _make_checker(workspace: Workspace, *, read_data: bool) -> Callable[[_File], _Seen]:
    def check_file(file: _File) -> _Seen:
        if file.kind == "shards":
            look = shards.prove_shard if read_data else shards.look_at_shard
            shard, findings = look(workspace.path(file.id))
            seen = _Seen(findings=findings, shard=shard and replace(shard, examples=()))
        else:
            media, findings = check_artefact(workspace, file.kind, file.id, read_data=read_data)
            seen = _Seen(findings=findings, media=media)
        if findings:
            return seen
        return replace(seen, is_sealed=has_seal(workspace.path(file.id + SIDE_CAR).read_bytes()))

    return check_file


def _seen(outcome: Outcome, workspace: Workspace) -> _Seen:
    """What a worker found; if it could not end its work, that."""
    if isinstance(outcome.result, _Seen):
        return outcome.result
    if outcome.status == "fatal" and outcome.error is not None:
        raise outcome.error
    file, message = str(workspace.path(outcome.unit)), f"could not be checked: {outcome.message}"
    return _Seen(findings=[Finding(file=file, key="", code="unreadable", message=message, remedy="check again")])


def _stale(run: Run) -> list[Finding]:
    """The shards of the workspace that are not those of its tables; raises VegasError if this machine cannot tell."""
    remedy = "run `vegas-data featurize` again"
    try:
        return [
            Finding(file=str(run.workspace.path(key)), key="", code="stale_shard", message=message, remedy=remedy)
            for key, message in (stale_shards(run, feature_jobs(run)) if current_folder(run.workspace) else ())
        ]
    except VegasError as error:
        if error.exit_code == EXIT_DEPENDENCY:  # a scorer's weights, say: no fault of the workspace
            raise
        file = str(run.workspace.root)
        return [Finding(file=file, key="", code=error.code, message=str(error), remedy=error.remedy)]
