"""The topics by which one replica wakes the others. A topic wakes; the tables tell."""

TOPIC_ACCESS = "access"
TOPIC_CASES = "cases"
TOPIC_HOLDS = "holds"
TOPIC_NOTICES = "notices"
TOPIC_OBJECTS = "objects"
TOPIC_RULES = "rules"
TOPIC_WEBHOOKS = "webhooks"
