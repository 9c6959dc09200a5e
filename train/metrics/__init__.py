"""What a model is worth: one module per family of metric."""
