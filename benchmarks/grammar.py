"""What the grammars promise and what they cost, measured.

    python benchmarks/grammar.py                          # 100,000 sentences an API through the validator; coverage
    python benchmarks/grammar.py --model models/base/model.gguf --count 0    # compile and mask times, decoding speed

One JSON object per API and measurement, on standard output:

    validity   sentences drawn, and those in which `validate` finds anything, by severity and code
    coverage   share of the good queries (data/queries) that are sentences, and up to 20 that are not
    xgrammar   seconds to compile with two threads, milliseconds per token mask over sampled sentences
    llguidance the same
    decoding   tokens a second of openvino-genai on the model, without and with the grammar
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from query_assistant.apis import Api, api_names, load_api
from query_assistant.grammar import grammar, sample
from query_assistant.project import project_root
from query_assistant.queries.request import to_text
from query_assistant.queries.validation import validate
from query_assistant.records import GoodQuery, read_jsonl

SEED = 2026
MASKED_SENTENCES = 150
PROMPTS = (
    "Which human genes on chromosome 11 have insulin in their name?",
    "Find records with a score above 20, newest first, ten of them.",
    "Give me the symbol and name of CDK2.",
    "Everything about breast cancer.",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000, help="sentences to validate per API")
    parser.add_argument("--api", action="append", help="only this API; may be repeated")
    parser.add_argument("--model", type=Path, help="a GGUF file: measure the engines with its vocabulary")
    arguments = parser.parse_args()
    apis = [load_api(name) for name in arguments.api or api_names()]
    vocabulary = _vocabulary(arguments.model) if arguments.model else None
    for api in apis:
        if arguments.count:
            show("validity", api, validity(api, arguments.count))
        if (queries := project_root() / "data" / "queries" / f"{api.name}.jsonl").is_file():
            show("coverage", api, coverage(api, queries))
        if vocabulary:
            show("xgrammar", api, xgrammar_times(api, *vocabulary))
            show("llguidance", api, llguidance_times(api, *vocabulary))
    if arguments.model:
        for api in apis:
            show("decoding", api, decoding(api, arguments.model))


def show(measurement: str, api: Api, figures: dict[str, Any]) -> None:
    print(json.dumps({"measurement": measurement, "api": api.name, **figures}, ensure_ascii=False), flush=True)


def validity(api: Api, count: int) -> dict[str, Any]:
    found = Counter(
        f"{issue.severity}: {issue.code}" for line in sample(api, SEED, count) for issue in validate(line, api)
    )
    return {"sentences": count, "issues": dict(found)}


def coverage(api: Api, path: Path) -> dict[str, Any]:
    """Unweighted: each good query counts once, however often it was asked."""
    accepts = _acceptor(api)
    texts = [to_text(query) for query in read_jsonl(path, GoodQuery)]
    missed = [text for text in texts if not accepts(text)]
    share = round(1 - len(missed) / len(texts), 4)
    return {"queries": len(texts), "covered": share, "missed": [text[:200] for text in missed[:20]]}


def _acceptor(api: Api) -> Callable[[str], bool]:
    """Whether xgrammar lets a text through, byte by byte, and may stop after it."""
    import xgrammar

    tokenizer = xgrammar.TokenizerInfo(
        [*(bytes([code]) for code in range(256)), b"<end>"], xgrammar.VocabType.RAW, stop_token_ids=[256]
    )
    compiled = xgrammar.GrammarCompiler(tokenizer).compile_grammar(xgrammar.Grammar.from_ebnf(grammar(api, "ebnf")))

    def accepts(text: str) -> bool:
        matcher = xgrammar.GrammarMatcher(compiled)
        return bool(matcher.accept_string(text) and matcher.accept_token(256))

    return accepts


def _vocabulary(model: Path) -> tuple[Any, list[str]]:
    """The tokenizer in a GGUF file, and its tokens as they are written there."""
    from gguf import GGUFReader
    from transformers import AutoTokenizer

    tokens = GGUFReader(str(model)).fields["tokenizer.ggml.tokens"]
    tokenizer = AutoTokenizer.from_pretrained(str(model.parent), gguf_file=model.name)
    return tokenizer, [bytes(tokens.parts[index]).decode() for index in tokens.data]


def xgrammar_times(api: Api, tokenizer: Any, vocabulary: list[str]) -> dict[str, Any]:
    import xgrammar

    info = xgrammar.TokenizerInfo(
        vocabulary, xgrammar.VocabType.BYTE_LEVEL, stop_token_ids=[tokenizer.convert_tokens_to_ids("<|im_end|>")]
    )
    compiler = xgrammar.GrammarCompiler(info, max_threads=2, cache_enabled=False)
    text = grammar(api, "ebnf")
    wall, cpu = time.perf_counter(), time.process_time()
    compiled = compiler.compile_grammar(xgrammar.Grammar.from_ebnf(text))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    bitmask = xgrammar.allocate_token_bitmask(1, len(vocabulary))

    def masks(tokens: list[int]) -> Iterator[float]:
        matcher = xgrammar.GrammarMatcher(compiled)
        for token in tokens:
            begun = time.perf_counter()
            matcher.fill_next_token_bitmask(bitmask)
            yield time.perf_counter() - begun
            assert matcher.accept_token(token)

    return {"characters": len(text), "compile_s": round(wall, 2), "compile_cpu_s": round(cpu, 2)} | _spread(
        masks, api, tokenizer
    )


def llguidance_times(api: Api, tokenizer: Any, vocabulary: list[str]) -> dict[str, Any]:
    from llguidance import LLMatcher
    from llguidance.hf import from_tokenizer

    known = from_tokenizer(tokenizer, n_vocab=len(vocabulary))
    begun = time.perf_counter()
    start = LLMatcher(known, grammar(api, "lark"))
    assert not start.is_error(), start.get_error()
    compile_s = time.perf_counter() - begun

    def masks(tokens: list[int]) -> Iterator[float]:
        matcher = start.deep_copy()
        for token in tokens:
            begun = time.perf_counter()
            matcher.compute_bitmask()
            yield time.perf_counter() - begun
            assert matcher.consume_token(token)

    return {"compile_s": round(compile_s, 3)} | _spread(masks, api, tokenizer)


def _spread(masks: Callable[[list[int]], Iterator[float]], api: Api, tokenizer: Any) -> dict[str, Any]:
    lines = sample(api, SEED, MASKED_SENTENCES)
    times = sorted(seconds for line in lines for seconds in masks(tokenizer.encode(line, add_special_tokens=False)))
    at = {f"mask_p{share}_ms": round(times[len(times) * share // 100] * 1000, 3) for share in (50, 90, 99)}
    return {"masks": len(times), "mask_mean_ms": round(sum(times) / len(times) * 1000, 3), **at}


def decoding(api: Api, model: Path, max_new_tokens: int = 100) -> dict[str, Any]:
    """Tokens a second of greedy answers, warmed up, all prompts one after another; a grammar may end them sooner."""
    import openvino_genai

    pipeline = openvino_genai.LLMPipeline(str(model), "CPU")
    figures: dict[str, Any] = {}
    for name, text in (("free", None), ("grammar", grammar(api, "ebnf"))):
        config = openvino_genai.GenerationConfig(max_new_tokens=max_new_tokens, do_sample=False)
        if text:
            config.structured_output_config = openvino_genai.StructuredOutputConfig(grammar=text)
        begun = time.perf_counter()
        pipeline.generate([PROMPTS[0]], config)
        figures[f"{name}_first_s"] = round(time.perf_counter() - begun, 2)
        results = [pipeline.generate([prompt], config) for prompt in PROMPTS]
        tokens = sum(result.perf_metrics.get_num_generated_tokens() for result in results)
        per_token = [result.perf_metrics.get_tpot().mean for result in results]
        figures |= {f"{name}_tokens": tokens, f"{name}_ms_per_token": round(sum(per_token) / len(per_token), 2)}
        figures[f"{name}_answer"] = results[0].texts[0][:120]
    return figures


if __name__ == "__main__":
    main()
