"""Why a step was refused, in words for the person at the desk."""


class Refused(ValueError):
    """A step that cannot be done now; the message is German and says what to do."""
