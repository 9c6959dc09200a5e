"""Examples in, arrays of features out: pictures and TV-L1 flow on the grid, through pretrained encoders.

    options    what a recipe says                              grid      which picture belongs to which row
    extract    the stage: job, address, record, factory        worker    one job: decode, have computed, commit
    inputs     what is decoded of a clip                       pictures  the square that is looked at
    flow       TV-L1 between two pictures (a folder)           encoders  the seam to the networks (a folder)
    computer   the seam to who computes                        desk      what is computed next
    batches    one encoder, batches of one size                device    what computed these bytes
    device_process   a process for each device, for ``--gpu`` (a folder)

What is exported here is cheap to import. numpy, cv2 and torch are loaded by ``worker`` and by what it imports.
"""

from vegas_data.features.device_process.start import serving
from vegas_data.features.encoders import digest_of_weights, encoder_of
from vegas_data.features.extract import (
    FeatureJob,
    FeatureRecord,
    Inventory,
    feature_key,
    make_extractor,
    missing_streams,
    select_streams,
    stream_digests,
    stream_shapes,
)
from vegas_data.features.options import FeatureOptions, FlowOptions, StreamOptions

__all__ = [
    "FeatureJob",
    "FeatureOptions",
    "FeatureRecord",
    "FlowOptions",
    "Inventory",
    "StreamOptions",
    "digest_of_weights",
    "encoder_of",
    "feature_key",
    "make_extractor",
    "missing_streams",
    "select_streams",
    "serving",
    "stream_digests",
    "stream_shapes",
]
