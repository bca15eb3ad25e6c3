"""Forms of commands: drawn from the models that check them, and what they send fits these."""

import pytest

from freezeguard.api.models.commands import ARGUMENTS, arguments_of
from freezeguard.domain.transitions import Command
from freezeguard.web.commandforms import arguments_from, inputs_of, leaves
from freezeguard.web.deeds import DEEDS, DONE, LABELS
from freezeguard.web.forms import Form


@pytest.mark.parametrize("command", sorted(ARGUMENTS))
def test_every_command_has_a_form(command: Command) -> None:
    """Words for the command and each of its fields, and filled in it gives arguments that fit."""
    if command is Command.ATTACH_EVIDENCE:
        return  # a file is sent to the case's page
    model = arguments_of(command)
    fields = list(leaves(inputs_of(command, model)))
    day = {"day": "2030-01-31", "seen": "3", "lines": "one\ntwo", "long": "text", "text": "EU"}
    form = Form([
        (one.name, one.choices[0][0] if one.choices else day[one.widget]) for one in fields
    ])

    assert command in DEEDS
    assert command.value in DONE
    assert {one.name.split(".")[-1] for one in fields} - {"evidence_revision"} <= LABELS.keys()
    filled = arguments_from(inputs_of(command, model), form)
    model.model_validate({
        name: "DE" if name == "country" else one for name, one in filled.items()
    })
