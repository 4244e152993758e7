"""Packs: small zstd frames one behind the other in one file, so that a browser fetches a few of them by Range.

A pack is named by its SHA-256 and so never changes; the index says how long each frame is. What a frame holds is the matter of
who made it: JSON, or numbers as `planes` lays them out.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

LEVEL = 12  # of zstd: smaller for those who read, and still some MB a second to write


@dataclass(frozen=True, slots=True)
class Pack:
    """The bytes of a pack and the length of each frame. name: what it is called in the folder of its dataset."""

    name: str
    data: bytes
    frames: tuple[int, ...]

    def index(self) -> dict[str, Any]:
        """What the browser must know to find a frame."""
        return {"file": self.name, "bytes": len(self.data), "frames": list(self.frames)}


def pack(kind: str, frames: list[bytes]) -> Pack:
    """A pack of these contents, each compressed by itself."""
    codec = pa.Codec("zstd", compression_level=LEVEL)
    packed = [codec.compress(f, asbytes=True) for f in frames]
    data = b"".join(packed)
    return Pack(named(kind, data, "pack"), data, tuple(map(len, packed)))


def named(kind: str, data: bytes, ending: str) -> str:
    """The name of a file that holds just these bytes."""
    return f"{kind}-{hashlib.sha256(data).hexdigest()[:24]}.{ending}"


def compact(value: Any) -> bytes:
    """A value as JSON without a superfluous byte."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def planes(values: npt.NDArray[np.uint32]) -> bytes:
    """Numbers below 2**32 by byte: all lowest bytes, then all second ones, and so on. Small numbers compress to next to nothing."""
    little = np.ascontiguousarray(values, dtype="<u4").view(np.uint8).reshape(-1, 4)
    return np.ascontiguousarray(little.T).tobytes()
