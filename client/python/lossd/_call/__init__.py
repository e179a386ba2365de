"""How calls are made, whoever makes them: where they go, what they ask in turn, and what has no answer yet."""
