"""Running the model: generation, and texts to analyses."""
