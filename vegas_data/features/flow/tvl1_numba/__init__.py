"""TV-L1 on one core, as fast as its arithmetic: OpenCV's definition in vectors, compiled by numba.

    engine    pictures in, flow out                solver    one pair: pyramid, warps, when to stop
    sweeps    an iteration, or several at once     median    the 5 × 5 median by sorting networks
    warp      bicubic, from interleaved images     pyramid   linear resampling, gradients
    layout    what lies where in memory            vectors   vectors of float32 as a type of numba
    cache     where compiled code is kept          weave     vectors into quads and back

The definition and its constants: ``features.flow.tvl1``. What was measured: ``docs/decisions/0017-tvl1.md``.
Addresses are passed as numbers, not arrays: numba would count references to arrays in every row.
"""
