"""What fields hold and what people call them, and how an API is asked: glossary, language model, documentation."""
