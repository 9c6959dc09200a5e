"""The compositor: a planned clip in, the source video that a host would serve out.

Faults of the file itself are made here: no sound track, too short (the plan says so), cut off. Everything is
deterministic: same plan, same assets, same ffmpeg, same bytes.
"""

import os
from fractions import Fraction
from pathlib import Path
from typing import Final

from vegas_data.demo.assets import SOUND_RATE_HZ
from vegas_data.demo.corpus import CorpusOptions, PlannedClip
from vegas_data.demo.picture import render_frames
from vegas_data.demo.soundtrack import render_sound
from vegas_data.media.mux import write_mp4

KEPT_WHEN_TRUNCATED: Final = Fraction(6, 10)


def render_source(planned: PlannedClip, options: CorpusOptions, path: Path) -> None:
    """Write the whole source video of ``planned`` to ``path`` (mp4, H.264 and AAC, index in front).

    Raises:
        DependencyMissing, ChecksumMismatch: an asset is missing or damaged, or there is no ffmpeg.
        DecodeFailed, LimitExceeded: ffmpeg failed.
    """
    write_mp4(
        path,
        render_frames(planned, options),
        size=(options.width, options.height),
        fps=Fraction(options.fps),
        audio=None if planned.fault == "no_audio" else render_sound(planned),
        sample_rate_hz=SOUND_RATE_HZ,
    )
    if planned.fault == "truncated":
        os.truncate(path, int(path.stat().st_size * KEPT_WHEN_TRUNCATED))
