"""A run's weights and the shards of a workspace in, an Evaluation, and what must be said beside it, out."""

from typing import Final

from train.data import Examples
from train.drawing import Meters, make_sounds
from train.metrics.cross_entropy import split_loss
from train.metrics.hearing import hear
from train.metrics.onset_score import score_onsets
from train.runs import OpenRun
from train.sounds import DrawOptions, Weights
from train.splits import open_split, open_split_if_there
from vegas_data.errors import WorkspaceError
from vegas_data.onsets import read_onsets
from vegas_data.records import Split
from vegas_data.trained import SOUNDS, Evaluation, OnsetScore, SoundSet, SplitLoss, read_record
from vegas_data.workspace import Workspace

SPLITS: Final[tuple[Split, ...]] = ("train", "val", "test")
_DIGITS: Final = 6  # recorded: more would tell of nothing but the order of sums


class Evaluator:
    """Measures the weights of one run; whoever calls holds the run's lock.

    Attributes:
        notes: what the figures do not say by themselves.

    Raises:
        WorkspaceError, ShardError: there are no shards, or they are damaged.
        TrainError: the shards are not such as the model learned from.
    """

    def __init__(self, workspace: Workspace, run: OpenRun, weights: Weights, *, meters: Meters) -> None:
        self.workspace, self.run, self.weights, self.meters = workspace, run, weights, meters
        found = {split: open_split_if_there(workspace, run, split) for split in SPLITS}
        self.splits = {split: examples for split, examples in found.items() if examples is not None}
        if not self.splits:
            open_split(workspace, run, "train")  # says what is missing, and what to do
        self.notes = [f"there are no shards of {run.info.category}, {split}" for split in SPLITS if not found[split]]
        if "train" in self.splits and self.splits["train"].shards != run.info.shards:
            self.notes.append("the model learned from other shards than the workspace now has for training")

    def measure(self, options: DrawOptions | None, *, tolerance_ms: int) -> Evaluation:
        """Cross-entropy of every split and, unless ``options`` is None, the onsets of the test split's sounds."""
        losses = self._losses()
        onsets = None
        if options is not None and "test" in self.splits:
            onsets = self._onsets(self.splits["test"], options, tolerance_ms)
        return Evaluation(
            category=self.run.info.category,
            model=self.run.info.model,
            step=self.weights.step,
            checkpoint=self.weights.checkpoint,
            losses=losses,
            onsets=onsets,
        )

    def _losses(self) -> tuple[SplitLoss, ...]:
        config, samples_per_frame = self.run.experiment.train, self.run.info.samples_per_frame
        total_frames = self.run.experiment.data.num_frames * sum(map(len, self.splits.values()))
        losses, heard = [], 0
        title = f"{self.run.info.category}, {self.run.info.model}: cross-entropy, frames"
        with self.meters(title, total_frames) as meter:

            def advance(num_samples: int) -> None:
                nonlocal heard
                heard += num_samples
                meter.tell(heard // samples_per_frame)

            for split, examples in self.splits.items():
                found = split_loss(
                    self.weights.model,
                    examples,
                    batch_size=config.batch_size,
                    piece_samples=config.piece_samples,
                    advance=advance,
                )
                assert found.repeated is not None
                losses.append(
                    SplitLoss(
                        split=split,
                        num_examples=found.num_examples,
                        num_samples=found.num_samples,
                        true=round(found.true, _DIGITS),
                        repeated=round(found.repeated, _DIGITS),
                    )
                )
        return tuple(losses)

    def _onsets(self, examples: Examples, options: DrawOptions, tolerance_ms: int) -> OnsetScore | None:
        table = read_onsets(self.workspace)
        sounds = make_sounds(
            self.workspace, self.run, self.weights, examples, options, videos=False, meters=self.meters
        )
        heard = hear(self.run.store, sounds, examples, table)
        if heard.num_unknown:
            self.notes.append(f"{heard.num_unknown} test examples not scored: the table of onsets lacks their videos")
        if len({example.video_id for example in heard.examples}) < 2:
            self.notes.append("onsets are not scored: that takes test examples of at least two source videos")
            return None
        return score_onsets(heard.examples, reference=heard.reference, tolerance_ms=tolerance_ms)


def as_before(
    run: OpenRun, weights: Weights, *, draws: int | None, seed: int | None, temperature: float | None
) -> DrawOptions:
    """What was asked for; where nothing was, as the sounds that these weights made for the test split, if any.

    Raises:
        WorkspaceError: the record of the latest sounds is damaged.
    """
    default = DrawOptions()
    latest = read_record(run.store, SOUNDS, SoundSet)
    if latest is not None and latest.split == "test" and latest.checkpoint == weights.checkpoint and latest.sounds:
        num_draws = 1 + max(sound.draw for sound in latest.sounds)
        try:
            default = DrawOptions(draws=num_draws, seed=latest.seed, temperature=latest.temperature)
        except ValueError as error:
            raise WorkspaceError(
                f"{run.store.path(SOUNDS)}: {error}", remedy="delete the file and run `python -m train.generate` again"
            ) from None
    return DrawOptions(
        draws=default.draws if draws is None else draws,
        seed=default.seed if seed is None else seed,
        temperature=default.temperature if temperature is None else temperature,
    )
