"""A process that shares the embedded server: prints one JSON line, then lives until stdin ends."""

import asyncio
import json
import os
import sys
from pathlib import Path

import asyncpg

from freezeguard.storage.embedded import EmbeddedError, EmbeddedServer


async def main(data_dir: Path) -> None:
    try:
        server = await EmbeddedServer.attach(data_dir, test_mode=True, deadline=30)
    except EmbeddedError as error:
        print(json.dumps({"error": str(error)}), file=sys.__stdout__, flush=True)
        return
    connection = await asyncpg.connect(server.endpoint.dsn("postgres"))
    started = str(await connection.fetchval("SELECT pg_postmaster_start_time()"))
    await connection.close()
    facts = {"pid": os.getpid(), "host": server.endpoint.host, "started": started}
    print(json.dumps(facts), file=sys.__stdout__, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.close()


if __name__ == "__main__":
    sys.stdout = sys.stderr  # the log goes there
    asyncio.run(main(Path(sys.argv[1])))
