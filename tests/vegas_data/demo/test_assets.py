"""The raw material: whole, listed, licensed, and what it says it is."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from vegas_data.demo import assets
from vegas_data.demo.assets import FOLDER, WRONG, load_assets, read_bytes, read_picture, read_sound, select_assets
from vegas_data.errors import ChecksumMismatch, DependencyMissing

CATEGORIES = ("drum", "dog", "water_flowing")


def test_every_file_is_listed_whole_and_small() -> None:
    listed = {asset.file for asset in load_assets().values()}
    present = {
        path.relative_to(FOLDER).as_posix()
        for path in FOLDER.rglob("*")
        if path.is_file() and path.suffix in {".webp", ".wav"}
    }
    assert listed == present
    for asset in load_assets().values():
        read_bytes(asset)
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) <= 4 << 20


def test_every_licence_has_its_text_and_every_text_a_file() -> None:
    used = {asset.spdx for asset in load_assets().values()}
    assert used == {path.stem for path in (FOLDER / "LICENSES").glob("*.txt")}


def test_every_asset_names_author_origin_and_changes() -> None:
    for asset in load_assets().values():
        assert asset.title, asset.file
        assert asset.author, asset.file
        assert asset.origin, asset.file
        assert asset.changes, asset.file


def test_the_page_credits_every_asset() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "corpus.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith(("| `pictures/", "| `sounds/"))]
    assert len(rows) == len(load_assets())
    for asset in load_assets().values():
        row = next(line for line in rows if line.startswith(f"| `{asset.file}` |"))
        for fact in (asset.role, asset.title, asset.author, asset.spdx, asset.changes):
            assert f" {fact} " in row, asset.file


@pytest.mark.parametrize("role", [*CATEGORIES, WRONG])
def test_there_is_a_choice_of_pictures_and_sounds(role: str) -> None:
    assert len(select_assets("picture", role)) >= 2
    assert len(select_assets("sound", role)) >= 3


def test_pictures_and_sounds_can_be_read() -> None:
    for asset in load_assets().values():
        if asset.kind == "picture":
            picture = read_picture(asset.name)
            assert picture.dtype == np.uint8
            assert picture.shape[2] == 3
            assert min(picture.shape[:2]) >= 150
            assert picture.std() > 10, f"{asset.file} is blank"
        else:
            samples = read_sound(asset.name)
            assert samples.dtype == np.float32
            assert 0.05 < np.abs(samples).max() < 1.0
            assert len(samples) >= 0.1 * assets.SOUND_RATE_HZ


def test_a_hit_begins_at_once() -> None:
    """The plan's onset is the file's first sample: within 20 ms a hit must be loud."""
    for asset in load_assets().values():
        if asset.kind == "sound" and not asset.texture and asset.role != WRONG:
            envelope = np.abs(read_sound(asset.name))
            assert envelope[: assets.SOUND_RATE_HZ // 50].max() > 0.1 * envelope.max(), asset.file


def test_a_damaged_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asset = load_assets()["drum_snare_hard"]
    copy = tmp_path / asset.file
    copy.parent.mkdir()
    copy.write_bytes(bytes([*(FOLDER / asset.file).read_bytes()[:-1], 0x55]))
    monkeypatch.setattr(assets, "FOLDER", tmp_path)
    with pytest.raises(ChecksumMismatch, match="drum_snare_hard") as caught:
        read_bytes(asset)
    assert "pip install" in caught.value.remedy


def test_a_missing_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "FOLDER", tmp_path)
    with pytest.raises(DependencyMissing, match="drum_snare_hard"):
        read_bytes(load_assets()["drum_snare_hard"])


def test_shared_pixels_and_samples_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        read_picture("drum_bata")[0, 0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        read_sound("drum_snare_hard")[0] = 1


def test_the_digest_follows_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    before = assets.assets_digest()
    changed = {name: dataclasses.replace(asset, sha256="0" * 64) for name, asset in load_assets().items()}
    monkeypatch.setattr(assets, "load_assets", lambda: changed)
    assert assets.assets_digest() != before
