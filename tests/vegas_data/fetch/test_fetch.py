"""Fetching with the real yt-dlp from a loopback server that misbehaves in every way we name."""

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
    MediaError,
    ProbeFailed,
    RateLimited,
    TransferFailed,
    VegasError,
    VideoUnavailable,
    WorkspaceError,
)
from vegas_data.fetch import FetchOptions, SourceOptions, clip_key, fetch_digest, is_fetched, make_fetcher, read_media
from vegas_data.fetch.failures import classify
from vegas_data.records import Clip, Media
from vegas_data.store import sha256_of
from vegas_data.workspace import Workspace

# yt-dlp leaves the sockets of failed downloads to the garbage collector, which tells pytest
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")

OPTIONS = FetchOptions(max_source_bytes=3_000_000)


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
            self.send_header("Content-Type", "video/mp4")
            body = {"cut": video[: len(video) // 2], "html": b"<html>consent</html>"}.get(name, video)
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
    return make_fetcher(OPTIONS, (SourceOptions(name="local", url=server, extractors=("generic",)),), workspace)


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
    assert (media.duration_ms, media.end_ms) == (7000, 9000)
    assert is_fetched(workspace, fetch_digest(OPTIONS), beyond)


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
    sources = (SourceOptions(name="local", url=server, extractors=("generic",)),)
    media = make_fetcher(OPTIONS, sources, workspace, "a")(clip("good_video"))
    assert media.settings == fetch_digest(OPTIONS, "a")
    assert is_fetched(workspace, fetch_digest(OPTIONS, "a"), clip("good_video"))
    assert not is_fetched(workspace, fetch_digest(OPTIONS), clip("good_video"))


def test_one_reused_downloader_fetches_several(fetcher: Callable[[Clip], Media]) -> None:
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
        ("endless", LimitExceeded, "limit_exceeded"),
        ("html", VegasError, ""),
    ],
)
def test_every_failure_has_its_class(
    fetcher: Callable[[Clip], Media], workspace: Workspace, name: str, kind: type[VegasError], code: str
) -> None:
    with pytest.raises(kind) as caught:
        fetcher(clip(name))
    assert caught.value.code == (code or caught.value.code)
    assert f"local-{name}" in str(caught.value)
    assert list(workspace.root.rglob("*.mp4")) == []
    assert list((workspace.root / "tmp").iterdir()) == []


def test_a_page_instead_of_a_video_is_no_success(fetcher: Callable[[Clip], Media]) -> None:
    with pytest.raises((ProbeFailed, TransferFailed, MediaError)):
        fetcher(clip("html"))


def test_only_allowed_extractors_answer(server: str, workspace: Workspace) -> None:
    youtube_only = make_fetcher(OPTIONS, (SourceOptions(name="local", url=server),), workspace)
    with pytest.raises(FetchError, match="No suitable extractor"):
        youtube_only(clip("good_video"))


def test_a_clip_of_an_unknown_source_is_named(fetcher: Callable[[Clip], Media]) -> None:
    with pytest.raises(FetchError, match="no source called 'youtube'"):
        fetcher(Clip(video_id="--PJHxphWEs", start_ms=0, end_ms=4000, categories=("drum",)))


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("[youtube] abc: Private video. Sign in if you've been granted access", "private"),
        ("[youtube] abc: Video unavailable. This video has been removed by the uploader", "removed"),
        ("[youtube] abc: Video unavailable. The account associated with this video has been terminated", "removed"),
        ("[youtube] abc: The uploader has not made this video available in your country", "region"),
        ("[youtube] abc: Sign in to confirm your age. This video may be inappropriate for some users.", "age"),
        ("[youtube] abc: Join this channel to get access to members-only content", "members_only"),
        ("[youtube] abc: Sign in to confirm you're not a bot", "rate_limited"),
        ("[youtube] abc: Video unavailable. Your account has been rate-limited by YouTube", "rate_limited"),
        ("[youtube] abc: nsig extraction failed", "transfer_failed"),
    ],
)
def test_what_youtube_says(message: str, code: str) -> None:
    assert classify("clip", message, None, status_is_final=False).code == code


def test_youtubes_403_is_not_a_private_video() -> None:
    assert classify("clip", "HTTP Error 403: Forbidden", 403, status_is_final=False).code == "transfer_failed"


def test_messages_cannot_write_on_the_terminal() -> None:
    error = classify("clip", "evil \x1b[31m title\nsecond line", None, status_is_final=False)
    assert "\x1b" not in str(error)
    assert "\n" not in str(error)


def test_the_digest_sees_the_cut_and_not_the_deadline() -> None:
    assert fetch_digest(OPTIONS) == fetch_digest(replace(OPTIONS, deadline_s=1.0, max_source_bytes=1))
    assert fetch_digest(OPTIONS) != fetch_digest(replace(OPTIONS, cut=replace(OPTIONS.cut, crf=30)))
