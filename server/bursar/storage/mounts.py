"""Which file system a path is on, as far as the system tells."""

from __future__ import annotations

import re
from pathlib import Path

_NETWORK = re.compile(
    r"(nfs\d*|cifs|smb\w*|9p|afs|ceph|glusterfs|lustre|beegfs|ncpfs|gpfs|davfs|virtiofs|fuse\.(?!ext|ntfs|exfat).*)"
)
_MOUNTS = Path("/proc/self/mountinfo")


def network_file_system(path: Path, mounts: Path = _MOUNTS) -> tuple[str, bool]:
    """The kind of file system below a path, and whether it is one over the network; not known is not one."""
    try:
        lines = mounts.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return "a file system that this system does not name", False
    resolved = path.resolve()
    best, kind = -1, "a file system that is not listed"
    for line in lines:
        left, _, right = line.partition(" - ")
        place = Path(re.sub(r"\\([0-7]{3})", lambda each: chr(int(each[1], 8)), left.split(" ")[4]))
        # Of two mounts on one place the later one counts.
        if resolved.is_relative_to(place) and len(place.parts) >= best:
            best, kind = len(place.parts), right.split(" ")[0]
    return kind, _NETWORK.fullmatch(kind) is not None
