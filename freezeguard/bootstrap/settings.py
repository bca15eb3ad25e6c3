"""Every setting: `freezeguard.toml`, then `FREEZEGUARD_*` variables on top.

Nested settings are tables in the file and take two underscores in the environment:
`[mail] host = …` is `FREEZEGUARD_MAIL__HOST`. docs/settings.md lists them; a test keeps it true.
"""

import os
from datetime import time, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from freezeguard.bootstrap.inbound_settings import InboundSettings
from freezeguard.domain.acts.outcome import LANES
from freezeguard.domain.errors import InvalidInput
from freezeguard.domain.knownissue import WORDS, ContactTerms
from freezeguard.domain.legal import LegalClock, StartsOn, StopsOn, Unit
from freezeguard.domain.policy import Budget, Policy
from freezeguard.domain.rules import parse_window
from freezeguard.ports.canaries import CanaryTerms
from freezeguard.ports.notices import DigestTerms
from freezeguard.ports.privacy import Periods
from freezeguard.ports.sessions import SessionTerms

MIB = 1024 * 1024
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


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("is no time zone of the IANA database, as in Europe/Berlin")
    return name


def _end_of_day(value: object) -> object:
    return time(0) if value == "24:00" else value


def _without_zone(value: time) -> time:
    if value.tzinfo is not None:
        raise ValueError("is a time of day without an offset; the setting is `zone`")
    return value


Zone = Annotated[str, AfterValidator(_known_zone)]
TimeOfDay = Annotated[time, BeforeValidator(_end_of_day), AfterValidator(_without_zone)]
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
    reply_to: str | None = Field(
        None,
        description="Where answers go; `{case}` in it stands for the number of the case "
        "(docs/notices.md).",
    )
    domain: str = Field("localhost", description="Right side of message ids.")
    digest_after: int = Field(
        1, ge=1, description="Notices that a reader gets one by one within `digest_every`."
    )
    digest_every: Duration = Field(
        timedelta(minutes=5), description="How often further notices come, as one mail."
    )

    def digests(self) -> DigestTerms:
        """Return what keeps readers from being flooded."""
        return DigestTerms(self.digest_after, self.digest_every)


class ShopSettings(_Table):
    """How the shop signs its notices."""

    name: str = Field("the shop", description="Name of the shop in notices.")
    contact_name: str = Field("Quality team", description="Who answers questions.")
    contact_address: str = Field("quality@localhost", description="Their mail address.")
    terms: str = Field("", description="Ground in the contract that statements of reasons name.")


Texts = dict[Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$")],
             Annotated[str, Field(min_length=1, max_length=1000)]]
"""One text by language: `{ en = "…", de = "…" }`."""


class ContactCentreSettings(_Table):
    """What a contact centre may say of a known issue, by language; docs/contact-centre.md.

    A text replaces the one that is built in, in its language.
    """

    tell_suspicions: bool = Field(
        default=False, description="Also say that something is being looked into."
    )
    quality_words: Texts = Field({}, description="Of a stop in the lane quality.")
    safety_words: Texts = Field({}, description="Of a stop in the lane safety.")
    authority_words: Texts = Field({}, description="Of a stop by order of an authority.")
    suspected_words: Texts = Field({}, description="Of a suspicion, where that is told.")
    fixed_words: Texts = Field(
        {}, description="On probation; `{date}` is the day since when it is on sale again."
    )
    off_sale_words: Texts = Field({}, description="Of an item that was taken off sale for good.")
    caution_words: Texts = Field(
        {}, description="Added in the lanes safety and authority, whatever the state."
    )
    fix_by_words: Texts = Field(
        {}, description="Added while the vendor's own date holds; `{date}` is that day."
    )
    quality_offer: Texts = Field({}, description="What to offer, in the lane quality; none: null.")
    safety_offer: Texts = Field({}, description="The same in the lane safety.")
    authority_offer: Texts = Field({}, description="The same in the lane authority.")

    def terms(self, zone: str) -> ContactTerms:
        """Return the same as the service knows it; days are those of a time zone."""
        given = self.model_dump()
        return ContactTerms(
            self.tell_suspicions,
            words={name: given[f"{name}_words"] for name in WORDS},
            offers={lane: given[f"{lane}_offer"] for lane in LANES},
            zone=ZoneInfo(zone),
        )


class BudgetSettings(_Table):
    """The governor: automatic freezes in a sliding window."""

    per_source: int = Field(20, ge=0, description="Automatic freezes per source.")
    per_category: int = Field(40, ge=0, description="Automatic freezes per category.")
    per_vendor: int = Field(20, ge=0, description="Automatic freezes per vendor.")
    shop: int = Field(60, ge=0, description="Automatic freezes in the whole shop.")
    safety_per_source: int = Field(100, ge=0, description="Safety freezes per source.")
    window: Duration = Field(timedelta(minutes=10), description="Length of the window.")
    vendor_skus: int = Field(
        3, ge=0, description="So many SKUs of one vendor (or one in 200 of them, if that is more) "
        "are frozen automatically within `vendor_window` while nobody has found a defect in them; "
        "further ones wait for a person. 0: any number."
    )
    vendor_window: Duration = Field(
        timedelta(days=30), description="Length of the window of `vendor_skus`."
    )

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
    announce_orders: bool = Field(
        default=False, description="Once a freeze is confirmed, orders under way are posted to "
        "the shop's own webhook endpoints (`containment.listed`), to be held back there."
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
    accept_within: Duration = Field(
        timedelta(seconds=5), description="Then a stop that no catalogue has taken over alarms."
    )
    confirm_within: Duration = Field(
        timedelta(seconds=30), description="Then a freeze that is not confirmed alarms its owner."
    )
    release_within: Duration = Field(
        timedelta(seconds=60), description="Then a release that is not confirmed alarms its owner."
    )
    ownership_within: Duration = Field(
        timedelta(hours=1), description="Working hours for the owner to take a case on."
    )
    hand_off_within: Duration = Field(
        timedelta(hours=1), description="Working hours for an offered case to be accepted."
    )
    judge_within: Duration = Field(
        timedelta(hours=8), description="Working hours to judge a remedy, or to decide."
    )
    answer_within: Duration = Field(
        timedelta(hours=8), description="Working hours to answer a question on a case."
    )
    vendor_answer_within: Duration = Field(
        timedelta(hours=24), description="For the vendor to answer a question on a case."
    )
    vendor_ack_within: Duration = Field(
        timedelta(hours=24), description="For the vendor to confirm receipt, from delivery."
    )
    vendor_plan_within: Duration = Field(
        timedelta(hours=72), description="For the vendor to name a date or a remedy."
    )
    diagnosis_days: int = Field(
        10, ge=1, le=365, description="Working days until the owner must choose."
    )
    contest_days: int = Field(2, ge=1, le=90, description="Working days to answer a contest.")
    appeal_days: int = Field(5, ge=1, le=90, description="Working days to answer an appeal.")
    later_review_days: int = Field(
        1, ge=1, le=90, description="Working days to look back at a freeze by few."
    )
    appeal_window: Duration = Field(
        timedelta(days=30), description="How long a decision can be appealed."
    )
    update_rhythm: Duration = Field(
        timedelta(days=3), description="How often vendor and owner hear of a case, news or not."
    )
    safety_update_rhythm: Duration = Field(
        timedelta(days=1), description="The same in the lanes safety and authority."
    )
    hold_review_after: Duration = Field(
        timedelta(days=30), description="How often a lasting hold is looked at."
    )
    review_every: int = Field(
        10, ge=0, description="One freeze in so many by the detector is looked at later; 0: none."
    )
    sibling_days: int = Field(
        90, ge=0, le=730, description="While a defect that was found in an item is being remedied, "
        "and for so many days after, the lower bound (`look`) of a rule stops items of the same "
        "vendor that are of its category, or whose lot it gave up. 0: never."
    )
    trust_limit: float = Field(
        0.5, ge=0, le=1, description="What only sources trusted less say is suspected; 0: never."
    )
    task_within: Duration = Field(
        timedelta(minutes=5), description="For a manual task; then the next one is told."
    )
    task_again: Duration = Field(
        timedelta(minutes=15), description="Between rungs where something still sells."
    )
    escalate_after: Duration = Field(
        timedelta(hours=4), description="Working hours until the next one on a ladder is told."
    )
    safety_escalate_after: Duration = Field(
        timedelta(hours=1), description="The same, elapsed, in the lanes safety and authority."
    )
    commitment_cap: Duration = Field(
        timedelta(days=30), description="How far ahead a vendor may set its own date."
    )
    safety_commitment_cap: Duration = Field(
        timedelta(days=14), description="The same in the lanes safety and authority."
    )
    longest_waiver: Duration = Field(
        timedelta(days=30), description="How long an object may be waived."
    )
    longest_extension: Duration = Field(
        timedelta(days=30), description="How far a deadline may be moved at a time."
    )


class PaceSettings(_Table):
    """How freezeguard calls catalogues. Seconds."""

    call_deadline: float = Field(4.0, gt=0, le=4.5, description="For one call.")
    verify_every: float = Field(30.0, gt=0, description="Between read-backs of what is stopped.")
    verify_per_second: float = Field(
        5.0, gt=0,
        description="Read-backs of what is stopped, per second and catalogue, where the kind can "
        "look over all of it besides: beyond, each comes less often.",
    )
    first_retry: float = Field(0.5, gt=0, description="Pause after the first failure.")
    longest_retry: float = Field(30.0, gt=0, description="Longest pause between attempts.")
    relist_every: float = Field(60.0, gt=0, description="Looks again for what is not listed.")
    fall_back_after: int = Field(3, ge=1, description="Failures before fallbacks are tried.")
    parallel_calls: int = Field(16, ge=1, le=256, description="Calls at a time, per catalogue.")
    look_over_every: float = Field(
        10.0, gt=0, description="Looks over all that is stopped, where the kind can do so cheaply."
    )


class CanarySettings(_Table):
    """A SKU in each catalogue that is stopped and released all the time; docs/operation.md."""

    every: Duration = Field(
        timedelta(minutes=5), ge=timedelta(seconds=1), description="From one round to the next."
    )
    late_after: Duration = Field(
        timedelta(seconds=30), ge=timedelta(seconds=1),
        description="From the order until the stop, or the release, must be seen; then it alarms.",
    )
    skus: dict[str, str] = Field(
        {}, description='The SKU by catalogue: `{ shop = "CANARY-1" }`; none, no canary there.'
    )

    def terms(self) -> CanaryTerms:
        """Return the same as the service knows it."""
        return CanaryTerms(self.skus, self.every, self.late_after)


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


class CalendarSettings(_Table):
    """When the shop works, and the laws whose periods it keeps."""

    country: str = Field(
        "DE", description="Whose public holidays: the code of a country, or of a part: `DE-BY`."
    )
    zone: Zone = Field("Europe/Berlin", description="Time zone of the shop.")
    opens: TimeOfDay = Field(
        time(9), description="When work begins, for everybody, in their own zone."
    )
    closes: TimeOfDay = Field(time(17), description="When it ends; `24:00` is midnight.")
    jurisdictions: tuple[str, ...] = Field(
        ("EU",), description="Whose legal clocks run: `EU`, `US`; docs/people.md."
    )

    @model_validator(mode="after")
    def _opens_before_it_closes(self) -> Self:
        if self.closes != time(0) and self.closes <= self.opens:
            raise ValueError("closes must be later than opens")
        return self


class LegalClockSettings(_Table):
    """A period that a law sets: one that is not shipped, or one to be kept otherwise."""

    kind: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    jurisdiction: str
    law: str
    starts_on: StartsOn
    amount: int = Field(ge=0, le=10_000)
    unit: Unit
    warn_at: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = (0.5, 0.8)
    stops_on: StopsOn
    sentence: str

    def clock(self) -> LegalClock:
        """Return the clock as the domain knows it."""
        return LegalClock(**self.model_dump())


class DetectionSettings(_Table):
    """What detection learns from the shop's own past; docs/detection.md."""

    learn_priors: bool = Field(
        default=True,
        description="Learn every night what is usual for items at large; else what is built in "
        "counts, and what was learned before does not.",
    )
    learn_at: TimeOfDay = Field(
        time(3), description="From when on, in the shop's zone: an hour at which little happens."
    )


class AuditSettings(_Table):
    """Anchors of the audit record: copies of its head outside the database; docs/audit.md."""

    anchor_file: Path | None = Field(
        None, description="Where anchors are kept; absent: `audit-anchors.ndjson` in data_dir."
    )
    anchor_webhook: str | None = Field(
        None, description="Address that each anchor is posted to as well.",
        pattern="^https?://",
    )
    every: Duration = Field(
        timedelta(minutes=5), description="The head is anchored after so long, if it has moved."
    )
    rows: int = Field(1000, ge=1, description="Or after so many rows.")


class LimitSettings(_Table):
    """Limits of the HTTP service."""

    header_seconds: float = Field(10.0, gt=0, description="To send the headers of a request.")
    body_seconds: float = Field(30.0, gt=0, description="To send the body of a request.")
    idle_seconds: float = Field(15.0, gt=0, description="That a connection may lie idle.")
    keep_alive_seconds: float = Field(
        15.0, gt=0, description="Between signs of life on a stream where nothing changes."
    )
    pool: int = Field(10, ge=3, le=200, description="Database connections.")
    drain_seconds: float = Field(
        15.0, gt=0, description="To finish requests and work when stopping; the rest is taken over."
    )


class SessionSettings(_Table):
    """How long people stay signed in with a browser."""

    idle: Duration = Field(
        timedelta(minutes=30), description="A session that nobody uses ends after so long."
    )
    whole: Duration = Field(
        timedelta(hours=12), description="It ends after so long, used or not."
    )
    proof: Duration = Field(
        timedelta(minutes=15),
        description="A decision that lets a sale go on wants the person to have shown who they "
        "are within so long.",
    )

    def terms(self) -> SessionTerms:
        """Return the terms as sessions know them."""
        return SessionTerms(**self.model_dump())


class OidcSettings(_Table):
    """The shop's OpenID provider, by which people sign in."""

    issuer: str | None = Field(
        None, description="The provider, as it writes itself; absent: there is none.",
        pattern="^https?://",
    )
    client_id: str = Field("", description="What freezeguard is called there.")
    client_secret: SecretStr | None = Field(None, description="Its secret; absent: it has none.")
    scopes: str = Field("openid email", description="What is asked for.")
    name: str = Field("your account", description="What the button says: Sign in with …")


class RetentionSettings(_Table):
    """How long what concerns customers is kept; docs/privacy.md."""

    texts: Duration = Field(
        timedelta(days=90),
        description="Complaint texts, order references and unknown fields, after the close of "
        "every case that they are evidence of.",
    )
    customers: Duration = Field(
        timedelta(days=730), description="Who complained (a keyed hash), after their last signal."
    )
    rejected: Duration = Field(timedelta(days=30), description="Bodies of rejected signals.")
    messages: Duration = Field(
        timedelta(days=90),
        description="Messages of webhooks with their attempts, digests, ids of mails received.",
    )
    files: Duration = Field(
        timedelta(days=2192), description="Evidence files, after the close of their case."
    )

    def periods(self) -> Periods:
        """Return the periods as retention knows them."""
        return Periods(**self.model_dump())


class EvidenceSettings(_Table):
    """Files that people attach to cases."""

    directory: Path | None = Field(
        None, description="Where files lie, shared by all replicas; absent: in the database."
    )
    file_bytes: int = Field(10 * MIB, ge=1024, le=100 * MIB, description="Largest file.")
    files: int = Field(50, ge=1, le=1000, description="Files per case.")
    case_bytes: int = Field(100 * MIB, ge=1024, description="Bytes of files per case.")
    upload_seconds: float = Field(300.0, gt=0, description="To send one file.")
    uploads_at_once: int = Field(
        8, ge=1, le=200, description="Files that a replica receives at a time."
    )


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix="FREEZEGUARD_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
        hide_input_in_errors=True,
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
    default_policy: bool = Field(
        default=True,
        description="Give a new database the default policy, armed (docs/detection.md).",
    )
    image_max_age: Duration = Field(
        timedelta(hours=1), description="Before-images older than this are read again."
    )
    mail: MailSettings = MailSettings()
    shop: ShopSettings = ShopSettings()
    contact_centre: ContactCentreSettings = ContactCentreSettings()
    budget: BudgetSettings = BudgetSettings()
    policy: PolicySettings = PolicySettings()
    pace: PaceSettings = PaceSettings()
    canary: CanarySettings = CanarySettings()
    webhooks: WebhookSettings = WebhookSettings()
    workers: WorkerSettings = WorkerSettings()
    limits: LimitSettings = LimitSettings()
    calendar: CalendarSettings = CalendarSettings()
    legal_clocks: tuple[LegalClockSettings, ...] = Field(
        (), description="Further periods of laws, or shipped ones changed; docs/people.md."
    )
    detection: DetectionSettings = DetectionSettings()
    sessions: SessionSettings = SessionSettings()
    oidc: OidcSettings = OidcSettings()
    retention: RetentionSettings = RetentionSettings()
    evidence: EvidenceSettings = EvidenceSettings()
    audit: AuditSettings = AuditSettings()
    catalogues: dict[str, dict[str, Any]] = Field(
        {}, description="One table per catalogue; docs/catalogues.md."
    )
    inbound: dict[str, InboundSettings] = Field(
        {}, description="One table per address for signed deliveries; docs/inbound.md."
    )

    @model_validator(mode="after")
    def _canaries_have_a_catalogue(self) -> Self:
        if unknown := sorted(self.canary.skus.keys() - self.catalogues.keys()):
            raise ValueError(f"canary.skus names no catalogue that is configured: {unknown[0]}")
        return self

    @property
    def anchor_file(self) -> Path:
        """Return where anchors of the audit record are kept."""
        return self.audit.anchor_file or self.data_dir / "audit-anchors.ndjson"

    @property
    def journal_file(self) -> Path:
        """Return where is kept what the database could not take."""
        return self.data_dir / "journal.ndjson"

    @property
    def revision_file(self) -> Path:
        """Return where replicas note the last revision of the held set that they heard of."""
        return self.data_dir / "held-set-revision"

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
