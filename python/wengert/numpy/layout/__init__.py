"""Other views and arrangements of the same elements, and parts of them."""
