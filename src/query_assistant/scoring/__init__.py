"""How good predictions are: the ladder, its components and error classes, and the original's text metrics."""
