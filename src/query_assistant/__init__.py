"""Query Assistant: plain language in, the right BioThings API query out, and an honest measure of how often."""

__version__ = "0.1.0"
