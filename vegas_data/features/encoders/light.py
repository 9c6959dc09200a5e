"""The demo's light pair: EfficientNet-Lite0 on pictures, and the same network on stacks of flow.

On flow its first layer is averaged over colour and spread over the channels of the stack (Wang et al., "Temporal
Segment Networks", ECCV 2016, §3.2), so that a network that never saw flow still answers to its shapes. Flow enters
as quantised, v / bound: no motion is exactly 0, the value of a medium grey picture, and ± bound is ± 1, black and
white. The convolutions take any size; a window of any length.
"""

from functools import partial
from typing import TYPE_CHECKING, Final

from vegas_data.features.encoders import Encoder, EncoderSpec
from vegas_data.features.options import StreamOptions
from vegas_data.records import RANDOM_WEIGHTS
from vegas_data.weights import load_registry, locate, select_model, weights_digest

if TYPE_CHECKING:
    from vegas_data.networks.efficientnet_lite import EfficientNetLite0

WEIGHTS: Final = "efficientnet-lite0"
NUM_FEATURES: Final = 1280


def _load(stream: StreamOptions, device: str) -> Encoder:
    from vegas_data.networks import efficientnet_lite

    path = locate(select_model(load_registry(), WEIGHTS))
    network = efficientnet_lite.load_efficientnet_lite0(path, in_channels=_in_channels(stream))
    return _encoder(network, stream, device, weights_digest(WEIGHTS))


def _draw(stream: StreamOptions, device: str, seed: int) -> Encoder:
    from vegas_data.networks import efficientnet_lite

    network = efficientnet_lite.draw_efficientnet_lite0(seed, in_channels=_in_channels(stream))
    return _encoder(network, stream, device, f"{RANDOM_WEIGHTS}{seed}")


def _in_channels(stream: StreamOptions) -> int:
    return 3 if stream.flow is None else 2 * stream.window


def _encoder(network: "EfficientNetLite0", stream: StreamOptions, device: str, weights: str) -> Encoder:
    from vegas_data.features.encoders.torch_encoder import TorchEncoder
    from vegas_data.networks import efficientnet_lite

    return TorchEncoder(
        network,
        name=stream.encoder,
        weights_digest=weights,
        device=device,
        prepare=efficientnet_lite.preprocess_rgb if stream.flow is None else efficientnet_lite.preprocess_flow,
        forward=network.features,
        stream=stream,
    )


PICTURES: Final = EncoderSpec(
    name="efficientnet-lite0",
    version=1,
    sees="pictures",
    feature_shape=(NUM_FEATURES,),
    weights_digest=partial(weights_digest, WEIGHTS),
    load=_load,
    draw=_draw,
)

FLOW: Final = EncoderSpec(
    name="efficientnet-lite0-flow",
    version=1,
    sees="flow",
    feature_shape=(NUM_FEATURES,),
    weights_digest=partial(weights_digest, WEIGHTS),
    load=_load,
    draw=_draw,
)
