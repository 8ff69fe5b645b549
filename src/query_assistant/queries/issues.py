"""What can be wrong with a query: a closed list of codes, each with one severity.

error      the API refuses the request, or what is asked can never be found (a field that does not exist)
no_effect  the API accepts and ignores it
warning    accepted, but it surely means something else than it seems to
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "no_effect", "warning"]
Code = Literal[
    "no_such_path",
    "wrong_method",
    "refused",
    "syntax",
    "unknown_field",
    "unindexed_field",
    "object_field",
    "nested_field",
    "wrong_type",
    "pattern_on_value",
    "text_sort",
    "text_facet",
    "unknown_parameter",
    "ignored_parameter",
    "dropped_text",
    "other_index",
    "lower_case_operator",
    "mixed_operators",
    "single_value",
    "filter_as_fields",
    "rewritten_value",
    "text_range",
    "unknown_prefix",
]

SEVERITIES: dict[Code, Severity] = {
    "no_such_path": "error",
    "wrong_method": "error",
    "refused": "error",
    "syntax": "error",
    "unknown_field": "error",
    "unindexed_field": "error",
    "object_field": "error",
    "nested_field": "error",
    "wrong_type": "error",
    "pattern_on_value": "error",
    "text_sort": "error",
    "text_facet": "error",
    "unknown_parameter": "no_effect",
    "ignored_parameter": "no_effect",
    "dropped_text": "no_effect",
    "other_index": "warning",
    "lower_case_operator": "warning",
    "mixed_operators": "warning",
    "single_value": "warning",
    "filter_as_fields": "warning",
    "rewritten_value": "warning",
    "text_range": "warning",
    "unknown_prefix": "warning",
}


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing that is wrong. `position` counts characters of the parameter's value from 0."""

    code: Code
    message: str
    parameter: str | None = None
    field: str | None = None
    position: int | None = None
    suggestion: str | None = None

    @property
    def severity(self) -> Severity:
        return SEVERITIES[self.code]
