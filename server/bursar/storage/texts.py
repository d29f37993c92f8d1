"""Long texts by their hash, compressed: request bodies, first requests."""

from __future__ import annotations

import hashlib
import zlib

import apsw

from bursar.domain.errors import StoreDamaged


def keep_text(connection: apsw.Connection, data: bytes) -> str:
    """Keep the bytes once and return their SHA-256."""
    sha256 = hashlib.sha256(data).hexdigest()
    if connection.execute("SELECT 1 FROM text WHERE sha256 = ?", (sha256,)).get is None:
        connection.execute("INSERT INTO text VALUES (?, ?)", (sha256, zlib.compress(data, 3)))
    return sha256


def read_text(connection: apsw.Connection, sha256: str) -> bytes | None:
    """The bytes with this hash; None when they were erased. Raises StoreDamaged when they are not what was kept."""
    kept = connection.execute("SELECT zlib FROM text WHERE sha256 = ?", (sha256,)).get
    if kept is None:
        return None
    try:
        data = zlib.decompress(kept)
    except zlib.error as error:
        raise _damaged(sha256) from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise _damaged(sha256)
    return data


def drop_unused_texts(connection: apsw.Connection) -> None:
    """Remove every text that no step and no run refers to."""
    connection.execute(
        "DELETE FROM text WHERE sha256 NOT IN (SELECT body_sha256 FROM step JOIN run USING (run)"
        " WHERE body_sha256 IS NOT NULL AND erased_at IS NULL"
        " UNION SELECT body_sha256 FROM set_aside JOIN run USING (run)"
        " WHERE body_sha256 IS NOT NULL AND erased_at IS NULL"
        " UNION SELECT first_request_sha256 FROM run WHERE first_request_sha256 IS NOT NULL AND erased_at IS NULL)"
    )


def _damaged(sha256: str) -> StoreDamaged:
    return StoreDamaged(
        f"a stored text ({sha256[:12]}) is damaged on the disk: put a backup of the store in place,"
        " or erase the run it belongs to."
    )
