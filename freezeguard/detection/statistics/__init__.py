"""Statistics of rare events, each with the source of its formula. Nothing here knows a SKU."""
