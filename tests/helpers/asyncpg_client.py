"""Asks a URL again and again who serves it, one connection per line of input,
and prints "port standby" or "error SQLSTATE".
"""
import asyncio
import sys

import asyncpg

QUESTION = "SELECT inet_server_port(), pg_is_in_recovery()"


async def ask(url: str) -> str:
    try:
        connection = await asyncpg.connect(url, timeout=20)
        try:
            port, is_standby = await connection.fetchrow(QUESTION)
            return f"{port} {str(is_standby).lower()}"
        finally:
            await connection.close(timeout=5)
    except asyncpg.PostgresError as error:
        return f"error {error.sqlstate}"
    except (asyncpg.InterfaceError, OSError) as error:
        return f"error {error}"


for _ in sys.stdin:
    print(asyncio.run(ask(sys.argv[1])), flush=True)
