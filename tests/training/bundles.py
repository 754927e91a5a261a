"""Copies of bundles that differ on purpose."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from escalate.bundle import MANIFEST, seal

Change = Callable[[dict[str, Any]], None]


def copy_bundle(bundle: Path, folder: Path, version: str, change: Change | None = None) -> Path:
    """Copy a bundle under another version, its manifest changed by ``change``."""
    shutil.copytree(bundle, folder)
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    manifest["version"] = version
    if change is not None:
        change(manifest)
    (folder / MANIFEST).write_text(json.dumps(seal(manifest)), encoding="utf-8")
    return folder


def turn_czech_complexity(manifest: dict[str, Any]) -> None:
    """Answer complexity upside down in Czech."""
    slope, intercept = manifest["calibration"]["outputs"]["cs"]["complexity"]
    manifest["calibration"]["outputs"]["cs"]["complexity"] = [-slope, -intercept]
