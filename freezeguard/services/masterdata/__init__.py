"""SKUs, people, and the keys by which they come in."""
