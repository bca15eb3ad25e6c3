"""The commands that people and systems give to cases, and the cord that they pull."""
