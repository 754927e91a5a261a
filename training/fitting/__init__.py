"""Fitting: from a recipe and messages to a trained network."""
