"""The schema: one readable truth, rights that guard history, constraints that have words."""

import asyncpg
import pytest

from freezeguard.bootstrap.surroundings import random_bytes
from freezeguard.ports.metrics import NoMetrics
from freezeguard.services.records.auditchain import Chaining
from freezeguard.storage.database import PostgresDatabase
from freezeguard.storage.embedded import EmbeddedServer, OwnerAndRuntimeDsns, prepare_database
from freezeguard.storage.sqlfiles import sql_directory
from freezeguard.storage.violations import MEANINGS
from tests.storage.makers import NOW, endpoint, open_case, signal, store

# Everything that the schema is made of, as text that two databases share where they are alike.
CATALOG = {
    "columns": """
        SELECT c.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
               a.attidentity, l.collname, pg_get_expr(d.adbin, d.adrelid)
          FROM pg_attribute a
          JOIN pg_class c ON c.oid = a.attrelid AND c.relnamespace = 'public'::regnamespace
          LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
          LEFT JOIN pg_collation l ON l.oid = a.attcollation
         WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relname <> ALL ($1) ORDER BY 1, 2
    """,
    "tables": """
        SELECT relname, relkind, relpersistence, reloptions, pg_get_userbyid(relowner),
               relacl::text, pg_get_expr(relpartbound, oid)
          FROM pg_class
         WHERE relnamespace = 'public'::regnamespace AND relname <> ALL ($1) ORDER BY 1
    """,
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
         WHERE connamespace = 'public'::regnamespace
           AND conrelid::regclass::text <> ALL ($1) ORDER BY 1, 2
    """,
    "indexes": """
        SELECT tablename, indexname, indexdef FROM pg_indexes
         WHERE schemaname = 'public' AND tablename <> ALL ($1) ORDER BY 1, 2
    """,
    "functions": """
        SELECT proname, pg_get_functiondef(oid), proacl::text FROM pg_proc
         WHERE pronamespace = 'public'::regnamespace AND proname <> ALL ($1) ORDER BY 1, 2
    """,
    "triggers": """
        SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid), tgenabled FROM pg_trigger
         WHERE NOT tgisinternal AND tgrelid::regclass::text <> ALL ($1) ORDER BY 1, 2
    """,
    "sequences": """
        SELECT sequencename, data_type::text, increment_by, cache_size, sequenceowner
          FROM pg_sequences WHERE schemaname = 'public' AND sequencename <> ALL ($1) ORDER BY 1
    """,
    "rows": "SELECT relname::text FROM pg_class WHERE relname = ANY ($1) AND false",
}
LEDGER = ["schema_migrations", "schema_migrations_pkey"]


async def catalog(dsn: str) -> dict[str, list[tuple[object, ...]]]:
    connection = await asyncpg.connect(dsn)
    try:
        return {
            name: [tuple(row) for row in await connection.fetch(text, LEDGER)]
            for name, text in CATALOG.items()
        }
    finally:
        await connection.close()


async def test_all_migrations_together_make_the_schema(
    postgres: EmbeddedServer, migrated_dsns: OwnerAndRuntimeDsns
) -> None:
    """sql/schema.sql, which people read, is exactly what the migrations produce."""
    plain = await prepare_database(postgres.endpoint, "plain_schema")
    owner = await asyncpg.connect(plain.owner)
    await owner.execute((sql_directory() / "schema.sql").read_text())
    await owner.close()

    by_migrations, by_schema = await catalog(migrated_dsns.owner), await catalog(plain.owner)

    server = await asyncpg.connect(postgres.endpoint.dsn("postgres"))
    await server.execute("DROP DATABASE plain_schema WITH (FORCE)")
    await server.close()
    assert len(by_schema["tables"]) > 50
    for part, rows in by_schema.items():
        assert rows == by_migrations[part], part


async def test_every_meaning_belongs_to_a_constraint(migrated_dsns: OwnerAndRuntimeDsns) -> None:
    """A constraint that is renamed takes its words with it, or this test fails."""
    everything = await catalog(migrated_dsns.owner)
    names = {row[1] for row in (*everything["constraints"], *everything["indexes"])}

    assert set() == set(MEANINGS) - names


async def test_the_runtime_role_owns_nothing(
    database: PostgresDatabase, migrated_dsns: OwnerAndRuntimeDsns
) -> None:
    """The service could not change the schema if it wanted to, nor become somebody who can."""
    owned = await database.run(
        lambda tx: tx.connection.fetchval(
            "SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole"
        )
    )
    member_of = await database.run(
        lambda tx: tx.connection.fetchval(
            "SELECT count(*) FROM pg_auth_members WHERE member = current_user::regrole"
            " AND roleid <> 'freezeguard_runtime'::regrole"
        )
    )

    assert (0, 0) == (owned, member_of)


HISTORY = (
    "signal_identities", "rejected_signals", "shipments", "rules", "crossings",
    "automatic_freezes", "case_events", "case_signals", "hold_changes", "audit",
    "audit_chain", "audit_origin",
)  # fmt: skip
KEPT = (
    "people", "credentials", "instance", "vendors", "skus", "sources", "signals", "signal_texts",
    "sku_tallies", "suppressions", "alerts", "cases", "approvals", "clocks", "held_set", "holds",
    "manual_tasks", "notices", "webhook_endpoints",
)  # fmt: skip


@pytest.mark.parametrize(
    "forbidden",
    [
        *(f"UPDATE {table} SET {column}" for table, column in (
            ("signal_identities", "sku = ''"), ("rejected_signals", "code = ''"),
            ("shipments", "units = 0"), ("rules", "mode = 'off'"), ("crossings", "sku = ''"),
            ("automatic_freezes", "sku = ''"), ("case_events", "actor = ''"),
            ("case_signals", "counted = false"), ("hold_changes", "change = 'release'"),
            ("audit", "actor = ''"), ("audit_chain", "position = 1"),
            ("audit_origin", "created_at = now()"),
            ("audit", "actor = ''"), ("webhook_messages", "type = ''"),
            ("webhook_attempts", "error = ''"),
        )),
        *(f"DELETE FROM {table}" for table in (*HISTORY, *KEPT)),
        *(f"TRUNCATE {table}" for table in ("audit", "audit_chain", "pending_evaluations")),
        "INSERT INTO audit_origin (instance, created_at) VALUES (gen_random_uuid(), now())",
        *(f"INSERT INTO audit (seq, at, actor, action, subject) OVERRIDING {whose} VALUE"
          f" VALUES ({seq}, now(), '', '', '')"
          for whose, seq in (("SYSTEM", -100), ("SYSTEM", 4 * 10**18), ("USER", 7))),
        "INSERT INTO audit (at, actor, action, subject, hash) VALUES (now(), '', '', '', '')",
        "SELECT setval('audit_seq_seq', 4000000000000000000)",
        "CREATE TABLE mine (n integer)",
        "ALTER TABLE audit DISABLE TRIGGER ALL",
        "DROP TABLE audit",
        "ALTER SEQUENCE signal_seq RESTART",
        "SET ROLE freezeguard_owner",
        "UPDATE schema_migrations SET checksum = ''",
        "COPY (SELECT 1) TO PROGRAM 'true'",
    ],
)  # fmt: skip
async def test_what_the_runtime_role_may_not(forbidden: str, database: PostgresDatabase) -> None:
    """History is append-only, nothing kept is deleted, and the schema is out of reach."""
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await database.run(lambda tx: tx.connection.execute(forbidden))


@pytest.mark.parametrize("seq", [0, -100])
async def test_numbers_of_the_record_rise_from_one(
    seq: int, migrated_dsns: OwnerAndRuntimeDsns
) -> None:
    """Not even the owner of the table gives a row a number below the first."""
    owner = await asyncpg.connect(migrated_dsns.owner)
    with pytest.raises(asyncpg.CheckViolationError):
        await owner.execute(
            "INSERT INTO audit (seq, at, actor, action, subject) OVERRIDING SYSTEM VALUE"
            " VALUES ($1, now(), '', '', '')", seq
        )
    await owner.close()


@pytest.mark.parametrize(
    "careless",
    [
        f"{words}{table}{rest}"
        for table in ("audit", "audit_chain")
        for words, rest in (("UPDATE ", " SET hash = NULL"), ("DELETE FROM ", ""),
                            ("TRUNCATE ", ""))
    ],
)  # fmt: skip
async def test_the_record_refuses_its_owner_too(
    careless: str, database: PostgresDatabase, migrated_dsns: OwnerAndRuntimeDsns
) -> None:
    """Whoever owns the tables changes the record only by switching its triggers off on purpose."""
    await database.run(lambda tx: tx.record.write(NOW, "ann", "put_rule", "rule:r"))
    await database.run(Chaining(database, random_bytes, NoMetrics(), lambda: NOW).batch)
    owner = await asyncpg.connect(migrated_dsns.owner)

    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        await owner.execute(careless)
    await owner.close()


@pytest.mark.parametrize(
    "impossible",
    [
        "UPDATE cases SET state = 'closed_reinstated'",
        "UPDATE cases SET state = 'awaiting_approval'",
        "UPDATE cases SET state = 'unheard_of'",
        "UPDATE cases SET lane = 'fast'",
        "UPDATE cases SET version = 0",
        "UPDATE signals SET severity = 5",
        "INSERT INTO held_set (revision) VALUES (7)",
        "UPDATE webhook_endpoints SET state = 'disabled'",
        "UPDATE webhook_endpoints SET state = 'failing'",
        "UPDATE webhook_endpoints SET previous_secret = 'x'",
        "UPDATE webhook_endpoints SET removed_at = now()",
        "INSERT INTO instance (customer_key, created_at) VALUES ('', now())",
    ],
)
async def test_impossible_rows_are_impossible(impossible: str, database: PostgresDatabase) -> None:
    """What must never be is refused by the database itself, whatever the code does."""
    await open_case(database)
    await store(database, signal(occurred_at=NOW))
    await database.run(lambda tx: tx.webhooks.add_endpoint(endpoint(), NOW))

    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await database.run(lambda tx: tx.connection.execute(impossible))
