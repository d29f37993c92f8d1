"""What every benchmark leaves: a file of rows beside what it ran on. No figure of a benchmark is asserted by a test."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "build" / "bench"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure of Bursar's beside the same figure of a named peer, both from the same run of the benchmark."""

    what: str
    value: int | Decimal
    unit: str
    peer: str
    peer_value: int | Decimal

    @property
    def ratio(self) -> float | None:
        """Our figure over the peer's, to four digits; None where the peer's is zero."""
        if not self.peer_value:
            return None
        return float(f"{float(Fraction(self.value) / Fraction(self.peer_value)):.4g}")

    def to_json(self) -> dict[str, Any]:
        """As in the file: money as a decimal string, counts as they are."""
        data = {name: f"{each:f}" if isinstance(each, Decimal) else each for name, each in asdict(self).items()}
        return {**data, "ratio": self.ratio}


def machine() -> dict[str, Any]:
    """What the benchmark ran on, and how busy that was with everything at the end."""
    return {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_average": [round(each, 1) for each in os.getloadavg()],
    }


def write(name: str, rows: Sequence[Row], versions: Mapping[str, str], folder: Path = FOLDER) -> Path:
    """Write a benchmark's file and give its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    data = {"rows": [each.to_json() for each in rows], "machine": machine(), "versions": dict(versions)}
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return path


def add(name: str, rows: Sequence[Row], versions: Mapping[str, str], folder: Path = FOLDER) -> Path:
    """Add rows to a benchmark's file, in the place of those of the same name; without the file it is made."""
    path = folder / f"{name}.json"
    if not path.exists():
        return write(name, rows, versions, folder)
    data = json.loads(path.read_text("utf-8"))
    named = {each.what for each in rows}
    kept = [each for each in data["rows"] if each["what"] not in named]
    data = {**data, "rows": [*kept, *(each.to_json() for each in rows)], "versions": {**data["versions"], **versions}}
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return path


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
