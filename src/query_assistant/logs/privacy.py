"""No client address and no e-mail address leaves the filter: what may be shown of a line or path, and what is personal.

An address is an IPv4 or IPv6 address in any spelling, a host name that holds one (ip-10-0-0-9, 1.2.3.4.dsl.example) or
an e-mail address. The patterns only find what might be one, each run of characters once, so time grows with length;
whether it is one is for `ipaddress` to say.
"""

from __future__ import annotations

import ipaddress
import re
import string
from collections.abc import Iterator
from urllib.parse import unquote

SHOWN = 160  # characters of an example
_READ = 1_000  # characters looked at for an example; what is cut off behind them is not shown either
_ADDRESS_SIGNS = string.ascii_letters + string.digits + "_.:%@+-"
_MASK = "[address]"

# What SQL may look for, as RE2 reads it: a path that holds personal data matches, of the others few do.
SUSPECT = (
    r"(?i)@|%(?:25)*40"
    r"|\d{1,3}(?:(?:\.|-|%(?:25)*2e)\d{1,3}){3}"
    r"|(?::|%(?:25)*3a)[0-9a-f]*(?::|%(?:25)*3a)"
    r"|in-addr|ip6\.arpa"
)

_MAILBOX = re.compile(r"(?<![\w.+%-])[\w.+%-]+@[\w-][\w.-]*")  # also jane@localhost, which in a query may be a term
_EMAIL = re.compile(r"(?<![\w.+%-])[\w.+%-]+@(?:[\w-]+\.)+[A-Za-z][\w-]+")
_HOST = re.compile(r"(?<![\w.-])[\w.-]*\d[\w.-]*")
_COLONS = re.compile(r"(?<![0-9A-Fa-f:.])[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:%\w+)?")
_QUAD = re.compile(r"(?<!\d)(?<![^A-Za-z]\d[.-])(\d{1,3})([.-])(\d{1,3})\2(\d{1,3})\2(\d{1,3})(?!\d|[.-]\d)")
_REVERSED = re.compile(r"(?i)\.(?:in-addr|ip6)\.arpa$")
_HEX_LABEL = re.compile(r"(?i)[a-z]{0,4}[0-9a-f]{8}(?:\.[\w-]+){2,}")
# An enzyme's number (EC 1.14.13.39) looks like an address of four small numbers.
_ENZYME = re.compile(r"[1-7]\.\d{1,2}\.\d{1,2}\.\d{1,3}")
_DASHED_HOST = re.compile(r"(?i)(?:^|[.-])[a-z]+-\d+-\d+-\d+-\d+$|\d+-\d+-\d+-\d+\.[a-z]")


def masked(line: str) -> str:
    """The beginning of a raw line, as it may be shown: no address in it, nor what might hold one."""
    beginning = _beginning(line)
    shown, decoded = _masked(beginning, in_query=False), _decoded(beginning)
    if decoded != beginning and next(_addresses(_decoded(shown), in_query=False), None):
        shown = _masked(decoded, in_query=False)
    return shown[:SHOWN]


def masked_path(path: str) -> str:
    """The beginning of a path, as it may be shown: as it is, or decoded and masked where it holds an address."""
    beginning = _beginning(path)
    return (_masked(_decoded(beginning), in_query=True) if personal(beginning) else beginning)[:SHOWN]


def personal(path: str) -> bool:
    """Whether a path holds an address, however it is encoded. Numbers of enzymes are none."""
    return next(_addresses(_decoded(path), in_query=True), None) is not None


def _beginning(text: str) -> str:
    return text if len(text) <= _READ else text[:_READ].rstrip(_ADDRESS_SIGNS)


def _decoded(path: str) -> str:
    for _ in range(3):
        once = unquote(path)
        if once == path:
            break
        path = once
    return path


def _masked(text: str, *, in_query: bool) -> str:
    shown, end = [], 0
    for start, stop in sorted(set(_addresses(text, in_query=in_query))):
        if start >= end:
            shown += [text[end:start], _MASK]
        end = max(end, stop)
    return "".join([*shown, text[end:]])


def _addresses(text: str, *, in_query: bool) -> Iterator[tuple[int, int]]:
    """Where addresses stand. In a query, what is also a biologist's name or number is not taken for one."""
    for found in (_EMAIL if in_query else _MAILBOX).finditer(text):
        yield found.span()
    for found in _HOST.finditer(text):
        if _holds_ipv4(found.group().strip(".-"), in_query) or (not in_query and _might_name_a_client(found.group())):
            yield found.span()
    for found in _COLONS.finditer(text):
        if (span := _ipv6(text, *found.span())) is not None:
            yield span


def _holds_ipv4(name: str, in_query: bool) -> bool:
    if _REVERSED.search(name):
        return True
    for found in _QUAD.finditer(f" {name}"):
        numbers = [int(number) for number in found.group(1, 3, 4, 5)]
        if max(numbers) > 255:
            continue
        if not in_query:
            return True
        if found.group(2) == "." and not _ENZYME.fullmatch(name):
            return True
        if found.group(2) == "-" and max(numbers) > 9 and _DASHED_HOST.search(name):
            return True
    return False


def _might_name_a_client(name: str) -> bool:
    """A host name that spells its address in hexadecimal or with dashes for colons, as providers do."""
    first = name.partition(".")[0].replace("-", ":")
    return bool(_HEX_LABEL.fullmatch(name)) or (first.count(":") > 1 and _is_ip(first))


def _ipv6(text: str, start: int, end: int) -> tuple[int, int] | None:
    """The part of a run of hexadecimal digits and colons that is an address: a label before it, a port behind it."""
    if start and _is_word(text[start - 1]):
        start = start + 1 if text[start] == ":" else end
    if end < len(text) and _is_word(text[end]):
        return None
    run = text[start:end].rstrip(".")
    for first in (run, run.partition(":")[2]):
        for address in (first, first.rpartition(":")[0], first.rstrip(":")):
            if address.count(":") > 1 and any(sign.isdigit() for sign in address) and _is_ip(address):
                return start, end
    return None


def _is_word(sign: str) -> bool:
    return sign.isalnum() or sign == "_"


def _is_ip(text: str) -> bool:
    if len(text) > 60:
        return False
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
