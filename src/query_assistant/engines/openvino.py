"""A GGUF model on the CPU through OpenVINO GenAI: continuous batching, shared prefixes, grammars.

Its own LoRA support silently ignores adapters on a model loaded from GGUF, which is why fine-tuned weights are
merged first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import openvino_genai

from query_assistant.engines import Completion, Draw, EngineCall, Prompt
from query_assistant.engines.chat import ChatTokenizer, WrittenIds, complete
from query_assistant.engines.openvino_graph import open_pipeline
from query_assistant.errors import InputError, MissingResourceError
from query_assistant.params import EngineParams


class OpenVinoEngine:
    """One loaded model. Answers repeat byte for byte as long as the batches do."""

    def __init__(self, model: Path, settings: EngineParams, *, keep_graph: bool = False) -> None:
        weights = model / "model.gguf"
        if not weights.is_file():
            raise MissingResourceError(
                f"no {weights}: the openvino engine reads GGUF; use engine transformers or openai for this model"
            )
        self._chat = ChatTokenizer(model)
        self._batch_size = settings.batch_size
        self._pipeline = open_pipeline(weights, _scheduler(settings), keep_graph=keep_graph)

    def generate(
        self,
        prompts: Sequence[Prompt],
        *,
        max_new_tokens: int,
        grammar: str | None = None,
        draw: Draw | None = None,
    ) -> Iterator[Completion]:
        def answers(ids: list[list[int]]) -> list[WrittenIds]:
            draws = [replace(draw, seed=draw.seed + place) if draw else None for place in range(len(ids))]
            return self._answers(ids, [self._config(max_new_tokens, grammar, one) for one in draws])

        return complete(prompts, self._chat, self._batch_size, answers)

    def generate_calls(self, calls: Sequence[EngineCall], *, max_new_tokens: int) -> Iterator[Completion]:
        left = iter([self._config(max_new_tokens, call.grammar, call.draw) for call in calls])

        def answers(ids: list[list[int]]) -> list[WrittenIds]:
            return self._answers(ids, [next(left) for _ in ids])

        return complete([call.prompt for call in calls], self._chat, self._batch_size, answers)

    def count_tokens(self, text: str) -> int:
        return self._chat.count(text)

    def _answers(self, ids: list[list[int]], configs: list[Any]) -> list[WrittenIds]:
        tensors = [openvino.Tensor(np.array([row], dtype=np.int64)) for row in ids]
        results = self._run(tensors, configs)
        return [WrittenIds(result.m_generation_ids[0], round(float(result.m_scores[0]), 3)) for result in results]

    def _run(self, tensors: list[Any], configs: list[Any]) -> list[Any]:
        try:
            results: list[Any] = self._pipeline.generate(tensors, configs)
        except RuntimeError as error:
            raise InputError(f"openvino could not answer: {str(error).strip().splitlines()[-1]}") from error
        unfinished = openvino_genai.GenerationFinishReason.NONE
        if any(not result.m_generation_ids or unfinished in result.finish_reasons for result in results):
            raise MissingResourceError("openvino ran out of its token cache; raise cache_gb or lower batch_size")
        return results

    def _config(self, max_new_tokens: int, grammar: str | None, draw: Draw | None) -> Any:
        config = openvino_genai.GenerationConfig()
        config.max_new_tokens = max_new_tokens
        config.do_sample = draw is not None
        if draw is not None:  # each prompt a request of its own: several answers of one leave the grammar
            config.temperature, config.rng_seed = draw.temperature, draw.seed
        config.logprobs = 1  # else every answer has a score of 0
        config.stop_token_ids = set(self._chat.stop_ids)
        if grammar is not None:
            config.structured_output_config = openvino_genai.StructuredOutputConfig(grammar=grammar)
        return config


def _scheduler(settings: EngineParams) -> Any:
    scheduler = openvino_genai.SchedulerConfig()
    scheduler.cache_size = settings.cache_gb
    scheduler.enable_prefix_caching = True
    scheduler.max_num_seqs = settings.batch_size
    # 256, the default, gave 450 tokens/s where 2048 gave 514 (64 prompts of 196 tokens, 2 cores).
    scheduler.max_num_batched_tokens = 2048
    return scheduler
