"""What a model is shown, and how its answer is read."""

from __future__ import annotations

from query_assistant.prompts.messages import Message, prompt_sha256
from query_assistant.prompts.rendering import Budget, Example, PromptApi, render, templates_sha256

__all__ = ["Budget", "Example", "Message", "PromptApi", "prompt_sha256", "render", "templates_sha256"]
