"""Errors that the training pipeline raises on purpose. Each message names the cause and the remedy."""

from __future__ import annotations


class TrainingError(Exception):
    """Base class of the errors that the training pipeline raises on purpose."""


class CorpusError(TrainingError):
    """A corpus file cannot be used; the message lists files and rows."""


class TicketsError(CorpusError):
    """A data scientist's own tickets cannot be used; the message names source, row or column."""


class ExportError(TrainingError):
    """A bundle cannot be written, or is not fit to be served."""


class PackedEncoderError(TrainingError):
    """The packed encoder is not installed, or its file is not the expected one."""


class BaseEncoderError(TrainingError):
    """The base encoder cannot be loaded, or is of a kind that training does not support."""


class ReleaseError(TrainingError):
    """A candidate cannot be released; the message says why and what to do."""


class RecipeError(TrainingError):
    """The recipe file is missing, is not TOML, or holds an unknown or wrong setting."""


class RunError(TrainingError):
    """A run folder belongs to another recipe or is incomplete."""


class AimError(TrainingError):
    """No policy reaches what it is to reach; the message says why and what to do."""


class FileError(TrainingError):
    """A file cannot be written."""
