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
    """Sends the C library's standard output nowhere for a while."""
    libc = ctypes.CDLL(None)
    sys.stdout.flush()
    libc.fflush(None)
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        libc.fflush(None)
        os.dup2(kept, 1)
        os.close(kept)
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
