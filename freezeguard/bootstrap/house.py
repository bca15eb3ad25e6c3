"""How the shop signs its notices, by its settings."""

from freezeguard.bootstrap.settings import Settings
from freezeguard.services.delivering.carriers import Sender
from freezeguard.services.masterdata.codes import CodeSender
from freezeguard.services.telling.telling import House


def url_of(host: str, port: int) -> str:
    """Return where a service that listens there is reached."""
    name = "127.0.0.1" if host in {"0.0.0.0", "::"} else host
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def house_of(settings: Settings) -> House:
    """Return who signs notices, and where people reach the service."""
    shop = settings.shop
    return House(
        shop.name, settings.public_url or url_of(settings.host, settings.port),
        shop.contact_name, shop.contact_address, shop.terms,
    )


def sender_of(settings: Settings) -> Sender:
    """Return how notices are signed on the outside."""
    mail = settings.mail
    return Sender(mail.sender, mail.domain, mail.reply_to)


def code_sender_of(settings: Settings) -> CodeSender:
    """Return how mails with codes are signed."""
    house, sender = house_of(settings), sender_of(settings)
    return CodeSender(
        sender.address, sender.domain, house.shop, house.contact_name, house.contact_address,
        house.url,
    )
