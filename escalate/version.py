"""The version of the package and of the model it carries."""

__version__ = "0.11.0"

RELEASED_MODEL = "0.11.0"
"""Folder name under ``models/`` of the released bundle; the wheel carries it as ``escalate/bundle``."""
