# SPDX-License-Identifier: Apache-2.0
"""PyBullet without the lines it prints on import and connection, which would end up in the demo's table."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Sends standard output and standard error nowhere for a while, the C library's too."""
    libc = ctypes.CDLL(None)
    sys.stdout.flush()
    sys.stderr.flush()
    libc.fflush(None)
    kept = {fd: os.dup(fd) for fd in (1, 2)}
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for fd in kept:
            os.dup2(nowhere, fd)
        yield
    finally:
        libc.fflush(None)
        for fd, original in kept.items():
            os.dup2(original, fd)
            os.close(original)
        os.close(nowhere)


with _quiet():
    import pybullet
    import pybullet_data
    from pybullet_utils.bullet_client import BulletClient

DATA_DIR: str = pybullet_data.getDataPath()


def connect() -> Any:
    """A physics server of its own inside this process, without any display."""
    with _quiet():
        return BulletClient(pybullet.DIRECT)


__all__ = ["DATA_DIR", "connect", "pybullet"]
