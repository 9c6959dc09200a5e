"""The models: what the generator is told (``conditioning``), the generator (``samplernn``), both as one (``sound``)."""
