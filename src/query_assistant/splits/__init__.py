"""Train, validation and test by query skeleton, and the checks that nothing of a test set is in training.

    parts = split(pairs, apis, benchmark, SplitSettings(test_fraction=0.1, validation_fraction=0.05))
    check_leaks(parts, apis, benchmark, settings)        # LeakError, or nothing

Both sides of a leak are compared by what they mean, not by how they are spelled; docs/pairs.md says what counts.
"""

from __future__ import annotations

from query_assistant.splits.assignment import Parts, SplitReport, SplitSettings, split
from query_assistant.splits.leaks import Leak, check_leaks, find_leaks

__all__ = ["Leak", "Parts", "SplitReport", "SplitSettings", "check_leaks", "find_leaks", "split"]
