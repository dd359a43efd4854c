"""Measuring the model: metrics as pure functions, and evaluation of data files."""
