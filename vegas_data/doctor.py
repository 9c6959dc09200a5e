"""What a machine lacks for a recipe, each with the command that mends it. Installs nothing, changes nothing."""

import importlib.metadata
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from vegas_data import features, verify
from vegas_data.device import require_device
from vegas_data.errors import DeviceMissing, VegasError
from vegas_data.media.confine import REMEDY_BWRAP, find_wall
from vegas_data.media.sandbox import ffmpeg_version, find_ffmpeg
from vegas_data.recipe import Recipe

_RIVALS: Final = ("opencv-python", "opencv-contrib-python", "opencv-python-headless")


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that was looked for; a ``note`` stands in nobody's way."""

    name: str
    status: Literal["ok", "missing", "note"]
    message: str
    remedy: str = ""


def examine(recipe: Recipe) -> list[Check]:
    """Look for everything that ``recipe`` needs on this machine."""
    return [
        _try("ffmpeg", lambda: f"{ffmpeg_version()} at {find_ffmpeg()}"),
        _sandbox(),
        _package("yt-dlp"),
        *_javascript(recipe),
        *_opencv(),
        *(_scorer(recipe, scorer.name) for scorer in recipe.verify.scorers),
        *(_encoder(stream, recipe.features.random_weights) for stream in recipe.features.streams),
        _gpu(),
    ]


def _try(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name=name, status="ok", message=look())
    except VegasError as error:
        return Check(name=name, status="missing", message=str(error), remedy=error.remedy)


def _sandbox() -> Check:
    try:
        wall = find_wall()
    except VegasError as error:
        return Check(name="sandbox", status="missing", message=str(error), remedy=error.remedy)
    if wall.program is not None:
        return Check(name="sandbox", status="ok", message=f"limits, and bubblewrap at {wall.program}")
    return Check(name="sandbox", status="note", message=f"limits only: {wall.reason}", remedy=REMEDY_BWRAP)


def _package(name: str) -> Check:
    try:
        return Check(name=name, status="ok", message=importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Check(name=name, status="missing", message="not installed", remedy=f"pip install {name}")


def _javascript(recipe: Recipe) -> Iterator[Check]:
    if any("youtube" in source.extractors for source in recipe.sources):
        yield _package("yt-dlp-ejs")
        deno = shutil.which("deno")
        if deno:
            yield Check(name="deno", status="ok", message=deno)
        else:
            found = _package("deno")
            hint = "on PATH no deno was found: YouTube needs a JavaScript runtime"
            yield (
                found
                if found.status == "ok"
                else Check(name="deno", status="missing", message=hint, remedy="pip install deno")
            )


def _opencv() -> Iterator[Check]:
    yield _package("opencv-contrib-python-headless")
    for rival in _RIVALS:
        if _package(rival).status == "ok":
            yield Check(
                name=rival,
                status="missing",
                message="installed beside our OpenCV wheel, over the same files",
                remedy=f"pip uninstall {rival}; pip install --force-reinstall opencv-contrib-python-headless",
            )


def _scorer(recipe: Recipe, name: str) -> Check:
    options = recipe.verify.thresholds(name)

    def look() -> str:
        return f"weights {verify.find_scorer(name, verify.load_registry()).digest(options)[:12]}…"

    return _try(f"scorer {name}", look)


def _encoder(stream: features.StreamOptions, seed: int | None) -> Check:
    def look() -> str:
        weights = features.digest_of_weights(stream, seed)
        return f"{stream.encoder}, {weights[:12]}…" if seed is None else f"{stream.encoder}, {weights}: means nothing"

    return _try(f"stream {stream.name}", look)


def _gpu() -> Check:
    try:
        require_device("cuda")
    except DeviceMissing as error:
        return Check(name="GPU", status="note", message=f"{error} (needed only for --gpu)")
    return Check(name="GPU", status="ok", message="CUDA")
