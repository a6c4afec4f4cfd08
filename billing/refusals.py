"""Why billing says no: a German sentence for the page, an English one for the command line."""

from __future__ import annotations


class Refusal(Exception):
    """Something was asked that must not happen; the message says what to do instead."""

    def __init__(self, message: str, *, english: str) -> None:
        super().__init__(message)
        self.english = english


class MonthNotClosable(Refusal):
    """The month is not over, or its grace period still runs."""


class NoAgreement(Refusal):
    """No agreement is in force there and then."""


class InvoiceState(Refusal):
    """The invoice is in a state that does not allow this step."""


class InvoiceIncomplete(Refusal):
    """The document would not be a legal e-invoice; the message lists what is missing."""


class SeriesTaken(Refusal):
    """The series of numbers belongs to another city."""


class AgreementInvalid(Refusal):
    """The agreement as entered cannot be rated."""


class PaymentRefused(Refusal):
    """A payment, a bank statement or a booking cannot be taken as given."""


class StatementRefused(Refusal):
    """A signed statement for the treasury is not possible now, or not by this person."""


class CallBilledElsewhere(Refusal):
    """A call of the month stands on another agreement's frozen list."""


class QuestionRefused(Refusal):
    """The question cannot be asked, or was answered already."""
