"""Units shipped: the exposure that rates are counted against."""

from pydantic import ConfigDict, Field

from freezeguard.api.models.fields import Country, Input, Moment, Name, Sku, Units

EXAMPLE = {
    "id": "shipment-2026-11-21-0017",
    "source": "warehouse",
    "sku": "KETTLE-17/blue",
    "units": 40,
    "shipped_at": "2026-11-21T06:00:00Z",
    "lot": "L-0921",
}


class UnitsIn(Input):
    """Units of a SKU that were shipped. Counts once by `source` and `id`."""

    model_config = ConfigDict(title="UnitsShipped")

    id: Name = Field(description="The sender's own identifier, unique within `source`.")
    source: Name = Field(description="Who sends; a source key is bound to one.")
    sku: Sku
    units: Units
    shipped_at: Moment
    lot: Name | None = None
    seller: Name | None = None
    channel: Name | None = None
    country: Country | None = None
