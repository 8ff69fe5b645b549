"""How a stage runs: composed configuration in, one clear line on failure."""
