"""Bundles: from a trained network to a folder that ``escalate`` loads."""
