"""The transformer, from scratch: configurations, one block, one stack, and the models made of them."""
