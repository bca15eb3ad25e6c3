"""Every error code that the HTTP API answers with: status, meaning and how to mend it.

The answer is an RFC 9457 problem (`freezeguard.api.refusals`); its `type` is the address of a page
about the code.
"""

from collections.abc import Mapping
from dataclasses import dataclass

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Problem:
    """One kind of error. `meaning` and `remedy` are whole sentences for its page."""

    code: str
    status: int
    title: str
    meaning: str
    remedy: str

    @property
    def address(self) -> str:
        """Return the `type` of RFC 9457: where the page about this code is."""
        return f"/problems/{self.code}"


_ALL = (
    Problem(
        "bad_request",
        400,
        "Not a valid HTTP request",
        "The request line, a header or the framing of the body does not follow HTTP/1.1.",
        "Send the request through an HTTP library; look at what a proxy in between changes.",
    ),
    Problem(
        "empty_body",
        400,
        "The body is empty",
        "This request needs a body, and none arrived.",
        "Send a JSON body. With curl: --json '{…}'.",
    ),
    Problem(
        "invalid_json",
        400,
        "Not valid JSON",
        "The body is not JSON as RFC 8259 defines it. The detail names the place.",
        "Check the body with a JSON tool; commas, quotes and cut-off bodies are the usual causes.",
    ),
    Problem(
        "invalid_utf8",
        400,
        "Not valid UTF-8",
        "The body or the address holds bytes that are not UTF-8. The detail names the first.",
        "Write text as UTF-8. Exports from spreadsheets often are in another encoding.",
    ),
    Problem(
        "invalid_compression",
        400,
        "The compressed body is damaged",
        "The body could not be decompressed as its Content-Encoding says, or is cut off.",
        "Compress the whole body once, with gzip or deflate, or send it as it is.",
    ),
    Problem(
        "nul_character",
        400,
        "NUL characters are not accepted",
        "The body holds the character U+0000, which no field accepts and no database stores.",
        "Remove it. UTF-16 text sent as UTF-8 is full of them.",
    ),
    Problem(
        "lone_surrogate",
        400,
        "Half a character",
        "A \\ud800 to \\udfff escape stands alone: half of a character outside the basic plane.",
        "Cut texts between characters, not inside them (in JavaScript: by code point).",
    ),
    Problem(
        "not_a_number",
        400,
        "NaN and Infinity are not JSON",
        "A number is NaN, Infinity or too large to be one.",
        "Send null or leave the field out where there is no value.",
    ),
    Problem(
        "number_too_long",
        400,
        "A number has too many digits",
        "Whole numbers may have up to 4,300 digits.",
        "Send long identifiers as text.",
    ),
    Problem(
        "duplicate_key",
        400,
        "The same key twice in one object",
        "Parsers disagree about which of the two values counts, so neither is taken.",
        "Send each key once.",
    ),
    Problem(
        "too_deep",
        400,
        "Nested too deep",
        "Objects and arrays may be nested up to 64 deep.",
        "Send flatter data.",
    ),
    Problem(
        "unauthenticated",
        401,
        "Sign in first",
        "The request carries no Authorization header of the form `Bearer <token>`.",
        "Send `Authorization: Bearer <machine key or personal token>`. "
        "`freezeguard keys` and `freezeguard people` issue them.",
    ),
    Problem(
        "invalid_token",
        401,
        "Unknown token",
        "The token is not known here: mistyped, withdrawn, expired or from another system.",
        "Ask an administrator for a new one; tokens are shown once and stored hashed.",
    ),
    Problem(
        "signature_missing",
        401,
        "Not signed",
        "This address takes signed deliveries only, and a header of the signature is missing.",
        "Switch signing on at the sender; the page on inbound deliveries names the headers.",
    ),
    Problem(
        "signature_invalid",
        401,
        "The signature is wrong",
        "The signature does not belong to this body, this moment and this address.",
        "Compare the secret at the sender with the one in the settings, and see that nothing in "
        "between changes the body. `freezeguard inbound check` tries a stored delivery.",
    ),
    Problem(
        "signature_late",
        401,
        "Signed at another time",
        "The moment that was signed lies too far from this server's clock, before or after it.",
        "Set the clock of the sender or of this server right. A delivery is signed anew for each "
        "attempt; a stored one can't be sent again later.",
    ),
    Problem(
        "not_allowed",
        403,
        "Not yours to do",
        "You are signed in, but this is for somebody else. The detail says who may.",
        "Ask one of those named, or an administrator for the role or right.",
    ),
    Problem(
        "wrong_source",
        403,
        "A key sends for one source only",
        "The key is bound to one `source`, and the body names another.",
        "Send the source that the key was issued for, or ask for a key of the other source.",
    ),
    Problem(
        "not_found",
        404,
        "Not found",
        "There is no such thing, or it is not yours to see; the two are not told apart.",
        "Check the identifier. Parts of an address must be percent-encoded (a slash is %2F).",
    ),
    Problem(
        "unknown_route",
        404,
        "No such address",
        "Nothing answers at this address.",
        "See /docs for every address. Slashes inside an identifier must be sent as %2F.",
    ),
    Problem(
        "method_not_allowed",
        405,
        "This address does not know the method",
        "The header Allow names the methods that it knows.",
        "Use one of those; see /docs.",
    ),
    Problem(
        "too_slow",
        408,
        "The request came too slowly",
        "Headers must arrive within 10 seconds, the body within 30 and at a minimum pace.",
        "Send again over a better connection, compressed or in smaller parts.",
    ),
    Problem(
        "version_conflict",
        409,
        "The case has changed meanwhile",
        "Somebody else changed it after you read it.",
        "Read it again, decide on what it says now, and send its present `version`.",
    ),
    Problem(
        "illegal_transition",
        409,
        "Not in this state",
        "The state of the case does not know this command. Nothing was changed.",
        "Read the case; its `available_commands` lists what can be done now.",
    ),
    Problem(
        "id_conflict",
        409,
        "The same id with another body",
        "This `source` has already sent this `id` with other content. The first one counts.",
        "Give each signal an id of its own; to correct one, send a new signal.",
    ),
    Problem(
        "idempotency_in_flight",
        409,
        "The first request is still under way",
        "A request with this Idempotency-Key has not been answered yet.",
        "Wait for the seconds in Retry-After and send the same request again.",
    ),
    Problem(
        "too_large",
        413,
        "The body is too large",
        "A body may have up to 5 MiB after decompression.",
        "Split it into several requests.",
    ),
    Problem(
        "too_many",
        413,
        "Too many at once",
        "An array may hold up to 1,000 entries.",
        "Split it, or send newline-delimited JSON (application/x-ndjson).",
    ),
    Problem(
        "too_complex",
        413,
        "Too many values",
        "A body may hold up to 200,000 values.",
        "Split it into several requests.",
    ),
    Problem(
        "unsupported_media_type",
        415,
        "This content type is not accepted here",
        "The Content-Type is none that this address reads. The detail names those.",
        "Set the header. With curl: -H 'Content-Type: application/json'.",
    ),
    Problem(
        "unsupported_charset",
        415,
        "Only UTF-8 is accepted",
        "The Content-Type names another charset than utf-8.",
        "Send UTF-8 and leave the charset out.",
    ),
    Problem(
        "evidence_type_refused",
        415,
        "This file is not taken as evidence",
        "By its content the file is of no type that is kept, is damaged, holds something that a "
        "reader's program might run, or is not what its Content-Type says. The detail says which.",
        "Send a PDF, JPEG, PNG or WebP, text or CSV in UTF-8, or a docx or xlsx without macros, "
        "with the Content-Type of what it is.",
    ),
    Problem(
        "unsupported_encoding",
        415,
        "This compression is not accepted",
        "Content-Encoding may be gzip, deflate or identity.",
        "Compress with gzip, or send the body as it is.",
    ),
    Problem(
        "expectation_failed",
        417,
        "The Expect header cannot be met",
        "Only `Expect: 100-continue` is known.",
        "Leave the header out.",
    ),
    Problem(
        "invalid_input",
        422,
        "The body does not fit",
        "The body is JSON but not what this address expects; `errors` names each place.",
        "Mend the places named. /docs has the fields and their limits.",
    ),
    Problem(
        "invalid_parameter",
        422,
        "A parameter does not fit",
        "A part of the address or query is unknown, repeated or out of its limits.",
        "Mend the parameters named in `errors`. In a query a plus sign is sent as %2B.",
    ),
    Problem(
        "future_dated",
        422,
        "Dated in the future",
        "A time lies more than 5 minutes ahead of this server's clock.",
        "Check the sender's clock and time zone: the offset is part of the time.",
    ),
    Problem(
        "not_mapped",
        422,
        "The map does not fit",
        "A signed delivery does not hold what the map of its endpoint looks for. It is kept at "
        "/v1/signals/rejected with what was found.",
        "Mend the map in the settings, try it with `freezeguard inbound check`, and have the "
        "sender send again.",
    ),
    Problem(
        "nothing_accepted",
        422,
        "Nothing was accepted",
        "Every entry was rejected; `rejected` says why, one by one.",
        "Mend and send again. Signals that were rejected are kept at /v1/signals/rejected.",
    ),
    Problem(
        "too_many_rejected",
        422,
        "Too many bad lines",
        "More than 1,000 lines of the body are bad, so nothing of it was taken.",
        "Check the form of the whole body: one JSON object per line. The detail names one line.",
    ),
    Problem(
        "guard_failed",
        422,
        "Something is missing",
        "The command is legal now, but needs more. `missing` lists what.",
        "Supply what `missing` lists and send the command again.",
    ),
    Problem(
        "evidence_full",
        422,
        "The case takes no more files",
        "The number of files of a case, and their bytes together, have a limit.",
        "Put several pictures into one PDF, or say in a comment where more can be had.",
    ),
    Problem(
        "idempotency_mismatch",
        422,
        "The Idempotency-Key belongs to another request",
        "The key was used before with another method, address or body.",
        "Make a new key for each new request; repeat a key only with the same request.",
    ),
    Problem(
        "too_many_requests",
        429,
        "Too many requests",
        "This key or address has spent its allowance for the moment.",
        "Wait for the seconds in Retry-After.",
    ),
    Problem(
        "head_too_large",
        431,
        "The address or a header is too long",
        "The request line and each header may have up to 8,190 bytes, and 128 headers at most.",
        "Shorten them; send long lists in a body.",
    ),
    Problem(
        "internal",
        500,
        "A fault of ours",
        "Something unexpected happened here. It is logged under the request id.",
        "Send the request again; if it persists, report the `request_id`.",
    ),
    Problem(
        "unavailable",
        503,
        "Away for the moment",
        "Something that freezeguard depends on is away. Existing freezes stay in force.",
        "Send the same request again after the seconds in Retry-After.",
    ),
)
PROBLEMS: Mapping[str, Problem] = {problem.code: problem for problem in _ALL}
