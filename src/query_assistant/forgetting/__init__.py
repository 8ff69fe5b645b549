"""What fine-tuning costs elsewhere: general knowledge, general text and function calling, before it and after.

documents    labelled data out of published wheels, pinned
tasks/       one file per task, as lm-evaluation-harness reads them
scoring      what the harness has no metric for
measuring    one model on the tasks; every finished task is kept
comparison   base against fine-tuned, item by item
"""
