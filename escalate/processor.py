"""The processor: how many cores may be used, and what they can do with 8-bit integers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

CPU_INFO = Path("/proc/cpuinfo")
"""Where Linux lists the instructions of the processor."""

_EXACT: Final = frozenset({"avx512_vnni", "avx_vnni"})


def usable_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def has_exact_products() -> bool:
    """Whether ONNX Runtime's fastest products of 8-bit integers cannot overflow on this x86 processor.

    They are exact with VNNI instructions. Without them sums of two products are cut off at 16 bits,
    which moved a probability by up to 0.08 in 40 messages (training/EXPERIMENTS.md). False where it is
    not known, as outside Linux.
    """
    try:
        with CPU_INFO.open(encoding="ascii", errors="replace") as lines:
            flags = next((line for line in lines if line.startswith("flags")), "")
    except OSError:
        return False
    return not _EXACT.isdisjoint(flags.split())
