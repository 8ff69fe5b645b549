"""What fluff costs a model and what taking it out brings: three trainings that differ in nothing but that.

    python benchmarks/fluff.py --work build/fluff

    clean      instructions as they are
    fluffy     six in ten with assistants' phrases that mean nothing for the query, listed in `OPENERS` and `CLOSERS`
    removed    the fluffy ones after the pair stage's `find_fluff` and `remove_fluff`, which do not know the list
    even       the fluffy ones again, in batches larger by as much as fluff made instructions longer

A batch holds a number of tokens, so longer instructions make more batches, and a short training gains by more steps
than fluff costs: `even` takes that advantage away.

Phrases are injected into all training pairs of one API and looked for in all of them, as in the stage; the trainings
take the same few hundred of these pairs, the same settings and the same seed. Each model answers the same held-out
instructions twice, in their own words and with fluff in all of them. A run that was cut off goes on from `--work`.
"""

from __future__ import annotations

import argparse
import copy
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Any

import torch

from query_assistant.apis import Api, load_api
from query_assistant.engines import open_engine
from query_assistant.engines.chat import ChatTokenizer
from query_assistant.engines.transformers import load_model
from query_assistant.finetuning.samples import Sample, TokenSample, tokenise, training_samples
from query_assistant.finetuning.training import finetune
from query_assistant.models.merging import merge
from query_assistant.pairs.fluff import FluffSettings, find_fluff, remove_fluff
from query_assistant.pairs.honesty import Honesty
from query_assistant.params import EngineParams, FinetuneParams, Params, load_params
from query_assistant.prompts import PromptBuilder, PromptSettings
from query_assistant.records import Pair, Response, read_jsonl, write_json
from query_assistant.replica import Replica
from query_assistant.scoring import Prediction, Reference, Results, duels, score
from query_assistant.scoring.results import SEED, mean
from query_assistant.seeds import derive_seed, generator
from query_assistant.statistics import Interval, paired_bootstrap
from query_assistant.systems.generation import System, generate
from query_assistant.verbalising.wording import lowered

SYSTEM = System.parse("finetuned-zero_shot-closed-free")
MIX = {"zero_shot-closed": 1.0}
FLUFFY_SHARE = 0.6
VALIDATION = 48
OPENERS = (
    "provide comprehensive information on the following:",
    "as part of your search, please ensure that the following is met:",
    "I would appreciate it if you could help me with this:",
    "in the context of my current project,",
    "for the purposes of my analysis,",
    "using all the resources at your disposal,",
)
CLOSERS = (
    "in the database",
    ", including any relevant details",
    ", and make sure that the results are accurate",
    ", if at all possible",
    ", based on the information available",
    ", thank you in advance",
)
FIGURES = ("parsed", "valid", "selection")


def main() -> None:
    options = _options()
    api, params = load_api(options.api), load_params()
    pool, validation, test = [_pairs(options.splits / f"{part}.jsonl", api) for part in ("train", "validation", "test")]
    sets, found = _training_sets(pool, api, params)
    chosen = {pair.id for pair in generator(params.seed, "fluff/train").sample(pool, options.pairs)}
    sets = {name: [pair for pair in pairs if pair.id in chosen] for name, pairs in sets.items()}
    sets["even"] = sets["fluffy"]
    items = sorted(generator(params.seed, "fluff/test").sample(test, options.items), key=lambda pair: pair.id)
    validation = generator(params.seed, "fluff/validation").sample(validation, min(VALIDATION, len(validation)))
    wordings = {"clean": items, "fluffy": [_fluffed(pair, params.seed, 1.0) for pair in items]}
    replica = Replica.load(api, options.records / f"{api.name}.jsonl.gz")
    report: dict[str, Any] = {"pairs": len(chosen), "items": len(items), "fluff": found, "trained": {}, "answered": {}}
    own = _own_tokens(sets["clean"], api, options.base)
    results: dict[str, dict[str, Results]] = {wording: {} for wording in wordings}
    losses: dict[str, dict[str, list[float]]] = {wording: {} for wording in wordings}
    for name, pairs in sets.items():
        folder = options.work / name
        stretch = _own_tokens(pairs, api, options.base) / own if name == "even" else 1.0
        report["trained"][name] = _train(pairs, validation, api, params, options.base, folder, stretch)
        for wording, asked in wordings.items():
            answers = _answers(asked, api, folder / "merged", folder / f"{wording}.jsonl")
            results[wording][name] = score(answers, _references(asked), {api.name: api}, {api.name: replica})
            losses[wording][name] = _losses(asked, api, params.seed, options.base, folder, wording)
    report["answered"] = {wording: _figures(systems, losses[wording]) for wording, systems in results.items()}
    report["differences"] = {wording: _differences(systems, losses[wording]) for wording, systems in results.items()}
    report["differences"]["fluffy less clean"] = _costs(results, losses)
    write_json(options.work / "report.json", report)
    print(json.dumps(found, indent=2, ensure_ascii=False))
    print(_table(report))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--api", default="mygene")
    parser.add_argument("--pairs", type=int, default=240, help="training pairs in each set")
    parser.add_argument("--items", type=int, default=64, help="held-out instructions, asked in two wordings")
    parser.add_argument("--splits", type=Path, default=Path("data/splits"))
    parser.add_argument("--records", type=Path, default=Path("data/raw/records"))
    parser.add_argument("--base", type=Path, default=Path("models/base"))
    parser.add_argument("--work", type=Path, default=Path("build/fluff"), help="adapters, answers and report.json")
    return parser.parse_args()


def _pairs(path: Path, api: Api) -> list[Pair]:
    return [pair for pair in read_jsonl(path, Pair) if pair.api == api.name]


def _training_sets(pool: list[Pair], api: Api, params: Params) -> tuple[dict[str, list[Pair]], dict[str, Any]]:
    """The three sets, pair by pair the same queries, and what was found of the injected phrases."""
    fluffy = [_fluffed(pair, params.seed, FLUFFY_SHARE) for pair in pool]
    knobs = params.pair.fluff
    fluff = find_fluff(fluffy, FluffSettings(knobs.least_share, knobs.most_information))
    removed, counts = remove_fluff(fluffy, fluff, Honesty(api, fluffy))
    return {"clean": pool, "fluffy": fluffy, "removed": removed}, _found(pool, fluffy, removed, counts)


def _fluffed(pair: Pair, seed: int, share: float) -> Pair:
    """The pair with an opener, a closer or both, equally often, in `share` of the pairs; the draw is its id's own."""
    rng = Random(f"{seed}/fluff/{pair.id}")
    if rng.random() >= share:
        return pair
    opened, closed = rng.choice([(True, False), (False, True), (True, True)])
    opener, closer = rng.choice(OPENERS), rng.choice(CLOSERS)
    text = _opened(pair.instruction, opener) if opened else pair.instruction
    return pair.model_copy(update={"instruction": _closed(text, closer) if closed else text})


def _opened(text: str, opener: str) -> str:
    start = opener[:1].upper() + opener[1:] if text[:1].isupper() else opener
    return f"{start} {lowered(text)}"


def _closed(text: str, closer: str) -> str:
    end = text[-1] if text[-1] in ".?!" else ""
    return f"{text.removesuffix(end)}{'' if closer.startswith(',') else ' '}{closer}{end}"


def _found(
    clean: Sequence[Pair], fluffy: Sequence[Pair], removed: Sequence[Pair], counts: Mapping[str, int]
) -> dict[str, Any]:
    """What of the injected was found and removed, and what was removed that nobody injected."""
    injected = [number for number, pair in enumerate(clean) if pair.instruction != fluffy[number].instruction]
    lost = [
        number for number, pair in enumerate(clean) if _words(pair.instruction) - _words(removed[number].instruction)
    ]
    return {
        "pairs": len(clean),
        "injected": len(injected),
        "restored": sum(_words(clean[one].instruction) == _words(removed[one].instruction) for one in injected),
        "phrases": {phrase: _removals(phrase, fluffy, removed) for phrase in (*OPENERS, *CLOSERS)},
        "as_found": dict(counts),
        "own_words_lost": len(lost),
        "own_words_lost_example": [clean[lost[0]].instruction, removed[lost[0]].instruction] if lost else [],
    }


def _removals(phrase: str, fluffy: Sequence[Pair], removed: Sequence[Pair]) -> dict[str, int]:
    holding = [number for number, pair in enumerate(fluffy) if phrase.casefold() in pair.instruction.casefold()]
    kept = sum(phrase.casefold() in removed[number].instruction.casefold() for number in holding)
    return {"injected": len(holding), "removed": len(holding) - kept}


def _words(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", text.casefold()))


def _train(
    pairs: list[Pair], validation: list[Pair], api: Api, params: Params, base: Path, folder: Path, stretch: float
) -> dict[str, float]:
    """Trains and merges unless that was done before; the report of the training, and the tokens it read."""
    chat, done = ChatTokenizer(base), folder / "training.json"
    samples, held_out = [_samples(part, api, chat.count, params.seed) for part in (pairs, validation)]
    knobs, lora, seed = _knobs(params, len(held_out), stretch), params.model.lora, derive_seed(params.seed, "finetune")
    assert lora is not None, "the default model is trained"
    if not done.is_file():
        trained = finetune(samples, held_out, base, folder / "adapter", knobs, lora, seed)
        merge(base, folder / "adapter", folder / "merged")
        write_json(done, trained)
    tokens = sum(map(len, tokenise(samples, chat, knobs.max_seq_len)))
    report: dict[str, float] = json.loads(done.read_text(encoding="utf-8"))
    return report | {"tokens": tokens, "words": sum(len(pair.instruction.split()) for pair in pairs)}


def _samples(pairs: list[Pair], api: Api, count: Callable[[str], int], seed: int) -> list[Sample]:
    return training_samples(pairs, {api.name: api}, PromptSettings(), MIX, count, derive_seed(seed, "prompt kinds"))


def _own_tokens(pairs: list[Pair], api: Api, base: Path) -> int:
    """Tokens of the lessons without the opening that all of them share."""
    chat = ChatTokenizer(base)
    rows = tokenise(_samples(pairs, api, chat.count, 0), chat, max_seq_len=4096)
    return sum(len(row) - row.opening for row in rows)


def _knobs(params: Params, validation_samples: int, stretch: float) -> FinetuneParams:
    """The pipeline's own settings, one epoch; the loss is measured on the validation pairs at the end."""
    knobs = params.finetune
    changes = {
        "validation_samples": validation_samples,
        "checkpoint_every": 1000,
        "row_tokens": round(stretch * knobs.row_tokens),
        "tokens_per_batch": round(stretch * knobs.tokens_per_batch),
    }
    return knobs.model_copy(update=changes)


def _answers(asked: Sequence[Pair], api: Api, model: Path, out: Path) -> list[Prediction]:
    if not out.is_file():
        engine = open_engine(EngineParams(kind="openvino", batch_size=16), model)
        generate(asked, SYSTEM, engine, PromptBuilder({api.name: api}, PromptSettings(), engine.count_tokens), out)
    return [Prediction(id=one.id, query=one.query, body=one.body) for one in read_jsonl(out, Response)]


def _losses(asked: list[Pair], api: Api, seed: int, base: Path, folder: Path, wording: str) -> list[float]:
    """How surprised a model is by each right answer: mean -log p of its tokens. Differences show here first.

    All prompts of one API begin alike, so that beginning is read once.
    """
    done, chat = folder / f"{wording}.losses.json", ChatTokenizer(base)
    if not done.is_file():
        rows = tokenise(_samples(asked, api, chat.count, seed), chat, max_seq_len=4096)
        model = load_model(base, "cpu", "fp32", folder / "adapter")
        with torch.inference_mode():
            shared = model(torch.tensor([rows[0].prompt[: rows[0].opening]]), use_cache=True).past_key_values
            write_json(done, [_loss(model, shared, row) for row in rows])
    losses: list[float] = json.loads(done.read_text(encoding="utf-8"))
    return losses


def _loss(model: Any, shared: Any, row: TokenSample) -> float:
    rest, answer = torch.tensor([[*row.prompt[row.opening :], *row.answer]]), torch.tensor(row.answer)
    logits = model(rest, past_key_values=copy.deepcopy(shared)).logits[0, -len(answer) - 1 : -1]
    return float(torch.nn.functional.cross_entropy(logits, answer))


def _references(asked: Sequence[Pair]) -> list[Reference]:
    return [Reference(id=pair.id, api=pair.api, query=pair.query, body=pair.body) for pair in asked]


def _figures(systems: Mapping[str, Results], losses: Mapping[str, list[float]]) -> dict[str, dict[str, float]]:
    return {
        name: {"loss": round(mean(losses[name]), 4)} | {figure: round(found.share(figure), 4) for figure in FIGURES}
        for name, found in systems.items()
    }


def _differences(systems: Mapping[str, Results], losses: Mapping[str, list[float]]) -> list[dict[str, Any]]:
    """Every two models on selection and loss: the same items paired, instructions of one query drawn together."""
    found = [
        _difference(f"{duel.left} - {duel.right}", duel.metric, duel.difference, duel.interval, duel.p_value)
        for duel in duels(systems, ("selection",))
    ]
    groups = [item.group for item in systems["clean"].items]
    for left, right in combinations(systems, 2):
        drawn = paired_bootstrap(losses[left], losses[right], seed=SEED, purpose="fluff/loss", groups=groups)
        found.append(_difference(f"{left} - {right}", "loss", drawn.difference, drawn.interval, drawn.p_value))
    return found


def _costs(
    results: Mapping[str, Mapping[str, Results]], losses: Mapping[str, Mapping[str, list[float]]]
) -> list[dict[str, Any]]:
    """What fluff in the question costs each model: the same weights, so no training's luck is in it."""
    found = []
    for name, clean in results["clean"].items():
        groups = [item.group for item in clean.items]
        drawn = paired_bootstrap(
            losses["fluffy"][name], losses["clean"][name], seed=SEED, purpose="fluff/cost", groups=groups
        )
        found.append(_difference(name, "loss", drawn.difference, drawn.interval, drawn.p_value))
    return found


def _difference(what: str, metric: str, difference: float, interval: Interval, p_value: float) -> dict[str, Any]:
    ends = [round(interval.low, 4), round(interval.high, 4)]
    return {
        "what": what,
        "metric": metric,
        "difference": round(difference, 4),
        "interval": ends,
        "p": round(p_value, 4),
    }


def _table(report: Mapping[str, Any]) -> str:
    lines = [
        "| trained on | words | tokens | steps | validation loss | asked in | loss | parsed | valid | selection |",
        "| --- | ---: | ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: |",
    ]
    for name, trained in report["trained"].items():
        for wording, answered in report["answered"].items():
            shares = " | ".join(f"{100 * answered[name][figure]:.1f}%" for figure in FIGURES)
            start = f"{name} | {trained['words']:,} | {trained['tokens']:,} | {trained['steps']:.0f}"
            start += f" | {trained['validation_loss']:.3f}"
            lines.append(f"| {start} | {wording} words | {answered[name]['loss']:.3f} | {shares} |")
    lines += [
        "",
        "| asked in | models | figure | difference | 95% interval | p |",
        "| --- | --- | --- | ---: | --- | ---: |",
    ]
    for wording, differences in report["differences"].items():
        for one in differences:
            low, high = one["interval"]
            what = f"{wording} | {one['what']} | {one['metric']}"
            lines.append(f"| {what} | {one['difference']:+.3f} | {low:+.3f} to {high:+.3f} | {one['p']:.3f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
