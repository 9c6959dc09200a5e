"""What a recipe may say of a source, by its kind."""

from typing import Any

import pytest

from vegas_data.config import digest, load_table
from vegas_data.errors import RecipeError
from vegas_data.fetch.options import YOUTUBE_VIDEOS_PER_HOUR, FetchOptions, SourceOptions

HTTP = {"kind": "http", "url": "https://host.example/v/{id}.mp4"}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kind": "http"}, "needs a url"),
        ({"kind": "http", "url": "http://host/x.mp4"}, "exactly once"),
        ({"kind": "http", "url": "http://host/{id}/{id}"}, "exactly once"),
        ({"kind": "http", "url": "ftp://host/{id}"}, "http or https"),
        ({"kind": "http", "url": "file:///etc/{id}"}, "http or https"),
        ({"kind": "http", "url": "http:///{id}"}, "with a host"),
        ({"kind": "http", "url": "http://host:0/{id}"}, "with a host"),
        ({"kind": "http", "url": "http://host:x/{id}"}, "Port"),
        ({"kind": "http", "url": "http://{id}/x"}, "after the host"),
        ({"kind": "http", "url": "http://{id}.host/x"}, "after the host"),
        ({"kind": "http", "url": "http://host:80{id}/x"}, "Port"),
        ({"kind": "http", "url": "http://host/x#{id}"}, "after the host"),
        ({"kind": "http", "url": "http://user:secret@host/{id}"}, "user name"),
        ({"kind": "http", "url": "http://[::1/{id}"}, "IPv6"),
        ({**HTTP, "folder": "/videos"}, "local source"),
        ({"url": "http://host/x.mp4"}, "exactly once"),
        ({"extractors": ()}, "at least one"),
        ({"extractors": ("",)}, "no name"),
        ({"extractors": (".*",)}, "no name"),
        ({"kind": "local"}, "needs a folder"),
        ({"kind": "local", "folder": "a\0b"}, "needs a folder"),
        ({"kind": "local", "folder": "/videos", "url": "http://host/{id}"}, "no url"),
        ({"name": "../x"}, "lower-case"),
        ({"name": "My Source"}, "lower-case"),
        ({"name": ""}, "lower-case"),
        ({"videos_per_hour": -1.0}, "videos_per_hour"),
        ({"videos_per_hour": float("nan")}, "videos_per_hour"),
        ({"videos_per_hour": float("inf")}, "videos_per_hour"),
    ],
    ids=str,
)
def test_a_source_that_cannot_work_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        SourceOptions(**wrong)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("table", "per_hour"),
    [
        ({}, YOUTUBE_VIDEOS_PER_HOUR),
        ({"videos_per_hour": 0}, 0.0),
        ({"videos_per_hour": 60.5}, 60.5),
        (HTTP, 0.0),
        ({**HTTP, "videos_per_hour": 7200}, 7200.0),
        ({**HTTP, "url": "http://127.0.0.1:8080/get?v={id}"}, 0.0),
        ({"name": "mine2", "kind": "local", "folder": "~/videos"}, 0.0),
    ],
    ids=str,
)
def test_a_good_source_has_the_pace_of_its_kind(table: dict[str, Any], per_hour: float) -> None:
    source = load_table(SourceOptions, table, where="recipe [[sources]]")
    assert source.pace_per_hour == per_hour


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(RecipeError, match="gopher"):
        load_table(SourceOptions, {"kind": "gopher"}, where="recipe [[sources]]")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"min_bytes_per_s": -1}, "min_bytes_per_s"),
        ({"low_speed_s": 0.0}, "low_speed_s"),
        ({"low_speed_s": float("inf")}, "low_speed_s"),
    ],
)
def test_limits_that_are_none_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FetchOptions(**wrong)


def test_how_a_video_is_reached_decides_nothing_about_the_clip() -> None:
    assert digest(SourceOptions(**HTTP)) == digest(SourceOptions(**{**HTTP, "url": "https://other.example/{id}"}))
    assert digest(FetchOptions()) == digest(FetchOptions(min_bytes_per_s=1, low_speed_s=1.0))
