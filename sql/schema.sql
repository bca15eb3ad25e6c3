-- The whole database of freezeguard, in the order in which a complaint travels through it.
-- This file is the readable truth; tests prove that all migrations together produce it.
--
-- Conventions
--   * Text that orders or identifies is COLLATE "C": the same order in Python, in SQL, anywhere.
--   * Times are timestamptz, in UTC. Money is numeric. Free structures are jsonb.
--   * `sku` is in every key that may one day be a distribution key.
--   * The runtime role owns nothing: see "Rights" at the end.

-- ------------------------------------------------------------------------------ people and keys

CREATE TABLE people (
    id          text COLLATE "C" PRIMARY KEY,
    name        text NOT NULL,
    email       text,
    roles       text[] NOT NULL,
    vendor      text COLLATE "C",               -- binds a person with the role vendor
    areas       text[] NOT NULL DEFAULT '{}',   -- categories of a manager; empty = all
    language    text NOT NULL DEFAULT 'en',
    time_zone   text NOT NULL DEFAULT 'UTC',
    active      boolean NOT NULL DEFAULT true,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    deputy      text COLLATE "C" REFERENCES people (id),  -- next in line when a clock runs out
    calendar    text,                           -- whose holidays: DE, DE-BY; null: the shop's
    CHECK (('vendor' = ANY (roles)) = (vendor IS NOT NULL)),
    CHECK (NOT ('vendor' = ANY (roles)) OR cardinality(roles) = 1)
);

CREATE TABLE credentials (
    id            uuid PRIMARY KEY,
    person        text COLLATE "C" REFERENCES people (id),  -- null: a machine key
    name          text NOT NULL,
    secret_hash   bytea NOT NULL UNIQUE,                    -- SHA-256 of 256 random bits
    rights        text[] NOT NULL DEFAULT '{}',
    source        text COLLATE "C",
    freeze_budget integer NOT NULL DEFAULT 0,
    created_at    timestamptz NOT NULL,
    expires_at    timestamptz,
    revoked_at    timestamptz,
    CHECK (person IS NULL OR rights = '{}'),
    CHECK (NOT ('source' = ANY (rights)) OR source IS NOT NULL)
);

-- People who signed in with a browser.
CREATE TABLE sessions (
    token_hash   bytea PRIMARY KEY,             -- SHA-256 of 256 random bits
    person       text COLLATE "C" NOT NULL REFERENCES people (id),
    how          text NOT NULL CHECK (how IN ('link', 'token', 'oidc', 'code')),
    opened_at    timestamptz NOT NULL,
    seen_at      timestamptz NOT NULL,          -- of the latest minute in which it was used
    proved_at    timestamptz NOT NULL,          -- when they last showed who they are
    ends_at      timestamptz NOT NULL,
    ended_at     timestamptz                    -- signed out, or replaced by a fresh one
);
CREATE INDEX sessions_by_person ON sessions (person) WHERE ended_at IS NULL;
CREATE INDEX sessions_by_end ON sessions (ends_at);

-- Links that let somebody in once.
CREATE TABLE sign_in_links (
    secret_hash  bytea PRIMARY KEY,             -- SHA-256 of 256 random bits
    person       text COLLATE "C" NOT NULL REFERENCES people (id),
    issued_by    text NOT NULL,
    issued_at    timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    used_at      timestamptz
);
CREATE INDEX sign_in_links_by_end ON sign_in_links (expires_at);

-- Codes that a vendor's contact types in after opening the link of a mail.
CREATE TABLE sign_in_codes (
    browser_hash bytea PRIMARY KEY,             -- SHA-256 of 256 random bits, kept by the browser
    case_id      uuid NOT NULL,                 -- as it was asked: there need be no such case
    vendor       text COLLATE "C",              -- NULL: nobody may enter by it
    address      text,
    code_hash    bytea NOT NULL,                -- SHA-256, keyed by what the browser keeps
    asked_at     timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    tries        smallint NOT NULL DEFAULT 0,
    used_at      timestamptz
);
CREATE INDEX sign_in_codes_by_case ON sign_in_codes (case_id, asked_at);
CREATE INDEX sign_in_codes_by_address ON sign_in_codes (address, asked_at);
CREATE INDEX sign_in_codes_by_time ON sign_in_codes (asked_at);

-- Who a person is at the shop's OpenID provider.
CREATE TABLE identities (
    issuer     text COLLATE "C" NOT NULL,
    subject    text COLLATE "C" NOT NULL,       -- as the provider names them; never an address
    person     text COLLATE "C" NOT NULL REFERENCES people (id),
    linked_at  timestamptz NOT NULL,
    PRIMARY KEY (issuer, subject)
);

-- Views of the queue that people named.
CREATE TABLE saved_views (
    id         uuid PRIMARY KEY,
    person     text COLLATE "C" NOT NULL REFERENCES people (id),
    name       text NOT NULL,
    filters    jsonb NOT NULL,                  -- as GET /v1/cases takes them
    saved_at   timestamptz NOT NULL
);
CREATE INDEX saved_views_by_person ON saved_views (person, saved_at);

-- One row: secrets and settings that all replicas share.
CREATE TABLE instance (
    singleton        boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    customer_key     bytea NOT NULL,            -- keys the hash of customer references
    default_owner    text COLLATE "C" REFERENCES people (id),
    access_revision  bigint NOT NULL DEFAULT 0, -- rises with every change of people and keys
    rules_revision   bigint NOT NULL DEFAULT 0, -- rises with every change of rules and suppressions
    marked_revision  bigint NOT NULL DEFAULT 0, -- rules up to here led to the evaluations they need
    created_at       timestamptz NOT NULL
);

-- ---------------------------------------------------------------------------------- master data

CREATE TABLE vendors (
    vendor      text COLLATE "C" PRIMARY KEY,
    name        text NOT NULL,
    contacts    jsonb NOT NULL DEFAULT '[]',    -- [{"channel": "mail", "address": …, "name"?: …}]
    language    text NOT NULL DEFAULT 'en',
    time_zone   text NOT NULL DEFAULT 'UTC',
    updated_at  timestamptz NOT NULL,
    calendar    text                            -- whose holidays: CN, DE-BY; null: the shop's
);

CREATE TABLE skus (
    sku         text COLLATE "C" PRIMARY KEY,
    title       text,
    vendor      text COLLATE "C",
    category    text COLLATE "C",
    gtin        text,
    price       numeric(18, 4),
    owner       text COLLATE "C" REFERENCES people (id),
    read_ahead_at timestamptz,                  -- when the before-images were last read ahead
    updated_at  timestamptz NOT NULL
);
CREATE INDEX skus_by_vendor ON skus (vendor);
CREATE INDEX skus_by_category ON skus (category);
CREATE INDEX skus_by_gtin ON skus (lpad(gtin, 14, '0')) WHERE gtin IS NOT NULL;
CREATE INDEX skus_by_change ON skus (updated_at, sku);
CREATE INDEX skus_to_read_ahead ON skus (read_ahead_at NULLS FIRST, sku);

CREATE TABLE sources (
    source      text COLLATE "C" PRIMARY KEY,
    name        text NOT NULL,
    trust       real NOT NULL DEFAULT 1,
    false_alarms integer NOT NULL DEFAULT 0,
    updated_at  timestamptz NOT NULL,
    max_silence interval,                       -- longer is an alarm; null: what chance allows
    first_heard_at timestamptz,
    last_heard_at timestamptz,
    silent_since timestamptz                    -- last heard then, and alarmed; null: not silent
);

-- How many new signals each feed sent in each hour, by the time of receipt.
CREATE TABLE source_hours (
    source       text COLLATE "C" NOT NULL,
    hour         timestamptz NOT NULL,
    signals      bigint NOT NULL,
    PRIMARY KEY (source, hour)
);

-- Since when some replica has been there to hear, without a gap: one row.
CREATE TABLE listening (
    only_row     boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    since        timestamptz NOT NULL,
    seen_at      timestamptz NOT NULL
);

-- What became of the cases that a source's signals opened: by that, it is trusted more or less.
CREATE TABLE source_verdicts (
    source       text COLLATE "C" NOT NULL,
    case_id      uuid NOT NULL,
    at           timestamptz NOT NULL,
    was_right    boolean NOT NULL,
    PRIMARY KEY (source, case_id)
);

-- --------------------------------------------------------------------------------------- signals

-- Identity of every signal ever accepted. Time partitions can't enforce it, so it stands alone;
-- it is distributed by (source, id), not by sku: the same id with another SKU is a conflict.
CREATE TABLE signal_identities (
    source       text COLLATE "C" NOT NULL,
    id           text COLLATE "C" NOT NULL,
    fingerprint  bytea NOT NULL,                -- of the body; empty: erased, any body repeats it
    sku          text COLLATE "C" NOT NULL,
    occurred_at  timestamptz NOT NULL,
    PRIMARY KEY (source, id)
);

CREATE SEQUENCE signal_seq;

-- What detection reads. Nothing here names a customer or quotes one.
-- The primary key is also the index of every window: (sku, occurred_at, source, id).
CREATE TABLE signals (
    sku          text COLLATE "C" NOT NULL,
    occurred_at  timestamptz NOT NULL,          -- when the complaint was made
    source       text COLLATE "C" NOT NULL,
    id           text COLLATE "C" NOT NULL,
    seq          bigint NOT NULL DEFAULT nextval('signal_seq'),  -- drawn under the lock of the SKU
    received_at  timestamptz NOT NULL,
    observed_at  timestamptz,                   -- when the fault first showed; diagnosis only
    kind         text COLLATE "C" NOT NULL,
    intent       text COLLATE "C" NOT NULL,
    severity     smallint NOT NULL CHECK (severity BETWEEN 1 AND 4),
    result       text COLLATE "C",
    customer     bytea,                         -- keyed hash; 17 bytes: a pseudonym in its place
    lot          text COLLATE "C",
    seller       text COLLATE "C",
    channel      text COLLATE "C",
    country      text COLLATE "C",
    contact_cost numeric(18, 4),
    may_assert_safety boolean NOT NULL,
    acts_on_history   boolean NOT NULL,
    judged_by    uuid,                          -- the case that judged it: it never counts again
    judged_at    timestamptz,
    judged_usual boolean,                       -- and found to be nothing unusual: rules learn of it
    marks        bytea,                         -- keyed hashes of what it shares with others
    PRIMARY KEY (sku, occurred_at, source, id)
) PARTITION BY RANGE (occurred_at);

-- Everything before the first month that was ever planned lies in one partition.
CREATE TABLE signals_history PARTITION OF signals FOR VALUES FROM (MINVALUE) TO ('2026-11-01Z');
-- Nothing should ever arrive here: months are made ahead. `doctor` looks.
CREATE TABLE signals_unplanned PARTITION OF signals DEFAULT;

-- Complaint text, order reference and unknown fields: apart, so that they can be erased alone.
CREATE TABLE signal_texts (
    source       text COLLATE "C" NOT NULL,
    id           text COLLATE "C" NOT NULL,
    sku          text COLLATE "C" NOT NULL,
    text         text,                          -- masked
    order_ref    text,
    extra        jsonb,
    PRIMARY KEY (source, id)
);

CREATE TABLE rejected_signals (
    id           uuid PRIMARY KEY,
    received_at  timestamptz NOT NULL,
    source       text COLLATE "C",
    credential   uuid,
    position     integer NOT NULL,              -- index in the batch
    code         text NOT NULL,
    detail       text NOT NULL,
    body         text NOT NULL                  -- as received, masked, bounded; empty: erased
);
CREATE INDEX rejected_signals_by_time ON rejected_signals (received_at DESC, id DESC);
CREATE INDEX rejected_signals_with_body ON rejected_signals (received_at) WHERE body <> '';

-- Units shipped: the exposure that rates are measured against.
CREATE TABLE shipments (
    source       text COLLATE "C" NOT NULL,
    id           text COLLATE "C" NOT NULL,
    fingerprint  bytea NOT NULL,
    sku          text COLLATE "C" NOT NULL,
    units        bigint NOT NULL CHECK (units >= 0),
    shipped_at   timestamptz NOT NULL,
    lot          text COLLATE "C",
    seller       text COLLATE "C",
    channel      text COLLATE "C",
    country      text COLLATE "C",
    received_at  timestamptz NOT NULL,
    PRIMARY KEY (source, id)
);
CREATE INDEX shipments_by_sku ON shipments (sku, shipped_at) INCLUDE (units);

-- One row per SKU: the lock under which it is counted, and how many signals it has.
CREATE TABLE sku_tallies (
    sku          text COLLATE "C" PRIMARY KEY,
    signals      bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 70);

-- SKUs that must be evaluated: written with the signals, removed with the decision.
-- Whoever stored the signals evaluates at once; every replica sweeps what was left behind.
CREATE TABLE pending_evaluations (
    sku          text COLLATE "C" PRIMARY KEY,
    since_seq    bigint NOT NULL,               -- signals from here on are news
    since_time   timestamptz NOT NULL,          -- the earliest occurred_at among them
    marked_at    timestamptz NOT NULL,
    attempts     integer NOT NULL DEFAULT 0,
    last_error   text
);
CREATE INDEX pending_evaluations_by_age ON pending_evaluations (marked_at);

-- ------------------------------------------------------------------------------------- detection

CREATE TABLE rules (
    id           text COLLATE "C" NOT NULL,
    version      integer NOT NULL,
    body         jsonb NOT NULL,
    mode         text NOT NULL CHECK (mode IN ('armed', 'shadow', 'off')),
    created_by   text NOT NULL,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (id, version)
);

-- Changes of rules that loosen them, until a second person agrees. One of a rule that got another
-- version meanwhile is void; so is one that has expired.
CREATE TABLE rule_proposals (
    id           uuid PRIMARY KEY,
    rule_id      text COLLATE "C" NOT NULL,
    base_version integer NOT NULL,              -- that the proposer saw; 0: there was none
    body         jsonb NOT NULL,
    loosens      text[] NOT NULL,               -- in which ways
    proposed_by  text COLLATE "C" NOT NULL REFERENCES people (id),
    proposed_at  timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    decided_at   timestamptz,
    decided_by   text,
    outcome      text CHECK (outcome IN ('approved', 'rejected', 'withdrawn')),
    CHECK ((decided_at IS NULL) = (outcome IS NULL)),
    CHECK ((decided_at IS NULL) = (decided_by IS NULL))
);
CREATE INDEX rule_proposals_open ON rule_proposals (expires_at) WHERE decided_at IS NULL;

CREATE TABLE suppressions (
    id           uuid PRIMARY KEY,
    sku          text COLLATE "C",              -- null: every SKU of `vendor` or `category`
    vendor       text COLLATE "C",
    category     text COLLATE "C",
    rule_id      text COLLATE "C",              -- null: every rule but safety
    cause        text NOT NULL,
    author       text NOT NULL,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    ended_at     timestamptz,
    warned_at    timestamptz,                   -- its author was told that it ends soon
    end_told_at  timestamptz,                   -- and that it has ended
    CHECK (sku IS NOT NULL OR vendor IS NOT NULL OR category IS NOT NULL),
    CHECK (expires_at > created_at)
);

-- What items usually do, learned from the shop's own past: the newest revision of a category and unit
-- counts. Append-only: reasons name what they rest on.
CREATE TABLE learned_priors (
    category     text COLLATE "C" NOT NULL,     -- empty: of all items
    unit         text NOT NULL CHECK (unit IN ('units', 'days')),  -- what exposure is counted in
    revision     bigint NOT NULL,               -- of the rules: what is learned changes them, too
    shape        double precision CHECK (shape > 0),     -- null: too few items by now
    exposure     double precision CHECK (exposure > 0),
    items        integer NOT NULL,              -- that taught it
    learned_at   timestamptz NOT NULL,
    CHECK ((shape IS NULL) = (exposure IS NULL)),
    PRIMARY KEY (category, unit, revision)
);

-- One row: when the priors were last learned, and which replica is at it.
CREATE TABLE prior_learning (
    singleton    boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    begun_at     timestamptz,
    finished_at  timestamptz,                   -- the last time that all of the past was read
    holder       uuid,                          -- null: nobody is at it
    lease_until  timestamptz                    -- by the database's clock; then somebody else may
);
INSERT INTO prior_learning DEFAULT VALUES;

-- Every crossing that was found, whatever came of it.
CREATE TABLE crossings (
    id           uuid PRIMARY KEY,
    sku          text COLLATE "C" NOT NULL,
    scope        jsonb NOT NULL,
    rule_id      text COLLATE "C" NOT NULL,
    rule_version integer NOT NULL,
    crossed_at   timestamptz NOT NULL,          -- occurred_at of the crossing signal
    source       text COLLATE "C" NOT NULL,
    signal_id    text COLLATE "C" NOT NULL,
    known_at     timestamptz NOT NULL,          -- what is stored was known then
    outcome      text NOT NULL CHECK (outcome IN (
        'freeze',      -- opened or re-opened a case and stopped the sale
        'suspect',     -- look-bound only
        'budget',      -- would freeze; the governor's budget was spent
        'shadow',      -- the rule only records
        'historical',  -- further back than the window
        'suppressed',
        'covered',     -- a hold covered the scope already
        'pattern'      -- many complaints, but few voices: a person is to look
    )),
    case_id      uuid,
    reason       jsonb NOT NULL
);
CREATE INDEX crossings_by_sku ON crossings (sku, rule_id, known_at);
CREATE INDEX crossings_of_shadows ON crossings (rule_id, known_at) WHERE outcome = 'shadow';
CREATE INDEX crossings_suppressed ON crossings (known_at) WHERE outcome = 'suppressed';
-- The same complaint crosses the same bound once. The scope as a hash: with the longest names in
-- it a row would not fit into the index, and the freeze would fail with it.
CREATE UNIQUE INDEX crossings_once ON crossings
    (sku, jsonb_hash_extended(scope, 0), rule_id, rule_version, source, signal_id, outcome);

-- The governor's ledger: automatic freezes that spent a budget.
CREATE TABLE automatic_freezes (
    case_id      uuid NOT NULL,
    sku          text COLLATE "C" NOT NULL,
    at           timestamptz NOT NULL,
    lane         text NOT NULL,
    source       text COLLATE "C",
    category     text COLLATE "C",
    vendor       text COLLATE "C",
    credential   uuid                           -- set where a machine key with may_freeze asked
);
CREATE INDEX automatic_freezes_by_time ON automatic_freezes (at);
CREATE INDEX automatic_freezes_by_vendor ON automatic_freezes (vendor, at) WHERE vendor IS NOT NULL;

-- When somebody was last alerted of a thing that is not a case, so that nobody is flooded.
CREATE TABLE alerts (
    name         text PRIMARY KEY,
    last_at      timestamptz NOT NULL
);

-- ----------------------------------------------------------------------------------------- cases

CREATE TABLE cases (
    id               uuid PRIMARY KEY,
    number           bigint GENERATED ALWAYS AS IDENTITY UNIQUE,   -- for people
    sku              text COLLATE "C" NOT NULL,
    seller           text COLLATE "C",
    channel          text COLLATE "C",
    country          text COLLATE "C",
    lot              text COLLATE "C",
    state            text NOT NULL CHECK (state IN (
        'suspected', 'freezing', 'frozen', 'diagnosing', 'remedy_proposed', 'awaiting_approval',
        'reinstating', 'probation', 'appealed',
        'closed_reinstated', 'closed_false_alarm', 'delisted', 'merged', 'expired')),
    lane             text NOT NULL CHECK (lane IN ('quality', 'safety', 'authority')),
    version          integer NOT NULL CHECK (version >= 1),
    evidence_revision integer NOT NULL CHECK (evidence_revision >= 1),
    recurrence       integer NOT NULL DEFAULT 0,
    degraded         boolean NOT NULL DEFAULT false,      -- derived from enforcement
    vendor           text COLLATE "C",
    vendor_status    text NOT NULL DEFAULT 'unreached' CHECK (vendor_status IN
        ('unreached', 'notified', 'acknowledged', 'committed', 'answered', 'silent')),
    category         text COLLATE "C",
    owner            text COLLATE "C",
    outcome          text,                                -- false_alarm while it is being released
    opened_by        text NOT NULL,
    opened_at        timestamptz NOT NULL,
    frozen_at        timestamptz,
    reinstated_at    timestamptz,                         -- approved: only later units count
    closed_at        timestamptz,
    reason           jsonb NOT NULL,                      -- why, as a value
    rule_id          text COLLATE "C",
    rule_version     integer,
    diagnosis        jsonb,
    remedy           jsonb,
    remedy_author    text,
    remedy_rounds    integer NOT NULL DEFAULT 0,
    verification     jsonb,
    approval_requested_at timestamptz,
    approval_requested_by text,
    approval_evidence integer,                            -- evidence revision that was shown
    release_tries    integer NOT NULL DEFAULT 0,
    probation        jsonb,                               -- terms: until, units, cap, baseline
    known_evidence   jsonb NOT NULL DEFAULT '{}',         -- intents, lots, channels, severity seen
    contact_cost     numeric(18, 4) NOT NULL DEFAULT 0,
    further_scopes   jsonb NOT NULL DEFAULT '[]',         -- of cases merged into this one
    narrowing        jsonb,                               -- the narrower scope, until it is read back
    authority_order  jsonb,                               -- authority, document, revocation
    commitment       jsonb,                               -- the vendor's own date
    contest          jsonb,                               -- what the vendor disputes, and the answer
    appeal           jsonb,
    hand_off         jsonb,                               -- offered to whom, until accepted
    decided_by       text[] NOT NULL DEFAULT '{}',        -- who closed it: others judge an appeal
    merged_into      uuid REFERENCES cases (id),
    defect_found     boolean NOT NULL DEFAULT false,      -- by a remedy, or a delisting
    CHECK ((closed_at IS NOT NULL) =
           (state IN ('closed_reinstated', 'closed_false_alarm', 'delisted', 'merged', 'expired'))),
    CHECK (state <> 'awaiting_approval' OR approval_evidence IS NOT NULL)
);
-- One open case per exact scope.
CREATE UNIQUE INDEX cases_one_open_per_scope ON cases
    (sku, coalesce(seller, ''), coalesce(channel, ''), coalesce(country, ''), coalesce(lot, ''))
    WHERE state IN ('suspected', 'freezing', 'frozen', 'diagnosing', 'remedy_proposed',
                    'awaiting_approval', 'reinstating', 'probation', 'appealed');
CREATE INDEX cases_open_by_sku ON cases (sku)
    WHERE state IN ('suspected', 'freezing', 'frozen', 'diagnosing', 'remedy_proposed',
                    'awaiting_approval', 'reinstating', 'probation', 'appealed');
CREATE INDEX cases_by_sku ON cases (sku, opened_at DESC);
CREATE INDEX cases_by_time ON cases (opened_at DESC, id DESC);
CREATE INDEX cases_by_vendor ON cases (vendor, opened_at DESC);
CREATE INDEX cases_by_category ON cases (category, opened_at DESC);
CREATE INDEX cases_narrowing ON cases (opened_at, id) WHERE narrowing IS NOT NULL;

-- What happened to a case, in order: append-only, enough to replay it.
CREATE TABLE case_events (
    case_id      uuid NOT NULL REFERENCES cases (id),
    sku          text COLLATE "C" NOT NULL,
    n            integer NOT NULL,
    at           timestamptz NOT NULL,
    actor        text NOT NULL,                 -- person:ann, key:…, detector, timer, reconciler
    command      text NOT NULL,
    from_state   text,
    to_state     text NOT NULL,
    version      integer NOT NULL,
    evidence_revision integer NOT NULL,
    arguments    jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (case_id, n)
);

-- Signals attached to a case; `counted` ones made the crossing.
CREATE TABLE case_signals (
    case_id      uuid NOT NULL REFERENCES cases (id),
    sku          text COLLATE "C" NOT NULL,
    source       text COLLATE "C" NOT NULL,
    id           text COLLATE "C" NOT NULL,
    occurred_at  timestamptz NOT NULL,
    attached_at  timestamptz NOT NULL,
    counted      boolean NOT NULL,
    PRIMARY KEY (case_id, source, id)
);

-- Rows lie in the order in which they were attached: a small index finds the latest.
CREATE INDEX case_signals_by_attachment ON case_signals
    USING brin (attached_at) WITH (autosummarize = on);

-- What the queue is ordered by, counted behind the scenes by whichever replica sweeps.
CREATE TABLE case_harm (
    case_id      uuid PRIMARY KEY REFERENCES cases (id),
    version      integer NOT NULL,              -- of the case when it was counted
    signals      bigint NOT NULL,               -- attached by then
    customers    bigint NOT NULL,               -- distinct, of complaints that still count
    severity     smallint NOT NULL,             -- of the worst of them; 0: there is none
    contact_cost numeric NOT NULL,
    units        bigint NOT NULL                -- shipped, from 90 days before the case on
);

-- First votes of two-person commands.
CREATE TABLE approvals (
    id           uuid PRIMARY KEY,
    case_id      uuid NOT NULL REFERENCES cases (id),
    sku          text COLLATE "C" NOT NULL,
    command      text NOT NULL,
    person       text COLLATE "C" NOT NULL REFERENCES people (id),
    arguments    jsonb NOT NULL,
    evidence_revision integer NOT NULL,
    cast_at      timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    void_at      timestamptz,
    void_why     text
);
CREATE UNIQUE INDEX approvals_once ON approvals (case_id, command, person) WHERE void_at IS NULL;

-- Clocks are rows: started, stopped and claimed in the database, never in memory.
CREATE TABLE clocks (
    id           uuid PRIMARY KEY,
    case_id      uuid NOT NULL REFERENCES cases (id),
    sku          text COLLATE "C" NOT NULL,
    kind         text NOT NULL,
    started_at   timestamptz NOT NULL,
    due_at       timestamptz NOT NULL,
    warn_at      timestamptz,
    paused_at    timestamptz,
    stopped_at   timestamptz,
    fired_at     timestamptz,
    lease_until  timestamptz,
    person       text COLLATE "C",              -- whose clock it is, where it is a person's
    next_at      timestamptz,                   -- of its next stage: warning, breach, escalation
    level        integer NOT NULL DEFAULT 0,    -- how far it has escalated
    warned_at    timestamptz,
    breached_at  timestamptz,
    details      jsonb NOT NULL DEFAULT '{}'    -- the law of a legal clock, and the like
);
CREATE UNIQUE INDEX clocks_once ON clocks (case_id, kind) WHERE stopped_at IS NULL;
CREATE INDEX clocks_by_case ON clocks (case_id);
CREATE INDEX clocks_due ON clocks (due_at) WHERE stopped_at IS NULL AND paused_at IS NULL;
CREATE INDEX clocks_next ON clocks (next_at)
    WHERE stopped_at IS NULL AND paused_at IS NULL AND next_at IS NOT NULL;

-- What people of the shop and of the vendor ask each other on a case; each has a clock of its own.
CREATE TABLE case_questions (
    id           uuid PRIMARY KEY,
    case_id      uuid NOT NULL REFERENCES cases (id),
    sku          text COLLATE "C" NOT NULL,
    asked_of     text NOT NULL CHECK (asked_of IN ('vendor', 'owner', 'person')),
    person       text COLLATE "C" REFERENCES people (id),    -- who is named
    vendor       text COLLATE "C",              -- with whom it stands; null: it stays inside the shop
    question     text NOT NULL,
    asked_by     text NOT NULL,
    asked_at     timestamptz NOT NULL,
    due_at       timestamptz NOT NULL,
    answer       text,                          -- or why it was withdrawn
    closed_by    text,
    closed_at    timestamptz,
    outcome      text CHECK (outcome IN ('answered', 'withdrawn', 'case_over')),
    CHECK ((closed_at IS NULL) = (outcome IS NULL)),
    CHECK ((asked_of = 'person') = (person IS NOT NULL)),
    CHECK (asked_of <> 'vendor' OR vendor IS NOT NULL)
);
CREATE INDEX case_questions_by_case ON case_questions (case_id);
CREATE INDEX case_questions_of_person ON case_questions (person) WHERE outcome IS NULL;

-- Where the cause may lie: opinions, with what speaks for and against each.
CREATE TABLE case_causes (
    id           uuid PRIMARY KEY,
    case_id      uuid NOT NULL REFERENCES cases (id),
    sku          text COLLATE "C" NOT NULL,
    branch       text NOT NULL CHECK (branch IN (
        'people', 'method', 'machine', 'material', 'measurement', 'environment')),
    description  text NOT NULL,
    state        text NOT NULL CHECK (state IN ('open', 'supported', 'ruled_out', 'confirmed')),
    whys         jsonb NOT NULL DEFAULT '[]',   -- from what was seen to the root
    evidence     jsonb NOT NULL DEFAULT '[]',   -- who says what for or against it, and when
    vendor       text COLLATE "C",              -- whose suggestion it is; null: the shop's
    made_by      text NOT NULL,
    made_at      timestamptz NOT NULL,
    changed_by   text NOT NULL,
    changed_at   timestamptz NOT NULL,
    version      integer NOT NULL CHECK (version >= 1)
);
CREATE INDEX case_causes_by_case ON case_causes (case_id);
-- A remedy has one root cause.
CREATE UNIQUE INDEX case_causes_confirmed ON case_causes (case_id) WHERE state = 'confirmed';

-- The dates that vendors set themselves, and whether they kept them: later caps depend on it.
CREATE TABLE vendor_promises (
    id           uuid PRIMARY KEY,
    case_id      uuid NOT NULL REFERENCES cases (id),
    sku          text COLLATE "C" NOT NULL,
    vendor       text COLLATE "C" NOT NULL,
    made_at      timestamptz NOT NULL,
    made_by      text NOT NULL,
    due_at       timestamptz NOT NULL,
    settled_at   timestamptz,
    outcome      text CHECK (outcome IN ('kept', 'broken', 'moved', 'withdrawn')),
    CHECK ((settled_at IS NULL) = (outcome IS NULL))
);
CREATE INDEX vendor_promises_by_vendor ON vendor_promises (vendor, made_at);
CREATE UNIQUE INDEX vendor_promises_once ON vendor_promises (case_id) WHERE settled_at IS NULL;

-- Was it right to pull the cord, for what was known? Kept per person and per rule.
CREATE TABLE reviews (
    id           uuid PRIMARY KEY,
    case_id      uuid NOT NULL REFERENCES cases (id),
    sku          text COLLATE "C" NOT NULL,
    verdict      text NOT NULL CHECK (verdict IN ('right', 'wrong', 'undecided')),
    comment      text NOT NULL DEFAULT '',
    reviewed_by  text NOT NULL,
    reviewed_at  timestamptz NOT NULL,
    pullers      text[] NOT NULL DEFAULT '{}',
    rule_id      text COLLATE "C"
);
CREATE INDEX reviews_by_case ON reviews (case_id);

-- Files that people attach to a case as evidence. Of one content there is one file per case: two
-- where staff first kept to themselves what the vendor may see as well.
CREATE TABLE evidence_files (
    id                uuid PRIMARY KEY,
    case_id           uuid NOT NULL REFERENCES cases (id),
    sku               text COLLATE "C" NOT NULL,
    name              text NOT NULL,
    media_type        text NOT NULL,
    size              integer NOT NULL CHECK (size > 0),
    sha256            text COLLATE "C" NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    note              text NOT NULL DEFAULT '',
    uploaded_by       text NOT NULL,
    uploaded_at       timestamptz NOT NULL,
    visible_to_vendor boolean NOT NULL,
    stored_in         text NOT NULL CHECK (stored_in IN ('database', 'directory')),
    erased_at         timestamptz,
    erased_why        text,
    CHECK ((erased_at IS NULL) = (erased_why IS NULL))
);
CREATE INDEX evidence_files_by_case ON evidence_files (case_id, uploaded_at);
CREATE UNIQUE INDEX evidence_files_once ON evidence_files (case_id, sha256, visible_to_vendor)
    WHERE erased_at IS NULL;

-- Their bytes in parts, where no directory keeps them: nobody needs to hold a whole file to pass it
-- on. Written before their file's row, so that the lock of the SKU is held for a moment only.
CREATE TABLE evidence_contents (
    file_id      uuid NOT NULL REFERENCES evidence_files (id) DEFERRABLE INITIALLY DEFERRED,
    n            integer NOT NULL,
    part         bytea NOT NULL,
    PRIMARY KEY (file_id, n)
);
ALTER TABLE evidence_contents ALTER COLUMN part SET STORAGE EXTERNAL;

-- --------------------------------------------------------------------------- holds, enforcement

-- One row. Its lock orders every change of the held set, so revisions commit in order.
CREATE TABLE held_set (
    singleton    boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    revision     bigint NOT NULL
);
INSERT INTO held_set (revision) VALUES (0);

CREATE TABLE holds (
    id           uuid PRIMARY KEY,
    case_id      uuid NOT NULL REFERENCES cases (id),
    sku          text COLLATE "C" NOT NULL,
    seller       text COLLATE "C",
    channel      text COLLATE "C",
    country      text COLLATE "C",
    lot          text COLLATE "C",
    lane         text NOT NULL CHECK (lane IN ('quality', 'safety', 'authority')),
    level        text NOT NULL CHECK (level IN ('hide', 'hard')),
    soft         boolean NOT NULL,              -- of a suspicion: the only kind that lapses
    state        text NOT NULL CHECK (state IN ('active', 'releasing', 'released', 'superseded')),
    reason       text NOT NULL,
    since        timestamptz NOT NULL,
    revision     bigint NOT NULL,               -- of its last change
    ended_at     timestamptz,
    CHECK ((ended_at IS NOT NULL) = (state IN ('released', 'superseded')))
);
CREATE INDEX holds_in_force ON holds (sku) WHERE state IN ('active', 'releasing');
CREATE INDEX holds_by_case ON holds (case_id);
CREATE UNIQUE INDEX holds_one_per_case_and_scope ON holds
    (case_id, coalesce(seller, ''), coalesce(channel, ''), coalesce(country, ''), coalesce(lot, ''))
    WHERE state IN ('active', 'releasing');

-- The ledger of the held set: what readers follow and what `?at=` reads. Append-only.
CREATE TABLE hold_changes (
    revision     bigint PRIMARY KEY,
    at           timestamptz NOT NULL,
    change       text NOT NULL CHECK (change IN ('hold', 'release')),
    hold_id      uuid NOT NULL,
    sku          text COLLATE "C" NOT NULL,
    hold         jsonb NOT NULL                 -- as readers see it
);
CREATE INDEX hold_changes_by_time ON hold_changes (at);

-- Orders to stop a SKU that were given without the database, once they have become cases.
CREATE TABLE emergency_orders (
    id            uuid PRIMARY KEY,
    sku           text COLLATE "C" NOT NULL,
    ordered_at    timestamptz NOT NULL,         -- by the clock of the machine that stopped the sale
    ordered_by    text NOT NULL,                -- who was at its command line
    person        text,                         -- for whom, on their word
    case_id       uuid NOT NULL REFERENCES cases (id),
    reconciled_at timestamptz NOT NULL
);
CREATE INDEX emergency_orders_by_sku ON emergency_orders (sku, ordered_at);

-- Does each catalogue obey? One row per catalogue object; an empty remote_id stands for a SKU
-- that was not looked up yet, or that the catalogue does not list.
CREATE TABLE catalogue_objects (
    sku           text COLLATE "C" NOT NULL,
    catalogue     text COLLATE "C" NOT NULL,
    remote_id     text COLLATE "C" NOT NULL,
    wanted        text NOT NULL CHECK (wanted IN ('sellable', 'hide', 'hard')),
    wanted_revision bigint NOT NULL DEFAULT 0,  -- fencing: of the hold change that wanted it
    status        text NOT NULL CHECK (status IN (
        'idle',          -- sellable, never stopped or restored exactly
        'pending',       -- a stop or a release is wanted and not seen yet
        'confirmed',     -- read back as wanted
        'refused', 'unreachable', 'drifted', 'not_listed', 'waived')),
    detail        text NOT NULL DEFAULT '',
    before_image  jsonb,
    before_at     timestamptz,                  -- when it was read; frozen once a stop is wanted
    written       jsonb,                        -- fields that our stops wrote: restore checks them
    fallbacks     text[] NOT NULL DEFAULT '{}', -- further means that are in force
    takes_along   text[] NOT NULL DEFAULT '{}',
    seen_sellable boolean,
    seen_side     text,
    seen_at       timestamptz,
    sent_at       timestamptz,
    attempts      integer NOT NULL DEFAULT 0,
    failing_since timestamptz,
    next_at       timestamptz,                  -- when to work on it next; null: nothing to do
    lease_until   timestamptz,
    lease_token   uuid,
    waived_by     text,                         -- these three are of an earlier version: waivers
    waived_until  timestamptz,
    waived_why    text,
    -- of SKUs that are sold as the same object: what their stops wrote, left to this one to restore
    inherited     jsonb,          -- {"written", "image", "fallbacks", "sent_at"}
    restored_at   timestamptz,    -- when it was last put back, or left to others
    PRIMARY KEY (sku, catalogue, remote_id)
);
CREATE INDEX catalogue_objects_due ON catalogue_objects (catalogue, next_at)
    WHERE next_at IS NOT NULL;
CREATE INDEX catalogue_objects_troubled ON catalogue_objects (sku)
    WHERE status IN ('refused', 'unreachable', 'drifted');
CREATE INDEX catalogue_objects_in_force ON catalogue_objects (catalogue, remote_id)
    WHERE wanted <> 'sellable' OR sent_at IS NOT NULL OR restored_at IS NOT NULL;

-- Which catalogues their owners have proved to be stoppable, and with which configuration.
CREATE TABLE catalogue_checks (
    catalogue   text COLLATE "C" PRIMARY KEY,
    fingerprint text NOT NULL,                  -- of the table that was proved, without secrets
    passed_at   timestamptz NOT NULL,
    passed_by   text NOT NULL,
    sku         text COLLATE "C" NOT NULL
);

-- Cases whose orders under way are announced by themselves once the freeze is confirmed.
CREATE TABLE order_lists (
    case_id      uuid PRIMARY KEY REFERENCES cases (id),
    wanted_at    timestamptz NOT NULL,          -- the latest freeze that was confirmed
    catalogues   text[],                        -- still to be asked; null: all
    attempts     integer NOT NULL DEFAULT 0,    -- since `wanted_at`
    next_at      timestamptz                    -- null: done. By the database's clock
);
CREATE INDEX order_lists_due ON order_lists (next_at) WHERE next_at IS NOT NULL;

-- The canary of each catalogue: a SKU made for it is stopped and released all the time, and timed.
CREATE TABLE canaries (
    catalogue       text COLLATE "C" PRIMARY KEY,
    sku             text COLLATE "C" NOT NULL,
    begun_at        timestamptz NOT NULL,       -- the last round
    finished_at     timestamptz,                -- the last round that came to an end
    succeeded_at    timestamptz,                -- the last one in which all was in time
    result          text CHECK (result IN ('well', 'late', 'failed', 'skipped')),
    detail          text NOT NULL DEFAULT '',   -- what was amiss
    stop_seconds    double precision,           -- from order to read-back, when it was last seen
    release_seconds double precision,           -- from the release until it was seen sold again
    images          jsonb,                      -- what it has stopped, as it was before; null: nothing
    alarmed_at      timestamptz,                -- people know since then that it is not well
    holder          uuid,                       -- null: nobody is at it
    lease_until     timestamptz                 -- by the database's clock; then somebody else may
);

-- What a case may overlook for a time, on somebody's word; in force while its clock runs.
CREATE TABLE waivers (
    case_id    uuid NOT NULL REFERENCES cases (id),
    sku        text COLLATE "C" NOT NULL,
    catalogue  text COLLATE "C" NOT NULL,
    remote_id  text COLLATE "C" NOT NULL,
    waived_by  text NOT NULL,
    waived_at  timestamptz NOT NULL,
    until      timestamptz NOT NULL,
    why        text NOT NULL,
    PRIMARY KEY (case_id, catalogue, remote_id)
);

CREATE TABLE manual_tasks (
    id           uuid PRIMARY KEY,
    case_id      uuid NOT NULL REFERENCES cases (id),
    sku          text COLLATE "C" NOT NULL,
    catalogue    text COLLATE "C" NOT NULL,
    remote_id    text COLLATE "C" NOT NULL,
    task         text NOT NULL CHECK (task IN ('stop', 'release')),
    instruction  text NOT NULL,
    assigned_to  text COLLATE "C",
    opened_at    timestamptz NOT NULL,
    resolved_at  timestamptz,
    resolved_by  text,
    note         text
);
CREATE UNIQUE INDEX manual_tasks_once ON manual_tasks (case_id, catalogue, remote_id, task)
    WHERE resolved_at IS NULL;
CREATE INDEX manual_tasks_by_case ON manual_tasks (case_id);

-- --------------------------------------------------------------------------------------- notices

-- Many notices to one reader within a short time leave as one mail.
CREATE TABLE notice_digests (
    id           uuid PRIMARY KEY,
    recipient    text COLLATE "C" NOT NULL,
    channel      text NOT NULL,
    address      text NOT NULL,
    opened_at    timestamptz NOT NULL,
    due_at       timestamptz NOT NULL,          -- when it leaves, or is tried again
    closed_at    timestamptz,                   -- nothing joins it any more: each try says the same
    ended_at     timestamptz,
    outcome      text CHECK (outcome IN ('sent', 'dissolved')),  -- dissolved: it goes one by one
    attempts     integer NOT NULL DEFAULT 0,
    last_error   text,
    tried        text[] NOT NULL DEFAULT '{}',  -- addresses that sent it back
    lease_until  timestamptz,
    lease_token  uuid,
    CHECK ((ended_at IS NULL) = (outcome IS NULL))
);
CREATE UNIQUE INDEX notice_digests_open ON notice_digests
    (recipient, channel, address) WHERE closed_at IS NULL;
CREATE INDEX notice_digests_by_reader ON notice_digests (recipient, closed_at);
CREATE INDEX notice_digests_due ON notice_digests (due_at) WHERE ended_at IS NULL;

-- Where people and teams read notices in a chat, beside their mail.
CREATE TABLE chat_addresses (
    id           uuid PRIMARY KEY,
    recipient    text COLLATE "C" NOT NULL,     -- person:ann, team:kitchen
    kind         text NOT NULL CHECK (kind IN ('slack', 'teams')),
    url          text NOT NULL,                 -- a secret: who knows it may write; empty once removed
    host         text NOT NULL,                 -- what is shown of it
    name         text NOT NULL,                 -- what a team is called
    areas        text[] NOT NULL DEFAULT '{}',  -- categories of a team; empty = all
    language     text NOT NULL DEFAULT 'en',    -- of a team, as its zone
    time_zone    text NOT NULL DEFAULT 'UTC',
    state        text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'disabled')),
    why          text NOT NULL DEFAULT '',
    not_before   timestamptz,                   -- Retry-After
    created_at   timestamptz NOT NULL,
    created_by   text NOT NULL,
    updated_at   timestamptz NOT NULL,
    removed_at   timestamptz,
    CHECK (removed_at IS NULL OR url = '')
);
CREATE UNIQUE INDEX chat_addresses_one ON chat_addresses (recipient, kind)
    WHERE removed_at IS NULL;

-- When a person wants to hear of nothing that can wait.
CREATE TABLE quiet_hours (
    person       text COLLATE "C" PRIMARY KEY REFERENCES people (id),
    begins       smallint NOT NULL CHECK (begins BETWEEN 0 AND 1439),  -- minutes after midnight in
    ends         smallint NOT NULL CHECK (ends BETWEEN 0 AND 1439),    -- the person's own zone
    updated_at   timestamptz NOT NULL,
    CHECK (begins <> ends)
);

-- Mails that people or mail servers sent us: each is taken once.
CREATE TABLE mails_received (
    message_id   text COLLATE "C" PRIMARY KEY,
    received_at  timestamptz NOT NULL,
    case_id      uuid REFERENCES cases (id),
    outcome      text NOT NULL
);

-- The outbox: written with the change it tells of, delivered afterwards, in order per reader.
CREATE TABLE notices (
    id           uuid PRIMARY KEY,
    case_id      uuid REFERENCES cases (id),    -- null: about the shop as a whole
    sku          text COLLATE "C",
    n            integer NOT NULL,              -- order within the case
    recipient    text COLLATE "C" NOT NULL,     -- person:ann, vendor:acme
    channel      text NOT NULL,
    address      text,
    kind         text NOT NULL,
    facts        jsonb NOT NULL,
    language     text NOT NULL,
    time_zone    text NOT NULL,
    state        text NOT NULL CHECK (state IN
        ('queued', 'sent', 'delivered', 'acknowledged', 'answered', 'bounced', 'silent')),
    attempts     integer NOT NULL DEFAULT 0,
    last_error   text,
    created_at   timestamptz NOT NULL,
    next_at      timestamptz,
    lease_until  timestamptz,
    lease_token  uuid,
    sent_at      timestamptz,
    sorted_at    timestamptz,                   -- since when it is known to go singly, or in a
    digest       uuid REFERENCES notice_digests (id),            -- digest
    tried        text[] NOT NULL DEFAULT '{}'   -- addresses that sent it back
);
CREATE UNIQUE INDEX notices_once ON notices (case_id, n, recipient, channel);
CREATE INDEX notices_due ON notices (next_at) WHERE state = 'queued';
CREATE INDEX notices_by_case ON notices (case_id, recipient, channel, n);
CREATE INDEX notices_unsorted ON notices (created_at)
    WHERE state = 'queued' AND sorted_at IS NULL;
CREATE INDEX notices_by_reader ON notices (recipient, sorted_at) WHERE sorted_at IS NOT NULL;
CREATE INDEX notices_by_recipient ON notices (recipient, created_at);
CREATE INDEX notices_by_digest ON notices (digest) WHERE digest IS NOT NULL;

-- -------------------------------------------------------------------------------------- webhooks

-- Where signed messages go. Only one replica at a time sends to an endpoint: the lease is its own,
-- and so is the moment before which it wants nothing.
CREATE TABLE webhook_endpoints (
    id              uuid PRIMARY KEY,
    vendor          text COLLATE "C",           -- null: a system of the shop's own
    url             text NOT NULL,
    types           text[] NOT NULL DEFAULT '{}',  -- wanted; empty: all
    scheme          text NOT NULL CHECK (scheme IN ('v1', 'v1a')),  -- HMAC-SHA256, ed25519
    secret          bytea NOT NULL,             -- signs, so it can't be a hash; empty once removed
    previous_secret bytea,                      -- signs too while receivers change over
    previous_until  timestamptz,
    description     text NOT NULL DEFAULT '',
    state           text NOT NULL CHECK (state IN ('active', 'failing', 'disabled')),
    why             text NOT NULL DEFAULT '',
    failing_since   timestamptz,                -- the first failure after the last success
    warned_at       timestamptz,                -- somebody was told by another channel
    disabled_at     timestamptz,
    not_before      timestamptz,                -- Retry-After
    lease_until     timestamptz,
    lease_token     uuid,
    created_at      timestamptz NOT NULL,
    created_by      text NOT NULL,
    updated_at      timestamptz NOT NULL,
    removed_at      timestamptz,
    CHECK ((previous_secret IS NULL) = (previous_until IS NULL)),
    CHECK ((state = 'disabled') = (disabled_at IS NOT NULL)),
    CHECK (state <> 'failing' OR failing_since IS NOT NULL),
    CHECK (removed_at IS NULL OR secret = '')
);
CREATE INDEX webhook_endpoints_by_vendor ON webhook_endpoints (vendor) WHERE removed_at IS NULL;

-- What was said: written with the change it tells of, only where an endpoint wants it.
CREATE TABLE webhook_messages (
    id           uuid PRIMARY KEY,
    seq          bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    vendor       text COLLATE "C",
    thread       text COLLATE "C" NOT NULL,     -- case:… or sku:…; within it the order is kept
    case_id      uuid REFERENCES cases (id),
    sku          text COLLATE "C",
    type         text COLLATE "C" NOT NULL,
    at           timestamptz NOT NULL,
    data         jsonb NOT NULL
);
CREATE INDEX webhook_messages_by_vendor ON webhook_messages (vendor, at);

CREATE TABLE webhook_deliveries (
    message_id   uuid NOT NULL REFERENCES webhook_messages (id),
    endpoint_id  uuid NOT NULL REFERENCES webhook_endpoints (id),
    seq          bigint NOT NULL,               -- of the message
    thread       text COLLATE "C" NOT NULL,
    state        text NOT NULL CHECK (state IN ('queued', 'sent', 'failed', 'cancelled')),
    attempts     integer NOT NULL DEFAULT 0,    -- since it was queued last
    next_at      timestamptz,
    settled_at   timestamptz,
    PRIMARY KEY (endpoint_id, message_id),
    CHECK ((state = 'queued') = (next_at IS NOT NULL)),
    CHECK ((state = 'queued') = (settled_at IS NULL))
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, next_at)
    WHERE state = 'queued';
CREATE INDEX webhook_deliveries_in_order ON webhook_deliveries (endpoint_id, thread, seq)
    WHERE state = 'queued';
CREATE INDEX webhook_deliveries_by_endpoint ON webhook_deliveries (endpoint_id, seq DESC);
CREATE INDEX webhook_deliveries_by_message ON webhook_deliveries (message_id);

-- What each endpoint answered; removed with its message when that is old.
CREATE TABLE webhook_attempts (
    n            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id   uuid NOT NULL,
    endpoint_id  uuid NOT NULL,
    at           timestamptz NOT NULL,
    status       integer,                       -- null: no answer
    error        text NOT NULL,                 -- empty: taken over
    seconds      real NOT NULL,
    FOREIGN KEY (endpoint_id, message_id) REFERENCES webhook_deliveries (endpoint_id, message_id)
);
CREATE INDEX webhook_attempts_by_delivery ON webhook_attempts (endpoint_id, message_id, n);

-- ---------------------------------------------------------------------------------------- record

-- Append-only by its grants, and by its triggers for whoever is above them. `hash` is not used: the
-- chain stands in `audit_chain`, for this table may never be updated.
CREATE TABLE audit (
    seq          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at           timestamptz NOT NULL,
    actor        text NOT NULL,
    action       text NOT NULL,
    subject      text NOT NULL,                 -- case:…, rule:…, person:…, key:…
    why          text NOT NULL DEFAULT '',
    details      jsonb NOT NULL DEFAULT '{}',
    request_id   text,
    hash         bytea
);
CREATE INDEX audit_by_subject ON audit (subject, seq);
-- NOT VALID: rows from before can't be changed; `audit verify` tells of them.
ALTER TABLE audit ADD CONSTRAINT audit_numbers_rise_from_one CHECK (seq > 0) NOT VALID;

-- One row: which chain this is. Anchors name it, so that none of another shop fits.
CREATE TABLE audit_origin (
    singleton    boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    instance     uuid NOT NULL,
    created_at   timestamptz NOT NULL
);
INSERT INTO audit_origin (instance, created_at) VALUES (gen_random_uuid(), now());

-- The audit rows as a hash chain, in batches and in the order in which they were seen: a row that
-- commits late is chained late. domain/auditchain.py says what is hashed. No foreign key: the
-- proof that a row was there must outlive the row.
CREATE TABLE audit_chain (
    position     bigint PRIMARY KEY CHECK (position > 0),
    audit_seq    bigint NOT NULL UNIQUE,
    chained_at   timestamptz NOT NULL,
    salt         bytea NOT NULL CHECK (length(salt) = 16),     -- so that a digest can't be guessed
    digest       bytea NOT NULL CHECK (length(digest) = 32),   -- of the audit row
    hash         bytea NOT NULL CHECK (length(hash) = 32)      -- of the one before, and the digest
);

CREATE FUNCTION refuse_change_of_record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The table % is append-only: % is refused, also for its owner.',
        TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'insufficient_privilege', HINT = 'docs/audit.md, "Duties to erase"';
END
$$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_record();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_record();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_chain
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_record();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON audit_chain
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_record();

CREATE TABLE idempotency_keys (
    actor        text COLLATE "C" NOT NULL,
    key          text COLLATE "C" NOT NULL,
    fingerprint  bytea NOT NULL,
    started_at   timestamptz NOT NULL,
    status       integer,                       -- null: still in flight
    headers      jsonb,
    body         bytea,
    PRIMARY KEY (actor, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (started_at);

-- ------------------------------------------------------------------------------------- retention

-- One row per run: how far it got, and how many it has erased of each class. Any replica goes on
-- with the run that is not finished.
CREATE TABLE retention_runs (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    started_at   timestamptz NOT NULL,          -- by the database's clock: one run a day
    measured_at  timestamptz NOT NULL,          -- ages are measured from here
    class        text NOT NULL,                 -- that is being worked on
    after        jsonb,                         -- the last place looked at, null: none yet
    counts       jsonb NOT NULL DEFAULT '{}',
    finished_at  timestamptz
);
CREATE UNIQUE INDEX retention_runs_one ON retention_runs ((true)) WHERE finished_at IS NULL;

-- ------------------------------------------------------------------------------------ partitions

-- Makes the monthly partitions of `signals` from the first planned month to `ahead` months after
-- `now_`. The runtime role may call it without owning a table.
CREATE FUNCTION ensure_signal_partitions(now_ timestamptz, ahead integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    month_ timestamptz := '2026-11-01Z';
    last_  timestamptz := date_trunc('month', now_ AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
                          + make_interval(months => least(ahead, 24));
    next_  timestamptz;
    name_  text;
    made   integer := 0;
BEGIN
    WHILE month_ <= last_ LOOP
        next_ := (month_ AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC';
        name_ := 'signals_' || to_char(month_ AT TIME ZONE 'UTC', 'YYYY_MM');
        IF to_regclass(name_) IS NULL THEN
            -- replicas that start together make it once
            PERFORM pg_advisory_xact_lock(hashtext('ensure_signal_partitions'));
            EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF signals '
                           'FOR VALUES FROM (%L) TO (%L)', name_, month_, next_);
            made := made + 1;
        END IF;
        month_ := next_;
    END LOOP;
    RETURN made;
END
$$;

-- The beginnings of the masked texts of some signals, in their order. OFFSET 0 keeps each look-up by
-- itself: a join that was planned while there were few texts would read all of them.
CREATE FUNCTION beginnings(sources text[], ids text[], most integer) RETURNS text[]
    LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT ARRAY(
        SELECT left(text, 300)
          FROM unnest(sources, ids) WITH ORDINALITY AS asked (source, id, place)
         CROSS JOIN LATERAL (
               SELECT text FROM signal_texts AS known
                WHERE known.source = asked.source AND known.id = asked.id
               OFFSET 0) AS own
         WHERE text IS NOT NULL
         ORDER BY place
         LIMIT most)
$$;

-- Take the lock that orders the held set and all spending, then count what is spent: in a function
-- each statement looks when it starts.
CREATE FUNCTION take_slot(since_ timestamptz, lane_ text, source_ text, category_ text,
                           vendor_ text, OUT revision bigint, OUT by_source bigint,
                           OUT by_category bigint, OUT by_vendor bigint, OUT by_shop bigint)
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE held_set SET revision = held_set.revision + 1
 RETURNING held_set.revision INTO take_slot.revision;
    SELECT count(*) FILTER (WHERE source = source_), count(*) FILTER (WHERE category = category_),
           count(*) FILTER (WHERE vendor = vendor_), count(*)
      INTO by_source, by_category, by_vendor, by_shop
      FROM automatic_freezes
     WHERE at > since_ AND lane = lane_;
END
$$;

-- Stops that a machine key ordered, or in which somebody found a defect, are no part of a wave. How
-- many SKUs the vendor has is counted where that may matter only, and as far: one in 200 of them may be
-- stopped (detection/waves.py). Nothing, where no wave is asked for. A limit that is not known when it
-- is planned would make the planner read the table from its beginning.
CREATE FUNCTION take_slot(
    since_ timestamptz, lane_ text, source_ text, category_ text, vendor_ text, sku_ text,
    wave_since_ timestamptz, OUT revision bigint, OUT by_source bigint, OUT by_category bigint,
    OUT by_vendor bigint, OUT by_shop bigint, OUT wave text[], OUT of_vendor bigint)
    LANGUAGE plpgsql SET search_path = public, pg_temp SET enable_seqscan = off AS $$
BEGIN
    SELECT slot.revision, slot.by_source, slot.by_category, slot.by_vendor, slot.by_shop
      INTO revision, by_source, by_category, by_vendor, by_shop
      FROM take_slot(since_, lane_, source_, category_, vendor_) AS slot;
    of_vendor := 0;
    wave := '{}';
    IF wave_since_ IS NOT NULL AND vendor_ IS NOT NULL AND lane_ = 'quality' THEN
        SELECT coalesce(array_agg(DISTINCT stopped.sku ORDER BY stopped.sku), '{}') INTO wave
          FROM automatic_freezes AS stopped
          JOIN cases ON cases.id = stopped.case_id
          LEFT JOIN cases AS survivor ON survivor.id = cases.merged_into
         WHERE stopped.vendor = vendor_ AND stopped.at > wave_since_ AND stopped.lane = 'quality'
           AND stopped.credential IS NULL AND stopped.sku <> sku_
           AND NOT (cases.defect_found OR coalesce(survivor.defect_found, false));
    END IF;
    IF cardinality(wave) > 0 THEN
        SELECT count(*) INTO of_vendor
          FROM (SELECT FROM skus WHERE skus.vendor = vendor_
                 LIMIT 200 * cardinality(wave) + 1) AS item;
    END IF;
END
$$;

-- What of the marks stays when a person is erased: that a text was like another says nothing of them.
CREATE FUNCTION impersonal(marks bytea) RETURNS bytea
    LANGUAGE sql IMMUTABLE STRICT SET search_path = public, pg_temp AS $$
    SELECT string_agg(substr(marks, 1 + 8 * n, 8), ''::bytea ORDER BY n)
      FROM generate_series(0, octet_length(marks) / 8 - 1) AS n
     WHERE chr(get_byte(marks, 8 * n)) NOT IN ('d', 'a')
$$;

-- ---------------------------------------------------------------------------------------- rights

-- The service runs as a member of this role. It owns nothing, and history is append-only for it.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'freezeguard_runtime') THEN
        CREATE ROLE freezeguard_runtime NOLOGIN;
    END IF;
END
$$;
GRANT USAGE ON SCHEMA public TO freezeguard_runtime;
GRANT SELECT, INSERT, UPDATE, DELETE ON
    pending_evaluations, idempotency_keys, catalogue_objects, waivers, source_hours, sessions,
    sign_in_links, sign_in_codes, saved_views
    TO freezeguard_runtime;
GRANT SELECT, INSERT, UPDATE ON
    people, credentials, instance, vendors, skus, sources, signals, signal_texts, sku_tallies,
    suppressions, alerts, cases, approvals, clocks, held_set, holds, manual_tasks, notices,
    vendor_promises, listening, source_verdicts, canaries
    TO freezeguard_runtime;
GRANT SELECT, INSERT ON
    signal_identities, rejected_signals, shipments, rules, crossings, automatic_freezes,
    case_events, case_signals, hold_changes, reviews
    TO freezeguard_runtime;
GRANT SELECT, INSERT ON learned_priors, emergency_orders, identities TO freezeguard_runtime;
GRANT SELECT, UPDATE ON prior_learning TO freezeguard_runtime;
GRANT SELECT, INSERT, UPDATE ON notice_digests, rule_proposals TO freezeguard_runtime;
GRANT SELECT, INSERT ON mails_received TO freezeguard_runtime;
GRANT SELECT, INSERT, UPDATE ON chat_addresses TO freezeguard_runtime;
GRANT SELECT, INSERT, UPDATE, DELETE ON quiet_hours TO freezeguard_runtime;
GRANT SELECT ON signals_unplanned TO freezeguard_runtime;  -- `doctor` looks
GRANT USAGE ON SEQUENCE signal_seq TO freezeguard_runtime;
REVOKE ALL ON FUNCTION ensure_signal_partitions(timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_signal_partitions(timestamptz, integer) TO freezeguard_runtime;
REVOKE ALL ON FUNCTION take_slot(timestamptz, text, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION take_slot(timestamptz, text, text, text, text) TO freezeguard_runtime;
REVOKE ALL ON FUNCTION take_slot(timestamptz, text, text, text, text, text, timestamptz)
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION take_slot(timestamptz, text, text, text, text, text, timestamptz)
   TO freezeguard_runtime;
REVOKE ALL ON FUNCTION beginnings(text[], text[], integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION beginnings(text[], text[], integer) TO freezeguard_runtime;
REVOKE ALL ON FUNCTION impersonal(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION impersonal(bytea) TO freezeguard_runtime;
GRANT USAGE ON SEQUENCE cases_number_seq TO freezeguard_runtime;
-- Erasing: the columns that may hold a person's data, and no others of history.
GRANT SELECT, INSERT, UPDATE ON retention_runs TO freezeguard_runtime;
GRANT UPDATE (fingerprint) ON signal_identities TO freezeguard_runtime;
GRANT UPDATE (detail, body) ON rejected_signals TO freezeguard_runtime;
GRANT UPDATE (arguments) ON case_events TO freezeguard_runtime;
GRANT UPDATE (comment) ON reviews TO freezeguard_runtime;
GRANT SELECT, INSERT, UPDATE ON evidence_files, case_questions, case_causes TO freezeguard_runtime;
GRANT SELECT, INSERT, UPDATE ON catalogue_checks, order_lists, case_harm TO freezeguard_runtime;
GRANT SELECT, INSERT, DELETE ON evidence_contents TO freezeguard_runtime;

-- The number of a row is the database's to give.
GRANT SELECT, INSERT (at, actor, action, subject, why, details, request_id) ON audit
    TO freezeguard_runtime;
GRANT SELECT, INSERT ON audit_chain TO freezeguard_runtime;
GRANT SELECT ON audit_origin TO freezeguard_runtime;
REVOKE ALL ON FUNCTION refuse_change_of_record() FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE ON webhook_endpoints, webhook_deliveries TO freezeguard_runtime;
GRANT SELECT, INSERT ON webhook_messages, webhook_attempts TO freezeguard_runtime;
GRANT UPDATE (data) ON webhook_messages TO freezeguard_runtime;
GRANT DELETE ON webhook_attempts, webhook_deliveries, webhook_messages, notice_digests,
    mails_received TO freezeguard_runtime;
