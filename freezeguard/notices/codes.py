"""The letter with a code for somebody who opened the link of another one."""

from freezeguard.notices.letter import Body, Paragraph
from freezeguard.notices.wording import Wording, clip
from freezeguard.ports.notice_facts.service import SignInCodeFacts

_SHORT = 80


def sign_in_code(facts: SignInCodeFacts, say: Wording) -> Body:
    """Tell the code, for how long it works, and what to do where nobody asked for it: nothing."""
    number, code = clip(facts["number"], _SHORT), clip(facts["code"], _SHORT)
    return (
        Paragraph(say.say("sign_in_code.intro", number=number)),
        Paragraph(say.say("sign_in_code.code", code=code)),
        Paragraph(say.say("sign_in_code.lifetime", time=say.duration(facts["lifetime"]))),
        Paragraph(say.say("sign_in_code.not_you")),
    ), ()
