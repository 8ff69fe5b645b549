"""The page in a real browser: asked, edited, run, corrected, shared, on a phone, by keyboard, by a screen reader."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from query_assistant.apis import Api
from query_assistant.errors import MissingResourceError
from query_assistant.replica import Replica
from query_assistant.replica.connections import running
from query_assistant.server.answering_thread import AnsweringThread
from query_assistant.server.desk import Desk
from query_assistant.server.gate import GateRules
from query_assistant.server.hosting import web_application

from .serving import desk_of

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here; apt-get install chromium"),
]
WAIT_MS = 30_000
SELECTED = (
    "(({value, selectionStart, selectionEnd}) => value.slice(selectionStart, selectionEnd))(document.activeElement)"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def address(mygene: Api, replica: Replica, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, rules = tmp_path_factory.mktemp("desk"), GateRules(calls_per_minute=0)
    with desk_of(mygene, replica, folder, most_waiting=64) as desk, running(web_application(desk, rules)) as served:
        yield served


def opened(browser: Any, address: str, **options: Any) -> Any:
    context = browser.new_context(**options)
    context.set_default_timeout(WAIT_MS)
    tab = context.new_page()
    tab.goto(address)
    tab.wait_for_selector("#qa-ask")
    return tab


@pytest.fixture
def tab(browser: Any, address: str) -> Iterator[Any]:
    made = opened(browser, address)
    yield made
    made.context.close()


def ask(tab: Any, question: str) -> None:
    tab.fill("#qa-question textarea", question)
    tab.click("#qa-ask")


def write(tab: Any, box: str, text: str) -> None:
    """As a person types it, in place of what stands there."""
    tab.click(f"{box} textarea")
    tab.keyboard.press("Control+A")
    tab.keyboard.type(text)


def hits(tab: Any, count: int) -> None:
    tab.wait_for_selector(f".qa-count strong:text-is('{count}')")


def test_ask_shows_what_was_understood_and_the_records(tab: Any) -> None:
    ask(tab, "insulin genes of mice, not rats")
    hits(tab, 4)
    assert tab.inner_text(".qa-question mark:nth-of-type(1)") == "not"
    assert [part.inner_text() for part in tab.query_selector_all(".qa-part .qa-meaning")] == [
        "genes of MyGene.info", "name mentions insulin", "species is mouse", "at most 5", "show symbol and name",
    ]  # fmt: skip
    assert tab.inner_text("thead tr").split() == ["_id", "symbol", "name"]
    assert tab.get_attribute("tbody a", "href") == "https://mygene.info/v3/gene/1002"
    assert "guessed" in tab.inner_text(".qa-meta")
    assert "sample of 12 real records" in tab.inner_text(".qa-count")


def test_a_part_is_edited_in_its_place_checked_and_run(tab: Any) -> None:
    ask(tab, "insulin genes of mice")
    hits(tab, 4)
    tab.click(".qa-part:has-text('species is mouse')")
    assert tab.evaluate(SELECTED) == "species=mouse"
    tab.keyboard.type("species=human")
    tab.wait_for_selector("#qa-issues :text('accepts this query')")
    tab.keyboard.press("End")
    write(tab, "#qa-query", "/v3/query?q=nonsense.field:1")
    tab.wait_for_selector("#qa-issues :text('does not exist')")
    write(tab, "#qa-query", "/v3/query?q=name:insulin&species=human&fields=symbol")
    tab.click("#qa-run")
    hits(tab, 8)
    tab.wait_for_url(re.compile(r"query=.*species%3Dhuman"))
    assert tab.input_value("#qa-question textarea") == "insulin genes of mice"


def test_field_names_are_completed_by_keyboard(tab: Any) -> None:
    ask(tab, "insulin genes of mice")
    hits(tab, 4)
    write(tab, "#qa-query", "/v3/query?q=ensembl.ge")
    tab.wait_for_selector("#qa-hints [role=option]:has-text('ensembl.gene')")
    tab.keyboard.press("ArrowDown")
    assert tab.get_attribute("#qa-query textarea", "aria-activedescendant") == "qa-hint-0"
    tab.keyboard.press("Enter")
    assert tab.input_value("#qa-query textarea") == "/v3/query?q=ensembl.gene"
    assert tab.is_hidden("#qa-hints")


def test_facets_are_bars(tab: Any) -> None:
    ask(tab, "how many human genes per type?")
    tab.wait_for_selector(".qa-bars")
    assert tab.inner_text(".qa-bars").split("\n") == ["protein-coding", "4", "pseudo", "4"]


def test_another_reading_is_taken_by_one_click(tab: Any) -> None:
    ask(tab, "genes about kinase")
    hits(tab, 12)
    assert [one.inner_text() for one in tab.query_selector_all(".qa-others .qa-hits")] == ["3 hits", "4 hits"]
    tab.click(".qa-others li:nth-child(2) button")
    hits(tab, 4)
    assert tab.input_value("#qa-query textarea") == "/v3/query?q=name:kinase&species=mouse"


def test_a_correction_is_judged_kept_an_example_and_taken_back(tab: Any) -> None:
    ask(tab, "insulin genes of mice")
    hits(tab, 4)
    tab.click("#qa-down")
    tab.wait_for_selector("#qa-right textarea")
    write(tab, "#qa-right", "/v3/query?q=symbol:INS&species=mouse")
    tab.wait_for_selector("#qa-judged :text('other records than the given one')")
    tab.click("#qa-keep")
    tab.wait_for_selector("#qa-kept :text('Kept as correction')")
    ask(tab, "insulin genes of  mice")
    tab.wait_for_selector(".qa-meta :text('1 correction from here shown to it')")
    tab.click("#qa-corrected button")
    tab.click("#qa-corrected button:has-text('Take back')")
    tab.wait_for_selector("#qa-corrected li", state="detached")
    ask(tab, "insulin genes of mice")
    tab.wait_for_selector(".qa-meta :text('1 correction')", state="detached")


def test_the_address_restores_the_page_elsewhere_and_history_keeps_it(tab: Any, browser: Any) -> None:
    ask(tab, "insulin genes of mice")
    hits(tab, 4)
    tab.wait_for_url(re.compile(r"q=insulin"))
    tab.reload()
    hits(tab, 4)
    other = opened(browser, tab.url)
    hits(other, 4)
    assert other.input_value("#qa-question textarea") == "insulin genes of mice"
    assert other.is_checked("#qa-api input[value=mygene]")
    other.context.close()
    tab.click("#qa-history button")
    tab.locator("#qa-history-list", has_text="insulin genes of mice").wait_for()  # it opens after the click


def test_a_phone_needs_no_sideways_scrolling(browser: Any, address: str) -> None:
    tab = opened(browser, address, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    for question in ("insulin genes of mice", "how many human genes per type?"):
        ask(tab, question)
        tab.wait_for_selector(".qa-count")
        assert tab.evaluate("document.documentElement.scrollWidth") <= 360
    tab.context.close()


def test_the_keyboard_alone_asks_and_runs(tab: Any) -> None:
    tab.focus("#qa-question textarea")
    tab.keyboard.type("insulin genes of mice")
    tab.keyboard.press("Enter")
    hits(tab, 4)
    for _ in range(40):
        tab.keyboard.press("Tab")
        if tab.evaluate("!!document.activeElement.closest('#qa-query')"):
            break
    tab.keyboard.press("End")
    tab.keyboard.press("Control+A")
    tab.keyboard.type("/v3/query?q=symbol:CDK2")
    tab.keyboard.press("Escape")
    tab.keyboard.press("Enter")
    hits(tab, 1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser: Any, address: str, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    tab = opened(browser, address, color_scheme=scheme)
    for question in ("", "genes about kinase", "a field that is not there", "how many human genes per type?"):
        if question:
            ask(tab, question)
            tab.wait_for_selector(".qa-understood")
            tab.wait_for_timeout(400)
        found = Axe().run(tab).response["violations"]
        serious = {
            one["id"]: one["nodes"][0]["html"][:200] for one in found if one["impact"] in ("serious", "critical")
        }
        assert serious == {}, question
    tab.context.close()


def test_what_people_write_is_shown_and_never_run(tab: Any) -> None:
    hostile = "<img src=x onerror=window.pwned=1> ${window.pwned=2} {{window.pwned}} <script>window.pwned=3</script>"
    ask(tab, hostile)
    tab.wait_for_selector(".qa-question")
    assert hostile in tab.inner_text(".qa-question")
    write(tab, "#qa-query", '/v3/query?q=symbol:"><img src=x onerror=window.pwned=4>${window.pwned=5}')
    tab.click("#qa-run")
    tab.wait_for_timeout(800)
    assert tab.evaluate("window.pwned") is None


def test_nothing_is_loaded_from_elsewhere(browser: Any, address: str) -> None:
    context = browser.new_context()
    tab, asked = context.new_page(), set()
    tab.on("request", lambda request: asked.add(request.url))
    tab.goto(address)
    ask(tab, "insulin genes of mice")
    hits(tab, 4)
    assert {url for url in asked if not url.startswith((address, "data:", "blob:"))} == set()
    context.close()


def test_empty_questions_answers_and_models_have_words(
    tab: Any, browser: Any, mygene: Api, replica: Replica, tmp_path: Path
) -> None:
    ask(tab, "   ")
    tab.wait_for_selector(":text('Nothing asked yet')")
    ask(tab, "gibberish please")
    tab.wait_for_selector(":text('I do not know')")

    def none_there() -> Any:
        raise MissingResourceError("no weights; run `make quick`")

    model = AnsweringThread(none_there)
    desk = Desk({"mygene": mygene}, model, lambda _: replica, tmp_path / "c.sqlite")
    with running(web_application(desk, GateRules(calls_per_minute=0))) as served:
        other = opened(browser, served)
        other.wait_for_selector("[role=alert]:has-text('make quick')")
        other.goto(f"{served}/?api=mygene&query=/v3/query?q=symbol:CDK2")
        hits(other, 1)
        other.context.close()
    assert model.close()
