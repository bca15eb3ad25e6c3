"""What every kind of catalogue must do, on a running far side."""

import pytest

from freezeguard.ports.catalogues import CatalogueError, Shopfront, Watchful
from tests.catalogues.worlds import WORLDS

SOON = 5.0


@pytest.fixture(params=sorted(WORLDS))
async def world(request, shop_process):
    async with WORLDS[request.param](shop_process) as world:
        yield world


@pytest.fixture(params=["hide", "hard"])
def level(request, world):
    if request.param not in world.catalogue.traits.levels:
        pytest.skip(f"this kind can't do {request.param}")
    return request.param


async def _only(catalogue, sku):
    [found] = await catalogue.lookup(sku, deadline=SOON)
    return found


async def _stop(catalogue, sku, level, revision=1):
    found = await _only(catalogue, sku)
    written = await catalogue.stop(sku, found.remote_id, level, revision=revision, deadline=SOON)
    return found, written


async def test_unknown_sku_is_not_found(world, sku):
    """A SKU that is not listed gives an empty look-up and no error."""
    assert () == await world.catalogue.lookup(sku, deadline=SOON)


@pytest.mark.parametrize("text", ["A/B", "two words", "💣", "100%", "a+b=c?d#e&f", "'\"", "é;,:@"])
async def test_odd_skus(world, sku, text):
    """SKUs with slashes, blanks, emoji and reserved characters are found, stopped and restored."""
    odd = f"{text} {sku}"
    await world.offer(odd)
    found, _ = await _stop(world.catalogue, odd, world.catalogue.traits.level)

    assert not await world.buy(odd)
    await world.catalogue.restore(odd, found.remote_id, found.fields, revision=2, deadline=SOON)
    assert await world.buy(odd)


async def test_sku_of_many_objects(world, sku):
    """All objects of a SKU are found, and the read-back tells them apart."""
    if world.sku_is_unique:
        pytest.skip("this system refuses to list a SKU twice")
    await world.offer(sku, times=3)
    catalogue = world.catalogue
    found = await catalogue.lookup(sku, deadline=SOON)
    assert 3 == len({one.remote_id for one in found})

    first = found[0].remote_id
    await catalogue.stop(sku, first, catalogue.traits.level, revision=1, deadline=SOON)

    seen = {
        one.remote_id: (await catalogue.read_back(sku, one.remote_id, deadline=SOON)).sellable
        for one in found
    }
    assert {one.remote_id: one.remote_id != first for one in found} == seen


async def test_stop_ends_the_sale(world, sku, level):
    """After a stop nobody begins a purchase, and the read-back says the same."""
    await world.offer(sku)
    assert await world.buy(sku)
    found, _ = await _stop(world.catalogue, sku, level)

    seen = await world.catalogue.read_back(sku, found.remote_id, deadline=SOON)

    assert not seen.sellable
    assert seen.stopped(level)
    assert not await world.buy(sku)


async def test_hard_stop_holds_open_carts_back(world, sku):
    """A hard stop refuses the payment of a cart that already held the object."""
    if "hard" not in world.catalogue.traits.levels:
        pytest.skip("this kind can't do hard")
    await world.offer(sku)
    cart = await world.open_cart(sku)
    await _stop(world.catalogue, sku, "hard")

    assert not await world.pay(cart)


async def test_hide_and_open_carts(world, sku):
    """Where hiding lets open carts pay, the read-back does not call it a hard stop."""
    if not world.hide_lets_open_carts_pay:
        pytest.skip("hiding stops open carts here, too")
    await world.offer(sku)
    cart = await world.open_cart(sku)
    found, _ = await _stop(world.catalogue, sku, "hide")

    seen = await world.catalogue.read_back(sku, found.remote_id, deadline=SOON)

    assert (True, False) == (seen.stopped("hide"), seen.stopped("hard"))
    assert await world.pay(cart)


async def test_look_up_holds_what_a_stop_writes(world, sku, level):
    """Every field that a stop writes is in the before-image, and has its new value afterwards."""
    await world.offer(sku)
    before, written = await _stop(world.catalogue, sku, level)

    assert written
    assert written.keys() <= before.fields.keys()
    after = await _only(world.catalogue, sku)
    assert {**before.fields, **written} == after.fields


async def test_stopping_twice_is_stopping_once(world, sku, level):
    """A repeated stop changes nothing."""
    await world.offer(sku)
    await _stop(world.catalogue, sku, level)
    image = await world.image(sku)
    await _stop(world.catalogue, sku, level, revision=2)

    assert image == await world.image(sku)


async def test_restore_is_exact(world, sku, level):
    """A restore of the written fields leaves everything as it was before the stop."""
    await world.offer(sku)
    image = await world.image(sku)
    found, written = await _stop(world.catalogue, sku, level)
    fields = {name: found.fields[name] for name in written}

    for revision in (2, 2):
        await world.catalogue.restore(
            sku, found.remote_id, fields, revision=revision, deadline=SOON
        )

    assert image == await world.image(sku)
    seen = await world.catalogue.read_back(sku, found.remote_id, deadline=SOON)
    assert seen.sellable
    assert await world.buy(sku)


async def test_restore_of_nothing_changes_nothing(world, sku, level):
    """A restore without fields leaves the stop as it is."""
    await world.offer(sku)
    found, _ = await _stop(world.catalogue, sku, level)
    image = await world.image(sku)
    await world.catalogue.restore(sku, found.remote_id, {}, revision=2, deadline=SOON)

    assert image == await world.image(sku)


async def test_restore_of_unknown_fields_is_refused(world, sku):
    """A restore never writes a field that the look-up does not know."""
    await world.offer(sku)
    found = await _only(world.catalogue, sku)
    fields = {**found.fields, "colour": "red"}

    with pytest.raises(CatalogueError) as caught:
        await world.catalogue.restore(sku, found.remote_id, fields, revision=2, deadline=SOON)
    assert not caught.value.recoverable


async def test_each_fallback_stops_and_is_lifted(world, sku):
    """Each fallback alone ends the sale; lifted, all is as before."""
    assert bool(world.catalogue.traits.fallbacks) == world.has_fallbacks
    for number, means in enumerate(world.catalogue.traits.fallbacks):
        own = f"{sku}-{number}"
        await world.offer(own)
        cart = await world.open_cart(own)
        image = await world.image(own)
        found = await _only(world.catalogue, own)
        facts = {"revision": 1, "deadline": SOON}

        written = await world.catalogue.fall_back(means, own, found.remote_id, **facts)
        assert not await world.buy(own)
        assert not await world.pay(cart)
        assert not (await world.catalogue.read_back(own, found.remote_id, deadline=SOON)).sellable

        before = {name: found.fields[name] for name in written}
        for _ in range(2):
            await world.catalogue.lift_fall_back(means, own, found.remote_id, before, **facts)
        assert image == await world.image(own)
        assert await world.buy(own)


async def test_unknown_fallback_is_refused(world, sku):
    """A means that the catalogue does not have is an error that repeating does not mend."""
    with pytest.raises(CatalogueError) as caught:
        await world.catalogue.fall_back("pray", sku, "x", revision=1, deadline=SOON)
    assert not caught.value.recoverable


async def test_object_that_is_gone(world, sku, level):
    """What is not there can't be bought, and there is nothing to stop; that is no error."""
    for remote_id in ("nobody", world.gone):
        facts = {"revision": 1, "deadline": SOON}
        assert {} == await world.catalogue.stop(sku, remote_id, level, **facts)

        seen = await world.catalogue.read_back(sku, remote_id, deadline=SOON)
        assert not seen.sellable
        assert seen.stopped(level)
        assert world.tells_gone is seen.is_gone


async def test_what_is_only_hidden_is_not_gone(world, sku):
    """An object that is stopped, or whose SKU is another one, is still there."""
    await world.offer(sku)
    found, _ = await _stop(world.catalogue, sku, world.catalogue.traits.level)

    for name in (sku, f"{sku}-another"):
        seen = await world.catalogue.read_back(name, found.remote_id, deadline=SOON)
        assert not seen.is_gone
        if world.tells_gone:
            assert found.fields.keys() <= seen.fields.keys()


async def test_look_over_finds_what_is_on_sale_again(world, sku):
    """Of many stopped objects, one look finds those that somebody has put back on sale."""
    catalogue = world.catalogue
    if not isinstance(catalogue, Watchful):
        pytest.skip("this kind can't look over many at once")
    stopped = {}
    for number in range(3):
        await world.offer(f"{sku}-{number}")
        found, _ = await _stop(catalogue, f"{sku}-{number}", catalogue.traits.level)
        stopped[number] = found
    ids = [one.remote_id for one in stopped.values()]
    assert frozenset() == await catalogue.look_over(ids, deadline=SOON)

    again, facts = stopped[1], {"revision": 2, "deadline": SOON}
    await catalogue.restore(f"{sku}-1", again.remote_id, again.fields, **facts)

    assert {again.remote_id} == await catalogue.look_over(ids, deadline=SOON)


async def test_trying_to_buy(world, sku, level):
    """Whoever tries to buy for us succeeds while the object is sold, and not after its stop."""
    catalogue = world.catalogue
    if not isinstance(catalogue, Shopfront):
        pytest.skip("this kind has no shop side to buy at")
    await world.offer(sku)
    found = await _only(catalogue, sku)
    image = await world.image(sku)
    assert (await catalogue.try_to_buy(sku, found.remote_id, deadline=SOON)).sold
    assert image == await world.image(sku)

    await _stop(catalogue, sku, level)

    attempt = await catalogue.try_to_buy(sku, found.remote_id, deadline=SOON)
    assert not attempt.sold
    assert attempt.detail


async def test_no_time_left(world, sku):
    """A call without time left fails at once and may be repeated."""
    with pytest.raises(CatalogueError) as caught:
        await world.catalogue.lookup(sku, deadline=0.0)
    assert caught.value.recoverable


async def test_closing_twice(world, sku):
    """Closing releases connections, and closing again does no harm."""
    await world.catalogue.lookup(sku, deadline=SOON)
    await world.catalogue.close()
    await world.catalogue.close()
