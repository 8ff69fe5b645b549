"""Queries in the making: what people might ask of the records there are."""
