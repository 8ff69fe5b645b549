"""The page in a real browser: filters, comparison, keyboard, a phone's width, and nothing of an answer is run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from query_assistant.messages import Message
from query_assistant.reporting.page import Shown, write_page
from query_assistant.scoring.documents import Score
from reporting.scores import score

pytestmark = pytest.mark.browser
BASE, FINETUNED = "base-zero_shot-closed-free", "finetuned-zero_shot-closed-free"
HOSTILE = """</script><img src=x onerror="document.title='run'"><script>document.title='run'</script>"""
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


def item(number: int) -> dict[str, Any]:
    """Of three questions the base system has the first right, the fine-tuned one the others."""
    answers = {
        name: {"answer": HOSTILE if name == BASE else f"/v3/query?q=CDK{number}", "right": right, "tokens": 9,
               "relation": "exact" if right else "different", "prompt": "ab", "differences": ["left <b>asks</b>"],
               **({} if right else {"error": "wrong_value"})}
        for name, right in ((BASE, number == 0), (FINETUNED, number > 0))
    }  # fmt: skip
    facts = {"set": "benchmark", "id": f"b{number}", "api": "mychem" if number == 2 else "mygene", "group": str(number)}
    text = {"instruction": f"cdk{number}", "right": f"/v3/query?q=CDK{number}", "constructs": ["plain"]}
    return {**facts, **text, "answers": answers}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("no chromium here")
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Any, tmp_path: Path) -> Iterator[Any]:
    """The page of 60 questions on a phone, without network; a fault of its script fails the test."""
    scores: list[Score] = [score(BASE, 0.25), score(FINETUNED, 0.75)]
    losses = {"training": [(1.0, 2.0), (2.0, 1.0)], "validation": [(2.0, 1.5)]}
    items = [item(number) for number in range(60)]
    prompts = {"ab": (Message("system", "You write API calls."), Message("user", HOSTILE))}
    shown_here = Shown("Of a test.", scores, items, {BASE: 0.1, FINETUNED: 0.2}, losses, {}, prompts)
    write_page(shown_here, tmp_path / "index.html")
    context = browser.new_context(viewport={"width": 390, "height": 800}, offline=True)
    shown, faults = context.new_page(), []
    shown.on("pageerror", lambda fault: faults.append(str(fault)))
    shown.on("request", lambda asked: asked.url.startswith("file:") or faults.append(asked.url))
    shown.goto((tmp_path / "index.html").as_uri())
    yield shown
    assert faults == []
    context.close()


def count(page: Any) -> str:
    return str(page.locator("#count").inner_text())


def test_filters_say_how_many_and_the_address_keeps_them(page: Any) -> None:
    assert count(page) == "60 of 60 questions"
    page.locator("[name=api]").select_option("mychem")
    assert count(page) == "1 of 60 questions"
    page.reload()
    assert count(page) == "1 of 60 questions"
    page.locator("[name=api]").select_option("")
    page.locator("[name=words]").fill("CDK59")
    assert page.locator("article h3").all_inner_texts() == ["cdk59"]


def test_right_here_and_wrong_there(page: Any) -> None:
    page.locator("[name=other]").select_option(BASE)
    page.locator("[name=kind]").select_option("gained")
    assert count(page) == "59 of 60 questions"
    page.locator("[name=kind]").select_option("lost")
    assert page.locator("article h3").all_inner_texts() == ["cdk0"]
    assert page.locator("article .right, article .wrong").count() == 2
    page.locator("[name=error]").select_option("wrong_value")
    assert count(page) == "1 of 60 questions"


def test_nothing_of_an_answer_is_run_or_becomes_an_element(page: Any) -> None:
    page.locator("[name=other]").select_option("*")
    assert page.title() == "Query Assistant: what each technique brings"
    assert page.locator("article img, article script, article li b").count() == 0
    assert HOSTILE in page.locator("article").first.inner_text()


def test_a_prompt_opens_as_the_model_was_shown_it(page: Any) -> None:
    page.locator("[name=other]").select_option("*")
    asked = page.locator("article").first.locator("details").last
    asked.locator("summary").press("Enter")
    asked.locator("pre").first.wait_for()
    assert asked.locator("pre").all_inner_texts() == ["You write API calls.", HOSTILE]
    assert page.title() == "Query Assistant: what each technique brings"
    asked.locator("summary").press("Enter")
    asked.locator("summary").press("Enter")
    assert asked.locator("pre").count() == 2
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_list_goes_on_by_keyboard_where_it_was_cut(page: Any) -> None:
    assert page.locator("article").count() == 50
    page.get_by_role("button", name="Show more").press("Enter")
    assert page.locator("article").count() == 60
    assert page.evaluate("document.activeElement.textContent") == "cdk50"
    assert page.get_by_role("button", name="Show more").count() == 0


def test_the_first_tab_leads_past_the_charts(page: Any) -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "To the answers"


def test_nothing_is_wider_than_a_phone_in_light_and_dark(page: Any) -> None:
    colours: list[str] = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        colours = page.evaluate(
            "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
        )
        assert colours[0] != colours[1]
    assert page.locator("select:not(label select), input:not(label input)").count() == 0, "every control has a label"
