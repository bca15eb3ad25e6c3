"""Connectors to catalogue systems: one kind, one module.

A connector does what it is asked once and says whether an error is recoverable. Deadlines,
retries, breakers and fencing belong to the enforcement service.
"""
