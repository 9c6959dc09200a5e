"""How far the signals of a window tell damage from none, after two lossy encoders.

    python -m benchmarks.signals

Sounds and pictures of the embedded corpus are damaged, encoded as an uploader might, cut as `vegas-data fetch` cuts
them, and read by the worker's own reader. Each row prints smallest, median and largest value over its windows.

Clipped: recordings whose makers did not clip them (of the tenths of the peak above 30 %, each holds fewer samples than
the one below, or hardly more), so loud that a share of the samples does not fit, at full scale or turned down to 40 %.
Repeated: moving scenes of the corpus at 30, 15 and 10 pictures per second in files of 30. Dark: photographs dimmed, and
none at all, with a camera's noise.
"""

import argparse
import itertools
import statistics
import tempfile
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vegas_data.demo.assets import SOUND_RATE_HZ, load_assets, read_picture, read_sound
from vegas_data.demo.corpus import CorpusOptions, plan_corpus
from vegas_data.demo.picture import render_frames
from vegas_data.media.cut import CutOptions, cut_clip
from vegas_data.media.mux import write_mp4
from vegas_data.media.sandbox import run_ffmpeg
from vegas_data.media.section import Section
from vegas_data.records import Clip
from vegas_data.verify import ScorerOptions, VerifyOptions
from vegas_data.verify.sampling import read_windows
from vegas_data.verify.scores import Signals
from vegas_data.verify.windows import split_windows

SOUND_UPLOADS: Final = {
    "none": (),
    "AAC 96 kb/s": ("-c:v", "copy", "-c:a", "aac", "-b:a", "96k"),
    "Opus 64 kb/s": ("-c:v", "copy", "-c:a", "libopus", "-b:a", "64k"),
}
PICTURE_UPLOADS: Final = {
    "none": (),
    "VP9 300 kb/s": ("-c:v", "libvpx-vp9", "-b:v", "300k", "-deadline", "realtime", "-cpu-used", "6"),
    "MPEG-4 600 kb/s": ("-c:v", "mpeg4", "-b:v", "600k", "-g", "25"),
    "x264 crf 28": ("-c:v", "libx264", "-preset", "veryfast", "-crf", "28"),
    "x264 crf 38": ("-c:v", "libx264", "-preset", "veryfast", "-crf", "38", "-g", "50"),
}
SHARES: Final = (0.0, 0.01, 0.03, 0.10)
OPTIONS: Final = VerifyOptions(
    scorers=(
        ScorerOptions(name="yamnet", side="heard", accept=0.5, reject=0.5),
        ScorerOptions(name="efficientnet-lite0", side="seen", accept=0.5, reject=0.5),
    )
)

Picture = NDArray[np.uint8]


def signals_of(
    folder: Path, frames: Sequence[Picture], sound: NDArray[np.float32], fps: int, upload: Sequence[str]
) -> list[Signals]:
    """The signals of all whole windows of what a clip of these pictures and this sound becomes."""
    made, sent, cut = folder / "made.mp4", folder / "sent.mkv", folder / "cut.mp4"
    size = (frames[0].shape[1], frames[0].shape[0])
    write_mp4(made, frames, size=size, fps=Fraction(fps), audio=sound, sample_rate_hz=SOUND_RATE_HZ, crf=12)
    if upload:
        run_ffmpeg(["-i", f"file:{made}", *upload, "-threads", "1", f"file:{sent}"], what="sent", target=sent)
    clip = Clip(video_id="test-a", start_ms=0, end_ms=len(frames) * 1000 // fps, categories=("drum",))
    cut_clip(Section(path=sent if upload else made), cut, start_ms=0, end_ms=clip.end_ms, options=CutOptions())
    return [one for _, one in read_windows(cut, split_windows(clip, clip.duration_ms, 2_000), OPTIONS)]


def show(name: str, values: Iterable[float]) -> None:
    found = sorted(values)
    print(f"  {name:44} {found[0]:7.4f} {statistics.median(found):7.4f} {found[-1]:7.4f}   ({len(found)})", flush=True)


def unclipped_recordings() -> list[NDArray[np.float32]]:
    """Two seconds of each recording whose maker did not clip it."""
    found = []
    for asset in load_assets().values():
        if asset.kind == "sound":
            sound = read_sound(asset.name)
            size = np.abs(sound) / np.abs(sound).max()
            tenths = np.histogram(size, bins=np.arange(0.3, 1.05, 0.1))[0]
            if all(above <= 1.25 * below for below, above in itertools.pairwise(tenths)):
                found.append(np.resize(sound, 2 * SOUND_RATE_HZ))
    return found


def show_clipping(folder: Path) -> None:
    print("clipped_share: smallest, median, largest (windows)")
    grey = [np.full((64, 64, 3), 120, dtype=np.uint8)] * 50
    for share in SHARES:
        for name, upload in SOUND_UPLOADS.items():
            values = []
            for index, sound in enumerate(unclipped_recordings()):
                top = np.quantile(np.abs(sound), 1 - share)
                loud = np.clip(sound / top, -1, 1) * (0.99, 0.4)[index % 2]
                values.append(signals_of(folder, grey, loud.astype(np.float32), 25, upload)[0].clipped_share)
            show(f"{100 * share:.0f} % clipped, upload {name}", values)


def show_duplicates(folder: Path) -> None:
    print("duplicate_share: smallest, median, largest (windows)")
    quiet = np.zeros(4 * SOUND_RATE_HZ, dtype=np.float32)
    for repeat in (1, 2, 3):
        scenes = []
        plan = plan_corpus(CorpusOptions(width=640, height=360, fps=30 // repeat))
        for category in ("drum", "dog", "water_flowing"):
            for planned in [one for one in plan if one.category == category and not one.fault][:2]:
                options = CorpusOptions(width=640, height=360, fps=30 // repeat)
                fresh = [f for f, _ in zip(render_frames(planned, options), range(4 * 30 // repeat), strict=False)]
                scenes.append([frame for frame in fresh for _ in range(repeat)])
        for name, upload in PICTURE_UPLOADS.items():
            shares = [one.duplicate_share for frames in scenes for one in signals_of(folder, frames, quiet, 30, upload)]
            show(f"each picture {repeat} times, upload {name}", shares)


def show_brightness(folder: Path) -> None:
    print("brightness: smallest, median, largest (windows)")
    random = np.random.default_rng(0)
    quiet = np.zeros(2 * SOUND_RATE_HZ, dtype=np.float32)
    pictures = [read_picture(asset.name) for asset in load_assets().values() if asset.kind == "picture"]
    for light, noise in ((0.0, 0), (0.0, 3), (0.0, 8), (0.02, 3), (0.05, 3), (0.10, 3), (0.20, 3), (1.0, 0)):
        values = []
        for picture in pictures[:: 1 if light else 8]:
            dim = light * picture[: 2 * (picture.shape[0] // 2), : 2 * (picture.shape[1] // 2)].astype(np.float32)
            frames = [np.clip(dim + random.normal(0, noise, dim.shape), 0, 255).astype(np.uint8) for _ in range(8)]
            values.append(signals_of(folder, (frames * 7)[:50], quiet, 25, ())[0].brightness)
        show(f"light {100 * light:.0f} %, noise of {noise} levels", values)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = {"clipping": show_clipping, "brightness": show_brightness, "duplicates": show_duplicates}
    parser.add_argument("parts", nargs="*", default=list(parts), help=", ".join(parts))
    with tempfile.TemporaryDirectory() as name:
        for part in parser.parse_args().parts:
            parts[part](Path(name))


if __name__ == "__main__":
    main()
