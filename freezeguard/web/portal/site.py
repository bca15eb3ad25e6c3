"""All pages of vendors."""

from collections.abc import Callable
from datetime import datetime

from freezeguard.services.masterdata.codes import Codes
from freezeguard.services.masterdata.signingin import SigningIn
from freezeguard.web.desk import Desk
from freezeguard.web.pages import Page
from freezeguard.web.portal.casepages import VendorsCases
from freezeguard.web.portal.entering import Door
from freezeguard.web.portal.files import VendorsFiles
from freezeguard.web.portal.webhookpages import VendorsWebhooks


def pages(
    desk: Desk, signing_in: SigningIn, codes: Codes, now: Callable[[], datetime], contact: str
) -> list[Page]:
    """Return every page of vendors; `contact` is the address of the shop's people."""
    door = Door(signing_in, codes, contact)
    cases = VendorsCases(desk, door, now)
    return [
        *cases.pages(), *door.pages(), *VendorsFiles(desk, cases).pages(),
        *VendorsWebhooks(desk).pages(),
    ]
