"""`python -m query_assistant.cli`, for who has no `qa` on the path."""

from query_assistant.cli import main

main()
