"""What a query means: parsing, normal forms, validation.

call → `Request` → its texts → `Meaning` (trees) → canonical form, selection form, skeleton → issues.
See docs/query-language.md.
"""
