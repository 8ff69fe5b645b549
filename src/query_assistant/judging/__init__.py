"""Whether two queries mean the same: forms, records and probes, and what differs."""
