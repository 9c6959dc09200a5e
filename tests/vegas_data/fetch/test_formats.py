"""What is chosen of the files that a site offers."""

from typing import Any

import pytest

from vegas_data.fetch.formats import choose


def offer(name: str, **more: Any) -> dict[str, Any]:
    return {"format_id": name, "protocol": "https", "ext": "mp4", "url": f"https://host/{name}", **more}


def picture(name: str, height: int, **more: Any) -> dict[str, Any]:
    sides = {"height": height, "width": height * 16 // 9}
    return offer(name, **{"vcodec": "avc1.4d401e", "acodec": "none", **sides, **more})


def sound(name: str, **more: Any) -> dict[str, Any]:
    return offer(name, **{"vcodec": "none", "acodec": "mp4a.40.2", "tbr": 129, **more})


def whole(name: str, height: int, **more: Any) -> dict[str, Any]:
    return picture(name, height, acodec="mp4a.40.2", **more)


HLS = {"protocol": "m3u8_native"}
S = sound("s")


@pytest.mark.parametrize(
    ("offers", "expected"),
    [
        ([picture("p", 96), S], "p+s"),
        ([picture("p", 96), S, whole("w", 96)], "w"),
        ([whole("w", 96)], "w"),
        ([picture("p", 96), whole("w", 96)], "w"),
        ([picture("p", 96), S, whole("w", 720)], "p+s"),
        ([picture("p", 720), S, whole("w", 96)], "w"),
        ([picture("p", 720), S], "p+s"),
        ([picture("p", 1080), picture("q", 480), S], "q+s"),
        ([picture("p", 240), picture("q", 360), picture("r", 361), S], "q+s"),
        ([picture("p", 96)], "p"),
        ([picture("p", 96), whole("hls", 96, **HLS)], "hls"),
        ([whole("hls", 360, **HLS), S, whole("w", 96)], "w"),
        ([whole("hls", 360, **HLS), whole("w", 720)], "hls"),
        ([picture("p", 96, **HLS), sound("h", **HLS)], "p+h"),
        ([offer("plain")], "plain"),
        ([S], None),
        ([offer("sb0", vcodec="none", acodec="none", protocol="mhtml")], None),
        ([whole("w", 96, protocol="rtmp")], None),
        ([], None),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_rendition_within_the_cap_at_plain_addresses_in_one_file_if_there_is_one(
    offers: list[dict[str, Any]], expected: str | None
) -> None:
    for order in (offers, offers[::-1]):
        choice = choose(order, 360)
        assert (choice and choice.name) == expected


@pytest.mark.parametrize(
    ("worse", "better"),
    [
        (picture("p", 360, vcodec="av01.0.01M.08"), picture("q", 360)),
        (picture("p", 360, vcodec="vp9", ext="webm", tbr=900), picture("q", 360, tbr=300)),
        (picture("p", 360, tbr=300), picture("q", 360, tbr=500)),
        (picture("243-sr", 360), picture("q", 240)),
        (picture("p", 360, preference=-10), picture("q", 144)),
        (picture("p", 360, dynamic_range="HDR10"), picture("q", 360)),
        (picture("p", 640, width=360), picture("q", 1280, width=720)),
        (picture("p", 426, width=240), picture("q", 640, width=360)),
        (sound("140-drc", language_preference=10), sound("140", language_preference=10, tbr=48)),
        (sound("dubbed", language_preference=-1), sound("original", language_preference=10, tbr=48)),
        (sound("described", language_preference=-10), sound("140", tbr=48)),
        (sound("251", acodec="opus", tbr=160), sound("140")),
        (sound("258", audio_channels=6, tbr=384), sound("140", audio_channels=2)),
        (sound("139", tbr=48), sound("140")),
        (whole("dubbed", 360, language_preference=-1), whole("original", 240, language_preference=10)),
    ],
    ids=lambda value: str(value["format_id"]),
)
def test_the_original_before_the_altered_and_the_cheap_before_the_costly(
    worse: dict[str, Any], better: dict[str, Any]
) -> None:
    if worse["format_id"] == "p" and worse.get("width") == 360:
        worse, better = better, worse  # a portrait of 360p is 360 wide, and within the cap
    others = [picture("other", 96)] if worse["vcodec"] == "none" else [S]
    for order in ([worse, better], [better, worse]):
        choice = choose([*order, *others], 360)
        assert choice is not None
        assert better["format_id"] in choice.name.split("+")


def test_files_in_pieces_are_told_from_files_at_one_address() -> None:
    for offers, direct in (
        ([picture("p", 96), S], True),
        ([whole("w", 96, **HLS)], False),
        ([whole("w", 96, protocol="http_dash_segments")], False),
        ([whole("w", 96, fragments=[{"url": "https://host/1"}])], False),
        ([picture("p", 96), sound("s", **HLS)], False),
    ):
        choice = choose(offers, 360)
        assert choice is not None
        assert choice.direct is direct
        assert [part for part, _ in choice.files] in (["video"], ["picture", "sound"])
