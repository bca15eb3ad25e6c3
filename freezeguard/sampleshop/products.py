"""Products as the outside world writes them: seeds, changes, and files of SKUs."""

import json
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

MOST_PRODUCTS = 20_000
"""How many products one bulk request may bring."""


class BadProductError(ValueError):
    """The products, or the change of a product, do not have the shape that the shop wants."""


def _plain_sku(sku: str) -> str:
    if len(sku.encode()) > 200 or any(ord(letter) < 32 or ord(letter) == 127 for letter in sku):
        raise ValueError("a SKU has up to 200 bytes and no control characters")
    return sku


Sku = Annotated[str, Field(min_length=1), AfterValidator(_plain_sku)]
Price = Annotated[str, Field(pattern=r"^\d{1,9}(\.\d{1,2})?$")]
Stock = Annotated[int, Field(ge=-1_000_000, le=2_000_000_000)]


class ProductChange(BaseModel):
    """The fields that an admin may write; only those that the request names are changed."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    title: Annotated[str, Field(max_length=500)] = ""
    price: Price = "9.90"
    stock: Stock = 100
    track_stock: bool = True
    allow_backorder: bool = False
    published: bool = True
    sale_stop: bool = False


class NewProduct(ProductChange):
    """A product to begin with. Without an id it gets the next free one."""

    sku: Sku
    id: Annotated[str, Field(min_length=1, max_length=100)] | None = None


_BULK = TypeAdapter(list[NewProduct])


def parse_change(body: bytes) -> dict[str, Any]:
    """Return the fields that a change writes. Raises `BadProductError`."""
    try:
        change = ProductChange.model_validate_json(body)
    except ValidationError as error:
        raise BadProductError(_first_problem(error)) from None
    return change.model_dump(exclude_unset=True)


def parse_products(body: bytes) -> list[NewProduct]:
    """Read a JSON array or NDJSON of products. Raises `BadProductError`."""
    text = body.strip()
    if not text.startswith(b"["):
        text = b"[" + b",".join(line for line in text.splitlines() if line.strip()) + b"]"
    try:
        return _BULK.validate_json(text)
    except ValidationError as error:
        raise BadProductError(_first_problem(error)) from None


def parse_seed_file(body: bytes) -> list[NewProduct]:
    """Read a seed file: a JSON array, NDJSON, or one SKU per line. Raises `BadProductError`."""
    if body.lstrip()[:1] in {b"[", b"{"}:
        return parse_products(body)
    skus = [line.strip() for line in body.decode().splitlines()]
    return parse_products(json.dumps([{"sku": sku} for sku in skus if sku]).encode())


def numbered_products(count: int) -> list[NewProduct]:
    """Make `SKU-000001` and so on; each 10th is back-ordered, each 13th does not track stock."""
    return [
        NewProduct(
            sku=f"SKU-{number:06d}",
            title=f"Product {number}",
            price=f"{5 + number % 95}.90",
            stock=0 if number % 10 == 0 else 100,
            allow_backorder=number % 10 == 0,
            track_stock=number % 13 != 0,
        )
        for number in range(1, count + 1)
    ]


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in problem["loc"]) or "body"
    return f"{place}: {problem['msg']}"
