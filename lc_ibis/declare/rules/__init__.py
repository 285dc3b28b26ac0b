"""What a model may do: how its rows lead to its key, and what must not decide them."""
