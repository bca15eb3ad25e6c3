"""Sends anchors of the audit record to an address that the operator chose."""

import asyncio
from collections.abc import Mapping
from typing import Any

import aiohttp

SECONDS = 10.0


class AnchorPost:
    """Posts each anchor as JSON. Close it afterwards."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, anchor: Mapping[str, Any]) -> None:
        """Post one. Raises OSError, TimeoutError where it was not taken."""
        if self._session is None:
            self._session = aiohttp.ClientSession()
        try:
            async with (
                asyncio.timeout(SECONDS),
                self._session.post(self._url, json=dict(anchor), allow_redirects=False) as answer,
            ):
                if answer.status >= 300:
                    raise ConnectionError(f"answered {answer.status}")
        except (aiohttp.ClientError, ValueError) as error:
            raise ConnectionError(str(error) or type(error).__name__) from error

    async def close(self) -> None:
        """Close its connections."""
        if self._session is not None:
            await self._session.close()
