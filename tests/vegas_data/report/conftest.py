"""A small hand-made workspace in which every number can be counted on one's fingers, and media for it.

clip              category        what it is                      how it ended
demo-drum-whole   drum            clean, 6 s                      3 windows accepted: one example of 6 s
demo-drum-middle  drum            target in the middle only       1 of 3 accepted: one example of 2 s
demo-drum-missed  drum            clean, its last window missed   2 of 3 accepted: one example of 4 s
demo-dog-silent   dog             silent                          rejected: silent, 2 windows, 500 ms of tail
demo-dog-gone     dog             404                             failed: removed
demo-dog-broken   dog             truncated                       failed: decode_failed
demo-dog-later    dog             clean                           not fetched yet
"""

import dataclasses
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from report_records import make_clip, make_example, make_media, make_scores, make_truth, make_verdicts
from trained_records import make_evaluation, make_log, make_model, make_score, make_sounds

from vegas_data.media.mux import write_mp4
from vegas_data.records import Category, ShardInfo
from vegas_data.report import Failure, ReportData, Threshold, TrainedModel
from vegas_data.workspace import Workspace


@pytest.fixture(scope="session")
def planted() -> ReportData:
    whole, middle, missed = (make_clip(f"drum-{name}", "drum") for name in ("whole", "middle", "missed"))
    silent = make_clip("dog-silent", "dog", duration_ms=4500)
    gone, broken, later = (make_clip(f"dog-{name}", "dog") for name in ("gone", "broken", "later"))
    verdicts = [
        *make_verdicts(whole, "drum", "ok", "ok", "ok"),
        *make_verdicts(middle, "drum", "not_heard", "ok", "not_heard"),
        *make_verdicts(missed, "drum", "ok", "ok", "not_seen"),
        *make_verdicts(silent, "dog", "silent", "silent"),
    ]
    examples = (
        make_example(whole, "drum", 0, 2),
        make_example(middle, "drum", 1, 1),
        make_example(missed, "drum", 0, 1),
    )
    shard = ShardInfo(
        name="drum-train-000000.tar",
        category="drum",
        split="train",
        profile="train",
        sha256="cd" * 32,
        num_bytes=2_000_000,
        keys=(examples[0].id, examples[1].id),
        inputs="0123456789ab",
        recipe="0123456789ab",
        streams=(("lite0", "aa"), ("flow_lite0", "bb")),
    )
    return ReportData(
        recipe_name="demo",
        digests=(("recipe", "0123456789ab"),),
        categories=(
            Category(name="drum", title="Drum"),
            Category(name="dog", title="Dog"),
        ),
        clips=(whole, middle, missed, silent, gone, broken, later),
        media={clip.id: make_media(clip) for clip in (whole, middle, missed, silent)},
        failures=(
            Failure(clip_id=gone.id, code="removed", message="HTTP Error 404: Not Found"),
            Failure(clip_id=broken.id, code="decode_failed", message="the picture ends at 3.1 s"),
        ),
        verdicts=tuple(verdicts),
        scores=tuple(
            make_scores(v, 0.01 if v.reason in ("not_heard", "silent") else 0.6, 0.1 if v.reason == "not_seen" else 0.9)
            for v in verdicts
        ),
        thresholds=(
            Threshold(scorer="ears", side="heard", accept=0.08, reject=0.08),
            Threshold(scorer="eyes", side="seen", accept=0.3, reject=0.2),
        ),
        examples=examples,
        splits={whole.video_id: "train", middle.video_id: "train", missed.video_id: "test"},
        shards=(shard,),
        seconds=(("fetch", 1.5), ("verify", 2.25)),
        truth=(
            make_truth(whole, "drum", "", "accepted", True, True, True),
            make_truth(middle, "drum", "middle_only", "accepted", False, True, False),
            make_truth(missed, "drum", "", "accepted", True, True, True),
            make_truth(silent, "dog", "silent", "rejected:silent", False, False),
            make_truth(gone, "dog", "gone_404", "failed:removed"),
            make_truth(broken, "dog", "truncated", "failed:decode_failed"),
            make_truth(later, "dog", "", "accepted", True, True, True),
        ),
        tools=(("ffmpeg", "7.0.2"),),
        command_options="--workspace demo-workspace",
    )


@pytest.fixture(scope="session")
def media_path(planted: ReportData, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A drawn clip for every fetched one: a bright square that jumps to the right at every second, with a click."""
    folder = tmp_path_factory.mktemp("clips")
    for clip_id, media in planted.media.items():
        sound = np.zeros(media.num_samples, dtype=np.float32)
        sound.reshape(-1, 24_000)[::2, :240] = 0.8
        write_mp4(
            folder / f"{clip_id}.mp4",
            (draw_square(index) for index in range(media.num_frames)),
            size=(media.width, media.height),
            fps=Fraction(media.fps),
            audio=sound,
        )
    return lambda clip_id: folder / f"{clip_id}.mp4"


def draw_square(index: int) -> np.ndarray:
    picture = np.full((48, 64, 3), 40, dtype=np.uint8)
    left = 4 + 6 * (index // 25)
    picture[16:32, left : left + 16] = (230, 160, 60)
    return picture


@pytest.fixture(scope="session")
def learned(planted: ReportData, tmp_path_factory: pytest.TempPathFactory) -> ReportData:
    """The same, with models of drum: frame is complete, seq was evaluated too early, flow has only begun.

    And one of dog, whose files are damaged.
    """
    folder = tmp_path_factory.mktemp("sounds")
    shard = planted.shards[0]
    sounds = make_sounds(planted.examples[:1], folder)
    whole = {"sounds": sounds, "sounds_folder": folder}
    early = make_evaluation("drum", "seq", made_by=(200, "aa" * 32), onsets=make_score(0.3))
    return dataclasses.replace(
        planted,
        trained=(
            make_model(shard, "frame", evaluation=make_evaluation("drum", onsets=make_score()), **whole),
            make_model(shard, "seq", evaluation=early, **whole),
            make_model(shard, "flow", log=make_log(100), checkpoint=(100, "bb" * 32)),
            TrainedModel(category="dog", model="seq", troubles=("run.json: not a JSON object. delete the file",)),
        ),
        onsets={planted.examples[0].video_id: (1400, 2900)},
    )


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "workspace", 'name = "demo"\n')


@pytest.fixture(scope="session")
def hostile(learned: ReportData) -> ReportData:
    """The same data, with markup wherever a stranger can write."""
    markup = "<script>alert('x')</script><img src=http://evil.example/x onerror=alert(1)>\"'&"
    attack = f"{markup}\udcff\u202e"  # half a surrogate pair, and an order to write from right to left
    first, *rest = learned.failures
    return dataclasses.replace(
        learned,
        recipe_name=f"demo{attack}",
        failures=(dataclasses.replace(first, message=attack, code=f"removed{markup}"), *rest),
        verdicts=tuple(
            dataclasses.replace(v, reason=f"{v.reason}{attack}") if v.reason == "silent" else v
            for v in learned.verdicts
        ),
        truth=tuple(dataclasses.replace(t, licence=attack, fault=t.fault and t.fault + attack) for t in learned.truth),
        categories=(Category(name="drum", title=f"Drum{attack}"), Category(name="dog", title="Dog")),
        tools=((f"ffmpeg{attack}", attack),),
        command_options=f"--workspace {attack}",
        trained=tuple(_attack_model(model, attack) for model in learned.trained),
    )


def _attack_model(model: TrainedModel, attack: str) -> TrainedModel:
    """A model whose files were written by a stranger."""
    info, sounds = model.info, model.sounds
    return dataclasses.replace(
        model,
        troubles=(attack,),
        info=dataclasses.replace(info, experiment=attack, name=attack) if info else None,
        sounds=dataclasses.replace(
            sounds, sounds=tuple(dataclasses.replace(sound, example_id=attack) for sound in sounds.sounds)
        )
        if sounds
        else None,
    )
