"""Training: examples, batches, sampling, losses, optimiser, loop. Never imported by the serving path."""
