"""What a model is shown, and how its answer is read."""

from __future__ import annotations

from query_assistant.messages import Message, prompt_sha256
from query_assistant.prompts.answers import read_answer, read_answer_leniently
from query_assistant.prompts.building import PromptBuilder, PromptSettings
from query_assistant.prompts.rendering import Budget, Example, PromptApi, render, templates_sha256

__all__ = [
    "Budget",
    "Example",
    "Message",
    "PromptApi",
    "PromptBuilder",
    "PromptSettings",
    "prompt_sha256",
    "read_answer",
    "read_answer_leniently",
    "render",
    "templates_sha256",
]
