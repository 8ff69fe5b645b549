"""The assistant retrained with what people put right, and promoted only if a paired test says better.

knobs      conf/learn.yaml, checked          lessons    corrections, their copies with other values, earlier pairs
swapping   the same question, other values   trials     old and new weights on the same questions
learn      the whole loop, resumable         registry   promoted models in MLflow
"""
