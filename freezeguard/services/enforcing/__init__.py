"""Towards catalogues: the held set, stops and releases, and what was read back."""
