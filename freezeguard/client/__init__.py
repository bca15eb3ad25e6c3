"""May I sell this? Answered from a local copy of the held set, also when freezeguard is away.

Standard library and aiohttp only; imports nothing else of freezeguard. See docs/client.md.
"""

from freezeguard.client.asynchronous import AsyncClient
from freezeguard.client.gate import Answer, Because, Status
from freezeguard.client.policy import Choice, Policy, WhenUnsure
from freezeguard.client.states import State, Transition, Why
from freezeguard.client.threaded import Client

__all__ = [
    "Answer",
    "AsyncClient",
    "Because",
    "Choice",
    "Client",
    "Policy",
    "State",
    "Status",
    "Transition",
    "WhenUnsure",
    "Why",
]
