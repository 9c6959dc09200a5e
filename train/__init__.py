"""Shards in, models and sounds out: the paper's three models, learned from the shards of a workspace.

    run        session → fit              one run: an order of examples, updates, what happens between them
                 plan, memory               what it will take, before it starts
                 recorder, journal, checkpoint   validation, log, weights that survive a kill
    generate   drawing → sampler          sounds drawn from the newest weights
                 sounds, videos             the wav and mp4 files they become
    evaluate   measure → metrics          cross-entropy, onsets

Read ``config`` (every number), ``data`` (what a model is given), ``models.samplernn`` and ``models.conditioning`` (what
it makes of it), ``fit`` (how it learns), ``sampler.reference`` (what one hears of it). ``runs`` says what a run is and
opens one; ``vegas_data.trained`` describes the files that others read.
"""
