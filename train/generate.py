"""``python -m train.generate``: the newest weights of a model and the pictures of a split in, their sounds out.

Wav files, videos of the first draw with the new sound, and ``sounds.json``, which names them. The same command goes on
where it was interrupted, to the same bytes. ``vegas_data.trained`` describes the files.
"""

import functools
from pathlib import Path

import click

from train.options import DeviceChoice, FiniteRange, take_device, train_options
from train.progress import Meter, print_line
from train.runs import load_model, open_run
from train.sounds import MAX_DRAWS, TEMPERATURES, DrawOptions, Weights
from vegas_data.command import run_command
from vegas_data.records import Split
from vegas_data.workspace import Workspace

_DEFAULT = DrawOptions()


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@train_options
@click.option(
    "--split",
    type=click.Choice(["train", "val", "test"]),
    default=_DEFAULT.split,
    show_default=True,
    help="Whose pictures.",
)
@click.option(
    "--draws", type=click.IntRange(1, MAX_DRAWS), default=1, show_default=True, help="Sounds for each example."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Other seeds, other sounds.")
@click.option(
    "--temperature",
    type=FiniteRange(*TEMPERATURES),
    default=_DEFAULT.temperature,
    show_default=True,
    help="Below 1 the likely gets likelier.",
)
@click.option("--limit", type=click.IntRange(1), help="Only so many examples, from the first.")
@click.option("--no-video", is_flag=True, help="Make no mp4; list those that are there.")
@click.option("--batch-size", type=click.IntRange(1, 4096), help="Sounds made at once. [default: 24]")
def command(
    model: str,
    category: str,
    workspace_path: Path,
    device: DeviceChoice,
    threads: int | None,
    as_json: bool,
    quiet: bool,
    split: Split,
    draws: int,
    seed: int,
    temperature: float,
    limit: int | None,
    no_video: bool,
    batch_size: int | None,
) -> None:
    """Make sounds for the pictures of a split, with the newest weights of a model.

    Interrupted, the same command goes on; what is there is not made again. The first draw of each example becomes a
    video too, if the clip it was cut from is in the workspace.

    Example: python -m train.generate --model frame --category drum --draws 4 --workspace demo-workspace
    """
    options = DrawOptions(split=split, draws=draws, seed=seed, temperature=temperature)
    workspace = Workspace(workspace_path)
    where = take_device(device, threads=threads)
    run = open_run(workspace, category, model)
    from train.drawing import BATCH_SIZE, make_sounds  # torch comes with this: --help does without
    from train.splits import open_split

    with run.store.lock():
        sound_model, step, checkpoint = load_model(run, where)
        made = make_sounds(
            workspace,
            run,
            Weights(model=sound_model, step=step, checkpoint=checkpoint),
            open_split(workspace, run, split),
            options,
            limit=limit,
            batch_size=batch_size or BATCH_SIZE,
            videos=not no_video,
            meters=functools.partial(Meter, as_json=as_json, quiet=quiet),
        )
    folder = run.store.path(made.folder)
    num_videos = sum(bool(sound.mp4) for sound in made.sounds)
    if as_json:
        print_line({"done": {"folder": str(folder), "sounds": len(made.sounds), "videos": num_videos, "step": step}})
    else:
        click.echo(f"{category}, {model}, {step} updates: {len(made.sounds)} sounds, {num_videos} videos in {folder}")


if __name__ == "__main__":
    run_command(command, prog_name="python -m train.generate")
