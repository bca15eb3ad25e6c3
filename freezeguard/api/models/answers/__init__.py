"""What the service answers, resource by resource."""
