"""What each clock of a case waits for, in the words that stand on the pages' buttons."""

from collections.abc import Mapping

DUTIES: Mapping[str, str] = {
    "second_opinion": "Somebody else pulls the cord, too, or says that nothing is wrong.",
    "accept": "The catalogues take the stop over. They are asked again until they do.",
    "confirm": "Each catalogue is read back. What still sells is stopped by hand, or a manager "
    "waives it.",
    "release": "Each catalogue is read back as selling. What is still stopped is put back by hand.",
    "ownership": "The owner takes the case on.",
    "hand_off": "Whoever was offered the case takes it over.",
    "vendor_ack": "The vendor is to say that the notice has come. If they don't, ring them up.",
    "vendor_plan": "The vendor names its date, or objects. A manager may move the deadline.",
    "vendor_date": "The vendor's remedy comes in. A manager may move the deadline, and the owner "
    "may propose a remedy alone.",
    "diagnosis": "Cause and remedy are found. If they can't be, it is taken off sale for good, or "
    "the deadline is moved.",
    "judge": "The owner judges the remedy: asks for approval, or sends it back.",
    "approve": "Somebody who had no part in it approves or rejects.",
    "revocation": "Compliance and a manager approve, both.",
    "contest": "The owner answers the objection, or declares a false alarm.",
    "appeal": "Somebody who did not decide grants the appeal or refuses it.",
    "probation": "The probation ends, is made longer, or the sale is stopped again.",
    "hold_review": "A manager looks whether the stop is still right.",
    "later_review": "A manager who did not pull says whether it was right to stop.",
}


def duty(kind: str) -> str:
    """Return what a clock of this kind waits for; nothing where its name says it all."""
    return DUTIES.get(kind, "")
