"""The kind `http` against the running sample shop, and against answers that do not fit."""

import json

import pytest

from freezeguard.catalogues.http import HttpCatalogue, open_http_catalogue
from freezeguard.catalogues.http_settings import http_settings
from freezeguard.ports.catalogues import CatalogueError
from freezeguard.sampleshop.client import sample_configuration
from tests.catalogues.farside import far_side, http
from tests.sampleshop.fixtures import until

SOON = 5.0
HARD = {"published": False, "sale_stop": True}


@pytest.fixture
async def catalogue(shop):
    catalogue = open_http_catalogue("shop", sample_configuration(shop.url, shop.admin_token))
    yield catalogue
    await catalogue.close()


@pytest.fixture
async def remote_id(shop, sku):
    [remote_id] = await shop.seed([{"sku": sku}])
    return remote_id


async def _stop(catalogue, sku, remote_id, deadline=SOON, revision=7):
    return await catalogue.stop(sku, remote_id, "hard", revision=revision, deadline=deadline)


async def _error(call) -> CatalogueError:
    with pytest.raises(CatalogueError) as caught:
        await call
    return caught.value


async def test_traits_come_from_the_configuration(catalogue):
    """Levels, fallbacks in order, default level and proof are what the table says."""
    traits = catalogue.traits

    assert ("hide", "hard") == traits.levels
    assert ("stock_zero", "deny_list") == traits.fallbacks
    assert ("hard", "stand-in", {}) == (traits.level, traits.proven, traits.scope)


async def test_stop_is_one_call_with_revision_and_key(shop, catalogue, sku, remote_id):
    """A stop is exactly one request; it carries the revision and a key of its own."""
    assert HARD == await _stop(catalogue, sku, remote_id)
    await _stop(catalogue, sku, remote_id)

    first, second = await shop.log(sku)
    assert ("PATCH", HARD, 7) == (first["method"], first["fields"], first["revision"])
    assert first["idempotency_key"] != second["idempotency_key"]
    assert 32 == len(first["idempotency_key"])


async def test_reads_carry_no_revision():
    """Look-up and read-back are reads: no revision, no idempotency key."""
    async with far_side(lambda _: http(body=b'{"products": []}')) as side:
        catalogue = open_http_catalogue("shop", sample_configuration(side.url, "t"))
        await catalogue.lookup("A", deadline=SOON)
        await catalogue.read_back("A", "1", deadline=SOON)
        await catalogue.close()

        for exchange in side.exchanges:
            assert exchange.header("Freezeguard-Revision") is None
            assert exchange.header("Idempotency-Key") is None


async def test_buyers_side_is_asked_without_the_admins_headers():
    """A read-back from the buyer's side does not show the admin's token."""
    async with far_side(lambda _: http(body=b'{"products": []}')) as side:
        catalogue = open_http_catalogue("shop", sample_configuration(side.url, "t0ken"))
        await catalogue.lookup("A", deadline=SOON)
        await catalogue.read_back("A", "1", deadline=SOON)
        await catalogue.close()

        look_up, read_back = side.exchanges
        assert "Bearer t0ken" == look_up.header("Authorization")
        assert read_back.header("Authorization") is None


async def test_lying_shop_is_seen_by_the_read_back(shop, catalogue, sku, remote_id):
    """A shop that says yes and does nothing is found out by the read-back."""
    await shop.faults(lie=True)
    await _stop(catalogue, sku, remote_id)

    seen = await catalogue.read_back(sku, remote_id, deadline=SOON)

    assert (True, "buyer", True) == (seen.sellable, seen.side, seen.open_carts)
    assert not seen.stopped("hard")


async def test_half_lifted_hard_stop_is_seen(shop, catalogue, sku, remote_id):
    """A hard stop of which somebody lifted the hard half is no longer read as one."""
    await _stop(catalogue, sku, remote_id)
    await shop.change(remote_id, {"sale_stop": False})

    seen = await catalogue.read_back(sku, remote_id, deadline=SOON)

    assert (False, True, "not_published") == (seen.sellable, seen.open_carts, seen.detail)
    assert not seen.stopped("hard")
    assert seen.stopped("hide")


async def test_back_ordered_sku_is_really_stopped(shop, catalogue, sku):
    """The fallback that sets stock to zero also ends back-orders and untracked sale."""
    [remote_id] = await shop.seed([{"sku": sku, "allow_backorder": True, "track_stock": False}])
    await catalogue.fall_back("stock_zero", sku, remote_id, revision=1, deadline=SOON)

    assert "out_of_stock" == (await shop.buy(sku)).code


async def test_restore_writes_only_what_it_is_given(shop, catalogue, sku, remote_id):
    """What somebody else has changed meanwhile survives a restore."""
    await _stop(catalogue, sku, remote_id)
    await shop.change(remote_id, {"stock": 3, "price": "1.00"})

    await catalogue.restore(sku, remote_id, {"sale_stop": False}, revision=8, deadline=SOON)

    product = await shop.product(sku)
    assert (False, False, 3) == (product["published"], product["sale_stop"], product["stock"])


async def test_restore_of_nothing_sends_nothing(shop, catalogue, sku, remote_id):
    """Where no field is to be written back, the shop is not bothered."""
    await catalogue.restore(sku, remote_id, {}, revision=8, deadline=SOON)
    await catalogue.lift_fall_back("stock_zero", sku, remote_id, {}, revision=8, deadline=SOON)

    assert [] == await shop.log(sku)


async def test_restore_of_an_unknown_field_sends_nothing(shop, catalogue, sku, remote_id):
    """A field that the look-up does not know is refused here, not by the shop."""
    fields = {"sale_stop": False, "colour": "red"}
    error = await _error(catalogue.restore(sku, remote_id, fields, revision=8, deadline=SOON))

    assert "not among lookup.fields: colour" in error.detail
    assert [] == await shop.log(sku)


async def test_reset_after_apply(shop, catalogue, sku, remote_id):
    """A connection that is reset after the stop took effect is recoverable; a repeat is safe."""
    await shop.faults(apply_then_reset=True)
    error = await _error(_stop(catalogue, sku, remote_id))
    assert error.recoverable
    await shop.no_faults()

    assert not (await shop.buy(sku)).ok
    assert HARD == await _stop(catalogue, sku, remote_id)


async def test_reset_of_a_kept_connection_is_repeated_once(shop, catalogue, sku, remote_id):
    """A kept connection that is reset costs one repetition, with the same key."""
    await catalogue.lookup(sku, deadline=SOON)
    await shop.faults(apply_then_reset=True, times=1)

    await _stop(catalogue, sku, remote_id)

    first, second = await shop.log(sku)
    assert ("connection_reset", 200) == (first["code"], second["status"])
    assert first["idempotency_key"] == second["idempotency_key"]


async def test_slow_beyond_the_deadline(shop, catalogue, sku, remote_id):
    """A stop that takes longer than the deadline is recoverable, even where it takes effect."""
    await shop.faults(slow_answer=30, times=1)
    error = await _error(_stop(catalogue, sku, remote_id, deadline=0.2))

    assert error.recoverable
    assert "catalogue shop: stop: did not answer within 0.2 s" == error.detail
    assert not (await shop.buy(sku)).ok


async def test_frozen_admin_side(shop, catalogue, sku, remote_id):
    """An admin side that never answers costs the deadline; the buyer's side is still read."""
    await shop.faults(freeze_admin=True)

    assert (await _error(_stop(catalogue, sku, remote_id, deadline=0.1))).recoverable
    assert (await catalogue.read_back(sku, remote_id, deadline=SOON)).sellable


async def test_too_many_requests(shop, catalogue, sku, remote_id):
    """429 is recoverable and tells how long to wait."""
    await shop.faults(too_many={"retry_after": 2, "times": 1})
    error = await _error(_stop(catalogue, sku, remote_id))

    assert (True, 2.0) == (error.recoverable, error.retry_after)


async def test_refusal_and_failure(shop, catalogue, sku, remote_id):
    """422 is final and says what the shop said; 503 may pass."""
    await shop.faults(refuse=422, times=1)
    refusal = await _error(_stop(catalogue, sku, remote_id))
    await shop.faults(error={"status": 503}, times=1)
    failure = await _error(_stop(catalogue, sku, remote_id))

    assert not refusal.recoverable
    assert "does not accept the change" in refusal.detail
    assert failure.recoverable


async def test_wrong_token(shop, sku):
    """401 is final, and the token is not in the message."""
    catalogue = open_http_catalogue("shop", sample_configuration(shop.url, "a-wrong-token"))
    error = await _error(catalogue.lookup(sku, deadline=SOON))
    await catalogue.close()

    assert not error.recoverable
    assert "a-wrong-token" not in str(error)


async def test_older_revision_is_refused_by_the_fence(shop, catalogue, sku, remote_id):
    """Where the far side fences, an older restore is refused and the stop stays."""
    await shop.fences(on=True)
    await _stop(catalogue, sku, remote_id, revision=9)
    late = catalogue.restore(sku, remote_id, {"sale_stop": False}, revision=8, deadline=SOON)

    assert (await _error(late)).recoverable
    assert (await shop.product(sku))["sale_stop"]


async def test_shop_that_is_away(shop, catalogue, sku, remote_id):
    """Connections refused are recoverable, and once the shop is back the same catalogue works."""
    await catalogue.lookup(sku, deadline=SOON)
    await shop.faults(offline=0.2)
    error = await _error(_stop(catalogue, sku, remote_id))
    assert error.recoverable
    assert "connection failed" in error.detail

    async def is_stopped():
        try:
            return bool(await _stop(catalogue, sku, remote_id))
        except CatalogueError:
            return False

    await until(is_stopped)
    assert not (await shop.buy(sku)).ok


@pytest.mark.parametrize("fault", [{"garble": True}, {"oversize": 2 << 20}])
async def test_answers_that_do_not_fit(shop, catalogue, sku, remote_id, fault):
    """An answer of another shape or size is an error of look-up and read-back, never a "no"."""
    await shop.faults(**fault, operations=["lookup", "read_back"])

    for call in (
        catalogue.lookup(sku, deadline=SOON),
        catalogue.read_back(sku, remote_id, deadline=SOON),
    ):
        error = await _error(call)
        assert not error.recoverable
        assert "$.products" in error.detail or "longer than 1 MiB" in error.detail


async def test_redirect(shop, catalogue, sku, remote_id):
    """A redirected stop is final: the token is sent nowhere else."""
    await shop.faults(redirect=f"{shop.url}/elsewhere")

    assert not (await _error(_stop(catalogue, sku, remote_id))).recoverable


async def test_warm(shop, catalogue, sku, remote_id):
    """Warming opens a connection; the stop after it is still a single request."""
    await catalogue.warm()
    await catalogue.warm()
    await _stop(catalogue, sku, remote_id)

    assert 1 == len(await shop.log(sku))


# Answers of a far side that is not the sample shop


def _catalogue(url, **changes) -> HttpCatalogue:
    table = sample_configuration(url, "t")
    table["read_back"] |= {"absent": [404]}
    table["lookup"] |= {"absent": [404]}
    for key, value in changes.items():
        table[key] = {**table[key], **value} if isinstance(value, dict) else value
    return HttpCatalogue("far", http_settings("far", table), environment={})


async def _ask(answer: bytes, ask, **changes):
    async with far_side(lambda _: answer) as side:
        catalogue = _catalogue(side.url, **changes)
        try:
            return await ask(catalogue)
        finally:
            await catalogue.close()


def _json(document) -> bytes:
    return http(body=json.dumps(document).encode())


def _read_back(catalogue):
    return catalogue.read_back("A", "1", deadline=SOON)


def _look_up(catalogue):
    return catalogue.lookup("A", deadline=SOON)


@pytest.mark.parametrize(
    "answer",
    [http(404), _json({"products": []}), _json({"products": [{"id": "2", "sellable": True}]})],
)
async def test_what_is_not_offered_is_not_sellable(answer):
    """Not found, nothing found, or only other objects found: this object is not sold."""
    seen = await _ask(answer, _read_back)

    assert not seen.sellable
    assert seen.detail.startswith("not offered")


@pytest.mark.parametrize(
    "answer",
    [
        http(body=b""),
        http(body=b"<html>maintenance</html>"),
        http(body=b"[" * 100_000),
        http(body=b"{}", Content_Encoding="gzip"),
        http(body=b"\xff\xfe"),
        _json([]),
        _json({"products": None}),
        _json({"products": [{"sellable": False}]}),
        _json({"products": [{"id": "1"}]}),
        _json({"products": [{"id": "1", "sellable": 0, "open_carts": 0, "reason": None}]}),
        _json({"products": [{"id": "1", "sellable": "no", "open_carts": False, "reason": None}]}),
        _json({"products": [{"id": ["1"], "sellable": False}]}),
        http(204, b""),
    ],
)
async def test_read_back_that_does_not_fit(answer):
    """A read-back is either understood or an error; it is never taken for "not sellable"."""
    error = await _error(_ask(answer, _read_back))

    assert not error.recoverable


async def test_encoded_answer_is_named():
    """An answer that is compressed unasked is told as such."""
    answer = http(body=b"\x1f\x8b", Content_Encoding="gzip")

    assert "encoded as gzip" in (await _error(_ask(answer, _look_up))).detail


FIELDS = {
    "published": True,
    "sale_stop": False,
    "stock": 1,
    "track_stock": True,
    "allow_backorder": False,
}


async def test_object_that_comes_once_per_channel():
    """Where an object comes several times, being sold in one place is being sold."""
    rows = [
        {"id": 1, "sellable": sellable, "open_carts": False, "reason": "x"}
        for sellable in (False, True)
    ]
    seen = await _ask(_json({"products": rows}), _read_back)

    assert (True, False) == (seen.sellable, seen.open_carts)


async def test_look_up_keeps_to_the_sku():
    """Objects of other SKUs that a search brought along are not ours to stop."""
    rows = [{"id": 1, "sku": "A", **FIELDS}, {"id": 2, "sku": "AB", **FIELDS}]
    found = await _ask(_json({"products": rows}), _look_up)

    assert [("1", FIELDS)] == [(one.remote_id, one.fields) for one in found]


async def test_look_up_that_finds_too_much():
    """A look-up that answers with the whole shop is an error: nothing of it may be stopped."""
    rows = [{"id": n, "sku": "A", **FIELDS} for n in range(101)]
    error = await _error(_ask(_json({"products": rows}), _look_up))

    assert not error.recoverable
    assert "101 objects" in error.detail


async def test_same_object_twice_is_one():
    """An object that a look-up lists twice is found once."""
    row = {"id": 1, "sku": "A", **FIELDS}

    assert 1 == len(await _ask(_json({"products": [row, row]}), _look_up))


@pytest.mark.parametrize(
    "row",
    [
        {"sku": "A", **FIELDS},
        {"id": "1", "sku": "A"},
        {"id": None, "sku": "A", **FIELDS},
        {"id": "", "sku": "A", **FIELDS},
        {"id": "a\u0000b", "sku": "A", **FIELDS},
        {"id": "\ud800", "sku": "A", **FIELDS},
        {"id": 1.5, "sku": "A", **FIELDS},
        {"id": True, "sku": "A", **FIELDS},
        {"id": "1", **FIELDS},
        "text",
    ],
)
async def test_look_up_that_does_not_fit(row):
    """An object without a usable id or without all its fields is an error."""
    error = await _error(_ask(_json({"products": [row]}), _look_up))

    assert not error.recoverable


async def test_look_up_not_found_is_empty():
    """404 to a look-up says that the SKU is not listed."""
    assert () == await _ask(http(404), _look_up)


async def test_siblings_that_are_taken_along():
    """A look-up names the SKUs that a stop of the object would stop, too."""
    row = {"id": 1, "sku": "A", "siblings": [{"sku": "A"}, {"sku": "B"}], **FIELDS}
    changes = {"lookup": {"takes_along": "$.siblings[*].sku"}}
    [found] = await _ask(_json({"products": [row]}), _look_up, **changes)

    assert ("B",) == found.takes_along


async def test_id_of_two_parts():
    """An id may come from several paths, and its parts go into the path of the stop."""

    def script(exchange):
        if exchange.number == 1:
            return _json({"products": [{"product": 7, "id": "x/y", "sku": "A", **FIELDS}]})
        return http()

    async with far_side(script) as side:
        catalogue = _catalogue(
            side.url,
            lookup={"id": ["$.product", "$.id"]},
            stop={"path": "/products/{id.0}/variants/{id.1}"},
        )
        [found] = await catalogue.lookup("A", deadline=SOON)
        await _stop(catalogue, "A", found.remote_id)
        await catalogue.close()

        assert "PATCH /products/7/variants/x%2Fy HTTP/1.1" == side.exchanges[1].first_line


async def test_success_condition():
    """A 200 that does not hold what success looks like is a refusal."""
    changes = {"stop": {"success": {"$.status": "ACCEPTED"}}}

    def ask(catalogue):
        return _stop(catalogue, "A", "1")

    assert HARD == await _ask(_json({"status": "ACCEPTED"}), ask, **changes)
    for document in ({"status": "INVALID"}, {"errors": []}):
        assert not (await _error(_ask(_json(document), ask, **changes))).recoverable


async def test_hold_that_can_not_be_sent():
    """An id that would change the meaning of the path is refused before anything is sent."""
    async with far_side(lambda _: http()) as side:
        catalogue = _catalogue(side.url)
        error = await _error(_stop(catalogue, "A", ".."))
        await catalogue.close()

        assert not error.recoverable
        assert [] == side.exchanges


async def test_a_stop_of_what_is_not_found(shop, catalogue, sku, remote_id):
    """Gone is an object that a look-up does not list either; else the path is wrong, and told."""
    astray = sample_configuration(shop.url, shop.admin_token)
    astray["stop"] = {**astray["stop"], "path": "/admin/product/{id}"}
    wrong = open_http_catalogue("shop", astray)
    error = await _error(_stop(wrong, sku, remote_id))
    await wrong.close()
    assert not error.recoverable
    assert "a look-up lists" in error.detail

    await shop.remove(remote_id)

    assert {} == await _stop(catalogue, sku, remote_id)


@pytest.mark.parametrize(
    ("path", "more", "is_gone"),
    [
        ("/products/{id}", {}, True),
        ("/products/{id}", {"side": "buyer"}, False),
        ("/products?sku={sku}", {}, False),
        ("/products/{sku}/{id}", {}, False),
        ("/products/{id.0}/{id.1}", {"id": ["$.a", "$.b"]}, True),
        ("/products/{id.0}", {"id": ["$.a", "$.b"]}, False),
    ],
)
async def test_who_can_tell_that_an_object_is_gone(path, more, is_gone):
    """Who asks as an admin for the object and for nothing else; a buyer is not shown all."""
    async with far_side(lambda _: http(404)) as side:
        table = sample_configuration(side.url, "t")
        table["read_back"] = {**table["read_back"], "side": "admin", "path": path, "absent": [404],
                              **more}
        if "id" in more:
            table["lookup"] = {**table["lookup"], "id": more["id"]}
        catalogue = open_http_catalogue("shop", table)

        seen = await catalogue.read_back("A", "1/2" if "id" in more else "1", deadline=SOON)
        await catalogue.close()

    assert (False, is_gone) == (seen.sellable, seen.is_gone)


async def test_delete_of_what_is_gone():
    """Lifting a deny list entry that is already gone is done."""
    await _ask(
        http(404),
        lambda c: c.lift_fall_back("deny_list", "A", "1", {}, revision=1, deadline=SOON),
    )


async def test_secret_of_the_environment_is_used_and_hidden():
    """A secret from the environment goes into the header and into no message."""

    def script(exchange):
        return http(403, f'{{"text": "{exchange.header("Authorization")}"}}'.encode())

    async with far_side(script) as side:
        table = sample_configuration(side.url, "") | {
            "headers": {"Authorization": "Bearer {env:SHOP_TOKEN}"}
        }
        catalogue = HttpCatalogue(
            "shop", http_settings("shop", table), environment={"SHOP_TOKEN": "hush-hush"}
        )
        error = await _error(catalogue.lookup("A", deadline=SOON))
        await catalogue.close()

        assert "Bearer hush-hush" == side.exchanges[0].header("Authorization")
        assert "hush" not in f"{error} {error.detail} {catalogue!r}"
