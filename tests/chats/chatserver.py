"""A chat in a process of its own, that answers as Slack and Teams document it.

`POST /services/…` is an incoming webhook of Slack: 200 `ok`, 400 `invalid_payload`, 404 `no_team`,
429 with `Retry-After`. `POST /workflows/…` is a workflow of Teams: 202 without a body, 413 for more
than 28 kB. What an address does is told by `PUT /does/<name>`; what it took is at `GET /kept`.
"""

import asyncio
import json
import sys
from typing import Any

from aiohttp import web

MOST_BLOCKS, HEADER, SECTION = 50, 150, 3_000
CARD_BYTES = 28_000


class Chat:
    """What was posted, and what each address does."""

    def __init__(self) -> None:
        self.kept: list[dict[str, Any]] = []
        self.does: dict[str, dict[str, Any]] = {}

    async def slack(self, request: web.Request) -> web.Response:
        """Take a message as Slack does."""
        if (answer := self._answer(request)) is not None:
            return answer
        body = await _json(request)
        if body is None or not _is_message(body):
            return web.Response(status=400, text="invalid_payload")
        self._keep(request, body)
        return web.Response(text="ok")

    async def teams(self, request: web.Request) -> web.Response:
        """Take a card as a workflow does."""
        if (answer := self._answer(request)) is not None:
            return answer
        raw = await request.read()
        if len(raw) > CARD_BYTES:
            return web.Response(status=413)
        body = await _json(request)
        if body is None or not _is_card(body):
            return web.json_response({"error": {"code": "InvalidRequestContent"}}, status=400)
        self._keep(request, body)
        return web.Response(status=202)

    def _answer(self, request: web.Request) -> web.Response | None:
        """Return what an address was told to answer, as often as it was told to."""
        told = self.does.get(request.match_info["name"])
        if told is None or told["times"] == 0:
            return None
        told["times"] -= 1
        self._keep(request, None)
        return web.Response(
            status=told["status"], text=told["text"], headers=told.get("headers", {})
        )

    def _keep(self, request: web.Request, body: Any) -> None:
        self.kept.append({"to": request.match_info["name"], "body": body})

    async def tell(self, request: web.Request) -> web.Response:
        """Hear what an address is to answer: `status`, `text`, `headers`, how many `times`."""
        self.does[request.match_info["name"]] = await request.json()
        return web.Response(status=204)

    async def show(self, request: web.Request) -> web.Response:
        """Return what came, in order; a body of null was refused."""
        del request
        return web.json_response(self.kept)


async def _json(request: web.Request) -> Any:
    if request.content_type != "application/json":
        return None
    try:
        return json.loads(await request.read())
    except ValueError:
        return None


def _is_message(body: Any) -> bool:
    """Say whether Slack would take it: a text, and blocks within their limits."""
    blocks = body.get("blocks") or []
    if not body.get("text") or len(blocks) > MOST_BLOCKS:
        return False
    for one in blocks:
        longest = {"header": HEADER, "section": SECTION}.get(one["type"])
        if longest is None or not 1 <= len(one["text"]["text"]) <= longest:
            return False
    return True


def _is_card(body: Any) -> bool:
    if body.get("type") != "message" or len(body.get("attachments") or []) != 1:
        return False
    [one] = body["attachments"]
    is_adaptive = one["contentType"] == "application/vnd.microsoft.card.adaptive"
    return is_adaptive and one["content"]["type"] == "AdaptiveCard"


async def main() -> None:
    """Listen on a free port of loopback, say which, and end with standard input."""
    chat, app = Chat(), web.Application()
    app.router.add_post("/services/T/B/{name}", chat.slack)
    app.router.add_post("/workflows/{name}/triggers/manual/paths/invoke", chat.teams)
    app.router.add_put("/does/{name}", chat.tell)
    app.router.add_get("/kept", chat.show)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
