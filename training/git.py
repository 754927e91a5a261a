"""Which commit a thing was made from."""

from __future__ import annotations

import subprocess
from pathlib import Path


def git_commit() -> str:
    """Return the commit of the checkout, with ``+changes`` where files differ, or ``unknown``."""
    try:
        commit = _git("rev-parse", "HEAD")
        changes = _git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{commit}+changes" if changes else commit


def _git(*arguments: str) -> str:
    root = Path(__file__).resolve().parent
    finished = subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True)
    return finished.stdout.strip()
