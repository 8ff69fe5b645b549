"""The mean of adapters that share their beginning."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from query_assistant.errors import ConfigurationError, MissingResourceError
from query_assistant.finetuning.averaging import average
from query_assistant.records import write_json
from query_assistant.retrieval.linking import taught_queries, write_marks


def adapter(folder: Path, value: float, taught: str, **config: object) -> Path:
    folder.mkdir()
    save_file(
        {"layer.lora_A.weight": torch.full((2, 3), value, dtype=torch.bfloat16)}, folder / "adapter_model.safetensors"
    )
    write_json(folder / "adapter_config.json", {"r": 2, "base_model_name_or_path": "small@1"} | config)
    (folder / "training.jsonl").write_text(f'{{"step": 1, "loss": {value}}}\n', encoding="utf-8")
    write_marks(folder, [taught])
    return folder


def test_the_mean_takes_the_place_of_the_last(tmp_path: Path) -> None:
    first, last = adapter(tmp_path / "a", 1.0, "0ddba115"), adapter(tmp_path / "b", 2.0, "5ca1ab1e")
    average([first, last], last)
    assert load_file(last / "adapter_model.safetensors")["layer.lora_A.weight"].tolist() == [[1.5] * 3] * 2
    assert taught_queries(last) == {"0ddba115", "5ca1ab1e"}
    assert '"loss": 2.0' in (last / "training.jsonl").read_text()


def test_adapters_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    first, last = (
        adapter(tmp_path / "a", 1.0, "a"),
        adapter(tmp_path / "b", 2.0, "b", base_model_name_or_path="other@1"),
    )
    with pytest.raises(ConfigurationError, match=r"small@1.*other@1"):
        average([first, last], last)
    with pytest.raises(MissingResourceError, match="no adapter"):
        average([first, tmp_path / "none"], tmp_path / "mean")
