"""Durations and limits that a shop may set; the defaults are those of the design."""

from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Budget:
    """How many automatic freezes may happen in the governor's sliding window.

    Of one vendor `vendor_skus` different SKUs may be frozen in the `vendor_window` while nobody has
    found a defect in them, or one in 200 of its SKUs if that is more; 0: any number.
    """

    per_source: int = 20
    per_category: int = 40
    per_vendor: int = 20
    shop: int = 60
    safety_per_source: int = 100
    window: timedelta = timedelta(minutes=10)
    vendor_skus: int = 3
    vendor_window: timedelta = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Policy:
    """What the shop decided once, for all cases.

    `baseline_floor` is the defect rate (defects per unit) below which an item counts as sound
    whatever its own history: with fewer than 150 units even zero defects can't show less than 2 %.
    `news_customers` is how many new customers void an approval where no rule's bound says so.
    For `sibling_days` after a case in which a defect was found, a rule's lower bound stops related
    items too; 0: it never does.
    Hours are working hours where the clock counts them, days working days: `domain/clocks.py`.
    What only sources with less than `trust_limit` of trust say opens a suspicion and no stop; 0: it
    is never asked. Of the detector's freezes one in `review_every` is looked at later; 0: none.
    """

    soft_hold: bool = True
    second_opinion: timedelta = timedelta(minutes=15)
    vote_lifetime: timedelta = timedelta(hours=24)
    probation_time: timedelta = timedelta(days=14)
    probation_units: int = 200
    probation_cap: timedelta = timedelta(days=90)
    probation_check: timedelta = timedelta(hours=1)
    probation_bound_factor: float = 0.5
    baseline_floor: float = 0.01
    release_tries: int = 3
    announce_orders: bool = False
    news_customers: int = 5
    sibling_days: int = 90
    accept_within: timedelta = timedelta(seconds=5)
    confirm_within: timedelta = timedelta(seconds=30)
    release_within: timedelta = timedelta(seconds=60)
    ownership_within: timedelta = timedelta(hours=1)
    hand_off_within: timedelta = timedelta(hours=1)
    judge_within: timedelta = timedelta(hours=8)
    answer_within: timedelta = timedelta(hours=8)
    vendor_answer_within: timedelta = timedelta(hours=24)
    vendor_ack_within: timedelta = timedelta(hours=24)
    vendor_plan_within: timedelta = timedelta(hours=72)
    diagnosis_days: int = 10
    contest_days: int = 2
    appeal_days: int = 5
    later_review_days: int = 1
    appeal_window: timedelta = timedelta(days=30)
    update_rhythm: timedelta = timedelta(days=3)
    safety_update_rhythm: timedelta = timedelta(days=1)
    hold_review_after: timedelta = timedelta(days=30)
    review_every: int = 10
    trust_limit: float = 0.5
    task_within: timedelta = timedelta(minutes=5)
    task_again: timedelta = timedelta(minutes=15)
    escalate_after: timedelta = timedelta(hours=4)
    safety_escalate_after: timedelta = timedelta(hours=1)
    commitment_cap: timedelta = timedelta(days=30)
    safety_commitment_cap: timedelta = timedelta(days=14)
    longest_waiver: timedelta = timedelta(days=30)
    longest_extension: timedelta = timedelta(days=30)
    budget: Budget = field(default_factory=Budget)
