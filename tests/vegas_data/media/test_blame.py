"""Who is to blame when ffmpeg or a decoder fails: the file for good, or the machine for now."""

import errno
import os
import resource
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import av
import pytest

from vegas_data.errors import (
    DecodeFailed,
    DependencyMissing,
    LimitExceeded,
    ResourcesExhausted,
    Unsupported,
    VegasError,
    WorkspaceError,
)
from vegas_data.media import confine, sandbox
from vegas_data.media.confine import Limits
from vegas_data.media.cut import CutOptions, cut_clip
from vegas_data.media.decode import open_media
from vegas_data.media.sandbox import ffmpeg_version, find_ffmpeg, run_ffmpeg
from vegas_data.media.section import LocalBytes, Section


@pytest.fixture
def fake_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put a script in the place of ffmpeg."""

    def install(script: str, mode: int = 0o755) -> Path:
        path = tmp_path / "fake-ffmpeg"
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(mode)
        monkeypatch.setenv(sandbox.FFMPEG_SETTING, str(path))
        find_ffmpeg.cache_clear()
        ffmpeg_version.cache_clear()
        return path

    yield install
    monkeypatch.undo()
    find_ffmpeg.cache_clear()
    ffmpeg_version.cache_clear()


def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every temporary file in a named folder lands on the kernel's own full device."""
    real = tempfile.TemporaryFile

    def temporary_file(*args: Any, **given: Any) -> Any:
        return Path("/dev/full").open("wb") if given.get("dir") else real(*args, **given)

    monkeypatch.setattr(sandbox.tempfile, "TemporaryFile", temporary_file)


def test_a_full_disk_stops_everything(counting_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "clip.mp4"
    target.symlink_to("/dev/full")
    full_disk(monkeypatch)
    with pytest.raises(WorkspaceError, match="No space left on device") as caught:
        cut_clip(Section(path=counting_video), target, start_ms=0, end_ms=4000, options=CutOptions())
    assert "make room" in caught.value.remedy


def test_a_disk_that_has_room_again_is_tried_again(
    counting_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "behind_wall", lambda command, **_: command)  # behind which the device is not seen
    target = tmp_path / "clip.mp4"
    target.symlink_to("/dev/full")
    with pytest.raises(ResourcesExhausted, match="No space left on device") as caught:
        cut_clip(Section(path=counting_video), target, start_ms=0, end_ms=4000, options=CutOptions())
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        ("kill -KILL $$", ResourcesExhausted),
        ("kill -XCPU $$", ResourcesExhausted),
        ("echo 'Error: Cannot allocate memory' >&2; exit 1", ResourcesExhausted),
        ("echo 'out: Disk quota exceeded' >&2; exit 1", ResourcesExhausted),
        ("echo 'Error muxing a packet: Input/output error' >&2; exit 1", ResourcesExhausted),
        ("echo 'Error opening input: Input/output error' >&2; exit 1", DecodeFailed),
        ("kill -XFSZ $$", LimitExceeded),
        ("echo 'Picture size 9x9 exceeds specified max pixel count 1' >&2; exit 1", LimitExceeded),
        ("echo 'Invalid data found' >&2; exit 1", DecodeFailed),
    ],
)
def test_only_what_is_the_files_own_fault_is_final(
    fake_ffmpeg: Any, tmp_path: Path, script: str, kind: type[VegasError]
) -> None:
    fake_ffmpeg(script)
    with pytest.raises(kind) as caught:
        run_ffmpeg([], what="clip", target=tmp_path / "clip.mp4")
    assert type(caught.value) is kind
    assert caught.value.retryable is (kind is ResourcesExhausted)


def test_too_little_memory_and_time_are_no_fault_of_the_file() -> None:
    to_nothing = ["-f", "null", "-"]
    with pytest.raises(ResourcesExhausted):
        run_ffmpeg(
            ["-f", "lavfi", "-i", "testsrc=s=7680x4320:d=2", *to_nothing],
            what="big",
            limits=Limits(memory_bytes=300 << 20),
        )
    with pytest.raises(ResourcesExhausted):
        run_ffmpeg(["-f", "lavfi", "-i", "mandelbrot=s=1280x720", *to_nothing], what="slow", limits=Limits(cpu_s=1))


def test_what_pyav_says_of_the_disk_is_not_said_of_the_file(counting_video: Path) -> None:
    with pytest.raises(OSError, match="No space") as caught, open_media(counting_video):
        av.error.err_check(-errno.ENOSPC)
    assert caught.value.errno == errno.ENOSPC
    with pytest.raises(ResourcesExhausted), open_media(counting_video):
        av.error.err_check(-errno.ENOMEM)
    with pytest.raises(DecodeFailed), open_media(counting_video):
        av.error.err_check(-errno.EIO)  # the file can be read to its end: its contents are at fault


def test_hard_limits_of_the_machine_are_kept() -> None:
    script = (
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (20, 20))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n"
        "from vegas_data.media.sandbox import run_ffmpeg\n"
        "run_ffmpeg(['-f', 'lavfi', '-i', 'testsrc=d=0.1', '-f', 'null', '-'], what='x')\n"
    )
    # root may raise hard limits, so the child gives that right up where it has it
    drop = ["setpriv", "--bounding-set=-sys_resource", "--inh-caps=-sys_resource"] if os.geteuid() == 0 else []
    if drop and shutil.which("setpriv") is None:
        pytest.skip("run by root, and no setpriv here to be less")
    done = subprocess.run([*drop, sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_our_limits_never_exceed_the_hard_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confine.resource, "getrlimit", lambda _: (5, 7))
    assert confine._within_hard_limit(resource.RLIMIT_CPU, 90) == 7
    assert confine._within_hard_limit(resource.RLIMIT_CPU, 3) == 3
    monkeypatch.setattr(confine.resource, "getrlimit", lambda _: (5, resource.RLIM_INFINITY))
    assert confine._within_hard_limit(resource.RLIMIT_CPU, 90) == 90


@pytest.mark.parametrize("script", ["exit 0", "exit 1", "echo 'ffmpeg version 7'; exit 1", "exec sleep 0"])
def test_a_setting_that_is_not_ffmpeg_is_named(fake_ffmpeg: Any, script: str) -> None:
    path = fake_ffmpeg(script)
    with pytest.raises(DependencyMissing, match="not ffmpeg") as caught:
        ffmpeg_version()
    assert str(path) in str(caught.value)
    assert sandbox.FFMPEG_SETTING in caught.value.remedy


def test_a_setting_that_is_no_program_is_named(fake_ffmpeg: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = fake_ffmpeg("exit 0", mode=0o644)
    assert not path.stat().st_mode & stat.S_IXUSR
    for ask in (find_ffmpeg, ffmpeg_version):
        with pytest.raises(DependencyMissing, match="not a program") as caught:
            ask()
        assert sandbox.FFMPEG_SETTING in caught.value.remedy
    path.write_bytes(b"\x7fELF no program")
    path.chmod(0o755)
    find_ffmpeg.cache_clear()
    with pytest.raises(DependencyMissing, match="cannot be run"):
        ffmpeg_version()
    with pytest.raises(DependencyMissing, match="cannot be run"):
        run_ffmpeg([], what="clip")


def test_a_codec_nobody_knows_is_named(counting_video: Path, tmp_path: Path) -> None:
    from fractions import Fraction

    from vegas_data.media.decode import iter_frames_at
    from vegas_data.media.demux import demuxer_here
    from vegas_data.media.readback import read_back

    strange = tmp_path / "strange.mp4"
    strange.write_bytes(counting_video.read_bytes().replace(b"avc1\0", b"zzzz\0"))
    for attempt in (
        lambda path: demuxer_here().probe(LocalBytes(path)),
        read_back,
        lambda path: list(iter_frames_at(path, [Fraction(0)])),
    ):
        with pytest.raises(Unsupported, match=r"strange\.mp4: its video track"):
            attempt(strange)
