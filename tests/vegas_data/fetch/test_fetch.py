"""A clip's worker against a loopback server: what it commits, what is true of it, and what each fault is called."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.loopback import Handler, serving
from vegas_data.config import canonical
from vegas_data.errors import (
    DecodeFailed,
    FetchError,
    LimitExceeded,
    RateLimited,
    TransferFailed,
    Unsupported,
    VegasError,
    VideoUnavailable,
    WorkspaceError,
)
from vegas_data.fetch import (
    Access,
    FetchOptions,
    SourceOptions,
    clip_key,
    fetch_digest,
    is_fetched,
    make_fetcher,
    read_media,
)
from vegas_data.fetch.answers import NoMedia
from vegas_data.records import Clip, Media
from vegas_data.store import sha256_of
from vegas_data.workspace import Workspace

OPTIONS = FetchOptions(max_source_bytes=3_000_000)
HERE = Access(allow_private=True)


def source(url: str) -> tuple[SourceOptions, ...]:
    return (SourceOptions(name="local", kind="http", url=url),)


@pytest.fixture
def server(counting_video: Path) -> Iterator[str]:
    video = counting_video.read_bytes()

    class Answers(Handler):
        def answer(self) -> None:
            name = self.path.strip("/").removesuffix(".mp4")
            if name.isdigit():
                self.send_error(int(name))
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/html" if name == "html" else "video/mp4")
            body = {"cut": video[: len(video) // 2], "html": b"<html>consent</html>", "static": bytes(9999)}.get(
                name, video
            )
            if name != "endless":
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            try:
                self.wfile.write(body)
                while name == "endless":
                    self.wfile.write(b"\0" * (1 << 20))
            except ConnectionError:
                return

    with serving(Answers) as address:
        yield f"{address}/{{id}}.mp4"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "w", "")


@pytest.fixture
def fetcher(server: str, workspace: Workspace) -> Callable[[Clip], Media]:
    fetch_clip = make_fetcher(OPTIONS, source(server), workspace, access=HERE)
    return lambda clip: fetch_clip(clip).media


def clip(name: str, start_ms: int = 1000, end_ms: int = 5000) -> Clip:
    return Clip(video_id=f"local-{name}", start_ms=start_ms, end_ms=end_ms, categories=("drum",))


def test_a_fetched_clip_is_committed_with_what_is_true_of_it(
    fetcher: Callable[[Clip], Media], workspace: Workspace
) -> None:
    media = fetcher(clip("good_video"))
    assert (media.num_frames, media.num_samples, media.duration_ms, media.fps) == (100, 192_000, 4000, "25/1")
    digest = fetch_digest(OPTIONS)
    assert read_media(workspace, digest, clip("good_video")) == media
    assert media.sha256 == sha256_of(workspace.path(clip_key(digest, media.clip_id)))
    assert canonical(media)["settings"] == digest
    assert list((workspace.root / "tmp").iterdir()) == []


def test_a_clip_whose_end_was_edited_is_not_the_one_that_is_here(
    fetcher: Callable[[Clip], Media], workspace: Workspace
) -> None:
    media, digest = fetcher(clip("good_video")), fetch_digest(OPTIONS)
    assert (media.start_ms, media.end_ms) == (1000, 5000)
    assert is_fetched(workspace, digest, clip("good_video"))
    longer = clip("good_video", end_ms=7000)
    assert read_media(workspace, digest, longer) is None
    assert not is_fetched(workspace, digest, longer)
    assert fetcher(longer).duration_ms == 6000
    assert is_fetched(workspace, digest, longer)
    assert not is_fetched(workspace, digest, clip("good_video"))


def test_a_clip_that_ends_early_is_here_nevertheless(fetcher: Callable[[Clip], Media], workspace: Workspace) -> None:
    beyond = clip("good_video", end_ms=9000)
    media = fetcher(beyond)
    assert (media.duration_ms, media.padding_ms, media.end_ms) == (7000, 0, 9000)
    assert is_fetched(workspace, fetch_digest(OPTIONS), beyond)


def test_a_clip_whose_end_is_just_missing_is_padded_and_says_so(fetcher: Callable[[Clip], Media]) -> None:
    media = fetcher(clip("good_video", end_ms=8160))
    assert (media.duration_ms, media.padding_ms) == (7160, 160)
    assert (media.num_frames, media.num_samples) == (179, 343_680)


def test_the_side_car_says_how_it_was_made_and_what_it_is_known_by(fetcher: Callable[[Clip], Media]) -> None:
    media = fetcher(clip("good_video"))
    assert ("crf", "20") in media.cut
    assert dict(media.tools).keys() == {"ffmpeg"}
    assert media.origin.startswith("http video")
    assert media.sound_fingerprint
    assert media.picture_hashes


def test_the_received_bytes_are_told_and_not_kept(server: str, workspace: Workspace) -> None:
    fetched = make_fetcher(OPTIONS, source(server), workspace, access=HERE)(clip("good_video"))
    assert fetched.received_bytes > 10_000
    assert "received_bytes" not in canonical(fetched.media)


@pytest.mark.parametrize("side_car", [{}, {"clip_id": 7}, {"strange": 1}], ids=str)
def test_a_side_car_of_another_version_is_named(
    fetcher: Callable[[Clip], Media], workspace: Workspace, side_car: dict[str, Any]
) -> None:
    fetcher(clip("good_video"))
    key = clip_key(fetch_digest(OPTIONS), clip("good_video").id)
    workspace.commit_json(key + ".json", side_car)
    with pytest.raises(WorkspaceError, match=r"good_video_000001000\.mp4\.json") as caught:
        is_fetched(workspace, fetch_digest(OPTIONS), clip("good_video"))
    assert "delete it and the mp4 beside it" in caught.value.remedy


def test_the_corpus_enters_the_digest(server: str, workspace: Workspace) -> None:
    assert fetch_digest(OPTIONS) == fetch_digest(OPTIONS, "")
    assert len({fetch_digest(OPTIONS, corpus) for corpus in ("", "a", "b")}) == 3
    media = make_fetcher(OPTIONS, source(server), workspace, "a", HERE)(clip("good_video")).media
    assert media.settings == fetch_digest(OPTIONS, "a")
    assert is_fetched(workspace, fetch_digest(OPTIONS, "a"), clip("good_video"))
    assert not is_fetched(workspace, fetch_digest(OPTIONS), clip("good_video"))


def test_one_worker_fetches_several(fetcher: Callable[[Clip], Media]) -> None:
    first, second = fetcher(clip("one__video")), fetcher(clip("two__video"))
    assert first.sha256 == second.sha256
    assert first.clip_id != second.clip_id


@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        ("404", VideoUnavailable, "removed"),
        ("410", VideoUnavailable, "removed"),
        ("403", VideoUnavailable, "private"),
        ("451", VideoUnavailable, "region"),
        ("429", RateLimited, "rate_limited"),
        ("500", TransferFailed, "transfer_failed"),
        ("503", TransferFailed, "transfer_failed"),
        ("cut", DecodeFailed, "decode_failed"),
        ("endless", LimitExceeded, "too_large"),
        ("html", NoMedia, "unsupported"),
        ("static", Unsupported, "unsupported"),
    ],
)
def test_every_failure_has_its_class(
    fetcher: Callable[[Clip], Media], workspace: Workspace, name: str, kind: type[VegasError], code: str
) -> None:
    with pytest.raises(kind) as caught:
        fetcher(clip(name))
    assert caught.value.code == code
    assert f"local-{name}" in str(caught.value)
    assert list(workspace.root.rglob("*.mp4")) == []
    assert list((workspace.root / "tmp").iterdir()) == []


def test_a_clip_of_an_unknown_source_is_named(fetcher: Callable[[Clip], Media]) -> None:
    with pytest.raises(FetchError, match="no source called 'youtube'"):
        fetcher(Clip(video_id="--PJHxphWEs", start_ms=0, end_ms=4000, categories=("drum",)))


def test_the_digest_sees_the_cut_and_not_the_deadline() -> None:
    assert fetch_digest(OPTIONS) == fetch_digest(replace(OPTIONS, deadline_s=1.0, max_source_bytes=1))
    assert fetch_digest(OPTIONS) != fetch_digest(replace(OPTIONS, cut=replace(OPTIONS.cut, crf=30)))
