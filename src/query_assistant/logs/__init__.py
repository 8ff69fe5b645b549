"""Access logs: reading them in any usual format, the good queries in them, and a simulator that writes them."""
