"""Heard, by AST: a category's score is the probability of its best class over the window.

Gong, Chung and Glass, "AST: Audio Spectrogram Transformer", Interspeech 2021, trained on AudioSet: 527 classes, each
with its own sigmoid. The best class, because AudioSet's classes nest (Dog, Bark, Bow-wow) and must not be added up.

The network wants 10.24 s. A window is shorter; the rest is padded before normalisation, as its authors do with short
sounds. The spectrogram is Kaldi's (128 mel bands, 25 ms every 10 ms) by the numpy code of ``transformers``. Its own
extractor would take another path where torchaudio is installed, and scores must not depend on that.
"""

import functools
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from vegas_data.errors import WeightsMissing
from vegas_data.networks.pretrained import PREPROCESSOR, load_network, opening, read_settings
from vegas_data.networks.snapshot import find_snapshot, remedy_for
from vegas_data.records import Category, Side
from vegas_data.verify.scorers.heard_classes import columns_of
from vegas_data.verify.scorers.seam import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vegas_data.verify.scorers.seam import WindowMedia

NAME: Final = "ast"
_FRAME: Final = 400
_HOP: Final = 160
_FFT: Final = 512
_LOWEST_HZ: Final = 20
_PREEMPHASIS: Final = 0.97
_FLOOR: Final = 1.192092955078125e-07  # Kaldi's: the smallest step of a float32 at 1


@dataclass(frozen=True, kw_only=True)
class Listening:
    """What of ``preprocessor_config.json`` decides the numbers."""

    num_mel_bins: int
    max_length: int
    sampling_rate: int
    mean: float
    std: float
    do_normalize: bool = True

    def __post_init__(self) -> None:
        if self.sampling_rate != SAMPLE_RATE_HZ:
            raise ValueError(f"a rate of {self.sampling_rate} Hz instead of {SAMPLE_RATE_HZ} Hz")
        if self.std <= 0:
            raise ValueError("std must be positive")


@dataclass(frozen=True, kw_only=True, eq=False)
class AstScorer:
    """AST behind the seam; see ``Scorer``."""

    network: Any
    class_names: tuple[str, ...]
    listening: Listening
    digest: str
    device: str = "cpu"
    name: str = NAME
    side: Side = "heard"

    def covers(self, category: Category) -> bool:
        """Whether the category lists classes of the network; raises VerificationError where it lacks one."""
        return bool(self._columns(category))

    def score(self, windows: "Sequence[WindowMedia]", categories: Sequence[Category]) -> "NDArray[np.float32]":
        """Largest probability over the category's classes.

        Shape:
            float32 [N, C]; NaN where a category lists no class.
        """
        columns = [self._columns(category) for category in categories]
        scores = np.full((len(windows), len(categories)), np.nan, dtype=np.float32)
        with torch.inference_mode():
            for row, media in enumerate(windows):  # one window is one batch, so that its shape never varies
                spectrogram = torch.from_numpy(mel_spectrogram(media.sound, self.listening)).to(self.device)
                logits = self.network(input_values=spectrogram[None]).logits[0]
                fits = torch.sigmoid(logits.double()).cpu().numpy()
                for column, classes in enumerate(columns):
                    if classes:
                        scores[row, column] = fits[classes].max()
        return scores

    def _columns(self, category: Category) -> list[int]:
        return columns_of(category, self.class_names, source="AST (id2label of its config.json)")


def mel_spectrogram(sound: "NDArray[np.float32]", listening: Listening) -> "NDArray[np.float32]":
    """The logarithmic mel spectrogram of a sound, padded or cut to the network's length, normalised.

    Shape:
        float32 [S] → float32 [max_length, num_mel_bins].
    """
    from transformers.audio_utils import spectrogram, window_function

    heard = spectrogram(
        sound,
        window_function(_FRAME, "hann", periodic=False),
        frame_length=_FRAME,
        hop_length=_HOP,
        fft_length=_FFT,
        power=2.0,
        center=False,
        preemphasis=_PREEMPHASIS,
        mel_filters=_mel_filters(listening.num_mel_bins),
        log_mel="log",
        mel_floor=_FLOOR,
        remove_dc_offset=True,
    ).T[: listening.max_length]
    padded = np.zeros((listening.max_length, listening.num_mel_bins), dtype=np.float32)
    padded[: len(heard)] = heard
    return (padded - listening.mean) / (2 * listening.std) if listening.do_normalize else padded


@functools.cache
def _mel_filters(num_bands: int) -> Any:
    from transformers.audio_utils import mel_filter_bank

    with warnings.catch_warnings():  # of 128 bands the lowest are narrower than the spectrum is fine: Kaldi's are, too
        warnings.filterwarnings("ignore", message="At least one mel filter", category=UserWarning)
        return mel_filter_bank(
            num_frequency_bins=_FFT // 2 + 1,
            num_mel_filters=num_bands,
            min_frequency=_LOWEST_HZ,
            max_frequency=SAMPLE_RATE_HZ // 2,
            sampling_rate=SAMPLE_RATE_HZ,
            norm=None,
            mel_scale="kaldi",
            triangularize_in_mel_space=True,
        )


def load_ast(model: str, digest: str, device: str = "cpu") -> AstScorer:
    """Load the network from a folder or hub id; raises as ``load_siglip2``."""
    folder = find_snapshot(NAME, model)
    listening = read_settings(NAME, folder, Listening, _pick)
    network = load_network(NAME, folder, "ASTForAudioClassification", device)
    config = network.config
    if (config.num_mel_bins, config.max_length) != (listening.num_mel_bins, listening.max_length):
        raise WeightsMissing(
            f"{folder / PREPROCESSOR}: a spectrogram of {listening.max_length} × {listening.num_mel_bins}, and the "
            f"network wants {config.max_length} × {config.num_mel_bins}",
            remedy=remedy_for(NAME),
        )
    with opening(NAME, folder, "id2label of its config.json"):
        names = tuple(str(config.id2label[index]) for index in range(config.num_labels))
    return AstScorer(network=network, class_names=names, listening=listening, digest=digest, device=device)


def _pick(config: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: config[name] for name in Listening.__dataclass_fields__ if name in config}
