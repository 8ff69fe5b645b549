"""One desk on the small MyGene, its model told what to say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from query_assistant.apis import Api
from query_assistant.replica import Replica
from query_assistant.server.desk import Desk

from .serving import desk_of


@pytest.fixture
def desk(mygene: Api, replica: Replica, tmp_path: Path) -> Iterator[Desk]:
    with desk_of(mygene, replica, tmp_path) as made:
        yield made
