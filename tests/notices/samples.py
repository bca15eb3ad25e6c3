"""Rich facts for every kind of notice, as they come out of the database."""

from typing import Any

SKU = "KETTLE-17/B (1.7 l) 🫖"
SCOPE = {"sku": SKU, "seller": "Marketplace GmbH", "lot": "L2025-0312"}

CASE: dict[str, Any] = {
    "audience": "vendor",
    "recipient": "Northwind Appliances B.V.",
    "shop": "Example Shop",
    "link": "https://freezeguard.example/portal/cases/FG-1042",
    "api": "https://freezeguard.example/v1/cases/FG-1042",
    "at": "2025-11-22T13:05:09.123456+00:00",
    "contact": {
        "name": "Quality desk",
        "address": "quality@shop.example",
        "phone": "+49 30 5550100",
    },
    "steps": [
        {"step": "confirm_stop", "by": "2025-11-22T13:05:39+00:00"},
        {"step": "acknowledge", "by": "2025-11-24T13:05:00+00:00"},
        {"step": "propose_remedy"},
    ],
    "case": "FG-1042",
    "lane": "quality",
    "scope": SCOPE,
    "title": "Electric kettle with temperature control, 1.7 litres",
    "since": "2025-11-22T13:05:09.123456+00:00",
    "reply_to": "quality+1042@shop.example",
}
STAFF = {
    **CASE, "audience": "staff", "recipient": "Maria Keller",
    "link": "https://freezeguard.example/console/cases/FG-1042",
}

RULE_REASON: dict[str, Any] = {
    "family": "distinct_customers",
    "rule_id": "five-customers",
    "rule_version": 3,
    "window": 2592000.0,
    "observed": 5,
    "bound": 5,
    "customers": 5,
    "exposure": 1220,
    "counted": [
        {"source": "helpdesk", "id": "secret-ticket-77", "occurred_at": "2025-11-22T13:05:09+00:00"}
    ],
    "sentence": "5 different customers complained within 30 days (threshold 5).",
    "tightened": False,
}
RATE_REASON = {
    **RULE_REASON,
    "family": "rate",
    "observed": 0.0092,
    "bound": 0.005,
    "customers": 11,
    "tightened": True,
    "sentence": "12 complaints from 11 different customers were made within 30 days among 1304"
    " units shipped: 0.92% of units (threshold 0.50%), tightened because the sale was reinstated"
    " a short time ago.",
}
PULL_REASON = {
    "family": "pull",
    "reason_code": "safety_hazard",
    "comment": "Third caller today: the base melts. Reach me at jo.doe@shop.example.",
    "by": "associate-secret-name",
    "document": None,
    "sentence": f"{SKU} was reported as a safety hazard.",
}
EVIDENCE: dict[str, Any] = {
    "complaints": 6,
    "customers": 5,
    "first_at": "2025-11-03T08:12:00+00:00",
    "last_at": "2025-11-22T13:05:09+00:00",
    "intents": [{"name": "defect", "number": 4}, {"name": "overheats", "number": 2}],
    "severities": [{"name": "major", "number": 5}, {"name": "critical", "number": 1}],
    "lots": [{"name": "L2025-0312", "number": 5}, {"name": "L2025-0298", "number": 1}],
    "excerpts": [
        "The lid came off while pouring, see https://evil.example/kettle",
        "Base got very hot & smelled <burnt>; mail me: anna.schmidt@example.org",
    ],
}
CATALOGUES: list[dict[str, Any]] = [
    {"name": "shop-de", "level": "hard"},
    {
        "name": "shop-fr",
        "level": "hide",
        "scope": {"sku": SKU, "seller": "Marketplace GmbH"},
        "siblings": ["KETTLE-17/A", "KETTLE-17/C"],
    },
]
SEEN = [
    {"name": "shop-de", "status": "confirmed", "seen_at": "2025-11-22T13:05:11+00:00"},
    {"name": "shop-fr", "status": "not_listed", "seen_at": "2025-11-22T13:05:12+00:00"},
]
REMEDY = {
    "cause": {
        "branch": "machine",
        "description": "The rivet press lost pressure on line 2.",
        "proof": "Press log of 10 to 12 March; 40 of 40 opened units show short rivets.",
    },
    "containment": {
        "own_stock": "1,100 units of the lot sent back.",
        "vendor_stock": "340 units set aside.",
        "in_transit": "Two pallets stopped at the carrier.",
    },
    "corrective_action": "Rivets of the lot replaced, each unit tested.",
    "preventive_action": "Pressure sensor stops the line.",
}
VERIFICATION = {"result": "50 of 50 reworked units held 80 N for 60 s."}
SHOP: dict[str, Any] = {
    "audience": "staff",
    "recipient": "Maria Keller",
    "shop": "Example Shop",
    "link": "https://freezeguard.example/docs",
    "at": "2025-11-22T13:05:00+00:00",
    "contact": {"name": "Quality desk", "address": "quality@shop.example"},
    "steps": [],
}
SUPPRESSION = {
    "id": "0199f0a2-7c1e-7000-8000-0123456789ab", "sku": SKU, "vendor": "northwind",
    "category": "kitchen", "rule": "five-customers", "cause": "A wrong photo, mended today.",
    "author": "Quin Analyst", "until": "2025-11-23T13:05:00+00:00", "crossings": 7, "skus": 2,
    "named": [SKU, "MUG-1"],
}
OBJECT = {
    "catalogue": "shop-fr",
    "remote_id": "gid://1234567890",
    "status": "refused",
    "detail": "422 variant is part of an active promotion",
    "instruction": "Open Products › Promotions, end the promotion, then unpublish the variant.",
    "selling": True,
    "seen_at": "2025-11-22T13:06:00+00:00",
    "tried": [
        {"means": "hard", "outcome": "422", "at": "2025-11-22T13:05:10+00:00"},
        {
            "means": "stock_zero",
            "outcome": "written, still sold",
            "at": "2025-11-22T13:05:30+00:00",
        },
        {"means": "deny_list", "outcome": "not configured"},
    ],
}
ANSWER = {"acknowledge_within": 86_400.0, "plan_within": 259_200.0, "elapses": False}
STATEMENT = {
    **CASE, **ANSWER, "reason": RULE_REASON, "catalogues": CATALOGUES, "evidence": EVIDENCE,
}
ORDER = {
    "authority": "Market Surveillance Authority",
    "reference": "MSA/2025/4711",
    "issued": "21 November 2025",
    "document": "order-4711.pdf",
}

TOLD, SOON = "2025-11-20T09:00:00+00:00", "2025-11-28T16:00:00+00:00"

WEBHOOK: dict[str, Any] = {
    "audience": "vendor",
    "recipient": "Quality",
    "shop": "Example Shop",
    "link": "https://freezeguard.example/docs",
    "at": "2025-11-22T13:00:00+00:00",
    "contact": {"name": "Quality desk", "address": "quality@shop.example"},
    "steps": [],
    "endpoint": "0199f0a2-7c1e-7000-8000-0123456789ab",
    "url": "https://vendor.example/hooks",
    "why": "answered 503",
    "description": "Quality system",
}
WAIVED = [
    {"name": "outlet/77", "until": "2025-12-01T13:05:00+00:00", "by": "Maria Keller",
     "why": "Closed shop."},
]
SAMPLES: dict[str, dict[str, Any]] = {
    "statement_of_reasons": {**STATEMENT, "terms": "Seller Terms, section 7.2"},
    "frozen_confirmed": {**CASE, "catalogues": SEEN},
    "suspected": {
        **STAFF,
        "reason": PULL_REASON,
        "expires_at": "2025-11-22T13:20:09+00:00",
        "soft_hold": True,
        "asked": ["Li Wei", "Ahmed Said"],
        "evidence": EVIDENCE,
    },
    "expired": {**STAFF, "reason": PULL_REASON, "soft_hold": True},
    "dismissed": {
        **STAFF,
        "why": "Two of the three callers had bought another kettle.",
        "by": "Maria Keller",
        "soft_hold": True,
    },
    "degraded": {**STAFF, **OBJECT},
    "remedy_proposed": {**STAFF, "remedy": REMEDY, "other_manager": True},
    "remedy_returned": {
        **CASE,
        "missing": ["in_transit", "proof", "photos of the press log of 11 March"],
        "round": 2,
    },
    "approval_requested": {
        **STAFF,
        "remedy": REMEDY,
        "verification": VERIFICATION,
        "evidence_revision": 4,
        "requested_by": "Maria Keller",
        "second_needed": True,
        "valid_until": "2025-11-23T13:05:00+00:00",
        "unconfirmed": ["shop-fr/gid://1234567890"],
        "waived": WAIVED,
        "evidence": EVIDENCE,
    },
    "approval_voided": {
        **STAFF,
        "why": "evidence",
        "evidence_revision": 5,
        "news": ["new lot L2025-0401", "severity rose to critical"],
    },
    "approval_rejected": {**STAFF, "why": "Only 50 units were tested.", "by": "Sam Roe"},
    "released": {
        **CASE,
        "probation": {
            "started_at": "2025-11-22T13:05:00+00:00",
            "until": "2025-12-06T13:05:00+00:00",
            "units": 200,
            "cap": "2026-02-20T13:05:00+00:00",
        },
        "catalogues": [{**SEEN[0], "status": "idle"}],
        "waits_for": ["FG-0990"],
    },
    "release_refused": {
        **STAFF,
        **OBJECT,
        "tries": 3,
        "changed": [{"field": "stock", "written": "0", "seen": "40"}],
    },
    "refrozen": {
        **STATEMENT,
        "reason": RATE_REASON,
        "recurrence": 1,
        "released_at": "2025-11-10T09:00:00+00:00",
    },
    "false_alarm": {
        **CASE,
        "reason_code": "wrong_item",
        "comment": "The complaints were about the older model.",
    },
    "closed": {
        **CASE,
        "outcome": "closed_reinstated",
        "remedy": REMEDY,
        "effectiveness": {"units": 1460, "complaints": 1, "days": 16},
    },
    "budget_spent": {
        "audience": "staff",
        "recipient": "",
        "shop": "Example Shop",
        "link": "https://freezeguard.example/cases?state=suspected",
        "at": "2025-11-22T13:05:00+00:00",
        "contact": {"name": "Quality desk", "address": "quality@shop.example"},
        "steps": [{"step": "review", "by": "2025-11-22T14:00:00+00:00"}],
        "budget": {"of": "source", "name": "helpdesk", "spent": 20, "limit": 20, "window": 600.0},
        "resumes_at": "2025-11-22T13:15:00+00:00",
        "waiting": [
            {
                "case": "FG-1043",
                "sku": "MUG-1",
                "sentence": "9 different customers complained within 30 days (threshold 5).",
                "link": "https://freezeguard.example/cases/FG-1043",
            },
            {"case": "FG-1044", "sku": "MUG-2", "sentence": "6 complaints within 1 day."},
        ],
    },
    "feed_silent": {
        **SHOP,
        "feed": {
            "source": "helpdesk", "name": "Help desk, all languages",
            "heard": "2025-11-22T09:12:00+00:00", "usual_per_day": 41.5, "max_silence": 7200.0,
        },
    },
    "feed_speaks": {
        **SHOP,
        "feed": {
            "source": "helpdesk", "name": "Help desk, all languages",
            "heard": "2025-11-22T18:30:00+00:00", "silent_since": "2025-11-22T09:12:00+00:00",
            "usual_per_day": 41.5,
        },
    },
    "canary_late": {
        **SHOP,
        "canary": {
            "catalogue": "shop-de", "sku": "CANARY-1", "late_after": 30.0,
            "detail": "not stopped: the catalogue still sells it", "release_seconds": 0.42,
            "succeeded_at": "2025-11-22T09:12:00+00:00",
        },
    },
    "canary_well": {
        **SHOP,
        "canary": {
            "catalogue": "shop-de", "sku": "CANARY-1", "late_after": 90.0,
            "detail": "", "stop_seconds": 0.31, "release_seconds": 0.4,
            "since": "2025-11-22T09:17:00+00:00", "succeeded_at": "2025-11-22T09:12:00+00:00",
        },
    },
    "suppression_ending": {**SHOP, "suppression": SUPPRESSION},
    "suppression_ended": {**SHOP, "suppression": SUPPRESSION},
    "evidence_attached": {
        **STAFF,
        "name": "tear-test-L8.pdf",
        "note": "50 handles of lot L-8, none broke.",
        "size": 181_204,
    },
    "manual_task": {**STAFF, **OBJECT, "task": "stop", "due": "2025-11-22T13:20:00+00:00"},
    "vendor_reminder": {**CASE, "silent_since": TOLD, "number": 1, "due": SOON},
    "vendor_escalated": {**CASE, "silent_since": TOLD, "due": SOON},
    "vendor_silent": {**STAFF, "silent_since": TOLD, "number": 3},
    "commitment_made": {
        **STAFF, "due": SOON, "note": "New rivets arrive on Monday.", "kept": 4, "broken": 1,
    },
    "commitment_broken": {**CASE, "due": TOLD, "kept": 4, "broken": 2},
    "vendor_commented": {
        **STAFF, "text": "We have it. The samples are on their way.", "vendor": "northwind",
        "answer_due": SOON, "steps": [{"step": "answer_vendor", "by": SOON}],
    },
    "question_asked": {
        **STAFF, "text": "Is lot L2025-0312 hit, too?", "due": SOON, "by": "Sam Roe",
        "clock": "question:0197f6c2-7f5c-7a31-9d5e-3f2f6a1b2c3d",
        "steps": [{"step": "answer_question", "by": SOON}],
    },
    "question_answered": {
        **STAFF, "text": "Is lot L2025-0312 hit, too?", "answer": "No, only L2025-0298.",
        "by": "Li Wei",
    },
    "contest_received": {
        **STAFF, "text": "The lot was never sold to you.", "answer_due": SOON,
    },
    "contest_answered": {
        **CASE, "answer": "Your papers show lot 0312 on 2 March.", "accepted": False,
    },
    "clock_warning": {**STAFF, "clock": "judge", "due": SOON, "share": 0.8, "as": "owner"},
    "clock_breached": {
        **STAFF, "clock": "vendor_plan", "due": TOLD, "level": 2, "told": ["Ahmed Said", "Li Wei"],
        "next": SOON, "as": "deputy",
    },
    "update": {
        **CASE, "state": "diagnosing", "ball": "vendor", "next_update": SOON,
        "news": ["Two more complaints, same lot."],
    },
    "delisted": {**CASE, "why": "The base can't be made safe.", "appeal_until": SOON},
    "appealed": {
        **STAFF, "text": "An institute has tested the new base.", "answer_due": SOON,
        "decided_by": ["Sam Roe", "Maria Keller"],
    },
    "appeal_upheld": {**CASE, "why": "The test was of another model."},
    "appeal_reopened": {**CASE, **ANSWER, "why": "The test was of this model."},
    "widened": {
        **CASE, "from_scope": {"sku": SKU, "lot": "L2025-0298"}, "why": "A second lot is hit.",
    },
    "narrowed": {
        **CASE, "from_scope": {"sku": SKU}, "why": "Only one lot is hit.",
        "catalogues": [{"name": "shop-de", "level": "hard"}],
    },
    "narrow_requested": {
        **STAFF, "to_scope": {"sku": SKU, "lot": "L2025-0298"}, "requested_by": "Maria Keller",
        "why": "Only one lot is hit.", "valid_until": SOON,
    },
    "delist_requested": {
        **STAFF, "requested_by": "Maria Keller", "why": "No remedy in 90 days.",
        "valid_until": SOON,
    },
    "order_registered": {**CASE, "order": ORDER},
    "revocation_registered": {**STAFF, "revocation": {**ORDER, "reference": "MSA/2025/4712"}},
    "merged": {
        **CASE, "into": "FG-0990", "into_link": "https://freezeguard.example/cases/FG-0990",
    },
    "merge_proposed": {
        **STAFF, "other": "FG-0990", "other_link": "https://freezeguard.example/cases/FG-0990",
        "why": "The same lot, the same complaint.",
    },
    "finding": {
        **STAFF, "cause": "Rivets that are too short.", "items": ["CHAIR-8: 3", "CHAIR-9: 0"],
        "by": "Sam Roe",
    },
    "hand_off_offered": {
        **STAFF, "from_person": "Sam Roe", "note": "I am away for two weeks.",
        "valid_until": SOON, "reason": {"sentence": "5 customers complained."},
        "confirmed_cause": "Rivets that are too short.",
        "open_causes": ["A worn die."], "open_questions": ["Which shift made them?"],
        "next_clock": "diagnosis", "next_due": SOON,
    },
    "hand_off_accepted": {**STAFF, "to_person": "Ahmed Said"},
    "hand_off_lapsed": {**STAFF, "to_person": "Ahmed Said"},
    "owner_replaced": {**STAFF, "from_person": "Sam Roe", "state": "diagnosing"},
    "deadline_extended": {
        **CASE, "clock": "commitment", "due": SOON, "was_due": TOLD, "why": "Customs strike.",
    },
    "waiver_set": {
        **STAFF, "catalogue": "outlet", "remote_id": "77", "why": "Closed shop.", "until": SOON,
        "by": "Maria Keller",
    },
    "waiver_ended": {
        **STAFF, "catalogue": "outlet", "remote_id": "77", "over": "lane",
    },
    "reviewed": {
        **STAFF, "verdict": "right", "outcome": "closed_false_alarm",
        "comment": "Three callers in an hour: pull again.",
    },
    "test_message": {
        **SHOP, "chat": {"kind": "slack", "host": "hooks.slack.com", "team": ""}, "by": "Rita Root",
    },
    "chat_disabled": {
        **SHOP, "chat": {"kind": "teams", "host": "prod.logic.azure.com", "team": "Kitchen"},
        "why": "prod.logic.azure.com: answered 404",
    },
    "outcome": {**STAFF, "outcome": "closed_reinstated", "comment": "Short rivets."},
    "review_due": {**STAFF, "due": SOON},
    "legal_clock": {
        **STAFF, "law": "Regulation (EU) 2023/988, Article 20", "due": SOON, "clock": "gpsr_order",
        "what": "Report the accident to the authority.",
    },
    "digest": {
        **{key: CASE[key] for key in ("shop", "at", "contact")},
        "audience": "staff", "recipient": "Maria Keller", "steps": [],
        "link": "https://freezeguard.example/console",
        "entries": [
            {
                "kind": kind, "at": TOLD, "case": f"FG-20{place}",
                "link": f"https://freezeguard.example/cases/FG-20{place}",
                "scope": {"sku": f"MUG-{place}"},
            }
            for place, kind in enumerate(("statement_of_reasons", "frozen_confirmed", "update"))
        ],
    },
    "rule_proposed": {
        **{key: CASE[key] for key in ("shop", "at", "contact")},
        "audience": "staff", "recipient": "Maria Keller", "steps": [],
        "link": "https://freezeguard.example/v1/rules/proposals", "rule": "five-customers",
        "proposal": "01936a1e-0000-7000-8000-000000000001", "by": "Sam Roe",
        "loosens": ["bound: 5 → 8", "window: 30d → 7d"], "expires_at": SOON,
    },
    "shadow_digest": {
        **{key: CASE[key] for key in ("shop", "at", "contact")},
        "audience": "staff", "recipient": "Maria Keller", "steps": [],
        "link": "https://freezeguard.example/v1/rules/shadow", "days": 30,
        "rules": [
            {
                "rule": f"calm-{place}", "version": 2, "since": TOLD, "would_freeze": 1_220,
                "by_rules": 9, "by_pulls": 2, "only_here": 1_209, "missed": 3,
                "days_earlier": days, "false_alarms": 1, "confirmed": 4,
            }
            for place, days in enumerate((2.25, -1.0, None))
        ],
    },
    "webhook_failing": {
        **WEBHOOK,
        "failing_since": "2025-11-21T13:00:00+00:00",
        "disabled_from": "2025-11-26T13:00:00+00:00",
    },
    "webhook_disabled": {**WEBHOOK, "audience": "staff", "why": "it answered 410"},
    "sign_in_code": {
        **SHOP, "audience": "vendor", "recipient": "Quality",
        "link": "https://freezeguard.example/portal/cases/FG-1042", "number": "1042",
        "code": "0712 3456", "lifetime": 600.0,
    },
}

PARTS = [
    {"family": "distinct_customers", "window": 2_592_000.0, "observed": 9.0, "bound": 5.0},
    {"family": "rate", "window": 2_592_000.0, "observed": 0.0206, "bound": 0.02,
     "details": {"rate": 0.0367}},
    {"family": "likelihood", "window": 5_184_000.0, "observed": 12_345.6, "bound": 10_000.0,
     "details": {"complaints": 5, "days": 12, "per": "units", "exposure": 1_220.0,
                 "expected": 0.617, "factor": 7.0}},
]

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    **{kind: (kind, facts) for kind, facts in SAMPLES.items()},
    "shadow digest: many rules": (
        "shadow_digest",
        {**SAMPLES["shadow_digest"], "rules": SAMPLES["shadow_digest"]["rules"] * 8},
    ),
    **{
        f"suspected: {name}": (
            "suspected", {**SAMPLES["suspected"], "reason": {**RULE_REASON, "details": details}},
        )
        for name, details in {
            "one customer": {"of_one_hand": "customer"},
            "copies": {"of_one_hand": "text"},
            "a load": {"surplus": 20},
            "one a day": {"per_day": 1.0},
            "two a day": {"per_day": 2.0},
            "copies among them": {"set_aside": {"text": 3}, "rest_is_enough": False},
            "copies beside them": {"set_aside": {"text": 3}, "rest_is_enough": True},
        }.items()
    },
    "statement: risen": (
        "statement_of_reasons",
        {
            **STATEMENT,
            "reason": {
                **RULE_REASON, "family": "likelihood", "observed": 12_345.6, "bound": 10_000,
                "window": 5_184_000.0, "exposure": 1_220,
                "details": {"complaints": 5, "days": 12, "per": "units", "exposure": 1_220.0,
                            "expected": 0.617},
            },
        },
    ),
    "statement: risen, without units": (
        "statement_of_reasons",
        {
            **STATEMENT,
            "reason": {
                **RULE_REASON, "family": "likelihood", "observed": 1e15, "bound": 10_000,
                "window": 5_184_000.0, "exposure": None, "tightened": True,
                "details": {"complaints": 40, "days": 1, "per": "days", "exposure": 1.0,
                            "expected": 0.0123},
            },
        },
    ),
    **{
        f"statement: {family}": (
            "statement_of_reasons",
            {
                **STATEMENT,
                "reason": {
                    **RULE_REASON, "family": family, "observed": seen, "bound": bound,
                    "window": 7_776_000.0, "exposure": 1_220,
                    "details": {"complaints": 5, "days": 30, "per": "units", "exposure": 1_220.0,
                                "expected": 0.617, "factor": 3.0},
                },
            },
        )
        for family, seen, bound in (
            ("predictive", 123_456.7, 100_000), ("posterior", 31.4, 20), ("cusum", 8.21, 8),
            ("launch", 1_234.5, 1_000),
        )
    },
    "statement: all of": (
        "statement_of_reasons",
        {
            **STATEMENT,
            "reason": {**RULE_REASON, "family": "all_of", "observed": 1.25, "bound": 1,
                       "exposure": 1_220, "details": {"parts": PARTS}},
        },
    ),
    "statement: all of, one in no words": (
        "statement_of_reasons",
        {
            **STATEMENT,
            "reason": {**RULE_REASON, "family": "any_of", "observed": 1.25, "bound": 1,
                       "details": {"parts": [{**PARTS[0], "family": "oracle"}]}},
        },
    ),
    "statement: person": (
        "statement_of_reasons",
        {
            **STATEMENT,
            "reason": {
                **PULL_REASON,
                "reason_code": "defective",
                "sentence": f"{SKU} was reported as defective.",
            },
        },
    ),
    "statement: person, soft hold": (
        "statement_of_reasons",
        {**STATEMENT, "reason": PULL_REASON, "soft_until": "2025-11-22T13:20:09+00:00"},
    ),
    "statement: safety": (
        "statement_of_reasons",
        {
            **STATEMENT,
            "lane": "safety",
            "elapses": True,
            "reason": {
                **RULE_REASON,
                "family": "safety",
                "observed": 1,
                "bound": 1,
                "sentence": "A trusted source reported a safety defect; one report is enough.",
            },
        },
    ),
    "statement: order": (
        "statement_of_reasons",
        {
            **STATEMENT,
            "lane": "authority",
            "reason": {
                **PULL_REASON,
                "reason_code": "authority_order",
                "comment": "",
                "sentence": f"{SKU} is subject to an order of an authority.",
            },
            "order": ORDER,
            "evidence": None,
        },
    ),
    "statement: nobody complained": (
        "statement_of_reasons",
        {**STATEMENT, "reason": PULL_REASON, "evidence": {"complaints": 0, "customers": 0}},
    ),
    "statement: no address for answers": (
        "statement_of_reasons",
        {key: value for key, value in STATEMENT.items() if key != "reply_to"},
    ),
    "statement: safety, staff": (
        "statement_of_reasons", {**STATEMENT, **STAFF, "lane": "safety", "elapses": True},
    ),
    "frozen_confirmed: listed nowhere": (
        "frozen_confirmed",
        {**CASE, "catalogues": [{"name": "shop-de", "status": "not_listed"}]},
    ),
    "degraded: listed nowhere": (
        "degraded",
        {**STAFF, "catalogue": "", "remote_id": "", "detail": "", "status": "not_listed"},
    ),
    "narrowed: not everywhere": (
        "narrowed",
        {
            **SAMPLES["narrowed"],
            "catalogues": [{"name": "shop-de"}, {"name": "till", "scope": {"sku": SKU}}],
        },
    ),
    "narrowed: nowhere": (
        "narrowed",
        {**SAMPLES["narrowed"], "catalogues": [{"name": "till", "scope": {"sku": SKU}}]},
    ),
    "appeal_reopened: after a false alarm": (
        "appeal_reopened", {**SAMPLES["appeal_reopened"], **STAFF, "was_sold": True},
    ),
    "false_alarm: of people": (
        "false_alarm", {**SAMPLES["false_alarm"], "reason": PULL_REASON},
    ),
    "statement: staff": ("statement_of_reasons", {**STATEMENT, **STAFF}),
    "refrozen: staff": ("refrozen", {**SAMPLES["refrozen"], **STAFF}),
    "revocation_registered: one of two": (
        "revocation_registered",
        {**SAMPLES["revocation_registered"], "steps": [],
         "remaining": [{"authority": "Customs", "reference": "C-77"}]},
    ),
    "revocation_registered: was safety": (
        "revocation_registered",
        {**SAMPLES["revocation_registered"], "stopped_before": "safety"},
    ),
    "revocation_registered: was quality": (
        "revocation_registered",
        {**SAMPLES["revocation_registered"], "stopped_before": "quality"},
    ),
    "contest_received: by order": (
        "contest_received", {**SAMPLES["contest_received"], "lane": "authority"},
    ),
    "contest_answered: by order": (
        "contest_answered", {**SAMPLES["contest_answered"], "lane": "authority"},
    ),
    "frozen_confirmed: waived": (
        "frozen_confirmed",
        {**SAMPLES["frozen_confirmed"],
         "waived": [{"name": one["name"], "until": one["until"]} for one in WAIVED]},
    ),
    "frozen_confirmed: waived, staff": (
        "frozen_confirmed", {**SAMPLES["frozen_confirmed"], **STAFF, "waived": WAIVED},
    ),
    "waiver_ended: by somebody": (
        "waiver_ended", {**SAMPLES["waiver_ended"], "over": None, "why": "It opens early."},
    ),
    "frozen_confirmed: staff": ("frozen_confirmed", {**SAMPLES["frozen_confirmed"], **STAFF}),
    "suspected: budget": (
        "suspected",
        {**SAMPLES["suspected"], "soft_hold": False,
         "reason": {**RULE_REASON, "budget": "per_source"}},
    ),
    "suspected: wave": (
        "suspected",
        {**SAMPLES["suspected"], "soft_hold": False, "reason": {
            **RULE_REASON, "budget": "vendor_skus",
            "wave": {"vendor": "acme", "number": 3, "skus": ["MUG-1", "MUG-2", "POT-7"],
                     "days": 30.0},
        }},
    ),
    "expired: rule": ("expired", {**STAFF, "reason": RULE_REASON}),
    "approval_requested: first": (
        "approval_requested",
        {**SAMPLES["approval_requested"], "second_needed": False},
    ),
    "approval_voided: vendor": ("approval_voided", {**SAMPLES["approval_voided"], **CASE}),
    "approval_rejected: vendor": ("approval_rejected", {**SAMPLES["approval_rejected"], **CASE}),
    "evidence_attached: vendor": (
        "evidence_attached", {**SAMPLES["evidence_attached"], **CASE, "note": ""}
    ),
    "outcome: stopped": ("outcome", {**STAFF, "outcome": "stopped"}),
    "outcome: false alarm": (
        "outcome", {**STAFF, "outcome": "closed_false_alarm", "reason_code": "wrong_item"},
    ),
    "released: staff": ("released", {**SAMPLES["released"], **STAFF}),
    "false_alarm: staff": ("false_alarm", {**SAMPLES["false_alarm"], **STAFF}),
    "closed: delisted": ("closed", {**CASE, "outcome": "delisted"}),
    "statement: many and nameless": (
        "statement_of_reasons",
        {
            **STATEMENT,
            "title": "",
            "scope": {"sku": SKU},
            "catalogues": [{"name": f"shop-{place}"} for place in range(12)],
            "contest_working_days": 1,
            "evidence": {
                **EVIDENCE,
                "lots": [{"name": f"L{place}", "number": 1} for place in range(11)],
            },
        },
    ),
    "statement: sibling": (
        "statement_of_reasons",
        {**STATEMENT, "reason": {**RULE_REASON, "sibling": {"sku": "MUG-2", "case": "1042"}}},
    ),
    "statement: order, 1 day": (
        "statement_of_reasons",
        {**STATEMENT, "lane": "authority", "order": ORDER, "contest_working_days": 1},
    ),
    "refrozen: twice": ("refrozen", {**SAMPLES["refrozen"], "recurrence": 2}),
    "frozen_confirmed: unseen": (
        "frozen_confirmed",
        {**SAMPLES["frozen_confirmed"], "catalogues": [{"name": "shop-de"} for _ in range(11)]},
    ),
    "degraded: no instruction": ("degraded", {**SAMPLES["degraded"], "instruction": None}),
    "suspected: doubted": (
        "suspected",
        {**SAMPLES["suspected"], "reason": {**RULE_REASON, "doubted": [
            {"source": "forum", "trust": 0.42, "confirmed": 0.5, "false_alarms": 3.2},
        ]}},
    ),
    "feed_silent: by chance": (
        "feed_silent",
        {**SAMPLES["feed_silent"], "feed": {"source": "helpdesk", "name": "helpdesk"}},
    ),
    "canary_late: never well": (
        "canary_late",
        {**SHOP, "canary": {"catalogue": "shop-de", "sku": "CANARY-1",
                            "late_after": 30.0, "detail": "no answer within 4.25 s"}},
    ),
    "digest: canaries": (
        "digest",
        {**SAMPLES["digest"], "entries": [
            {"kind": "canary_late", "at": TOLD, "link": "https://freezeguard.example/docs",
             "feed": "shop-de"},
        ]},
    ),
    "suppression_ending: nothing": (
        "suppression_ending",
        {**SHOP, "suppression": {**SUPPRESSION, "crossings": 0, "skus": 0, "named": []}},
    ),
    "suppression_ended: one": (
        "suppression_ended", {**SHOP, "suppression": {**SUPPRESSION, "skus": 1, "named": [SKU]}}
    ),
    "budget_spent: quiet": (
        "budget_spent",
        {
            **SAMPLES["budget_spent"],
            "waiting": [],
            "budget": {**SAMPLES["budget_spent"]["budget"], "of": "till"},
        },
    ),
    "manual_task: release": (
        "manual_task",
        {**SAMPLES["manual_task"], "task": "release", "instruction": None},
    ),
    "manual_task: vendor bounced": (
        "manual_task",
        {
            **SAMPLES["manual_task"], "task": "tell_vendor", "vendor": "northwind",
            "address": "gone@northwind.example", "detail": "550 5.1.1 no such box",
        },
    ),
    "manual_task: vendor unknown": (
        "manual_task", {**SAMPLES["manual_task"], "task": "tell_vendor", "vendor": "northwind"}
    ),
    "question_asked: of the vendor": (
        "question_asked",
        {**CASE, "text": "Since which lot?", "due": SOON, "clock": "vendor_question:1"},
    ),
    "manual_task: no vendor": ("manual_task", {**SAMPLES["manual_task"], "task": "tell_vendor"}),
    "degraded: for the deputy": ("degraded", {**SAMPLES["degraded"], "instead_of": "Sam Roe"}),
    "suspected: count": (
        "suspected", {**SAMPLES["suspected"], "reason": {**RULE_REASON, "family": "count"}}
    ),
    "budget_spent: with figures": (
        "budget_spent",
        {
            **SAMPLES["budget_spent"],
            "waiting": [
                {**one, "reason": RULE_REASON} for one in SAMPLES["budget_spent"]["waiting"]
            ],
        },
    ),
    "contest_answered: accepted": (
        "contest_answered", {**SAMPLES["contest_answered"], "accepted": True}
    ),
    "contest_answered: in words": (
        "contest_answered", {**SAMPLES["contest_answered"], "accepted": None}
    ),
    "digest: one": (
        "digest", {**SAMPLES["digest"], "entries": SAMPLES["digest"]["entries"][:1]}
    ),
    "digest: feeds": (
        "digest",
        {**SAMPLES["digest"], "entries": [
            {"kind": "feed_silent", "at": TOLD, "link": "https://freezeguard.example/docs",
             "feed": "Help desk"},
        ]},
    ),
    "digest: for the vendor": ("digest", {**SAMPLES["digest"], "audience": "vendor"}),
    **{
        f"{kind}: staff": (kind, {**SAMPLES[kind], **STAFF})
        for kind in (
            "commitment_broken", "update", "delisted", "appeal_upheld", "appeal_reopened",
            "widened", "narrowed", "order_registered", "merged", "deadline_extended",
        )
    },
}
"""Every kind, and every text that a kind may choose."""
