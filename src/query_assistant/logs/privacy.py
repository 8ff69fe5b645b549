"""No e-mail address and no client address leaves the filter: what may be shown of a line or a path."""

from __future__ import annotations

import re

# As DuckDB's RE2 and Python read it alike; a path may hold the at sign percent-encoded.
EMAIL = r"(?i)[\w.+-]+(?:@|%40)[\w-]+\.[a-z]{2,}"
_EMAIL = re.compile(EMAIL)
_ADDRESSES = re.compile(
    r"[\w.+-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+"  # e-mail
    r"|\b\d{1,3}(?:\.\d{1,3}){3}\b"  # IPv4
    r"|\b(?:[0-9a-fA-F]{0,4}:){3,7}[0-9a-fA-F]{1,4}\b"  # IPv6
)


def masked(text: str) -> str:
    """A raw line that may be shown: no e-mail address and no client address in it."""
    return _ADDRESSES.sub("[address]", text)


def masked_path(path: str) -> str:
    """A path that may be shown: no e-mail address in it. Numbers with dots stay, they may be EC numbers."""
    return _EMAIL.sub("[address]", path)
