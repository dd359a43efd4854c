"""The machine that figures depend on, and what a process holds of it. Importing this does not load torch."""

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any


def describe_machine() -> dict[str, Any]:
    """The processor, how many of its threads there are, memory, and torch's version."""
    place = Path("/proc/cpuinfo")
    text = place.read_text(encoding="utf-8") if place.exists() else ""
    model = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    name = model[1].strip() if model else platform.processor() or platform.machine()
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**20
    return {"processor": name, "cores": os.cpu_count(), "megabytes": memory, "torch": version("torch")}


def measure_memory(pid: int | str = "self") -> dict[str, float]:
    """Megabytes that a process holds now and held at most; without /proc none."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return {}
    lines = dict(line.split(":", 1) for line in status.read_text(encoding="utf-8").splitlines())
    names = {"now": "VmRSS", "peak": "VmHWM", "own": "RssAnon"}
    return {ours: int(lines[theirs].split()[0]) / 1024 for ours, theirs in names.items()}
