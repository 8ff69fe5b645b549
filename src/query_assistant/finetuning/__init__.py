"""Teaching the base model: samples, training by torchtune or PEFT, and an adapter that is shared."""
