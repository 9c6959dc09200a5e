"""The rows of an example's streams as they are stored: in the workspace's features, else in the shard that holds it."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction

from vegas_data.errors import ChecksumMismatch, VegasError
from vegas_data.features import FeatureJob, feature_key
from vegas_data.report.numerals import listing
from vegas_data.shards import FeatureFile, current_folder
from vegas_data.shards.npy import STREAM_TYPE, parse_npy
from vegas_data.shards.reader import decode_example, read_extent, split_example
from vegas_data.sheet.data import Place, StreamRows
from vegas_data.workspace import Workspace


def read_streams(
    workspace: Workspace,
    jobs: Iterable[FeatureJob],
    places: Iterable[Place],
    *,
    digests: Mapping[str, str],
    encoders: Mapping[str, str],
    notes: list[str],
) -> Iterator[StreamRows]:
    """Every stream of every span once; what cannot be read says why.

    Args:
        digests, encoders: by stream, as the recipe has them. notes: what a reader must know is put there.
    """
    in_shards = {(place.example.start_ms, place.example.end_ms): place for place in places}
    for job in {job.id: job for job in jobs}.values():
        keys = {name: feature_key(job, value) for name, value in digests.items()}
        there = {name: key for name, key in keys.items() if workspace.has_artefact(key)}
        for name, key in there.items():
            yield _from_file(workspace, job, key, name, digests[name], encoders.get(name, ""))
        others: list[str] = []
        place = in_shards.get((job.example.start_ms, job.example.end_ms))
        if place is not None:
            others = [name for name, _ in place.shard.streams if name not in there]
            older = [name for name, value in place.shard.streams if name in others and value != digests.get(name)]
            if digests and older:
                notes.append(
                    f"{place.shard.name}: {listing(older)} made with other options or versions than the recipe's."
                )
            yield from _from_shard(workspace, job, place, others, encoders)
        missing = [name for name in digests if name not in there and name not in others]
        if missing:
            notes.append(
                f"{job.example.id}: no features of {listing(missing)} yet; `vegas-data featurize` computes them."
            )


def _from_file(workspace: Workspace, job: FeatureJob, key: str, name: str, digest: str, encoder: str) -> StreamRows:
    file, rows, trouble = None, None, ""
    try:
        file = FeatureFile.from_side_car(key, workspace.side_car(key))
        workspace.verify_checksum(key, file.sha256)
        rows = parse_npy(workspace.path(key).read_bytes(), kind=STREAM_TYPE)
    except (VegasError, ValueError) as error:
        trouble = str(error)
    return StreamRows(
        name=name,
        encoder=encoder,
        start_ms=job.start_ms,
        end_ms=job.end_ms,
        digest=digest,
        weights=file.weights if file else "",
        rate_hz=file.rate_hz if file else Fraction(1),
        window=file.window if file else 1,
        stride=file.stride if file else 1,
        where=key,
        rows=rows,
        trouble=trouble,
        tools=file.tools if file else (),
    )


def _from_shard(
    workspace: Workspace, job: FeatureJob, place: Place, names: Sequence[str], encoders: Mapping[str, str]
) -> Iterator[StreamRows]:
    if not names:
        return
    info, key = place.shard, place.example.id
    where = f"{current_folder(workspace)}/{info.name}"
    path = workspace.path(where)
    digests, weights = dict(info.streams), dict(info.weights)
    found, trouble = None, ""
    try:
        extent = info.extents[info.keys.index(key)]
        with path.open("rb") as file:
            block = read_extent(file, extent)
        if hashlib.sha256(block).hexdigest() != extent.sha256:
            raise ChecksumMismatch(f"{path.name}: the bytes of {key} are not those that were recorded")
        found = decode_example(split_example(block, key, info, path), key, info, path)
    except VegasError as error:
        trouble = str(error)
    for name in names:
        meta = found.meta.streams[name] if found else None
        yield StreamRows(
            name=name,
            encoder=encoders.get(name, ""),
            start_ms=job.start_ms,
            end_ms=job.end_ms,
            digest=digests[name],
            weights=weights.get(name, ""),
            rate_hz=Fraction(meta.rate_hz).limit_denominator(10**6) if meta else Fraction(1),
            window=meta.window if meta else 1,
            stride=meta.stride if meta else 1,
            where=where,
            rows=found.streams[name] if found else None,
            trouble=trouble,
            tools=info.tools,
        )
