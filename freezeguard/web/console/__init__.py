"""Pages of the shop's staff."""
