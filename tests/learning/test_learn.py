"""Corrections are taught, tested, and answer only where that helped; a killed call goes on; a promotion can be undone.

Training and merging are real, of a tiny model. Who answers is a script where the verdict must be known, for a model of
two layers learns nothing in a second.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fake_engine import FakeEngine
from learning.school import NAMES, correct, make_published, make_school
from query_assistant.apis import load_api
from query_assistant.cli import run
from query_assistant.corrections.store import PLACE, Correction, Corrections
from query_assistant.engines import Prompt
from query_assistant.errors import ConfigurationError, InputError
from query_assistant.files import held
from query_assistant.finetuning.training import WEIGHTS, finetune
from query_assistant.learning import learn as loop
from query_assistant.learning.knobs import LEARN_KNOBS, LearnParams, load_learn_params
from query_assistant.learning.learn import learn
from query_assistant.learning.lessons import divided, learnable, lessons
from query_assistant.learning.registry import ALIAS, REGISTERED
from query_assistant.models.cache import sha256_of
from query_assistant.project import CACHE_VARIABLE, project_root
from query_assistant.records import Pair, read_jsonl, write_json
from query_assistant.reporting.store import open_store
from query_assistant.systems import learned
from query_assistant.systems.assistant import Assistant
from query_assistant.systems.evaluation_sets import load_development
from query_assistant.systems.learned import LEARNED, manifests, open_in_use, promoted_numbers, roll_back

Answer = Callable[[Prompt], str]
TURNED = ("held_out=0.4", "development_limit=4", "epochs=1", "swaps=1")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A published assistant, made once."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("made")
        patch.setenv(CACHE_VARIABLE, str(folder / "cache"))
        yield make_published(folder)


@pytest.fixture(scope="module")
def trained_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, Any]]:
    """`finetune`, for which the same samples and settings make the same bytes: what was trained is copied."""
    kept: dict[str, tuple[Path, dict[str, Any]]] = {}

    def train(
        samples: Any, validation: Any, base: Path, destination: Path, knobs: Any, lora: Any, seed: int, start: Path
    ) -> dict[str, Any]:
        weights = [sha256_of(base / "model.gguf"), sha256_of(start / WEIGHTS)]
        key = repr((samples, validation, weights, knobs, lora, seed))
        if key not in kept:
            report = finetune(samples, validation, base, destination, knobs, lora, seed, start)
            kept[key] = shutil.copytree(destination, tmp_path_factory.mktemp("trained") / "adapter"), report
        else:
            shutil.copytree(kept[key][0], destination)
        return kept[key][1]

    return train


@pytest.fixture
def school(
    tmp_path: Path, made: Path, trained_once: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> Path:
    monkeypatch.setattr(loop, "finetune", trained_once)
    return make_school(tmp_path / "checkout", made, monkeypatch)


def knobs(*turned: str) -> LearnParams:
    return load_learn_params(project_root() / LEARN_KNOBS, (*TURNED, *turned))


def of_the_family(prompt: Prompt) -> str:
    """The right answer to a question of the family."""
    name = prompt[-1].content.split("cytoband of ")[1].split()[0]
    return f"/v3/query?q=symbol:{name}&fields=map_location"


def answering(before: Answer, after: Answer, monkeypatch: pytest.MonkeyPatch) -> list[Assistant]:
    """Lets scripts answer in place of the old and the new weights; prompts, and all else, are real."""
    opened: list[Assistant] = []

    def scripted(open_one: Callable[..., Assistant], answer: Answer) -> Callable[..., Assistant]:
        def open_it(*arguments: Any, **words: Any) -> Assistant:
            opened.append(replace(open_one(*arguments, **words), engine=FakeEngine(answer), grammars={}))
            opened[-1] = replace(opened[-1], system=replace(opened[-1].system, decoding="free"))
            return opened[-1]

        return open_it

    monkeypatch.setattr(loop, "open_in_use", scripted(loop.open_in_use, before))
    monkeypatch.setattr(loop, "open_learned", scripted(loop.open_learned, after))
    return opened


def development_answers() -> dict[str, str]:
    items = load_development(project_root() / "data/apis", ["mygene"])
    return {item.instruction: item.query for item in items if item.body is None}


def wrong(_: Prompt) -> str:
    return "/v3/query?q=symbol:NONE"


def right(prompt: Prompt) -> str:
    """Right on the family; on the development set as wrong as the old weights."""
    return of_the_family(prompt) if "cytoband of " in prompt[-1].content else wrong(prompt)


def test_the_loop_promotes_what_is_better_and_rolls_it_back(
    school: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    correct(school, NAMES)
    shutil.copyfile(empty_store, school / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{school}/mlflow.db")
    (school / "params.yaml").write_text((project_root() / "params.yaml").read_text(encoding="utf-8"))
    monkeypatch.chdir(school)
    monkeypatch.setattr("query_assistant.cli.learning.project_root", lambda: school)
    opened = answering(wrong, right, monkeypatch)
    arguments = ["learn", "--json", *(part for one in TURNED for part in ("-S", one))]
    assert run(arguments) == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["refused"], made["in_use"], made["unaided"]) == ("", "published", 0)
    assert (made["on_held_out"]["before"], made["on_held_out"]["after"]) == (0, 1)
    assert made["on_held_out"]["gained"] == len(made["held_out"]) >= 5
    assert sorted([*made["corrections"], *made["held_out"]]) == list(range(1, len(NAMES) + 1))
    assert made["on_development"]["items"] == 4
    folder = school / LEARNED / "1"
    assert {path.name for path in folder.iterdir()} == {"adapter", "finetuned", "manifest.json"}
    assert (
        learned.sha256_of(folder / "adapter" / "adapter_model.safetensors") == made["adapter"] != made["base_adapter"]
    )
    assert promoted_numbers(school) == [1]

    taught = [f"cytoband of {NAMES[number - 1]} please" for number in made["corrections"]]
    shown = {message.content for message in opened[-1].builder.build("cytoband of Q99 please", "mygene")}
    assert shown & set(taught)
    client, _ = open_store("any")
    version = client.get_model_version_by_alias(REGISTERED, ALIAS)
    assert version.tags["corrections"] == " ".join(map(str, made["corrections"]))
    assert client.get_run(version.run_id).data.metrics["held_out/after"] == 1

    assert run(["learn", "--rollback"]) == 0
    assert promoted_numbers(school) == []
    assert REGISTERED in {one.name for one in client.search_registered_models()}
    assert dict(client.get_registered_model(REGISTERED).aliases) == {}
    assert run(["learn", "--rollback"]) == 2
    assert run(["learn", "--list"]) == 0
    assert "answers with the published assistant" in capsys.readouterr().out


def test_what_is_no_better_does_not_answer(school: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    correct(school, NAMES)
    answering(wrong, wrong, monkeypatch)
    assert "no better" in learn(school, knobs()).refused
    assert promoted_numbers(school) == []
    assert {path.name for path in (school / LEARNED / "1").iterdir()} == {"adapter", "manifest.json"}
    assert [one.number for one in manifests(school)] == [1]


def test_what_forgets_does_not_answer(school: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    correct(school, NAMES)
    gold = development_answers()

    def remembers(prompt: Prompt) -> str:
        return gold.get(prompt[-1].content.splitlines()[-1], wrong(prompt))

    answering(remembers, right, monkeypatch)
    found = learn(school, knobs("development_limit=0"))
    assert (found.on_held_out.after, found.on_development.after) == (1, 0)
    assert "may forget too much" in found.refused
    assert promoted_numbers(school) == []


def test_a_killed_call_goes_on_where_it_stopped(school: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    correct(school, NAMES)
    opened = answering(wrong, right, monkeypatch)
    with monkeypatch.context() as killed:
        killed.setattr(loop, "merge", _killed)
        with pytest.raises(KeyboardInterrupt):
            learn(school, knobs())
    asked = [engine_of(one).batches for one in opened]
    assert asked != [[]]
    with monkeypatch.context() as still:
        still.setattr(loop, "finetune", _killed)  # it is not trained again
        assert learn(school, knobs()).number == 1
    assert engine_of(opened[1]).batches == []  # nor are the old weights asked again
    assert sorted(path.name for path in (school / LEARNED).iterdir()) == [".lock", "1", "promoted.json"]


def engine_of(assistant: Assistant) -> FakeEngine:
    assert isinstance(assistant.engine, FakeEngine)
    return assistant.engine


def _killed(*_: Any, **__: Any) -> Any:
    raise KeyboardInterrupt


def test_a_model_on_another_published_adapter_is_set_aside(
    school: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    correct(school, NAMES)
    answering(wrong, right, monkeypatch)
    learn(school, knobs())
    published = school / "models" / "published"
    assert learned.in_use(school, published) == 1
    (published / "adapter" / "adapter_model.safetensors").write_bytes(b"another")
    assert learned.in_use(school, published) is None
    monkeypatch.setattr(learned, "open_published", lambda *_: "the published one")
    assert open_in_use(school, {"mygene": load_api("mygene")}) == "the published one"
    assert "run `qa learn`" in capsys.readouterr().err


def test_nothing_is_learnt_from_what_the_list_objects_to(school: Path) -> None:
    measured = load_development(project_root() / "data/apis", ["mygene"])[0]
    said = [
        ("cytoband of Q1 please", "/v3/query?q=symbol:Q1&fields=map_location"),
        ("Cytoband of Q1  please", "/v3/query?fields=map_location&q=symbol:Q1"),  # a double
        ("cytoband of Q2 please", "/v3/query?q=symbol:Q2&fields=map_location"),
        ("cytoband of Q2 please", "/v3/query?q=symbol:Q2"),  # contradicts it: both are left out
        (measured.instruction, measured.query),
        ("cytoband of Q3 please", "/v3/query?q=symbol:("),
        ("cytoband of Q4 please", "/v3/query?q=symbol:Q4&fields=map_location"),
    ]
    with Corrections.open(school / PLACE) as kept:
        for question, query in said:
            kept.add(Correction(api="mygene", instruction=question, query=query))
        kept.settle(7, "withdrawn")
    assert [one.id for one in learnable(school, ["mygene"])] == [1]
    assert learnable(school, ["mychem"]) == []


def test_held_out_corrections_are_never_taught_later(school: Path) -> None:
    apis = {"mygene": load_api("mygene")}
    correct(school, NAMES)
    few = learnable(school, ["mygene"])
    first = divided(few, apis, knobs())
    correct(school, [f"N{number}" for number in range(20)])
    later = divided(learnable(school, ["mygene"]), apis, knobs())
    assert {one.id for one in first.held_out} <= {one.id for one in later.held_out}
    assert {one.id for one in first.taught} <= {one.id for one in later.taught}
    with pytest.raises(InputError, match=r"3 corrections can be learnt from, \d of them held out; at least 5"):
        divided(few[:3], apis, knobs())


def test_lessons_are_corrections_copies_and_a_share_of_earlier_pairs(school: Path) -> None:
    apis = {"mygene": load_api("mygene")}
    correct(school, NAMES[:6])
    taught = learnable(school, ["mygene"])
    pairs, earlier = lessons(taught, apis, school / "models/published/index/few_shot", knobs("replay=0.5"))
    again, _ = lessons(taught, apis, school / "models/published/index/few_shot", knobs("replay=0.5"))
    assert pairs == again
    mine = [pair for pair in pairs if "cytoband" in pair.instruction]
    assert (len(mine), earlier, len(pairs)) == (12, 12, 24)
    assert {pair.skeleton for pair in mine} == {"/v3/query?q=symbol:<word>&fields=map_location"}
    assert all(pair.query == f"/v3/query?q=symbol:{pair.instruction.split()[2]}&fields=map_location" for pair in mine)


def test_no_lesson_shows_its_own_answer(school: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    correct(school, NAMES)
    seen: list[Sequence[Any]] = []

    def look(samples: Sequence[Any], *_: Any, **__: Any) -> Any:
        seen.append(samples)
        raise KeyboardInterrupt

    answering(wrong, right, monkeypatch)
    monkeypatch.setattr(loop, "finetune", look)
    with pytest.raises(KeyboardInterrupt):
        learn(school, knobs())
    (samples,) = seen
    assert any(len(sample.messages) > 2 for sample in samples)
    assert [sample.answer for sample in samples if sample.answer in {one.content for one in sample.messages}] == []


def test_two_calls_at_once_are_kept_apart(school: Path) -> None:
    correct(school, NAMES)
    with held(school / LEARNED / ".lock"), pytest.raises(InputError):
        learn(school, knobs())
    with held(school / LEARNED / ".lock"), pytest.raises(InputError):
        roll_back(school)


@pytest.mark.parametrize(
    ("turned", "said"),
    [
        ("swap=3", "swap"),
        ("epochs=0", "epochs"),
        ("held_out", "KNOB=VALUE"),
        ("held_out=[", "KNOB=VALUE"),
        ("replay=1", "replay"),
    ],
)
def test_a_wrong_knob_is_named(turned: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        knobs(turned)


def test_a_damaged_state_says_what_to_do(school: Path) -> None:
    write_json(school / LEARNED / "promoted.json", [1])
    with pytest.raises(InputError, match="remove it"):
        promoted_numbers(school)


@pytest.mark.slow
def test_the_whole_loop_with_a_real_engine(school: Path) -> None:
    """The tiny model answers itself, with four tokens each: nothing is right, so nothing is promoted."""
    correct(school, NAMES)
    found = learn(school, knobs())
    assert "no better" in found.refused
    assert found.training["steps"] > 0
    assert (found.on_held_out.before, found.on_held_out.after) == (0, 0)
    assert read_jsonl(school / "models/published/index/few_shot/examples-mygene.jsonl", Pair)
    assert open_in_use(school, {"mygene": load_api("mygene")}).ask("cytoband of Q1 please", "mygene") is None
