"""The composition root: reads settings, builds everything, closes everything."""
