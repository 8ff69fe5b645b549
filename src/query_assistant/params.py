"""The schema of params.yaml: what may stand there, with which bounds, checked before any work starts.

People edit `conf/`; `dvc exp run` composes it into params.yaml; every stage reads params.yaml through `load_params`.
A typo, a leftover `???` or a value out of bounds is one ConfigurationError that names the key.
What each knob does is said beside it in `conf/`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from query_assistant.errors import ConfigurationError, InputError
from query_assistant.inputs import read_text

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(gt=0)]
Weights = Literal["base", "finetuned"]
Examples = Literal["zero_shot", "few_shot"]
Context = Literal["closed", "rag"]
Decoding = Literal["free", "grammar"]

T = TypeVar("T")


def _distinct(values: tuple[T, ...]) -> tuple[T, ...]:
    if len(set(values)) != len(values):
        raise ValueError("a value stands there twice; name each once")
    return values


# One stage or system for each: a list that is empty or says a thing twice makes no matrix.
Some = Annotated[tuple[T, ...], Field(min_length=1), AfterValidator(_distinct)]


class Section(BaseModel):
    """A part of params.yaml: unknown keys are errors, values are fixed once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class SourceParams(Section):
    """Where base weights come from; `revision` and `sha256` pin them."""

    kind: Literal["package", "hub", "folder", "none"]
    name: str
    revision: str = ""
    sha256: str = ""
    file: str = ""


class EngineParams(Section):
    """Who writes the answers."""

    kind: Literal["openvino", "transformers", "openai"]
    batch_size: Positive = 16
    device: Literal["auto", "cpu", "cuda"] = "auto"
    dtype: Literal["auto", "fp32", "bf16"] = "auto"
    cache_gb: Positive = 2
    base_url: str = ""
    model_name: str = ""
    finetuned_model_name: str = ""
    api_key_variable: str = "OPENAI_API_KEY"
    concurrency: Positive = 8
    timeout_s: Annotated[float, Field(gt=0)] = 120
    retries: Count = 5
    grammar_as: Literal["structured_outputs", "guided_grammar", "grammar", "none"] = "structured_outputs"
    usd_per_million_prompt_tokens: Annotated[float, Field(ge=0)] = 0
    usd_per_million_answer_tokens: Annotated[float, Field(ge=0)] = 0


class LoraParams(Section):
    """How the model is adapted, as far as it depends on the model: the rest is in `finetune`."""

    rank: Positive
    alpha: Positive
    dropout: Share = 0
    dtype: Literal["fp32", "bf16"] = "fp32"
    device: Literal["cpu", "cuda"] = "cpu"
    matmul: Literal["auto", "fp32", "bf16"] = "auto"
    quantize_base: bool = False
    activation_checkpointing: bool = False


class ModelParams(Section):
    """One base model. `weights` are the variants to test, `trained` those that a fine-tuning makes."""

    name: str
    source: SourceParams
    weights: Some[Weights]
    trained: tuple[Literal["finetuned"], ...]
    prompt_tokens: Positive
    engine: EngineParams
    lora: LoraParams | None

    @model_validator(mode="after")
    def _trained_needs_lora(self) -> ModelParams:
        if self.trained and self.lora is None:
            raise ValueError("`trained` names weights but `lora` is empty; give lora, or set trained: []")
        if "finetuned" in self.weights and not self.trained and self.engine.kind != "openai":
            raise ValueError("`weights` holds finetuned, which nothing trains; add it to `trained`")
        return self


class LlmParams(Section):
    """An OpenAI-compatible endpoint that writes descriptions or instructions."""

    base_url: str = ""
    model_name: str = ""
    api_key_variable: str = "OPENAI_API_KEY"
    batch: Positive = 20


class AnnotateParams(Section):
    annotator: Literal["glossary", "llm"]
    llm: LlmParams


class FilterParams(Section):
    per_signature: Positive
    executor: Literal["replica", "live"]
    max_queries: Count


class FluffParams(Section):
    """Phrases without meaning for the query, see `pairs.fluff`."""

    remove: bool
    least_share: Annotated[float, Field(gt=0, le=1)]
    most_information: Share


class PairParams(Section):
    writer: Literal["template", "llm"]
    instructions_per_query: Annotated[int, Field(ge=2)]
    logged_queries: Count
    synthesised_queries: Count
    fluff: FluffParams
    llm: LlmParams


class SplitParams(Section):
    test_fraction: Annotated[float, Field(gt=0, lt=0.5)]
    validation_fraction: Annotated[float, Field(gt=0, lt=0.5)]
    seen_share: Share
    similarity: Share


class IndexParams(Section):
    embedder: Literal["minilm"]
    documentation: bool


class TrainingPromptParams(Section):
    """What prompts show in training, apart from `generate`: turning a knob there must not retrain the model."""

    fields: Positive
    passages: Count
    examples: Positive
    own_skeleton: Share
    lexical_weight: Share
    examples_lexical_weight: Share


class FinetuneParams(Section):
    engine: Literal["torchtune", "hf", "published"]
    learning_rate: Annotated[float, Field(gt=0, lt=1)]
    warmup_steps: Count
    weight_decay: Annotated[float, Field(ge=0)]
    clip_grad_norm: Annotated[float, Field(gt=0)]
    epochs: Positive
    max_pairs: Count
    max_steps: Count
    max_minutes: Annotated[float, Field(ge=0)]
    tokens_per_batch: Positive
    row_tokens: Positive
    max_seq_len: Positive
    checkpoint_every: Positive
    validation_samples: Count
    processes: Positive
    prompt: TrainingPromptParams
    mix: dict[str, Annotated[float, Field(ge=0)]]

    @model_validator(mode="after")
    def _mix_is_known(self) -> FinetuneParams:
        known = {f"{examples}-{context}" for examples in ("zero_shot", "few_shot") for context in ("closed", "rag")}
        if unknown := set(self.mix) - known:
            raise ValueError(f"mix names {sorted(unknown)}; expected {sorted(known)}")
        if sum(self.mix.values()) <= 0:
            raise ValueError("mix has no positive weight; give at least one prompt kind a share")
        return self


class Nothing(Section):
    """A word without knobs of its own."""


class FewShotParams(Section):
    k: Positive
    by: Literal["nearest", "random"]
    lexical_weight: Share


class RagParams(Section):
    k: Positive
    passages: Count
    lexical_weight: Share


class GenerateParams(Section):
    """The matrix of systems, and under each word the knobs that only its systems read."""

    examples: Some[Examples]
    context: Some[Context]
    decoding: Some[Decoding]
    max_new_tokens: Positive
    test_limit: Count
    benchmark_limit: Count
    zero_shot: Nothing
    few_shot: FewShotParams
    closed: Nothing
    rag: RagParams
    free: Nothing
    grammar: Nothing


class ScoreParams(Section):
    bootstrap_samples: Positive
    confidence: Annotated[float, Field(gt=0.5, lt=1)]
    text_metrics: bool
    mlflow_experiment: Annotated[str, Field(min_length=1)]


class Params(Section):
    """All of params.yaml."""

    seed: Count
    apis: Some[str]
    model: ModelParams
    annotate: AnnotateParams
    filter: FilterParams
    pair: PairParams
    split: SplitParams
    index: IndexParams
    finetune: FinetuneParams
    generate: GenerateParams
    score: ScoreParams
    experiment: dict[str, Any] = {}


def load_params(path: Path = Path("params.yaml")) -> Params:
    """The validated parameters of this pipeline run.

    Raises:
        ConfigurationError: the file is missing or broken, or a key is unknown, unset or out of bounds.
    """
    try:
        values = yaml.safe_load(read_text(path))
    except (InputError, yaml.YAMLError, RecursionError) as error:
        if not path.exists():
            raise ConfigurationError(f"no {path} here; run in the repository's top folder") from None
        raise ConfigurationError(f"{path} is not YAML: {error}; write it anew with `make params`") from error
    if not isinstance(values, dict):
        raise ConfigurationError(f"{path} holds {values!r:.40}, no sections; write it anew with `make params`")
    return check_params(values, path.name)


def check_params(values: Any, place: str) -> Params:
    """Parameters from plain values, such as a composed Hydra configuration; `place` is for the error's text."""
    if unset := _unset(values):
        raise ConfigurationError(f"{place}: {unset} is still `???`; set it, for example with -S '{unset}=...'")
    try:
        return Params.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        whole = first["type"] == "missing" or isinstance(first["input"], dict)
        given = "" if whole else f" (given: {first['input']!r:.100})"
        remedy = "write it anew with `make params`" if first["type"] == "missing" else "edit conf/ or the -S override"
        raise ConfigurationError(f"{place}: {key}: {first['msg']}{given}; {remedy}") from None


def _unset(values: Any, prefix: str = "") -> str | None:
    """The first key whose value is Hydra's mandatory-value mark."""
    if values == "???":
        return prefix
    items = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    found = (_unset(value, f"{prefix}.{key}" if prefix else str(key)) for key, value in items)
    return next((key for key in found if key), None)
