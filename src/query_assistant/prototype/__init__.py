"""The research prototype's folder brought over: logs, pairs, answers, adapters, field descriptions, corrections."""
