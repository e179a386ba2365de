"""A batch in parts: cut, told of the whole, and put together again."""
