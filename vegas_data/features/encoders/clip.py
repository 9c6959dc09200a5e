"""What CLIP makes of a picture: its place in the space in which CLIP compares pictures with captions.

Radford et al., "Learning transferable visual models from natural language supervision", ICML 2021. The snapshot is
the one that the scorer ``clip`` reads (``manifests/models.toml``). Embeddings are as the projection leaves them: not of
unit length. Pictures are of 224 px, cut and scaled as every stream's, normalised as the snapshot says.
"""

from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, Final

from vegas_data.errors import WeightsMissing
from vegas_data.features.encoders import Encoder, EncoderSpec
from vegas_data.features.options import StreamOptions
from vegas_data.networks.snapshot import find_snapshot, no_transformers, remedy_for, snapshot_digest

NAME: Final = "clip-image"
WEIGHTS: Final = "clip"
NUM_FEATURES: Final = 512
SIZE_PX: Final = 224


def _weights_digest() -> str:
    if find_spec("transformers") is None:
        raise no_transformers(f"encoder {NAME}")
    return snapshot_digest(WEIGHTS)


def _load(stream: StreamOptions, device: str) -> Encoder:
    from torch import Tensor

    from vegas_data.features.encoders.torch_encoder import TorchEncoder
    from vegas_data.networks.pictures import normalise, read_preparation, require_size
    from vegas_data.networks.pretrained import load_network

    weights = _weights_digest()
    folder = find_snapshot(WEIGHTS)
    preparation = read_preparation(WEIGHTS, folder)
    network = load_network(WEIGHTS, folder, "CLIPModel", device)
    require_size(WEIGHTS, folder, preparation, network)
    made_for = (network.config.vision_config.image_size, network.config.projection_dim)
    if made_for != (SIZE_PX, NUM_FEATURES):
        raise WeightsMissing(
            f"{folder}: a CLIP of {made_for[0]} px and {made_for[1]} numbers, not of {SIZE_PX} px and {NUM_FEATURES}",
            remedy=remedy_for(WEIGHTS),
        )
    del network.text_model  # half of the weights

    def embed(x_nchw: Tensor) -> Any:
        return network.visual_projection(network.vision_model(pixel_values=x_nchw).pooler_output)

    encoder = TorchEncoder(
        network,
        name=stream.encoder,
        weights_digest=weights,
        device=device,
        prepare=lambda x_nhwc: normalise(x_nhwc.permute(0, 3, 1, 2), preparation),
        forward=embed,
        stream=stream,
    )
    encoder.tools["transformers"] = version("transformers")
    return encoder


PICTURES: Final = EncoderSpec(
    name=NAME,
    version=1,
    sees="pictures",
    feature_shape=(NUM_FEATURES,),
    weights_digest=_weights_digest,
    load=_load,
    size_px=SIZE_PX,
)
