"""One seed for the project; every random draw takes its own generator made from (seed, purpose)."""

from __future__ import annotations

import hashlib
import random


def derive_seed(seed: int, purpose: str) -> int:
    """A 32-bit seed of its own for each purpose, so that adding one draw never changes another."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{purpose}".encode()).digest()[:4], "big")


def generator(seed: int, purpose: str) -> random.Random:
    """A generator for one purpose."""
    return random.Random(derive_seed(seed, purpose))
