"""The error for bad input: printed as a single line, never as a traceback."""


class UserError(Exception):
    """Bad input: what is wrong, in which file and row, what was expected and how to fix it."""


class MachineError(UserError):
    """No mistake in the input: the same may succeed on another machine, or a minute later."""
