"""Sampling: from a trained model to levels, sample by sample."""
