"""Pages that leave the house as one file: no script, no request, nothing that is loaded."""
