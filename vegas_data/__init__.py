"""vegas-data: rebuild the Visually Engaged and Grounded AudioSet (Zhou et al., CVPR 2018).

Read ``docs/concepts.md``, then ``records.py``, then ``pipeline.py``, then one stage.
"""

__version__ = "0.1.0"
