from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with safetensors alone."""
    from finetuning.tiny import make_model

    return make_model(tmp_path_factory.mktemp("models") / "base")


@pytest.fixture(scope="session")
def tiny_gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with safetensors and the same weights as GGUF."""
    from finetuning.tiny import make_model

    return make_model(tmp_path_factory.mktemp("models") / "base", gguf=True)
