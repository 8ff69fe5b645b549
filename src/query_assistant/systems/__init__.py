"""Systems: weights, examples, context and decoding, ready to answer."""
