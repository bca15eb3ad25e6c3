"""The copy on disk: whole or not at all, and never trusted where it is damaged.

One line says format, length and SHA-256 of the JSON that follows. It is written beside the old
copy, synchronised and put in its place by one rename; readable by its owner only.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from freezeguard.client.errors import CopyCorrupt, CopyMissing

FORMAT = "freezeguard held set 1"


def save(path: Path, content: Mapping[str, Any]) -> None:
    """Write a copy in the place of the old one. Raises OSError; the old one then stays."""
    body = json.dumps(content).encode()
    head = {"format": FORMAT, "bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    beside = path.with_name(f"{path.name}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - by a descriptor, for its mode
        os.fchmod(descriptor, 0o600)
        file.write(json.dumps(head).encode() + b"\n" + body)
        file.flush()
        os.fsync(descriptor)
    beside.replace(path)
    _synchronise(path.parent)


def _synchronise(directory: Path) -> None:
    """Have the rename outlast a power cut, where the system can do that."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def load(path: Path) -> dict[str, Any]:
    """Read a copy. Raises CopyMissing, CopyCorrupt."""
    try:
        head, found, body = path.read_bytes().partition(b"\n")
    except FileNotFoundError:
        raise CopyMissing(str(path)) from None
    except OSError as error:
        raise CopyCorrupt(f"can't be read: {error}") from None
    if not found or not _fits(head, body):
        raise CopyCorrupt("not what was written, or of another format")
    try:
        content = json.loads(body)
    except ValueError:
        raise CopyCorrupt("no JSON") from None
    if not isinstance(content, dict):
        raise CopyCorrupt("no object")
    return content


def _fits(head: bytes, body: bytes) -> bool:
    expected = {"format": FORMAT, "bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    try:
        return bool(json.loads(head) == expected)
    except ValueError:
        return False


def set_aside(path: Path) -> Path | None:
    """Keep a damaged copy for whoever looks into it; return where, or None where that fails."""
    aside = path.with_name(f"{path.name}.corrupt")
    try:
        path.replace(aside)
    except OSError:
        return None
    return aside
