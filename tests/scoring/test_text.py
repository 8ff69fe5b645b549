from __future__ import annotations

import pytest

from query_assistant.scoring import text
from query_assistant.scoring.text import bert_scores, meteor

REFERENCE = "https://mygene.info/v3/query?q=symbol:CDK2&species=human"


def test_meteor_is_high_for_the_wrong_gene_as_the_module_says():
    assert meteor(REFERENCE.replace("CDK2", "CDK4"), REFERENCE) == pytest.approx(0.88, abs=0.005)


def test_meteor_of_a_text_with_itself_only_loses_the_one_chunk_penalty():
    tokens = 9  # https : //mygene.info/v3/query ? q=symbol : CDK2 & species=human
    assert meteor(REFERENCE, REFERENCE) == pytest.approx(1 - 0.5 * (1 / tokens) ** 3)


def test_meteor_matches_stems_without_wordnet():
    assert meteor("genes", "gene") == pytest.approx(0.5)
    assert meteor("automobile", "car") == 0.0


@pytest.mark.parametrize(("prediction", "reference"), [("", REFERENCE), (REFERENCE, ""), ("  ", REFERENCE)])
def test_meteor_of_an_empty_text_is_zero(prediction, reference):
    assert meteor(prediction, reference) == 0.0


def test_bert_score_refuses_sides_of_other_lengths():
    with pytest.raises(ValueError, match="1 predictions for 2 references"):
        bert_scores(["a"], ["a", "b"])


def test_bert_score_of_nothing_needs_no_model(monkeypatch):
    monkeypatch.setattr(text, "shipped", lambda: pytest.fail("the model was loaded"))
    assert bert_scores([], []) == []
    assert bert_scores([""], [" "]) == [0.0]


def test_bert_score_orders_answers_by_likeness():
    answers = [REFERENCE, REFERENCE.replace("CDK2", "CDK4"), "a banana", ""]
    same, near, far, empty = bert_scores(answers, [REFERENCE] * 4)
    assert same == pytest.approx(1.0, abs=1e-5)
    assert 0.9 < near < same
    assert empty == 0.0 < far < 0.5


def test_bert_score_is_the_same_alone_and_in_company():
    others = ["gene", "a much longer text about variants and their frequencies", REFERENCE]
    assert bert_scores(["cdk2 gene", *others], [REFERENCE] * 4)[0] == pytest.approx(
        bert_scores(["cdk2 gene"], [REFERENCE])[0], abs=1e-5
    )
