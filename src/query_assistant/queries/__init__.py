"""What a query means: parsing, normal forms, validation, probes, comparison, grammar.

request → (meaning → trees) → canonical, selection, signature → validation, comparison. See docs/query-language.md.
"""
