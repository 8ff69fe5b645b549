"""Weights: fetched, and an adapter merged into them."""
