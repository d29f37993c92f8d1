"""The small files beside a log that is one record."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePath

from bursar.imports.finding import Found, open_log
from bursar.imports.reading import HasCompanions

_LARGEST_BYTES = 64 << 10


def companions(
    log_format: HasCompanions, found: Found, *, largest: int = _LARGEST_BYTES
) -> Iterator[tuple[PurePath, bytes]]:
    """Those that are there, in the order of their names. One that is large, a link or elsewhere is not looked at."""
    folder, patterns = log_format.beside(found.path)
    for pattern in patterns:
        for path in sorted(Path(folder).glob(pattern)):
            try:
                with open_log(replace(found, path=path)) as file:
                    if os.fstat(file.fileno()).st_size <= largest:
                        yield path, file.read(largest)
            except OSError:
                continue
