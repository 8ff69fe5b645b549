"""Teaching the base model: samples, training by torchtune or PEFT, and merging for engines that take whole weights."""
