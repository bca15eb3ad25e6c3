"""Every setting: `freezeguard.toml`, then `FREEZEGUARD_*` variables on top.

Nested settings are tables in the file and take two underscores in the environment:
`[mail] host = …` is `FREEZEGUARD_MAIL__HOST`. docs/settings.md lists them; a test keeps it true.
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from freezeguard.domain.errors import InvalidInput
from freezeguard.domain.policy import Budget, Policy
from freezeguard.domain.rules import parse_window

CONFIG_VARIABLE = "FREEZEGUARD_CONFIG"
CONFIG_FILE = "freezeguard.toml"


class SettingsUnfit(Exception):
    """The file of settings can't be read; the text names it."""


def _duration(value: object) -> object:
    try:
        return parse_window(value) if isinstance(value, str) else value
    except InvalidInput as error:  # pydantic names the setting where it hears a ValueError
        raise ValueError(error.detail) from None


def _postgres_url(value: SecretStr) -> SecretStr:
    """Refuse what the driver would not even try; the text must not repeat a password."""
    scheme, found, rest = value.get_secret_value().partition("://")
    hosts = rest.partition("?")[0].partition("/")[0].rpartition("@")[2].split(",")
    ports = [one.rpartition("]")[2].rpartition(":")[2] for one in hosts if ":" in one]
    if not found or scheme not in {"postgresql", "postgres"} or not all(map(_is_port, ports)):
        raise ValueError("is no URL of the form postgresql://user:password@host:5432/database")
    return value


def _is_port(text: str) -> bool:
    return text == "" or (text.isascii() and text.isdigit())


Duration = Annotated[timedelta, BeforeValidator(_duration)]
PostgresUrl = Annotated[SecretStr, AfterValidator(_postgres_url)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MailSettings(_Table):
    """How notices leave by mail. Without a host they wait in the outbox."""

    host: str | None = Field(None, description="SMTP server; absent: notices wait.")
    port: int = Field(25, ge=1, le=65535, description="Port of the SMTP server.")
    security: Literal["none", "starttls", "tls"] = Field(
        "none", description="`starttls` for port 587, `tls` for port 465."
    )
    user: str | None = Field(None, description="Account at the SMTP server.")
    password: SecretStr | None = Field(None, description="Its password.")
    ca_file: str | None = Field(None, description="Certificate of a private authority.")
    sender: str = Field(
        "freezeguard <freezeguard@localhost>", description="Who notices are from."
    )
    reply_to: str | None = Field(None, description="Where answers go.")
    domain: str = Field("localhost", description="Right side of message ids.")


class ShopSettings(_Table):
    """How the shop signs its notices."""

    name: str = Field("the shop", description="Name of the shop in notices.")
    contact_name: str = Field("Quality team", description="Who answers questions.")
    contact_address: str = Field("quality@localhost", description="Their mail address.")
    terms: str = Field("", description="Ground in the contract that statements of reasons name.")


class BudgetSettings(_Table):
    """The governor: automatic freezes in a sliding window."""

    per_source: int = Field(20, ge=0, description="Automatic freezes per source.")
    per_category: int = Field(40, ge=0, description="Automatic freezes per category.")
    per_vendor: int = Field(20, ge=0, description="Automatic freezes per vendor.")
    shop: int = Field(60, ge=0, description="Automatic freezes in the whole shop.")
    safety_per_source: int = Field(100, ge=0, description="Safety freezes per source.")
    window: Duration = Field(timedelta(minutes=10), description="Length of the window.")

    def budget(self) -> Budget:
        """Return the budgets as the governor knows them."""
        return Budget(**self.model_dump())


class PolicySettings(_Table):
    """What the shop decided once, for all cases."""

    soft_hold: bool = Field(
        default=True, description="One associate's pull pauses the sale until it lapses."
    )
    second_opinion: Duration = Field(
        timedelta(minutes=15), description="How long a pull waits for a second person."
    )
    vote_lifetime: Duration = Field(
        timedelta(hours=24), description="How long a first vote counts."
    )
    probation_time: Duration = Field(timedelta(days=14), description="Length of a probation.")
    probation_units: int = Field(200, ge=0, description="Units to be shipped on probation.")
    probation_cap: Duration = Field(
        timedelta(days=90), description="Then the owner must choose."
    )
    probation_check: Duration = Field(
        timedelta(hours=1), description="How often an unfinished probation is looked at."
    )
    baseline_floor: float = Field(
        0.01, gt=0, lt=1, description="Defects per unit that count as sound in any case."
    )
    confirm_within: Duration = Field(
        timedelta(seconds=30), description="Then a freeze that is not confirmed alarms its owner."
    )


class PaceSettings(_Table):
    """How freezeguard calls catalogues. Seconds."""

    call_deadline: float = Field(4.0, gt=0, le=4.5, description="For one call.")
    verify_every: float = Field(30.0, gt=0, description="Between read-backs of what is stopped.")
    first_retry: float = Field(0.5, gt=0, description="Pause after the first failure.")
    longest_retry: float = Field(30.0, gt=0, description="Longest pause between attempts.")
    relist_every: float = Field(60.0, gt=0, description="Looks again for what is not listed.")
    fall_back_after: int = Field(3, ge=1, description="Failures before fallbacks are tried.")
    parallel_calls: int = Field(16, ge=1, le=256, description="Calls at a time, per catalogue.")


class WebhookSettings(_Table):
    """Where signed messages may go, and how long an endpoint has to answer."""

    allow_private: bool = Field(
        default=False,
        description="For development: also to this machine and private networks, by http too.",
    )
    ports: frozenset[Annotated[int, Field(ge=1, le=65535)]] = Field(
        frozenset({443, 8443}), description="Ports that endpoints may have."
    )
    deadline: float = Field(15.0, gt=0, le=30, description="For one attempt. Seconds.")
    parallel: int = Field(8, ge=1, le=64, description="Endpoints that are served at a time.")


class WorkerSettings(_Table):
    """How often loops look by themselves. Seconds; NOTIFY wakes them earlier."""

    poll: float = Field(1.0, gt=0, description="For changes of holds, rules, keys and objects.")
    sweep: float = Field(1.0, gt=0, description="For evaluations that somebody left behind.")
    timers: float = Field(1.0, gt=0, description="For clocks that are due.")


class LimitSettings(_Table):
    """Limits of the HTTP service."""

    header_seconds: float = Field(10.0, gt=0, description="To send the headers of a request.")
    body_seconds: float = Field(30.0, gt=0, description="To send the body of a request.")
    idle_seconds: float = Field(15.0, gt=0, description="That a connection may lie idle.")
    keep_alive_seconds: float = Field(
        15.0, gt=0, description="Between signs of life on a stream where nothing changes."
    )
    pool: int = Field(10, ge=3, le=200, description="Database connections.")
    drain_seconds: float = Field(15.0, gt=0, description="To finish requests when stopping.")


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix="FREEZEGUARD_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    database_url: PostgresUrl | None = Field(
        None, description="PostgreSQL for the service; absent: the embedded server."
    )
    migration_url: PostgresUrl | None = Field(
        None, description="The same database as its owner, for `freezeguard migrate`."
    )
    data_dir: Path = Field(
        Path("freezeguard-data"), description="Embedded server, journal, secrets."
    )
    pg_bin: Path | None = Field(None, description="Directory of PostgreSQL programs to embed.")
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0: any free one.")
    public_url: str | None = Field(None, description="Where people reach the service, for links.")
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="`auto`: readable on a terminal, JSON otherwise."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severity that is logged."
    )
    allow_owner_role: bool = Field(
        default=False,
        description="Serve although the database role owns tables or bypasses row security.",
    )
    image_max_age: Duration = Field(
        timedelta(hours=1), description="Before-images older than this are read again."
    )
    mail: MailSettings = MailSettings()
    shop: ShopSettings = ShopSettings()
    budget: BudgetSettings = BudgetSettings()
    policy: PolicySettings = PolicySettings()
    pace: PaceSettings = PaceSettings()
    webhooks: WebhookSettings = WebhookSettings()
    workers: WorkerSettings = WorkerSettings()
    limits: LimitSettings = LimitSettings()
    catalogues: dict[str, dict[str, Any]] = Field(
        {}, description="One table per catalogue; docs/catalogues.md."
    )

    def to_policy(self) -> Policy:
        """Return the policy as the domain knows it."""
        return Policy(budget=self.budget.budget(), **self.policy.model_dump())

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments win over the environment, and the environment over the file."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, _file_source(settings_cls)


def _file_source(settings_cls: type[BaseSettings]) -> TomlConfigSettingsSource:
    """Read the file; one that somebody named must be there. Raises SettingsUnfit."""
    named = os.environ.get(CONFIG_VARIABLE)
    path = Path(named or CONFIG_FILE)
    if named and not path.is_file() and path != Path(os.devnull):
        raise SettingsUnfit(f"{CONFIG_VARIABLE} names {path.absolute()}: there is no such file.")
    try:
        return TomlConfigSettingsSource(settings_cls, toml_file=path)
    except (ValueError, OSError) as error:  # no TOML, no UTF-8, not ours to read
        raise SettingsUnfit(f"{path.absolute()} can't be read as TOML: {error}") from None
