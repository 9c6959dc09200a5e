"""Examples in, arrays of features out: pictures and TV-L1 flow on the grid, through pretrained encoders.

    options        what a recipe says                             grid      which picture belongs to which row
    extract        the stage: job, record, address, factory        worker    decode once, flow, encode, commit
    tvl1           optical flow between two pictures               pictures  the square that an encoder is shown
    flow_pictures  flow as bytes, and as colours                   encoders  the seam to the networks
    device         is there a GPU; what computed these features

Only ``options``, ``extract``, ``grid``, ``device`` and ``encoders`` are imported by commands; numpy, cv2 and torch
are loaded by the worker.
"""
