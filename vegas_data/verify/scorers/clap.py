"""Heard, by CLAP: zero-shot, from the names of a category's sounds; the names need not be AudioSet's.

Wu et al., "Large-scale contrastive language-audio pretraining", ICASSP 2023. The phrase is the authors' for
classification, "This is a sound of dog." The prompts of the table of categories are not used: they say what is seen.
CLAP chooses between captions as CLIP does; a phrase's share is its softmax against ``NEUTRAL``.

The default is the *unfused* network. Fusion is for sounds of more than 10 s, and a window is never longer; in
``transformers`` it treats one sound of each batch as a long one, so that a score would depend on its neighbours.

A window's sound has 16 kHz. CLAP listens at 48 kHz, up to 14 kHz: what lies above 8 kHz is silent to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from torch.nn import functional

from vegas_data.errors import WeightsMissing
from vegas_data.networks.pretrained import PREPROCESSOR, load_network, load_tokenizer, opening, read_settings
from vegas_data.networks.snapshot import find_snapshot, remedy_for
from vegas_data.records import MAX_CLIP_MS, Category
from vegas_data.verify.scorers.seam import SAMPLE_RATE_HZ
from vegas_data.verify.scorers.zero_shot import ZeroShotScorer, against_neutral

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from vegas_data.verify.scorers.seam import WindowMedia

NAME: Final = "clap"
NEUTRAL: Final = (  # a change is a new version of the scorer
    "This is a sound.",
    "This is a sound of silence.",
    "This is a sound of background noise.",
    "This is a sound of wind.",
    "This is a sound of people talking.",
    "This is a sound of music.",
)
_MAX_TOKENS: Final = 77
_LOBES: Final = 32  # of the interpolating sinc, on each side
_KAISER_BETA: Final = 8.0


@dataclass(frozen=True, kw_only=True)
class Listening:
    """What of ``preprocessor_config.json`` decides how a sound becomes a spectrogram."""

    feature_size: int
    sampling_rate: int
    hop_length: int
    max_length_s: int
    fft_window_size: int
    frequency_min: float
    frequency_max: float
    truncation: str
    padding: str

    def __post_init__(self) -> None:
        if self.sampling_rate % SAMPLE_RATE_HZ or self.sampling_rate < SAMPLE_RATE_HZ:
            raise ValueError(f"a rate of {self.sampling_rate} Hz is no multiple of {SAMPLE_RATE_HZ} Hz")
        if self.max_length_s * 1000 < MAX_CLIP_MS:
            raise ValueError(f"of a sound longer than {self.max_length_s} s a random part would be heard")


@dataclass(frozen=True, kw_only=True, eq=False)
class Clap:
    """The network, its tokenizer, and how it listens; see ``zero_shot.Encoder``."""

    network: Any
    tokenizer: Any
    extractor: Any
    neutral_ke: torch.Tensor
    device: str = "cpu"

    def phrases(self, category: Category) -> tuple[str, ...]:
        """A sentence for each class of sounds."""
        return tuple(f"This is a sound of {name.lower()}." for name in category.heard_classes)

    def embed_phrases(self, phrases: Sequence[str]) -> torch.Tensor:
        """Sentences as captions."""
        return embed_captions(self.network, self.tokenizer, phrases, self.device)

    def embed_window(self, media: "WindowMedia") -> torch.Tensor:
        """The whole window, repeated up to the length that the network knows."""
        factor = self.extractor.sampling_rate // SAMPLE_RATE_HZ
        heard = self.extractor(
            upsample(media.sound, factor), sampling_rate=self.extractor.sampling_rate, return_tensors="pt"
        )
        pooled = self.network.audio_model(
            input_features=heard["input_features"].to(self.device, torch.float32),
            is_longer=heard["is_longer"].to(self.device),
        ).pooler_output
        return functional.normalize(self.network.audio_projection(pooled))

    def probabilities(self, window_te: torch.Tensor, phrases_pe: torch.Tensor) -> torch.Tensor:
        """Each sentence against the neutral ones."""
        scale = self.network.logit_scale_a.exp()
        return against_neutral(window_te @ phrases_pe.T * scale, window_te @ self.neutral_ke.T * scale)


def embed_captions(network: Any, tokenizer: Any, phrases: Sequence[str], device: str) -> torch.Tensor:
    """Captions in the space of sounds.

    Shape:
        float32 [P, E], of unit length.
    """
    tokens = tokenizer(list(phrases), padding=True, max_length=_MAX_TOKENS, truncation=True, return_tensors="pt").to(
        device
    )
    pooled = network.text_model(input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"]).pooler_output
    return functional.normalize(network.text_projection(pooled))


def upsample(sound: "NDArray[np.float32]", factor: int) -> "NDArray[np.float32]":
    """The same sound at ``factor`` times the rate, by a windowed sinc; silence beyond its ends.

    Shape:
        float32 [S] → float32 [S * factor].
    """
    if factor == 1:
        return sound
    times = np.arange(-_LOBES * factor, _LOBES * factor + 1) / factor
    kernel = np.sinc(times) * np.kaiser(len(times), _KAISER_BETA)
    result = np.empty(len(sound) * factor, dtype=np.float32)
    for phase in range(factor):
        taps = kernel[phase::factor]
        full = np.convolve(sound.astype(np.float64), taps / taps.sum())
        result[phase::factor] = full[_LOBES : _LOBES + len(sound)]
    return result


def load_clap(model: str, digest: str, device: str = "cpu") -> ZeroShotScorer:
    """Load the network and its tokenizer from a folder or hub id; raises as ``load_siglip2``."""
    folder = find_snapshot(NAME, model)
    listening = read_settings(NAME, folder, Listening, _pick)
    network, tokenizer = load_network(NAME, folder, "ClapModel", device), load_tokenizer(NAME, folder)
    from transformers import ClapFeatureExtractor

    if network.config.audio_config.num_mel_bins != listening.feature_size:
        raise WeightsMissing(
            f"{folder / PREPROCESSOR}: {listening.feature_size} bands, and the network hears "
            f"{network.config.audio_config.num_mel_bins}",
            remedy=remedy_for(NAME),
        )
    with opening(NAME, folder, PREPROCESSOR):
        extractor = ClapFeatureExtractor(**vars(listening))
    with opening(NAME, folder, "tokenizer"), torch.inference_mode():
        neutral_ke = embed_captions(network, tokenizer, NEUTRAL, device)
    encoder = Clap(
        network=network,
        tokenizer=tokenizer,
        extractor=extractor,
        neutral_ke=neutral_ke,
        device=device,
    )
    return ZeroShotScorer(name=NAME, side="heard", digest=digest, encoder=encoder)


def _pick(config: "Mapping[str, Any]") -> "Mapping[str, Any]":
    return {name: config[name] for name in Listening.__dataclass_fields__}
