"""What an instruction needs to be told: fields, documentation and examples that are near to it."""
