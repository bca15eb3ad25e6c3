"""What each command does: its guards and its outcome, one module per part of a case's life.

An act answers with the fields of the case that change and the effects that follow; the state comes
from the table, and the clocks from theirs. `freezeguard.domain.case` calls them, nobody else does.
"""
