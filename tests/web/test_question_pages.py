"""Questions on pages: asked and answered by staff and vendor, without a script."""

import re

import pytest

from tests.rig import Rig
from tests.web.visiting import Seen, signed_in

pytestmark = pytest.mark.asyncio(loop_scope="module")


def form_of(seen: Seen, deed: str) -> str:
    """Return where a form of a question leads."""
    found = re.search(rf'action="([^"]*/questions/[^"]*/{deed})"', seen.text)
    assert found is not None, seen.words
    return found[1]


async def test_shop_and_vendor_ask_each_other(rig: Rig, sku: str) -> None:
    """Each sees on top of the case what waits for them, answers there, and reads the answer."""
    await rig.complain(sku)
    case = await rig.in_state(sku, "frozen")
    page, portal = f"/console/cases/{case['id']}", f"/portal/cases/{case['id']}"
    owen, vera = await signed_in(rig, "owen"), await signed_in(rig, "vera")
    form = await owen.get(f"{page}/questions")
    assert "Quin Analyst" in form.words
    assert 'value="owner"' not in form.text  # he is the owner himself
    empty = await owen.post(f"{page}/questions", {"whom": "vendor", "text": " "})
    assert "Nothing was done." in empty.words
    odd = await owen.post(f"{page}/questions", {"whom": "anybody", "text": "Who?"})
    assert (422, 422) == (empty.status, odd.status)
    asked = await owen.post(f"{page}/questions", {"whom": "vendor", "text": "Which <b>lot</b>?"})
    assert "owen asks the vendor" in asked.words

    case_page = await owen.get(page)
    assert "Open questions Which <b>lot</b>? owen asks the vendor" in case_page.words
    assert "Answer of the vendor:" in case_page.words
    theirs = await vera.get(portal)
    assert "Which <b>lot</b>? Answer our question, by" in theirs.words
    assert "owen" not in theirs.text
    said = await vera.post(form_of(theirs, "answer"), {"text": "L-8"})
    assert "It has been passed on." in said.words
    assert "Which <b>lot</b>? L-8" in said.words
    own = await vera.post(f"{portal}/questions", {"text": "Which parcel?"})
    assert "We answer by" in own.words
    again = await vera.post(f"{portal}/questions", {"text": "which parcel"})
    assert (422, True) == (again.status, "You have asked this already" in again.words)

    open_one = await owen.get(f"{page}/questions")
    assert "Which <b>lot</b>? L-8 owen asked the vendor; vera" in open_one.words
    blank = await owen.post(form_of(open_one, "answer"), {"text": " "})
    assert 422 == blank.status
    await owen.post(form_of(open_one, "answer"), {"text": "Parcel 9."})
    assert "Parcel 9." in (await vera.get(portal)).words
    await owen.post(f"{page}/questions", {"whom": "person:quin", "text": "Who packed it?"})
    mine = await owen.get(f"{page}/questions")
    taken = await owen.post(form_of(mine, "withdraw"), {"reason": "He called."})
    assert "Taken back: He called." in taken.words
    assert "Who packed it?" not in (await vera.get(portal)).text
    assert 404 == (await owen.post(f"{page}/questions/{case['id']}/other", {"text": "x"})).status
