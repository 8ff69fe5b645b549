"""Every field has its turn, well-known ones more often."""

from __future__ import annotations

import random

from query_assistant.apis import Api
from query_assistant.drafting.rotation import KNOWN_AFTER_ALL, TRIES, FieldRotation


def rotation_of(api: Api) -> FieldRotation:
    fields = api.schema.searchable
    return FieldRotation(list(fields[:5]), list(fields[5:25]), random.Random(1))


def test_every_field_is_drawn_once_before_any_of_its_deck_is_drawn_twice(mygene: Api) -> None:
    rotation = rotation_of(mygene)
    drawn = [rotation.draw(0.0).name for _ in range(20)]

    assert sorted(drawn) == sorted(each.name for each in mygene.schema.searchable[5:25])


def test_once_all_had_their_turn_well_known_fields_prevail(mygene: Api) -> None:
    rotation = rotation_of(mygene)
    for _ in range(20):
        rotation.draw(0.0)
        rotation.settle(kept=True)
    known = {each.name for each in mygene.schema.searchable[:5]}
    share = sum(rotation.draw(0.0).name in known for _ in range(2000)) / 2000

    assert abs(share - KNOWN_AFTER_ALL) < 0.05


def test_a_field_without_a_query_comes_again_until_its_tries_are_spent(mygene: Api) -> None:
    rotation = FieldRotation([], [mygene.schema.searchable[0]], random.Random(1))
    for _ in range(TRIES):
        rotation.draw(0.0)
        rotation.settle(kept=False)

    assert (rotation.asked, rotation.failed[mygene.schema.searchable[0].name]) == (set(), TRIES)
