"""What came out: the table, figures, MLflow, and what is shared of a good run."""
