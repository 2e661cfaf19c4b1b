"""The one error that is the user's to mend."""


class InputError(Exception):
    """Bad input: the message says what was found, what was needed, and what to do."""
