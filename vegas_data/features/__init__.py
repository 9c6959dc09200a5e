"""Examples in, arrays of features out: pictures and TV-L1 flow on the grid, through pretrained encoders.

    options        what a recipe says                              grid      which picture belongs to which row
    extract        the stage: job, address, record, factory        worker    one job: encode what is missing, commit
    inputs         what each encoder is shown of a clip            pictures  the square that is looked at
    tvl1           optical flow between two pictures               encoders  the seam to the networks
    flow_pictures  flow as bytes, and as colours for people        device    is it there; what computed these bytes

What is exported here is cheap to import. numpy, cv2 and torch are loaded by ``worker`` and by what it imports.
"""

from vegas_data.features.encoders import encoder_of
from vegas_data.features.extract import (
    FeatureJob,
    FeatureRecord,
    feature_key,
    make_extractor,
    missing_streams,
    stream_digests,
)
from vegas_data.features.options import FeatureOptions, FlowOptions, StreamOptions

__all__ = [
    "FeatureJob",
    "FeatureOptions",
    "FeatureRecord",
    "FlowOptions",
    "StreamOptions",
    "encoder_of",
    "feature_key",
    "make_extractor",
    "missing_streams",
    "stream_digests",
]
