"""The stage end to end on a small clip: what is written, what is not computed twice, what is refused."""

import dataclasses
import io
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from feature_cases import FLOW, FLOW_LITE0, LITE0, OPTIONS, PICTURES, ROUGH, SPEED_PX, make_job, need_lite0_weights

from vegas_data.errors import ChecksumMismatch, FeatureError, RecipeError
from vegas_data.features import (
    FeatureJob,
    FeatureOptions,
    Inventory,
    feature_key,
    make_extractor,
    missing_streams,
    select_streams,
    stream_digests,
)
from vegas_data.features.encoders import find_encoder
from vegas_data.features.flow.fields import Flows
from vegas_data.features.inputs import Series, Shown, Span, look, read_series
from vegas_data.features.pictures import View
from vegas_data.features.worker import as_float16, npy_bytes
from vegas_data.store import sha256_of
from vegas_data.units import Grid
from vegas_data.workspace import Workspace

GRID = Grid()


def read(workspace: Workspace, key: str) -> np.ndarray:
    return np.load(io.BytesIO(workspace.path(key).read_bytes()), allow_pickle=False)


@pytest.mark.usefixtures("tiny_encoders")
def test_writes_every_stream_with_a_side_car(workspace: Workspace, moving_clip: Path) -> None:
    job = make_job(workspace, moving_clip, start_ms=500, end_ms=2500)
    record = make_extractor(OPTIONS, GRID, workspace)(job)
    assert record.id.startswith("demo-moving_000030000_000030500_000032500@")
    assert record.num_frames == 31
    assert record.computed == ("tiny", "flow_tiny")
    digests = stream_digests(OPTIONS, GRID)
    assert record.keys == tuple((name, feature_key(job, value)) for name, value in digests.items())
    for name, key in record.keys:
        assert key == f"features/{digests[name]}/{job.media.sha256[:16]}_000000500_000002500.npy"
        rows, side_car = read(workspace, key), workspace.side_car(key)
        assert (rows.shape, rows.dtype, rows.flags.c_contiguous) == ((31, 6), np.float16, True)
        assert np.isfinite(rows).all()
        assert side_car["shape"] == [31, 6]
        assert side_car["dtype"] == "float16"
        assert side_car["sha256"] == sha256_of(workspace.path(key))
        assert (side_car["stream"], side_car["digest"]) == (name, digests[name])
        assert (side_car["media_sha256"], side_car["weights"]) == (job.media.sha256, "0" * 64)
        assert (side_car["start_ms"], side_car["end_ms"], side_car["rate_hz"]) == (500, 2500, "125/8")
        assert {"torch", "cv2", "numpy", "cpu"} <= side_car["tools"].keys()


@pytest.mark.usefixtures("tiny_encoders")
def test_rows_are_the_pictures_of_the_span(workspace: Workspace, moving_clip: Path) -> None:
    job = make_job(workspace, moving_clip, start_ms=500, end_ms=2500)
    record = make_extractor(OPTIONS, GRID, workspace)(job)
    series = Series.of(PICTURES, Span(start_ms=500, end_ms=2500), GRID)
    pictures = read_series(moving_clip, [series])[series]
    encoder = find_encoder("tiny").load(PICTURES, "cpu")
    expected = np.concatenate([encoder.encode(pictures[i : i + 1]) for i in range(31)])
    np.testing.assert_allclose(read(workspace, record.keys[0][1]), expected, rtol=2e-3, atol=1e-3)


@pytest.mark.usefixtures("tiny_encoders")
def test_a_stream_has_its_own_rate(workspace: Workspace, moving_clip: Path) -> None:
    clip_like = dataclasses.replace(PICTURES, name="slow", rate_hz=Fraction(8))
    flow_like = dataclasses.replace(FLOW, name="slow_flow", rate_hz=Fraction(5, 2))
    job = make_job(workspace, moving_clip, start_ms=500, end_ms=2500)
    options = FeatureOptions(streams=(clip_like, flow_like, FLOW), batch_size=8)
    record = make_extractor(options, GRID, workspace)(job)
    assert record.num_frames == 31
    slow, slow_flow, flow = (read(workspace, key) for _, key in record.keys)
    side_cars = [workspace.side_car(key) for _, key in record.keys]
    assert [side_car["rate_hz"] for side_car in side_cars] == ["8", "5/2", "125/8"]
    assert [side_car["shape"] for side_car in side_cars] == [[16, 6], [5, 6], [31, 6]]
    series = Series(view=View.of(PICTURES), times_s=tuple(Fraction(1, 2) + Fraction(i, 8) for i in range(16)))
    pictures = read_series(moving_clip, [series])[series]
    encoder = find_encoder("tiny").load(PICTURES, "cpu")
    np.testing.assert_allclose(
        slow, np.concatenate([encoder.encode(pictures[i : i + 1]) for i in range(16)]), atol=2e-3
    )
    firsts = [int(Fraction(2 * i, 5) * GRID.frame_rate_hz) for i in range(5)]
    np.testing.assert_allclose(slow_flow, flow[firsts], atol=2e-3, err_msg="the same stacks, fewer of them")


@pytest.mark.parametrize(("rate_hz", "bound_px"), [(None, 20.0), (None, 5.0), (Fraction(25), 8.0)])
def test_flow_of_a_clip_is_its_speed(moving_clip: Path, rate_hz: Fraction | None, bound_px: float) -> None:
    flow = dataclasses.replace(ROUGH, rate_hz=rate_hz, bound_px=bound_px)
    stream = dataclasses.replace(FLOW, flow=flow)
    material = look(moving_clip, Span(start_ms=0, end_ms=2000), [stream], GRID)
    shown = Shown(source=Flows("cpu").fields(material.sources[0], flow), index=material.parts[0].index)
    stacks = shown.rows(0, 31)
    assert stacks.shape == (31, 8, 48, 48)
    flow_px = (stacks[:, :, 8:-8, 8:-8] / 255 - 0.5) * 2 * bound_px
    speed = SPEED_PX * 48 / 64 * 25 / float(rate_hz or GRID.frame_rate_hz)  # at 48 px, per flow picture
    assert abs(flow_px[:, 0::2].mean() - speed) < 0.2
    assert abs(flow_px[:, 1::2].mean()) < 0.1
    assert shown.index[5].tolist() == ([5, 6, 7, 8] if rate_hz is None else [8, 9, 10, 11])


def test_flow_that_is_not_quantised_reaches_the_encoder_as_it_is(workspace: Workspace, moving_clip: Path) -> None:
    need_lite0_weights()
    exact = dataclasses.replace(FLOW_LITE0, name="exact", flow=dataclasses.replace(ROUGH, quantised=False))
    material = look(moving_clip, Span(start_ms=0, end_ms=2000), [FLOW_LITE0, exact], GRID)
    bytes_, levels = (
        Shown(source=Flows("cpu").fields(material.sources[part.source], part.flow), index=part.index)
        for part in material.parts
    )
    assert bytes_.source.dtype == np.uint8
    assert levels.source.dtype == np.float32
    assert 0 < np.abs(levels.source - 0.5 - bytes_.source)[:-1].max() <= 0.5 + 1e-4
    assert (levels.source[-1] == 128).all()
    job = make_job(workspace, moving_clip, start_ms=0, end_ms=2000)
    record = make_extractor(FeatureOptions(streams=(FLOW_LITE0, exact), batch_size=31), GRID, workspace)(job)
    encoder = find_encoder(exact.encoder).load(exact, "cpu")
    for (_, key), shown in zip(record.keys, (bytes_, levels), strict=True):
        np.testing.assert_allclose(read(workspace, key), encoder.encode(shown.rows(0, 31)), rtol=2e-3, atol=1e-3)


def test_the_field_beyond_the_last_is_no_motion(moving_clip: Path) -> None:
    stream = dataclasses.replace(FLOW, at_ends="zero")
    material = look(moving_clip, Span(start_ms=0, end_ms=640), [stream], GRID)
    shown = Shown(source=Flows("cpu").fields(material.sources[0], ROUGH), index=material.parts[0].index)
    (last,) = shown.rows(9, 8)
    assert len(shown) == 10
    assert (last == 128).all()
    assert not (shown.rows(8, 1)[0, :2] == 128).all()


@pytest.mark.usefixtures("tiny_encoders")
def test_streams_with_the_same_flow_share_it(
    workspace: Workspace, moving_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields, shapes = Flows.fields, []
    monkeypatch.setattr(Flows, "fields", lambda self, greys, to: shapes.append(greys.shape) or fields(self, greys, to))
    other = dataclasses.replace(FLOW, name="other", stride=2, at_ends="zero")
    finer = dataclasses.replace(FLOW, name="finer", size_px=64)
    options = FeatureOptions(streams=(FLOW, PICTURES, other, finer), batch_size=8)
    make_extractor(options, GRID, workspace)(make_job(workspace, moving_clip, start_ms=0, end_ms=1000))
    assert shapes == [(15, 48, 48), (15, 64, 64)]


@pytest.mark.usefixtures("tiny_encoders")
@pytest.mark.parametrize("options", [OPTIONS, FeatureOptions(streams=(LITE0, FLOW_LITE0), batch_size=4)])
def test_bytes_do_not_depend_on_what_was_computed_before(
    tmp_path: Path, moving_clip: Path, options: FeatureOptions
) -> None:
    if options.streams[0] == LITE0:
        need_lite0_weights()
    spans = [(0, 2000), (1000, 3400), (0, 640)]

    def contents(folder: str, order: list[tuple[int, int]]) -> dict[str, bytes]:
        workspace = Workspace.create(tmp_path / folder, "")
        extract = make_extractor(options, GRID, workspace)
        for start_ms, end_ms in order:
            extract(make_job(workspace, moving_clip, start_ms=start_ms, end_ms=end_ms))
        return {key: workspace.path(key).read_bytes() for key in workspace.keys("features")}

    together = contents("together", spans)
    assert len(together) == 2 * 2 * len(spans)
    assert contents("reversed", spans[::-1]) == together
    alone = contents("alone", spans[1:2])
    assert alone.items() <= together.items()


@pytest.mark.usefixtures("tiny_encoders")
def test_only_what_is_missing_is_computed(workspace: Workspace, moving_clip: Path) -> None:
    job = make_job(workspace, moving_clip, start_ms=0, end_ms=2000)
    only = make_extractor(FeatureOptions(streams=(PICTURES,), batch_size=8), GRID, workspace)(job)
    digests = stream_digests(OPTIONS, GRID)
    assert missing_streams(job, digests, workspace) == Inventory(digests, workspace).missing(job) == ("flow_tiny",)
    before = workspace.path(only.keys[0][1]).stat()
    extract = make_extractor(OPTIONS, GRID, workspace)
    record = extract(job)
    assert record.computed == ("flow_tiny",)
    after = workspace.path(only.keys[0][1]).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert missing_streams(job, digests, workspace) == Inventory(digests, workspace).missing(job) == ()
    workspace.path(job.media_key).unlink()  # nothing is decoded any more
    again = extract(job)
    assert (again.computed, again.keys) == ((), record.keys)


@pytest.mark.usefixtures("tiny_encoders")
def test_categories_share_features(workspace: Workspace, moving_clip: Path) -> None:
    extract = make_extractor(OPTIONS, GRID, workspace)
    drum = make_job(workspace, moving_clip, start_ms=0, end_ms=2000)
    dog = make_job(workspace, moving_clip, start_ms=0, end_ms=2000, category="dog")
    assert drum.id == dog.id
    extract(drum)
    assert extract(dog).computed == ()


@pytest.mark.usefixtures("tiny_encoders")
def test_refuses_another_clip_and_another_span(workspace: Workspace, moving_clip: Path) -> None:
    extract = make_extractor(OPTIONS, GRID, workspace)
    job = make_job(workspace, moving_clip, start_ms=0, end_ms=2000)
    beyond = make_job(workspace, moving_clip, start_ms=3000, end_ms=4001)
    with pytest.raises(FeatureError, match="not within its clip"):
        extract(beyond)
    before = FeatureJob(
        example=job.example, media=dataclasses.replace(job.media, start_ms=30_001), media_key=job.media_key
    )
    with pytest.raises(FeatureError, match="not within its clip"):
        extract(before)
    workspace.path(job.media_key).write_bytes(b"another clip")
    with pytest.raises(ChecksumMismatch):
        extract(job)
    assert list(workspace.keys("features")) == []


@pytest.mark.parametrize("value", [np.nan, np.inf, 65_520.0, -1e9])
def test_numbers_that_float16_cannot_hold_are_an_error(value: float) -> None:
    with pytest.raises(FeatureError, match="stream x"):
        as_float16(np.float32([[1.0, value]]), what="stream x")
    assert as_float16(np.float32([[65_504.0]]), what="x").dtype == np.float16


def test_npy_bytes_are_format_1_and_c_order() -> None:
    rows = np.asfortranarray(np.arange(6, dtype=np.float16).reshape(2, 3))
    content = npy_bytes(rows)
    assert content[:8] == b"\x93NUMPY\x01\x00"
    assert b"'descr': '<f2', 'fortran_order': False, 'shape': (2, 3)" in content[:128]
    assert content[128:] == np.arange(6, dtype="<f2").tobytes()


def test_half_a_commit_is_not_there(workspace: Workspace, moving_clip: Path) -> None:
    job = make_job(workspace, moving_clip, start_ms=0, end_ms=2000)
    digests = {"one": "1" * 12, "two": "2" * 12, "three": "3" * 12}
    workspace.commit_artefact(feature_key(job, digests["one"]), b"", {})
    workspace.commit_bytes(feature_key(job, digests["two"]), b"")
    assert missing_streams(job, digests, workspace) == ("two", "three")
    assert Inventory(digests, workspace).missing(job) == ("two", "three")


def test_streams_are_chosen_by_name_and_by_kind() -> None:
    other = dataclasses.replace(FLOW, name="other_flow")
    options = FeatureOptions(streams=(PICTURES, FLOW, other))

    def chosen(*only: str) -> list[str]:
        return [stream.name for stream in select_streams(options, only).streams]

    assert chosen() == ["tiny", "flow_tiny", "other_flow"]
    assert chosen("flow") == ["flow_tiny", "other_flow"]
    assert chosen("pictures") == chosen("tiny") == ["tiny"]
    assert chosen("other_flow", "pictures") == ["tiny", "other_flow"]
    with pytest.raises(RecipeError, match="'flwo'") as caught:
        chosen("flow", "flwo")
    assert caught.value.remedy == "did you mean 'flow'?"
    with pytest.raises(RecipeError, match="'pictures'") as caught:
        select_streams(FeatureOptions(streams=(FLOW,)), ("pictures",))
    assert caught.value.remedy == "one of: flow, flow_tiny"
