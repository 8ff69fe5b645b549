"""Plans into instructions: what a person would type who wants exactly this query."""
