"""Train, generate and evaluate: shards in, models, waveforms and scores out (a later step of the project)."""
