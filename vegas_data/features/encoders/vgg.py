"""The paper's pair (Zhou et al. 2018, §4.2): V(f), fc6 of VGG-19, and F(o), fc6 of a temporal ConvNet.

The temporal ConvNet is VGG-16 (``docs/decisions/0002-vgg16-temporal-convnet.md``). Its stack enters as x1, y1, …,
x10, y10, in bytes with a bound of 20 px, minus 128, as its public weights were trained. Both need 224 px.
"""

from functools import partial
from typing import TYPE_CHECKING, Final

from vegas_data.features.encoders import Encoder, EncoderSpec
from vegas_data.features.options import StreamOptions
from vegas_data.records import RANDOM_WEIGHTS
from vegas_data.weights import load_registry, locate, select_model, weights_digest

if TYPE_CHECKING:
    from vegas_data.networks.vgg import VggFc6

PICTURE_WEIGHTS: Final = "vgg19-fc6"
FLOW_WEIGHTS: Final = "temporal-vgg16-fc6"
NUM_FEATURES: Final = 4096
SIZE_PX: Final = 224
WINDOW: Final = 10


def _load(stream: StreamOptions, device: str) -> Encoder:
    from vegas_data.networks import vgg

    name = FLOW_WEIGHTS if stream.flow is not None else PICTURE_WEIGHTS
    load = vgg.load_temporal_vgg16_fc6 if stream.flow is not None else vgg.load_vgg19_fc6
    return _encoder(load(locate(select_model(load_registry(), name))), stream, device, weights_digest(name))


def _draw(stream: StreamOptions, device: str, seed: int) -> Encoder:
    import torch

    from vegas_data.networks import vgg
    from vegas_data.networks.drawn import draw_weights

    with torch.device("meta"):
        network = vgg.TemporalVgg16Fc6() if stream.flow is not None else vgg.Vgg19Fc6()
    return _encoder(draw_weights(network, seed), stream, device, f"{RANDOM_WEIGHTS}{seed}")


def _encoder(network: "VggFc6", stream: StreamOptions, device: str, weights: str) -> Encoder:
    from vegas_data.features.encoders.torch_encoder import TorchEncoder
    from vegas_data.networks import vgg

    return TorchEncoder(
        network,
        name=stream.encoder,
        weights_digest=weights,
        device=device,
        prepare=vgg.preprocess_rgb if stream.flow is None else vgg.preprocess_flow,
        stream=stream,
    )


PICTURES: Final = EncoderSpec(
    name="vgg19-fc6",
    version=1,
    sees="pictures",
    feature_shape=(NUM_FEATURES,),
    weights_digest=partial(weights_digest, PICTURE_WEIGHTS),
    load=_load,
    draw=_draw,
    size_px=SIZE_PX,
)

FLOW: Final = EncoderSpec(
    name="temporal-vgg16-fc6",
    version=1,
    sees="flow",
    feature_shape=(NUM_FEATURES,),
    weights_digest=partial(weights_digest, FLOW_WEIGHTS),
    load=_load,
    draw=_draw,
    size_px=SIZE_PX,
    window=WINDOW,
)
