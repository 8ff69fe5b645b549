"""What several rooms' tests share: steady property tests, a small MyGene, a tiny model.

Property tests draw the same examples every time, so that a green commit stays green;
`HYPOTHESIS_PROFILE=explore pytest tests/queries` draws new ones each time; what it finds becomes an `@example`.
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import settings

from query_assistant.apis import Api, load_api
from query_assistant.replica.replica import Replica
from query_assistant.verbalising.lexicon import Lexicon

settings.register_profile("steady", derandomize=True, database=None, deadline=None)  # a busy machine breaks no property
settings.register_profile("explore", derandomize=False, database=None, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):  # as a shell starts what it puts in the background, heirs included
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported stays, millions of objects: no search for garbage goes through them, then or later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


SYMBOLS = ["CDK2", "CDK4", "CDK6", "INS", "INSR", "TP53", "BRCA1", "BRCA2", "EGFR", "MYC", "KRAS", "PTEN"]


def gene(number: int, symbol: str) -> dict[str, Any]:
    """A made-up record in the shape of the real ones."""
    return {
        "_id": str(1000 + number),
        "entrezgene": str(1000 + number),
        "symbol": symbol,
        "name": f"{symbol.lower()} regulator of insulin signalling kinase pathway {number}",
        "taxid": 10090 if number % 3 == 2 else 9606,
        "type_of_gene": "protein-coding" if number % 2 else "pseudo",
        "alias": [f"{symbol}A", f"{symbol}-like"],
        "genomic_pos": {
            "chr": str(1 + number % 4),
            "start": 1_000_000 * (number + 1),
            "end": 1_000_000 * (number + 1) + 20_000,
        },
        "go": {"BP": {"id": f"GO:00069{10 + number}", "term": "apoptotic process", "evidence": "IDA"}},
        "ensembl": {"gene": f"ENSG000001{number:05}"} if number % 4 else {},
        "refseq": {"rna": [f"NM_0018{number:02}.2"]},
    }


@pytest.fixture(scope="session")
def mygene() -> Api:
    return load_api("mygene")


@pytest.fixture(scope="session")
def records() -> list[dict[str, Any]]:
    return [gene(number, symbol) for number, symbol in enumerate(SYMBOLS)]


@pytest.fixture(scope="session")
def replica(mygene: Api, records: list[dict[str, Any]]) -> Replica:
    return Replica.from_records(mygene, records)


@pytest.fixture(scope="session")
def lexicon(mygene: Api) -> Lexicon:
    return Lexicon.load(mygene.name, mygene.schema)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with safetensors alone, of Llama's architecture."""
    from finetuning.tiny import make_model

    return make_model(tmp_path_factory.mktemp("models") / "base")


@pytest.fixture(scope="session", params=["llama", "qwen2"])
def any_tiny(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with safetensors alone, of each architecture."""
    from finetuning.tiny import make_model

    return make_model(tmp_path_factory.mktemp("models") / "base", kind=request.param)


@pytest.fixture(scope="session", params=["llama", "qwen2"])
def any_tiny_gguf(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with safetensors and the same weights as GGUF, of each architecture."""
    from finetuning.tiny import make_model

    return make_model(tmp_path_factory.mktemp("models") / "base", kind=request.param, gguf=True)


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow store with its tables: making them takes seconds, so once for all workers; copying them nothing."""
    from mlflow import MlflowClient

    base = tmp_path_factory.getbasetemp()  # of this worker, where there are several
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "mlflow-store"
    shared.mkdir(exist_ok=True)
    with FileLock(shared / "lock"):
        if not (shared / "made").exists():
            MlflowClient(f"sqlite:///{shared / 'mlflow.db'}").search_experiments()
            (shared / "made").touch()
    return shared / "mlflow.db"
