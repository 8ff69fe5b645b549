from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from query_assistant.logs.choosing import COMPARED, most_telling


@dataclass(frozen=True)
class Asked:
    literals: tuple[str, ...]
    lines: int

    @property
    def text(self) -> str:
        return " ".join(self.literals)


def chosen(candidates: list[Asked], k: int = 10) -> list[str]:
    return [candidates[place].text for place in most_telling(candidates)][:k]


def test_of_equals_the_commoner_comes_first():
    assert chosen([Asked(("insulin receptor",), 2), Asked(("glucose transporter",), 90)])[0] == "glucose transporter"


def test_a_cryptic_literal_comes_after_a_telling_one():
    assert chosen([Asked(("a",), 5), Asked(("insulin receptor",), 5)])[0] == "insulin receptor"


def test_an_endless_list_comes_after_a_telling_one():
    assert chosen([Asked(("ENSG00000105329 " * 20,), 5), Asked(("insulin receptor",), 5)])[0] == "insulin receptor"


def test_the_second_choice_is_unlike_the_first():
    alike = [Asked(("insulin receptor",), 9), Asked(("insulin receptor 2",), 8), Asked(("protein kinase",), 7)]
    assert chosen(alike, 2) == ["insulin receptor", "protein kinase"]


def test_nothing_to_choose_from_is_fine():
    assert chosen([]) == []


asked = st.builds(Asked, st.tuples(st.text("abc 1", min_size=1, max_size=8)), st.integers(1, 50))


@given(st.lists(asked, max_size=80, unique_by=lambda one: one.text), st.randoms())
def test_the_order_names_each_once_and_does_not_depend_on_the_input_order(candidates, rng):
    order = chosen(candidates, len(candidates))
    assert len(order) == len(set(order)) == min(COMPARED, len(candidates))
    shuffled = list(candidates)
    rng.shuffle(shuffled)
    assert chosen(shuffled, len(candidates)) == order
