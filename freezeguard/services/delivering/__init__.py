"""What leaves the outbox by mail and webhook, and what comes back."""
