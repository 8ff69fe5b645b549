"""A new API: its folder drafted from what its service says of itself, and checked part by part."""
