"""Shards in, models and sounds out: the experiments, the data they read, the three models and a plain sampler.

Read ``config`` (every number), ``data`` (what a model is given), ``models.samplernn`` and ``models.conditioning`` (what
it makes of it), ``sampler.reference`` (what one hears of it).
"""
