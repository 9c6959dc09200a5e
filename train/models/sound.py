"""An encoder and a sound generator that fit each other: one of the three models, ready to be trained."""

from collections.abc import Mapping

from torch import Tensor, nn

from train.config import DataShape, ModelConfig
from train.models.conditioning import Conditioning, make_encoder
from train.models.samplernn import SampleRnn, SampleRnnState


class SoundModel(nn.Module):
    """A video's features to its sound. Encode once for each video, then go through its sound in pieces.

    Raises:
        ValueError: ``data`` does not describe the streams that ``config`` names.
    """

    def __init__(self, config: ModelConfig, data: DataShape) -> None:
        super().__init__()
        self.encoder = make_encoder(config.conditioning, data, state_width=config.samplernn.width)
        self.generator = SampleRnn(config.samplernn, self.encoder.shape, samples_per_frame=data.samples_per_frame)

    def encode(self, streams: Mapping[str, Tensor]) -> Conditioning:
        """What the generator is told of the videos.

        Shape:
            streams: by name float [B, F, D].
        """
        conditioning: Conditioning = self.encoder(streams)
        return conditioning

    def initial_state(self, batch: int, conditioning: Conditioning) -> SampleRnnState:
        """The state before the first sample of ``batch`` new sounds."""
        return self.generator.initial_state(batch, conditioning)

    def forward(
        self, levels: Tensor, conditioning: Conditioning, state: SampleRnnState
    ) -> tuple[Tensor, SampleRnnState]:
        """Logits of each level given all before it, and the state after the last; see SampleRnn.

        Shape:
            levels: integers [B, T] in 0…255. Returns float [B, T, 256].
        """
        logits_BTQ, after = self.generator(levels, conditioning, state)
        return logits_BTQ, after
