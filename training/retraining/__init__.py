"""Retraining: a released model, or the base encoder, becomes a data scientist's own."""
