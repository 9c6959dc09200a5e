"""From proven working shards and tables to a release folder: the same bytes for the same workspace and options.

Nothing but these decides a byte: no clock, no user, no host, no path. The folder appears whole or not at all.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vegas_data import __version__
from vegas_data.errors import ReleaseError
from vegas_data.release.audit import audit_rows, judgment_rows
from vegas_data.release.card import Contents, contents_of, render_cards, templates_digest
from vegas_data.release.check import check_release
from vegas_data.release.findings import Findings
from vegas_data.release.layout import AUDIT_TABLES, CSV, RULES, SHARDS, SUMS, VERBATIM, licence_file, table_file
from vegas_data.release.licences import licence_ids
from vegas_data.release.opened import Tables, read_tables
from vegas_data.release.options import Facts, ReleaseOptions, check_version
from vegas_data.release.pack import PackedShard, pack_shard
from vegas_data.release.place import filling, put_in_place, refuse_inside, refuse_occupied, refuse_other
from vegas_data.release.plan import AuditSource, ReleasePlan, ReleaseSource, plan_release
from vegas_data.release.rules import rules_bytes
from vegas_data.release.sums import same_files, sha256_of_bytes, sums_bytes
from vegas_data.release.tables import clip_rows, csv_bytes, example_rows, table_bytes
from vegas_data.verify import table_key, tables_made_with

NOTHING: Final = "nothing to do"


@dataclass(frozen=True, kw_only=True)
class ReleaseSummary:
    """What ``build_release`` did, or would do.

    Args:
        outcome: ``built``, ``nothing to do`` or ``planned``. num_bytes: of the shards; about, if only planned.
        left_out: examples that are in no shard, by reason. sums: sha256 of ``SHA256SUMS``, the release's own digest.
        audited: categories whose audit is in it. stale_audits: those whose audit is of older verdicts, and left out.
    """

    folder: Path
    profile: str
    version: str
    outcome: str
    shards: int
    examples: int
    num_bytes: int
    left_out: dict[str, int]
    audited: tuple[str, ...]
    stale_audits: tuple[str, ...]
    sums: str = ""

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "folder": str(self.folder)}


def preview_release(source: ReleaseSource, options: ReleaseOptions, target: Path) -> ReleaseSummary:
    """Say what ``build_release`` would put into the release; raises as it does."""
    check_version(options.version)
    refuse_inside(target, source.workspace.root)
    refuse_occupied(target, SUMS)
    plan = plan_release(source, options)
    return _summary(plan, source.audit, options, target, outcome="planned", num_bytes=plan.num_bytes)


def build_release(
    source: ReleaseSource,
    options: ReleaseOptions,
    target: Path,
    *,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> ReleaseSummary:
    """Build the release and put it at ``target``; if it stands there already, nothing is changed.

    Args:
        tell: called with the number of shards done and the number of all.

    Raises:
        ReleaseError: nothing to release, rows that must not be passed on, or something else stands at ``target``.
        SchemaMismatch, ChecksumMismatch, WorkspaceError: a working shard, a clip or a table is damaged.
    """
    check_version(options.version)
    refuse_inside(target, source.workspace.root)
    refuse_occupied(target, SUMS)
    plan = plan_release(source, options)
    with filling(target) as folder:
        (folder / SHARDS).mkdir()
        packed = []
        for number, planned in enumerate(plan.shards):
            tell(number, len(plan.shards))
            packed.append(pack_shard(planned, folder / SHARDS, source, options))
        tell(len(plan.shards), len(plan.shards))
        contents = _write_tables(folder, source, plan, packed, options)
        for file, text in render_cards(contents).items():
            (folder / file).write_text(text, encoding="utf-8")
        files = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
        sums = sums_bytes(folder, files)
        (folder / SUMS).write_bytes(sums)
        _prove(folder, target)
        outcome = "built"
        if target.is_dir() and any(target.iterdir()):
            if not same_files(target, folder):
                refuse_other(target)
            outcome = NOTHING
        else:
            put_in_place(folder, target)
    num_bytes = sum(shard.info.num_bytes for shard in packed)
    return _summary(
        plan, source.audit, options, target, outcome=outcome, num_bytes=num_bytes, sums=sha256_of_bytes(sums)
    )


def _prove(folder: Path, target: Path) -> None:
    """Nothing appears that ``check_release`` would not accept."""
    _, findings = check_release(folder)
    if findings:
        first = findings[0]
        raise ReleaseError(
            f"{target}: not built: {first.code}: {Path(first.file).name} {first.key}: {first.message}",
            remedy="run `vegas-data check --read-data`, then `verify` and `featurize` again",
        )


def _summary(
    plan: ReleasePlan,
    audit: AuditSource,
    options: ReleaseOptions,
    target: Path,
    *,
    outcome: str,
    num_bytes: int,
    sums: str = "",
) -> ReleaseSummary:
    return ReleaseSummary(
        folder=target,
        profile=options.profile,
        version=options.version,
        outcome=outcome,
        shards=len(plan.shards),
        examples=plan.num_examples,
        num_bytes=num_bytes,
        left_out=plan.left_out_by_reason,
        audited=audit.categories,
        stale_audits=audit.stale,
        sums=sums,
    )


def _write_tables(
    folder: Path, source: ReleaseSource, plan: ReleasePlan, packed: list[PackedShard], options: ReleaseOptions
) -> Contents:
    """Write the manifest and ``vegas.csv``; what the cards will tell of."""
    made_with = tables_made_with(source.workspace)
    try:
        facts = Facts(
            profile=options.profile,
            version=options.version,
            recipe=source.recipe,
            recipe_digest=source.recipe_digest,
            tool=__version__,
            templates=templates_digest(),
            scores=made_with["scores"],
            verdicts=made_with["verdicts"],
            inputs=made_with["inputs"],
            audited=source.audit.categories,
            stale_audits=source.audit.stale,
        )
    except ValueError as error:
        raise ReleaseError(f"recipe {source.recipe!r}: {error}", remedy="give the recipe a plain name") from None
    clips, examples = clip_rows(source), example_rows(source, plan, packed)
    contents = {
        "clips": table_bytes("clips", clips, facts),
        "examples": table_bytes("examples", examples, facts),
        **_audit_tables(source, facts),
        **{name: source.workspace.path(table_key(name)).read_bytes() for name in VERBATIM},
    }
    (folder / RULES).parent.mkdir()
    (folder / RULES).write_bytes(rules_bytes(source.rules))
    for name, content in contents.items():
        (folder / table_file(name)).write_bytes(content)
    (folder / CSV).write_bytes(csv_bytes(examples))
    tables = _read_back(folder, contents)
    return contents_of(
        tables,
        texts=_write_texts(folder, source, packed) if options.profile == "media" else {},
        shards=sorted((shard.info for shard in packed), key=lambda info: info.name),
        streams=packed[0].metas[0].streams,
    )


def _audit_tables(source: ReleaseSource, facts: Facts) -> dict[str, bytes]:
    """The tables of the audit, if there is one."""
    if not source.audit.items:
        return {}
    rows = {"audit": audit_rows(source.audit), "audit_judgments": judgment_rows(source.audit)}
    return {name: table_bytes(name, rows[name], facts) for name in AUDIT_TABLES}


def _read_back(folder: Path, names: Collection[str]) -> Tables:
    """What was written, as anybody reads it.

    Raises:
        ReleaseError: a table of the workspace holds what a release's table cannot.
    """
    found = Findings(folder)
    tables = read_tables(folder, {RULES, *map(table_file, names)}, found)
    if tables is None:
        first = found.all()[0]
        raise ReleaseError(f"{first.file}: {first.message}", remedy="run `vegas-data verify` again")
    return tables


def _write_texts(folder: Path, source: ReleaseSource, packed: list[PackedShard]) -> dict[str, str]:
    """Write the texts of the licences that the packed examples name, as far as they are at hand; sha256 by licence."""
    named = {licence for shard in packed for meta in shard.metas for licence in licence_ids(meta.licence)}
    texts = {licence: source.licence_texts[licence] for licence in sorted(named & source.licence_texts.keys())}
    for licence, text in texts.items():
        path = folder / licence_file(licence)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text)
    return {licence: sha256_of_bytes(text) for licence, text in texts.items()}
