"""Maps of pictures, for attention over places: one row of numbers for each place, before they are pooled.

conv5_4 of VGG-19 is the map of 14 × 14 places that attention was first put on (Xu et al., "Show, attend and tell",
ICML 2015); stored before its ReLU, as every stream here, and of the same weights as V(f): its ReLU, a 2 × 2 maximum
and one layer lead to fc6. The light map is that whose mean over places is ``efficientnet-lite0``; it is after its
ReLU6, as that is. Both need 224 px.

The last axis holds the numbers of one place, the first place is the upper left, and rows of places follow one another.
"""

from functools import partial
from typing import TYPE_CHECKING, Final

from vegas_data.features.encoders import Encoder, EncoderSpec
from vegas_data.features.encoders.light import NUM_FEATURES as LITE0_WIDTH
from vegas_data.features.encoders.light import WEIGHTS as LITE0_WEIGHTS
from vegas_data.features.encoders.vgg import PICTURE_WEIGHTS as VGG_WEIGHTS
from vegas_data.features.encoders.vgg import SIZE_PX
from vegas_data.features.options import StreamOptions
from vegas_data.records import RANDOM_WEIGHTS
from vegas_data.weights import load_registry, locate, select_model, weights_digest

if TYPE_CHECKING:
    from vegas_data.networks.efficientnet_lite import EfficientNetLite0
    from vegas_data.networks.vgg import Vgg19Conv5

CONV5_WIDTH: Final = 512


def _load_conv5(stream: StreamOptions, device: str) -> Encoder:
    from vegas_data.networks import vgg

    network = vgg.load_vgg19_conv5(locate(select_model(load_registry(), VGG_WEIGHTS)))
    return _conv5(network, stream, device, weights_digest(VGG_WEIGHTS))


def _draw_conv5(stream: StreamOptions, device: str, seed: int) -> Encoder:
    import torch

    from vegas_data.networks import vgg
    from vegas_data.networks.drawn import draw_weights

    with torch.device("meta"):
        network = vgg.Vgg19Conv5()
    return _conv5(draw_weights(network, seed), stream, device, f"{RANDOM_WEIGHTS}{seed}")


def _conv5(network: "Vgg19Conv5", stream: StreamOptions, device: str, weights: str) -> Encoder:
    from vegas_data.features.encoders.torch_encoder import TorchEncoder
    from vegas_data.networks import vgg

    return TorchEncoder(
        network,
        name=stream.encoder,
        weights_digest=weights,
        device=device,
        prepare=vgg.preprocess_rgb,
        forward=lambda x_nchw: network(x_nchw).permute(0, 2, 3, 1),
        stream=stream,
    )


def _load_lite0(stream: StreamOptions, device: str) -> Encoder:
    from vegas_data.networks import efficientnet_lite

    network = efficientnet_lite.load_efficientnet_lite0(locate(select_model(load_registry(), LITE0_WEIGHTS)))
    return _lite0(network, stream, device, weights_digest(LITE0_WEIGHTS))


def _draw_lite0(stream: StreamOptions, device: str, seed: int) -> Encoder:
    from vegas_data.networks import efficientnet_lite

    return _lite0(efficientnet_lite.draw_efficientnet_lite0(seed), stream, device, f"{RANDOM_WEIGHTS}{seed}")


def _lite0(network: "EfficientNetLite0", stream: StreamOptions, device: str, weights: str) -> Encoder:
    from vegas_data.features.encoders.torch_encoder import TorchEncoder
    from vegas_data.networks import efficientnet_lite

    return TorchEncoder(
        network,
        name=stream.encoder,
        weights_digest=weights,
        device=device,
        prepare=efficientnet_lite.preprocess_rgb,
        forward=lambda x_nchw: network.feature_map(x_nchw).permute(0, 2, 3, 1),
        stream=stream,
    )


CONV5: Final = EncoderSpec(
    name="vgg19-conv5",
    version=1,
    sees="pictures",
    feature_shape=(SIZE_PX // 16, SIZE_PX // 16, CONV5_WIDTH),
    weights_digest=partial(weights_digest, VGG_WEIGHTS),
    load=_load_conv5,
    draw=_draw_conv5,
    size_px=SIZE_PX,
)

LITE0: Final = EncoderSpec(
    name="efficientnet-lite0-map",
    version=1,
    sees="pictures",
    feature_shape=(SIZE_PX // 32, SIZE_PX // 32, LITE0_WIDTH),
    weights_digest=partial(weights_digest, LITE0_WEIGHTS),
    load=_load_lite0,
    draw=_draw_lite0,
    size_px=SIZE_PX,
)
