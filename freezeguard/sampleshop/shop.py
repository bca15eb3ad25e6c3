"""The shop itself: products, carts, orders, and the one function that decides a purchase."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from freezeguard.sampleshop.products import NewProduct

Step = Literal["add", "checkout"]
"""A purchase has two steps: a line is added to a cart, and the cart is paid for."""


class RefusedError(Exception):
    """The shop does not do what was asked. `code` is stable, `text` is for people."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.code = code
        self.text = text


@dataclass(slots=True)
class Product:
    """One thing that the shop offers; its id is the shop's own and never the SKU."""

    id: str
    sku: str
    title: str
    price: str
    stock: int
    track_stock: bool
    allow_backorder: bool
    published: bool
    sale_stop: bool
    revision: int = 0
    """The highest fencing revision that a write has brought."""

    def view(self) -> dict[str, Any]:
        """Return what the admin side shows."""
        return {
            "id": self.id,
            "sku": self.sku,
            "title": self.title,
            "price": self.price,
            "stock": self.stock,
            "track_stock": self.track_stock,
            "allow_backorder": self.allow_backorder,
            "published": self.published,
            "sale_stop": self.sale_stop,
        }


@dataclass(slots=True)
class Line:
    """Some pieces of one product in a cart."""

    product: str
    sku: str
    quantity: int


@dataclass(slots=True)
class Cart:
    """What a buyer has chosen and not yet paid for; `order` is set once it is paid."""

    id: str
    lines: list[Line] = field(default_factory=list)
    order: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """A paid cart."""

    id: str
    cart: str
    lines: tuple[Line, ...]
    at_ns: int


class Shop:
    """Everything the shop knows, in memory. No call waits, so each one is atomic."""

    def __init__(self, *, fences: bool = False) -> None:
        self.fences = fences
        self.orders: list[Order] = []
        self.deny_list: set[str] = set()
        self._products: dict[str, Product] = {}
        self._by_sku: dict[str, list[str]] = {}
        self._seed: dict[str, Product] = {}
        self._carts: dict[str, Cart] = {}
        self._numbered = 0

    # Products

    def add(self, products: Iterable[NewProduct]) -> list[Product]:
        """Add all products or, where an id is taken, none (`RefusedError`, 409)."""
        number = self._numbered
        added: dict[str, Product] = {}
        for wanted in products:
            number += 1
            product = Product(**wanted.model_dump(exclude={"id"}), id=wanted.id or f"p{number:06d}")
            if product.id in self._products or product.id in added:
                raise RefusedError(409, "id_taken", f"there is already a product {product.id}")
            added[product.id] = product
        self._numbered = number
        for product in added.values():
            self._products[product.id] = product
            self._seed[product.id] = replace(product)
            self._by_sku.setdefault(product.sku, []).append(product.id)
        return list(added.values())

    def find(self, sku: str) -> list[Product]:
        """Return the 0, 1 or many products of a SKU, in the order in which they were added."""
        return [self._products[product_id] for product_id in self._by_sku.get(sku, ())]

    def every_product(self) -> list[Product]:
        """Return all products."""
        return list(self._products.values())

    def product(self, product_id: str) -> Product:
        """Return one product. Raises `RefusedError` (404)."""
        try:
            return self._products[product_id]
        except KeyError:
            raise RefusedError(404, "no_such_product", "there is no product with this id") from None

    def rename(self, product_id: str, sku: str) -> Product:
        """Sell a product under another SKU. Raises `RefusedError` (404)."""
        product = self.product(product_id)
        self._by_sku[product.sku].remove(product_id)
        self._by_sku.setdefault(sku, []).append(product_id)
        product.sku = sku
        return product

    def remove(self, product_id: str) -> None:
        """Take a product away for good. Raises `RefusedError` (404)."""
        product = self.product(product_id)
        self._by_sku[product.sku].remove(product_id)
        del self._products[product_id], self._seed[product_id]
        self.deny_list.discard(product_id)

    # Writes of the admin side

    def write(self, product_id: str, fields: Mapping[str, Any], revision: int | None) -> Product:
        """Set fields to absolute values. Raises `RefusedError` (404, or 409 by the fence)."""
        product = self.product(product_id)
        self._pass_fence(product, revision)
        for name, value in fields.items():
            setattr(product, name, value)
        return product

    def deny(self, product_id: str, revision: int | None) -> None:
        """Refuse the product at every checkout from now on."""
        self._pass_fence(self.product(product_id), revision)
        self.deny_list.add(product_id)

    def allow(self, product_id: str, revision: int | None) -> None:
        """Take the product off the deny list; nothing happens where it is not on it."""
        self._pass_fence(self.product(product_id), revision)
        self.deny_list.discard(product_id)

    def sync_from_warehouse(self, product_id: str) -> dict[str, Any]:
        """Set `published` and `sale_stop` back as seeded; return what was written."""
        seed = self._seed[product_id]
        fields = {"published": seed.published, "sale_stop": seed.sale_stop}
        self.write(product_id, fields, None)
        return fields

    def lose_database(self) -> None:
        """Put every product back as seeded and empty the deny list; carts and orders remain."""
        self._products = {product.id: replace(product) for product in self._seed.values()}
        self._by_sku = {}
        for product in self._products.values():
            self._by_sku.setdefault(product.sku, []).append(product.id)
        self.deny_list.clear()

    def _pass_fence(self, product: Product, revision: int | None) -> None:
        if revision is None:
            return
        if self.fences and revision < product.revision:
            text = f"revision {revision} is older than {product.revision}"
            raise RefusedError(409, "older_revision", text)
        product.revision = max(product.revision, revision)

    # The buyer's side

    def refusal(self, product: Product, quantity: int, step: Step) -> RefusedError | None:
        """Say why this step of a purchase is refused, or None where it is not.

        This is the only place that decides; purchases and the shown availability both ask it.
        `published` is looked at when a line is added and at no other time: a cart that already
        holds the line can still be paid, as in many real shops.
        """
        if product.sale_stop:
            return RefusedError(409, "sale_stopped", "the sale of this product is stopped")
        if step == "add" and not product.published:
            return RefusedError(409, "not_published", "this product is not on offer")
        if step == "checkout" and product.id in self.deny_list:
            return RefusedError(409, "denied_at_checkout", "this product can't be paid for now")
        if product.track_stock and not product.allow_backorder and product.stock < quantity:
            return RefusedError(409, "out_of_stock", f"only {max(product.stock, 0)} in stock")
        return None

    def availability(self, product: Product) -> dict[str, Any]:
        """Say whether one piece can be bought anew, and paid for from an open cart."""
        adding = self.refusal(product, 1, "add")
        paying = self.refusal(product, 1, "checkout")
        reason = adding or paying
        return {
            "id": product.id,
            "sku": product.sku,
            "title": product.title,
            "price": product.price,
            "sellable": reason is None,
            "open_carts": paying is None,
            "reason": reason.code if reason else None,
        }

    def sellable_skus(self) -> list[str]:
        """Return every SKU of which a piece can be bought now, sorted."""
        on_sale = {
            product.sku
            for product in self._products.values()
            if self.refusal(product, 1, "add") is None
            and self.refusal(product, 1, "checkout") is None
        }
        return sorted(on_sale)

    def open_cart(self) -> Cart:
        """Open an empty cart."""
        cart = Cart(f"c{len(self._carts) + 1:06d}")
        self._carts[cart.id] = cart
        return cart

    def cart(self, cart_id: str) -> Cart:
        """Return one cart. Raises `RefusedError` (404)."""
        try:
            return self._carts[cart_id]
        except KeyError:
            raise RefusedError(404, "no_such_cart", "there is no cart with this id") from None

    def put_in_cart(self, cart: Cart, sku: str, quantity: int) -> Line:
        """Add a line with the first product of the SKU that may be added. Raises `RefusedError`."""
        if cart.order is not None:
            raise RefusedError(409, "cart_closed", f"this cart has become order {cart.order}")
        products = self.find(sku)
        if not products:
            raise RefusedError(404, "no_such_sku", "the shop does not know this SKU")
        refusals = [self.refusal(product, quantity, "add") for product in products]
        for product, refusal in zip(products, refusals, strict=True):
            if refusal is None:
                cart.lines.append(Line(product.id, sku, quantity))
                return cart.lines[-1]
        raise refusals[0] or AssertionError(sku)

    def check_out(self, cart: Cart, *, at_ns: int) -> Order:
        """Pay for the whole cart or for nothing. Raises `RefusedError`."""
        if cart.order is not None:
            raise RefusedError(409, "cart_closed", f"this cart has become order {cart.order}")
        if not cart.lines:
            raise RefusedError(409, "cart_empty", "there is nothing in this cart")
        wanted: dict[str, int] = {}
        for line in cart.lines:
            wanted[line.product] = wanted.get(line.product, 0) + line.quantity
        for product_id, quantity in wanted.items():
            refusal = self.refusal(self.product(product_id), quantity, "checkout")
            if refusal is not None:
                raise refusal
        return self._sell(cart, wanted, at_ns)

    def _sell(self, cart: Cart, wanted: Mapping[str, int], at_ns: int) -> Order:
        for product_id, quantity in wanted.items():
            product = self._products[product_id]
            if product.track_stock:
                product.stock -= quantity
        order = Order(f"o{len(self.orders) + 1:06d}", cart.id, tuple(cart.lines), at_ns)
        self.orders.append(order)
        cart.order = order.id
        return order
