"""Offline builders: train, analyse, index, publish."""
