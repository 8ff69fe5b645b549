"""Instructions for queries: verbaliser, synthesis, checks, fluff, review; docs/pairs.md tells how they fit."""
