"""Evaluation: what a bundle is worth."""
