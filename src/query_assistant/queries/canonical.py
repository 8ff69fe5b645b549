"""The normal forms of requests: one door to the rooms that make them.

| form | equal for | of |
|---|---|---|
| `canonicalize` | all exactly equivalent requests | normal_request, normal_tree |
| `selection_form` | requests that surely mean the same records | selection |
| `skeleton` | queries that differ in their values only | skeleton |
| `literals` | (the values that `skeleton` masks) | literals |
| `signature` | queries that ask in the same way about the same fields | skeleton |
"""

from __future__ import annotations

from query_assistant.queries.literals import Literal, literals
from query_assistant.queries.normal_request import canonicalize
from query_assistant.queries.selection import Selection, selection_form
from query_assistant.queries.skeleton import signature, skeleton

__all__ = ["Literal", "Selection", "canonicalize", "literals", "selection_form", "signature", "skeleton"]
