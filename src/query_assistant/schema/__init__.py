"""What an API's records hold: its fields, their types, and what people call them."""
