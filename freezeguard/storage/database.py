"""The pool of connections, and transactions with deadlines, repetition and clear errors."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any, Self, TypeAlias, TypeVar

import asyncpg
import structlog
from asyncpg.pool import PoolConnectionProxy
from asyncpg.transaction import Transaction

from freezeguard.domain.errors import FreezeguardError, Unavailable
from freezeguard.storage.connection import (
    SERVER_SETTINGS,
    STATEMENT_SECONDS,
    drop,
    is_lost,
    prepare_connection,
)
from freezeguard.storage.masterdata import learn_types
from freezeguard.storage.queries import queries
from freezeguard.storage.transaction import PostgresTransaction
from freezeguard.storage.violations import reraise

log = structlog.get_logger()

SQL = queries("transaction")

T = TypeVar("T")
_Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
_Pooled: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"

_ATTEMPTS = 5
_FIRST_PAUSE = 0.002
_CONNECT_SECONDS = 5.0
_COMMAND_SECONDS = 60.0
_CLOSE_SECONDS = 5.0

AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shut down, crashed, not ready, statement_timeout
    asyncpg.InsufficientResourcesError,  # too many connections, no memory, disk full
    asyncpg.LockNotAvailableError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,  # became a standby
    asyncpg.InternalClientError,  # what the driver says after the server was killed
    OSError,
    TimeoutError,
)
"""The database is away, or too busy: the same work may be tried again."""

AGAIN = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.InvalidCachedStatementError,  # a migration changed a table meanwhile
    asyncpg.OutdatedSchemaCacheError,
)
"""The database asks for the very same transaction to be run again."""


class PostgresDatabase:
    """Implements `freezeguard.ports.storage.Database`. Open it with `connect`."""

    def __init__(
        self, pool: _Pool, reserved: _Pool, acquire_timeout: float, chance: Callable[[], float]
    ) -> None:
        self._pool, self._reserved = pool, reserved
        self._acquire_timeout, self._chance = acquire_timeout, chance

    @classmethod
    async def connect(
        cls,
        dsn: str,
        *,
        min_size: int = 2,
        max_size: int = 10,
        reserved: int = 2,
        acquire_timeout: float = 1.0,
        chance: Callable[[], float] = random.random,
    ) -> Self:
        """Open the pool, and one of `reserved` connections for work that must not queue.

        `acquire_timeout` is in seconds; `chance` returns a number from 0 to 1.
        Raises Unavailable where the database can't be reached now, and the driver's own error
        where it refuses the sign-in.
        """
        pools: list[_Pool] = []
        try:
            for least, most in ((min_size, max_size), (min(1, reserved), max(1, reserved))):
                pools.append(await _open_pool(dsn, least, most))
        except AWAY as error:
            for pool in pools:
                pool.terminate()
            raise Unavailable(f"The database can't be reached: {_words(error)}") from error
        return cls(pools[0], pools[1], acquire_timeout, chance)

    async def close(self) -> None:
        """Close all connections: gently at first, then for sure."""
        for pool in (self._pool, self._reserved):
            try:
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await pool.close()
            except (TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                log.warning("pool_terminated", error=_words(error))
                pool.terminate()

    async def warm_up(self) -> None:
        """Open every connection, and have the driver learn the types of whole rows on each.

        It takes some 20 ms a connection, for which no freeze should wait. Best done before anybody
        else uses the pools; what can't be opened now is opened when it is needed.
        """
        for pool in (self._pool, self._reserved):
            connections: list[_Pooled] = []
            try:
                async with asyncio.timeout(_CONNECT_SECONDS):
                    for _ in range(pool.get_max_size()):
                        connections.append(await pool.acquire())
                        await learn_types(connections[-1])
            except AWAY as error:
                log.warning("not_warmed_up", error=_words(error))
            finally:
                for connection in connections:
                    await pool.release(connection)

    async def run(
        self,
        work: Callable[[PostgresTransaction], Awaitable[T]],
        *,
        deadline: float = 5.0,
        urgent: bool = False,
    ) -> T:
        pool = self._reserved if urgent else self._pool
        try:
            async with asyncio.timeout(deadline):
                return await self._until_done(pool, work, deadline)
        except TimeoutError as error:
            log.warning("database_deadline", deadline=deadline)
            raise Unavailable(f"The database did not answer within {deadline:g} s.") from error

    async def _until_done(
        self, pool: _Pool, work: Callable[[PostgresTransaction], Awaitable[T]], deadline: float
    ) -> T:
        for attempt in range(_ATTEMPTS):
            try:
                return await self._once(pool, work, deadline)
            except AGAIN as error:
                log.info("transaction_repeated", attempt=attempt, reason=type(error).__name__)
                await asyncio.sleep(_FIRST_PAUSE * 2**attempt * (0.5 + self._chance()))
        raise Unavailable(f"The database asked {_ATTEMPTS} times to run a transaction again.")

    async def _once(
        self, pool: _Pool, work: Callable[[PostgresTransaction], Awaitable[T]], deadline: float
    ) -> T:
        connection, transaction = await self._begin(pool)
        try:
            if deadline > STATEMENT_SECONDS:
                await connection.execute(SQL["allow_longer"], str(int(deadline * 1000)))
            unit = PostgresTransaction(connection)
            result = await work(unit)
            await unit.finish()
            await transaction.commit()
        except Exception as error:  # noqa: BLE001 - whatever went wrong is undone, and raised
            await _undo(connection, transaction, error)
            reraise(error)
        except BaseException:
            # Cancelled: asking the server to roll back might take as long as what was cut off.
            drop(connection)
            raise
        finally:
            await pool.release(connection)
        return result

    async def _begin(self, pool: _Pool) -> tuple[_Pooled, Transaction]:
        """Begin a transaction; a connection that died in the pool is replaced."""
        for _ in range(pool.get_max_size() + 1):
            connection = await self._acquire(pool)
            transaction = connection.transaction()
            try:
                await transaction.start()
            except (*AWAY, asyncpg.InterfaceError) as error:
                log.info("connection_replaced", reason=_words(error))
                drop(connection)
                await pool.release(connection)
            except BaseException:
                drop(connection)
                await pool.release(connection)
                raise
            else:
                return connection, transaction
        raise Unavailable("The database keeps closing its connections.")

    async def _acquire(self, pool: _Pool) -> _Pooled:
        try:
            return await pool.acquire(timeout=self._acquire_timeout)
        except TimeoutError as error:
            raise Unavailable("All connections to the database are busy.") from error
        except (asyncpg.PostgresError, asyncpg.InterfaceError, *AWAY) as error:
            raise Unavailable(f"The database can't be reached: {_words(error)}") from error


async def _open_pool(dsn: str, init_size: int, max_size: int) -> _Pool:
    return await asyncpg.create_pool(
        dsn,
        init_size=init_size,
        # no floor: the driver would log a traceback for each try to restore it
        min_size=0,
        max_size=max_size,
        # A connection is never replaced for its age: that would cost some request dearly.
        max_queries=2**31,
        max_inactive_connection_lifetime=0,
        init=prepare_connection,
        reset=_leave_as_it_is,
        timeout=_CONNECT_SECONDS,
        command_timeout=_COMMAND_SECONDS,
        statement_cache_size=512,
        max_cached_statement_lifetime=0,
        server_settings=SERVER_SETTINGS,
    )


async def _leave_as_it_is(_: Any) -> None:
    """Nothing to reset: whatever we set ends with its transaction. Saves a round trip."""


async def _undo(connection: _Pooled, transaction: Transaction, error: Exception) -> None:
    """Roll back; a connection in doubt never returns to the pool.

    Raises Unavailable where the database is to blame for the error.
    """
    away = isinstance(error, AWAY) or is_lost(connection)
    if not away:
        try:
            await transaction.rollback()
        except (asyncpg.PostgresError, asyncpg.InterfaceError, *AWAY) as second:
            log.info("rollback_failed", error=_words(second))
            away = True
    if away:
        drop(connection)
        if not isinstance(error, FreezeguardError):
            log.warning("database_away", error=_words(error))
            raise Unavailable(f"The database is away: {_words(error)}") from error


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
