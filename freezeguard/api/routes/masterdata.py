"""SKUs, vendors and sources."""

from dataclasses import replace
from datetime import timedelta

from freezeguard.api import batches
from freezeguard.api.access import Access
from freezeguard.api.batches import Parsed
from freezeguard.api.context import Context
from freezeguard.api.models.answers.masterdata import SkuList, SkuOut, VendorOut
from freezeguard.api.models.answers.signals import Accepted, SourceList, SourceOut, StandingOut
from freezeguard.api.models.masterdata import GtinQuery, SkuIn, SkuRow, SourceIn, VendorIn
from freezeguard.api.routes.signals import answer
from freezeguard.api.routing import AnyRoute, Call, CustomBody, Reply, Route
from freezeguard.domain.errors import InvalidInput, NotFound, UnknownSku
from freezeguard.domain.people import Person, Role, actor_name, is_vendor
from freezeguard.domain.rules import format_window, parse_window
from freezeguard.ports.rows import Feed, Sku, Vendor
from freezeguard.ports.storage import Transaction
from freezeguard.services.masterdata.knownskus import known_or_near
from freezeguard.services.masterdata.registering import (
    register_fit_skus,
    register_skus,
    register_vendor,
)
from freezeguard.services.telling.readers import mail_contacts

ADMIN = Access.staff(Role.ADMIN)
WRITERS = frozenset({Role.ANALYST, Role.MANAGER, Role.COMPLIANCE, Role.ADMIN})
"""Those who write to vendors, and so see whom they write to."""
READERS = Access.staff() | Access.catalogue()

MOST_OF_A_GTIN = 20
"""SKUs of one GTIN: a shop may sell an item under several numbers, of several sellers or states."""


class MasterData:
    """Handlers of master data."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def put_sku(self, call: Call[None, SkuIn]) -> Reply:
        """Register a SKU, or replace what is known of it."""
        sku, now = Sku(call.path["sku"], **call.body.model_dump()), self._context.now()
        by = actor_name(call.who)
        await self._context.database.run(lambda tx: register_skus(tx, [sku], by, now))
        return Reply(_sku(sku))

    async def read_skus(self, body: bytes, media_type: str, request: object) -> Parsed[SkuRow]:
        """Read a body of SKUs."""
        del request
        return batches.parse_skus(body, media_type, self._context.now())

    async def post_skus(self, call: Call[None, Parsed[SkuRow]]) -> Reply:
        """Register SKUs in bulk."""
        by, now = actor_name(call.who), self._context.now()
        rows = [Sku(**item.model_dump()) for _, item in call.body.items]
        unfit = await self._context.database.run(
            lambda tx: register_fit_skus(tx, rows, by, now)
        )
        parsed = batches.without_owners(call.body, unfit)
        return answer(len(parsed.items), 0, parsed.rejected)

    async def get_sku(self, call: Call[None]) -> Reply:
        """Return what is known of a SKU; a vendor's person sees the vendor's own."""
        wanted, who = call.path["sku"], call.who

        async def work(tx: Transaction) -> Sku:
            found = await tx.master.sku(wanted)
            if isinstance(who, Person) and is_vendor(who):
                return _own_sku(found, wanted, who)
            if found is None:
                raise UnknownSku(wanted, (await known_or_near(tx, wanted))[1])
            return found

        return Reply(_sku(await self._context.database.run(work)))

    async def of_gtin(self, call: Call[GtinQuery]) -> Reply:
        """Return SKUs by the code that is printed on the item."""
        wanted = call.query.gtin
        found = await self._context.database.run(
            lambda tx: tx.master.skus_of_gtin(wanted, MOST_OF_A_GTIN)
        )
        return Reply(SkuList(items=[_sku(one) for one in found], next=None))

    async def put_vendor(self, call: Call[None, VendorIn]) -> Reply:
        """Register a vendor, or replace what is known of it."""
        sent, now = call.body, self._context.now()
        self._context.calendars.check(sent.calendar, pointer="/calendar")
        self._context.languages.check(sent.language, pointer="/language")
        vendor = Vendor(
            call.path["vendor"], sent.name, sent.contacts.entries(), sent.language, sent.time_zone,
            sent.calendar,
        )
        by = actor_name(call.who)
        await self._context.database.run(lambda tx: register_vendor(tx, vendor, by, now))
        return Reply(_vendor(vendor))

    async def get_vendor(self, call: Call[None]) -> Reply:
        """Return what is known of a vendor."""
        wanted, who = call.path["vendor"], call.who
        found = await self._context.database.run(lambda tx: tx.master.vendor(wanted))
        if found is None:
            raise NotFound(f"Vendor {wanted} is not registered.")
        known = _vendor(found)
        writes = isinstance(who, Person) and not who.roles.isdisjoint(WRITERS)
        return Reply(known if writes else _without_names(known))

    async def put_source(self, call: Call[None, SourceIn]) -> Reply:
        """Register a feed."""
        sent, now, source = call.body, self._context.now(), call.path["source"]

        longest = None if sent.max_silence is None else _silence(sent.max_silence)
        given = Feed(source, sent.title or source, sent.trust, max_silence=longest)

        async def work(tx: Transaction) -> Feed:
            await tx.master.put_source(given, now)
            await tx.record.write(
                now, actor_name(call.who), "put_source", f"source:{source}",
                details={"trust": sent.trust, "max_silence": sent.max_silence},
            )
            [stored] = await tx.sources.listed(source)
            return stored

        stored = await self._context.database.run(work)
        await self._context.trust.refresh()
        return Reply(self._source(stored))

    async def sources(self, call: Call[None]) -> Reply:
        """List feeds."""
        del call
        found = await self._context.database.run(lambda tx: tx.sources.listed())
        return Reply(SourceList(items=[self._source(one) for one in found], next=None))

    async def get_source(self, call: Call[None]) -> Reply:
        """Return what is known of a feed."""
        wanted = call.path["source"]
        found = await self._context.database.run(lambda tx: tx.sources.listed(wanted))
        if not found:
            raise NotFound(f"Source {wanted} is not registered, and nothing was heard of it.")
        return Reply(self._source(found[0]))

    def _source(self, one: Feed) -> SourceOut:
        standing = self._context.trust.of(one.source, self._context.now())
        return SourceOut(
            source=one.source, name=one.name, trust=one.trust, false_alarms=one.false_alarms,
            standing=StandingOut(**standing.as_dict()),
            max_silence=None if one.max_silence is None else format_window(one.max_silence),
            last_heard_at=one.last_heard_at, usual_per_day=one.usual_per_day,
            silent_since=one.silent_since,
        )


def _silence(text: str) -> timedelta:
    try:
        return parse_window(text)
    except InvalidInput as error:
        raise InvalidInput(error.detail, pointer="/max_silence") from None


def _sku(one: Sku) -> SkuOut:
    return SkuOut(
        sku=one.sku, title=one.title, vendor=one.vendor, category=one.category, gtin=one.gtin,
        price=one.price, owner=one.owner,
    )


def _own_sku(found: Sku | None, wanted: str, who: Person) -> Sku:
    """Return a SKU as its vendor sees it. Raises NotFound for one that is not theirs."""
    if found is None or found.vendor is None or found.vendor != who.vendor:
        raise NotFound(f"There is no SKU {wanted}, or it is not yours.")
    return replace(found, owner=None)


def _vendor(one: Vendor) -> VendorOut:
    contacts = {
        name: [str(entry["address"]) for entry in mail_contacts(one, superior=superior)]
        for name, superior in (("email", False), ("superior", True))
    }
    return VendorOut(
        vendor=one.vendor, name=one.name, contacts=contacts, language=one.language,
        time_zone=one.time_zone, calendar=one.calendar,
    )


def _without_names(known: VendorOut) -> VendorOut:
    """Return a vendor with where its contacts are, and not who they are."""
    masked = {
        name: [f"{one[:1]}…@{one.rpartition('@')[2]}" for one in addresses]
        for name, addresses in known.contacts.items()
    }
    return known.model_copy(update={"contacts": masked})


def routes(context: Context) -> list[AnyRoute]:
    """Return the routes of master data."""
    data = MasterData(context)
    return [
        Route(
            method="PUT", path="/v1/skus/{sku}", handler=data.put_sku, tag="Master data",
            summary="Register a SKU", who=ADMIN | Access.catalogue(), body=SkuIn, result=SkuOut,
            description="Its before-images are read ahead, so that a later stop goes out at once.",
        ),
        Route(
            method="POST", path="/v1/skus", handler=data.post_skus, tag="Master data",
            summary="Register SKUs in bulk", who=ADMIN | Access.catalogue(), status=202,
            body=CustomBody(
                data.read_skus,
                {
                    "application/json": SkuRow | list[SkuRow],
                    "application/x-ndjson": {"type": "string"},
                    "application/jsonl": {"type": "string"},
                    "application/x-jsonlines": {"type": "string"},
                },
                {"one SKU": {"sku": "KETTLE-17/blue", "title": "Kettle", "vendor": "acme"}},
            ),
            result=Accepted,
            errors=("nothing_accepted", "too_many_rejected", "too_many"),
        ),
        Route(
            method="GET", path="/v1/skus", handler=data.of_gtin, tag="Master data",
            summary="SKUs by their GTIN", who=READERS, query=GtinQuery, result=SkuList,
            description="What is printed on an item, or read by a scanner; leading zeros don't "
            "matter, so that a UPC of 12 digits and its EAN of 13 are one code.",
        ),
        Route(
            method="GET", path="/v1/skus/{sku}", handler=data.get_sku, tag="Master data",
            summary="Master data of a SKU", who=READERS | Access.person(), result=SkuOut,
            errors=("not_found",),
            description="Where it is not registered the problem names registered ones that may be "
            "meant: `near`. A vendor's people see their own vendor's SKUs, without owners.",
        ),
        Route(
            method="PUT", path="/v1/vendors/{vendor}", handler=data.put_vendor, tag="Master data",
            summary="Register a vendor", who=ADMIN, body=VendorIn, result=VendorOut,
            description="All that is known of a vendor is replaced: send the whole record.",
        ),
        Route(
            method="GET", path="/v1/vendors/{vendor}", handler=data.get_vendor, tag="Master data",
            summary="Master data of a vendor", who=Access.staff(), result=VendorOut,
            errors=("not_found",),
            description="Who does not write to vendors (associates, finance, auditors) sees of "
            "each contact's address the first letter, and where it is.",
        ),
        Route(
            method="PUT", path="/v1/sources/{source}", handler=data.put_source,
            tag="Master data", summary="Register a feed", who=ADMIN, body=SourceIn,
            result=SourceOut,
        ),
        Route(
            method="GET", path="/v1/sources", handler=data.sources, tag="Master data",
            summary="List feeds", who=Access.staff(), result=SourceList,
            description="When each was last heard, whether it is silent for longer than chance "
            "allows, and how far it is trusted.",
        ),
        Route(
            method="GET", path="/v1/sources/{source}", handler=data.get_source,
            tag="Master data", summary="Master data of a feed", who=Access.staff(),
            result=SourceOut, errors=("not_found",),
        ),
    ]
