from tests.sampleshop.fixtures import shop, shop_process, sku

__all__ = ["shop", "shop_process", "sku"]
