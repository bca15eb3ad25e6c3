"""The kind `vendure`: Vendure's Admin API and Shop API (GraphQL). Run against Vendure 3.7.

`enabled: false` alone stops no cart that holds the variant already: it goes to payment and is
paid. A hard stop also asks for more stock than there can be, which no stock figure is touched for,
and sends orders that stand at payment back to their cart.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NoReturn

from pydantic import SecretStr

from freezeguard.catalogues import orderbook
from freezeguard.catalogues.connector import MOST_OBJECTS, Connector
from freezeguard.catalogues.graphql import GraphQlError, data_of
from freezeguard.catalogues.tables import BaseUrl, GuardedTable, Secrets, read_table
from freezeguard.ports.catalogues import (
    Attempt,
    CatalogueError,
    Found,
    Level,
    Observation,
    OrdersFound,
    OrderUnderWay,
    Traits,
)

HIDE: Mapping[str, Any] = {"enabled": False}
HARD: Mapping[str, Any] = {
    "enabled": False,
    "trackInventory": "TRUE",
    "useGlobalOutOfStockThreshold": False,
    "outOfStockThreshold": 2_000_000_000,
}
UNSURE = frozenset({"", "INTERNAL_SERVER_ERROR", "FORBIDDEN"})
"""Errors that say nothing of whether the shop sells."""
PAGE = 100
"""Objects and orders that are asked for at once: Vendure refuses more than 100 by default."""
MOST_ORDERS = 5_000
MOST_REMEMBERED = 50_000
INSTANT = timedelta(milliseconds=1)
BEFORE = timedelta(minutes=1)
"""An order may have begun to pay a moment before the stop, and be noted a moment after it."""
JUST_BEFORE = timedelta(milliseconds=1)
"""Vendure finds what was placed after a moment, and counts in milliseconds."""
LEFT = frozenset({"Shipped", "Delivered"})
"""States of a fulfilment whose goods are gone; a pending one can still be held."""
GOOD = frozenset({"Authorized", "Settled"})
"""States of a payment that the shop ships on."""

_FIELDS = " ".join(HARD)
LOGIN = """mutation($user: String!, $password: String!) {
  login(username: $user, password: $password) {
    __typename ... on ErrorResult { errorCode message } } }"""
LOOK_UP = f"""query($sku: String!) {{
  productVariants(options: {{filter: {{sku: {{eq: $sku}}}}, take: {PAGE}}}) {{
    totalItems items {{ id sku {_FIELDS} }} }} }}"""
STOP = """mutation($input: UpdateProductVariantInput!) {
  updateProductVariants(input: [$input]) { id } }"""
READ = f"""query($id: ID!) {{
  productVariant(id: $id) {{ id updatedAt {_FIELDS} product {{ id enabled }} }} }}"""
EXISTS = "query($id: ID!) { productVariant(id: $id) { id } }"
AT_PAYMENT = """query($filter: OrderFilterParameter!) {
  orders(options: {filter: $filter, sort: {createdAt: ASC, id: ASC}, take: 100}) {
    items { id createdAt lines { quantity productVariant { id } } } } }"""
PLACED = """query($since: DateTime!, $skip: Int!, $take: Int!) {
  orders(options: {filter: {orderPlacedAt: {after: $since}}, skip: $skip,
                    take: $take, sort: {orderPlacedAt: ASC, id: ASC}}) {
    totalItems items {
      id code state orderPlacedAt totalWithTax customer { emailAddress }
      payments { state amount }
      lines { quantity productVariant { id }
               fulfillmentLines { quantity fulfillment { state } } } } } }"""
SEND_BACK = """mutation($id: ID!) { transitionOrderToState(id: $id, state: "AddingItems") {
  __typename ... on ErrorResult { errorCode message } } }"""
OFFERED = "query($id: ID!) { product(id: $id) { variants { id stockLevel } } }"
ADD = """mutation($id: ID!) { addItemToOrder(productVariantId: $id, quantity: 1) {
  __typename ... on Order { id } ... on ErrorResult { errorCode message } } }"""
TAKE_OUT = "mutation { removeAllOrderLines { __typename } }"
LOOK_OVER = f"""query($ids: [String!]!) {{
  productVariants(options: {{filter: {{id: {{in: $ids}}}}, take: {PAGE}}}) {{
    items {{ id {_FIELDS} }} }} }}"""


class VendureTable(GuardedTable):
    """`[catalogues.<name>]` with `kind = "vendure"`.

    With a user and a password we log in and stay logged in; a key is hashed by Vendure on every
    request, which takes twenty times as long. `channel_token` names a channel other than the
    default one. `sweep_orders` needs the permissions ReadOrder and UpdateOrder.
    """

    kind: Literal["vendure"]
    admin_path: str = "/admin-api"
    shop_path: str = "/shop-api"
    shop_url: BaseUrl | None = None
    user: SecretStr | None = None
    password: SecretStr | None = None
    api_key: SecretStr | None = None
    channel_token: SecretStr | None = None
    sweep_orders: bool = True


def open_vendure(name: str, table: Mapping[str, Any]) -> "Vendure":
    """Build a catalogue of `[catalogues.<name>]`. Raises `CatalogueConfigurationError`."""
    return Vendure(name, read_table(name, VendureTable, table), os.environ)


class Vendure(Connector):
    """See `freezeguard.ports.catalogues.Catalogue`; a `Shopfront`, `Watchful`, an `OrderBook`."""

    def __init__(
        self, name: str, table: VendureTable, environment: Mapping[str, str]
    ) -> None:
        secrets = Secrets(name, environment)
        self._user = secrets.reveal("user", table.user)
        self._password = secrets.reveal("password", table.password)
        key = secrets.reveal("api_key", table.api_key)
        channel = secrets.reveal("channel_token", table.channel_token)
        if not key and not (self._user and self._password):
            secrets.problem("user", "`user` and `password` are needed, or `api_key`")
        table.check_transport(secrets)
        traits = Traits(
            levels=("hide", "hard"), proven="run", level=table.level,
            scope=dict(table.scope.items()), holds_carts=True,
        )
        super().__init__(name, table, secrets, traits)
        self._admin = table.base_url + table.admin_path
        self._shop = (table.shop_url or table.base_url) + table.shop_path
        self._sweeps = table.sweep_orders
        self._usual = {"vendure-token": channel} if channel else {}
        self._sees_all_orders = True
        self._pass = {"vendure-api-key": key} if key else {}
        self._logs_in = not key
        self._login = asyncio.Lock()
        self._swept: dict[str, datetime] = {}

    # ------------------------------------------------------------------------- the four calls

    async def lookup(self, sku: str, *, deadline: float) -> tuple[Found, ...]:
        data = await self._ask("lookup", LOOK_UP, {"sku": sku}, deadline)
        with self.reading("lookup"):
            listed = data["productVariants"]
            if listed["totalItems"] > MOST_OBJECTS:
                raise ValueError(f"{listed['totalItems']} variants for one SKU")
            return tuple(
                Found(str(one["id"]), {key: one[key] for key in HARD})
                for one in listed["items"] if one["sku"] == sku
            )

    async def stop(
        self, sku: str, remote_id: str, level: Level, *, revision: int, deadline: float
    ) -> Mapping[str, Any]:
        loop = asyncio.get_running_loop()
        until = loop.time() + deadline
        fields = HIDE if level == "hide" else HARD
        try:
            await self._write("stop", remote_id, fields, revision, deadline)
        except CatalogueError as error:
            if error.recoverable or await self._exists(remote_id, until):
                raise
            return {}
        if level == "hard" and self._sweeps:
            await self._send_back(remote_id, until)
        return dict(fields)

    async def read_back(self, sku: str, remote_id: str, *, deadline: float) -> Observation:
        loop = asyncio.get_running_loop()
        until = loop.time() + deadline
        data = await self._ask("read_back", READ, {"id": remote_id}, deadline)
        with self.reading("read_back"):
            variant = data["productVariant"]
            if variant is None:
                return Observation(False, "admin", detail="there is no such object", is_gone=True)
            fields = {key: variant[key] for key in HARD}
            since = datetime.fromisoformat(variant["updatedAt"])
        offered = await self._is_offered(remote_id, str(variant["product"]["id"]), until)
        if offered is not None:
            return Observation(sellable=True, side="buyer", fields=fields, detail=offered)
        attempt = await self._add_to_cart(remote_id, until)
        carts = await self._carts_may_pay(remote_id, fields, since, until)
        return Observation(
            sellable=attempt.sold, side="buyer", fields=fields, detail=attempt.detail,
            open_carts=carts,
        )

    async def restore(
        self, sku: str, remote_id: str, fields: Mapping[str, Any], *,
        revision: int, deadline: float,
    ) -> None:
        self.known_only(fields, tuple(HARD))
        if fields:
            await self._write("restore", remote_id, fields, revision, deadline)

    # --------------------------------------------------------------------------------- further

    async def try_to_buy(self, sku: str, remote_id: str, *, deadline: float) -> Attempt:
        return await self._add_to_cart(
            remote_id, asyncio.get_running_loop().time() + deadline
        )

    async def look_over(self, remote_ids: Sequence[str], *, deadline: float) -> frozenset[str]:
        loop = asyncio.get_running_loop()
        until, astray = loop.time() + deadline, set[str]()
        for start in range(0, len(remote_ids), PAGE):
            ids = list(remote_ids[start:start + PAGE])
            data = await self._ask("look_over", LOOK_OVER, {"ids": ids}, until - loop.time())
            with self.reading("look_over"):
                found = data["productVariants"]["items"]
                astray |= {str(one["id"]) for one in found if one["enabled"]}
        return frozenset(astray)

    async def orders_with(
        self, sku: str, remote_id: str, since: datetime, *, deadline: float
    ) -> OrdersFound:
        loop = asyncio.get_running_loop()
        until, after = loop.time() + deadline, (since.astimezone(UTC) - JUST_BEFORE).isoformat()

        async def read(skip: int) -> orderbook.Page:
            sent = {"since": after, "skip": skip, "take": orderbook.PAGE}
            data = await self._ask_of_orders("orders", PLACED, sent, until)
            with self.reading("orders"):
                return page_of_orders(data["orders"], remote_id, skip)

        return await orderbook.look_through(read, until, loop.time)

    # ---------------------------------------------------------------------------------- writing

    async def _write(
        self, operation: str, remote_id: str, fields: Mapping[str, Any], revision: int,
        deadline: float,
    ) -> None:
        sent = {"input": {"id": remote_id, **fields}}
        headers = {"Freezeguard-Revision": str(revision)}
        data = await self._ask(operation, STOP, sent, deadline, headers)
        with self.reading(operation):
            [written] = data["updateProductVariants"]
            if str(written["id"]) != remote_id:
                raise ValueError(f"wrote {written['id']} instead")

    async def _send_back(self, remote_id: str, until: float) -> None:
        """Send orders at payment that hold a variant back to their cart: they can't be paid so."""
        async for order in self._at_payment(remote_id, None, until):
            data = await self._ask_of_orders("sweep", SEND_BACK, {"id": order}, until)
            with self.reading("sweep"):
                done = data["transitionOrderToState"]
            if done is None or done["__typename"] == "Order":
                continue
            if done.get("errorCode") != "ORDER_STATE_TRANSITION_ERROR":  # paid by now, as a rule
                self.refuse("sweep", f"order {order}: {done.get('message')}")

    async def _at_payment(
        self, remote_id: str, since: datetime | None, until: float
    ) -> AsyncIterator[str]:
        """Yield the orders that stand at payment and hold a variant; those changed `since` only.

        From the oldest on, each page from where the last one ended: orders that leave meanwhile
        make none be passed over.
        """
        seen = set[str]()
        wanted: dict[str, Any] = {"state": {"eq": "ArrangingPayment"}}
        if since is not None:
            wanted["updatedAt"] = {"after": since.isoformat()}
        while len(seen) < MOST_ORDERS:
            data = await self._ask_of_orders("sweep", AT_PAYMENT, {"filter": wanted}, until)
            with self.reading("sweep"):
                fresh = [one for one in data["orders"]["items"] if str(one["id"]) not in seen]
                found = [str(one["id"]) for one in fresh if _holds(one, remote_id)]
                seen |= {str(one["id"]) for one in fresh}
                made = [datetime.fromisoformat(one["createdAt"]) for one in fresh]
            for one in found:
                yield one
            if not made:
                return
            wanted["createdAt"] = {"after": (max(made) - INSTANT).isoformat()}
        self.refuse("sweep", f"more than {MOST_ORDERS} orders stand at payment")

    # ---------------------------------------------------------------------------------- reading

    async def _exists(self, remote_id: str, until: float) -> bool:
        left = until - asyncio.get_running_loop().time()
        data = await self._ask("stop", EXISTS, {"id": remote_id}, left)
        with self.reading("stop"):
            return data["productVariant"] is not None

    async def _carts_may_pay(
        self, remote_id: str, fields: Mapping[str, Any], since: datetime, until: float
    ) -> bool | None:
        """Say whether an open cart can still be paid; None where we may not look at all orders.

        With the fields of a hard stop no cart reaches payment any more. Once all that had reached
        it before were looked through, only those are that have changed since.
        """
        if any(fields[key] != HARD[key] for key in HARD):
            return True
        if not self._sweeps:
            return None
        is_swept = self._swept.get(remote_id) == since
        async for _ in self._at_payment(remote_id, since - BEFORE if is_swept else None, until):
            return True
        if len(self._swept) >= MOST_REMEMBERED:
            self._swept.clear()
        self._swept[remote_id] = since
        return False if self._sees_all_orders else None

    async def _is_offered(self, remote_id: str, product: str, until: float) -> str | None:
        """Say how the shop shows a variant, None where it shows none that could be bought."""
        data = await self._browse("read_back", OFFERED, {"id": product}, until)
        with self.reading("read_back"):
            shown = (data["product"] or {"variants": []})["variants"]
            levels = [one["stockLevel"] for one in shown if str(one["id"]) == remote_id]
        return next((level for level in levels if level != "OUT_OF_STOCK"), None)

    async def _add_to_cart(self, remote_id: str, until: float) -> Attempt:
        """Put one into a cart that nobody else has; a refusal leaves nothing behind."""
        loop = asyncio.get_running_loop()
        answer = await self.call(
            "buy", "POST", self._shop, body={"query": ADD, "variables": {"id": remote_id}},
            headers=self._usual, deadline=until - loop.time(),
        )
        try:
            data = data_of(self, "buy", answer)
        except GraphQlError as error:
            if error.code in UNSURE:
                self._refuse("buy", error)
            return Attempt(sold=False, detail=self.blot(error.message))
        with self.reading("buy"):
            added = data["addItemToOrder"]
            if added["__typename"] != "Order":
                return Attempt(sold=False, detail=str(added.get("message") or added["__typename"]))
        token = answer.headers.get("vendure-auth-token", "")
        await self._browse("buy", TAKE_OUT, {}, until, {"Authorization": f"Bearer {token}"})
        return Attempt(sold=True, detail="it went into a cart")

    # ---------------------------------------------------------------------------------- calling

    async def _browse(
        self, operation: str, query: str, variables: Mapping[str, Any], until: float,
        headers: Mapping[str, str] | None = None,
    ) -> Mapping[str, Any]:
        """Ask the shop, as a customer."""
        answer = await self.call(
            operation, "POST", self._shop, body={"query": query, "variables": variables},
            headers={**self._usual, **(headers or {})},
            deadline=until - asyncio.get_running_loop().time(),
        )
        try:
            return data_of(self, operation, answer)
        except GraphQlError as error:
            self._refuse(operation, error)

    async def _ask_of_orders(
        self, operation: str, query: str, variables: Mapping[str, Any], until: float
    ) -> Mapping[str, Any]:
        """Ask in the default channel, which has the orders of all; in ours where we may not.

        A variant is stopped in every channel that has it, so its orders in each count.
        """
        loop = asyncio.get_running_loop()
        if self._sees_all_orders and self._usual:
            try:
                return await self._ask(operation, query, variables, until - loop.time(), channel={})
            except _ForbiddenError:
                pass
        data = await self._ask(operation, query, variables, until - loop.time())
        self._sees_all_orders = not self._usual
        return data

    async def _ask(
        self, operation: str, query: str, variables: Mapping[str, Any], deadline: float,
        headers: Mapping[str, str] | None = None, *, channel: Mapping[str, str] | None = None,
    ) -> Mapping[str, Any]:
        """Ask the Admin API; where the session has ended, log in and ask once more.

        `channel` is the header that names one; ours where it is left out.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + deadline
        body = {"query": query, "variables": variables}
        of_channel = self._usual if channel is None else channel
        for is_last in (False, True):
            used = await self._enter(until)
            answer = await self.call(
                operation, "POST", self._admin, body=body, deadline=until - loop.time(),
                headers={**of_channel, **used, **(headers or {})},
            )
            try:
                return data_of(self, operation, answer)
            except GraphQlError as error:
                if error.code != "FORBIDDEN" or is_last or not self._logs_in:
                    self._refuse(operation, error)
            if self._pass == used:
                self._pass = {}
        raise AssertionError("unreachable")

    async def _enter(self, until: float) -> Mapping[str, str]:
        """Return what lets us in; of several that want to log in, one does."""
        if self._pass or not self._logs_in:
            return self._pass
        loop = asyncio.get_running_loop()
        async with self._login:
            if not self._pass:
                self._pass = await self._new_session(until - loop.time())
            return self._pass

    async def _new_session(self, deadline: float) -> dict[str, str]:
        sent = {"user": self._user, "password": self._password}
        answer = await self.call(
            "login", "POST", self._admin, body={"query": LOGIN, "variables": sent},
            headers=self._usual, deadline=deadline, urgent=True,
        )
        try:
            data = data_of(self, "login", answer)
        except GraphQlError as error:
            self._refuse("login", error)
        with self.reading("login"):
            if data["login"]["__typename"] != "CurrentUser":
                raise ValueError(str(data["login"].get("message")))
            token = answer.headers["vendure-auth-token"]
        self.hide(token)
        return {"Authorization": f"Bearer {token}"}

    def _refuse(self, operation: str, error: GraphQlError) -> NoReturn:
        """Say whether it may be mended by trying again: what the server itself could not do may."""
        text = self.blot(f"catalogue {self.name}: {operation}: {error}")
        if error.code == "FORBIDDEN":
            raise _ForbiddenError(text, recoverable=False) from None
        raise CatalogueError(text, recoverable=error.code == "INTERNAL_SERVER_ERROR") from None


class _ForbiddenError(CatalogueError):
    """We may not do this, or not in this channel."""


def page_of_orders(listed: Mapping[str, Any], remote_id: str, skip: int) -> orderbook.Page:
    """Read a page of orders; those that hold no more units of a variant are left out.

    An order in a state that we do not know counts as under way: shops make states of their own.
    """
    items = listed["items"]
    orders = (_under_way(one, remote_id) for one in items if one["state"] != "Cancelled")
    return orderbook.Page(
        [one for one in orders if one.quantity > 0], len(items),
        datetime.fromisoformat(items[-1]["orderPlacedAt"]) if items else None,
        is_last=skip + len(items) >= int(listed["totalItems"]),
    )


def _under_way(order: Mapping[str, Any], remote_id: str) -> OrderUnderWay:
    ours = [one for one in order["lines"] if str(one["productVariant"]["id"]) == remote_id]
    paid = sum(one["amount"] for one in order["payments"] or () if one["state"] in GOOD)
    return OrderUnderWay(
        id=str(order["id"]), code=str(order["code"]),
        placed_at=datetime.fromisoformat(order["orderPlacedAt"]),
        quantity=sum(_not_left(one) for one in ours), state=str(order["state"]),
        is_paid=paid >= order["totalWithTax"],
        customer=(order["customer"] or {}).get("emailAddress"),
    )


def _not_left(line: Mapping[str, Any]) -> int:
    """Return the units of a line that are still in the house; cancelled ones are off it already."""
    parts = line["fulfillmentLines"] or ()
    left = sum(one["quantity"] for one in parts if one["fulfillment"]["state"] in LEFT)
    return int(line["quantity"]) - int(left)


def _holds(order: Mapping[str, Any], remote_id: str) -> bool:
    return any(
        str(line["productVariant"]["id"]) == remote_id and line["quantity"] > 0
        for line in order["lines"]
    )
