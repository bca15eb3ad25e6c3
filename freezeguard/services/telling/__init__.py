"""What is to be said, to whom: written into the outbox with the change that it is about."""
