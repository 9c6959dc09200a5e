"""Optical flow: two grey pictures in, the displacement of every pixel out, and what is made of it.

tvl1          the definition, and what an engine is         engines   from a recipe to an engine
tvl1_opencv   the reference     tvl1_numba   one core       tvl1_torch   batches, any device
fields        the fields of an example, as levels           pictures  flow as levels, and as colours for people
sorting       networks of minima and maxima, for medians    bench     pairs per second of this machine
"""
