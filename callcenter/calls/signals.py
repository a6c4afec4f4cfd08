"""What this floor tells the ones above it."""

from django.dispatch import Signal

# A call changed. Sent inside the transaction that changed it, with
#   call      Call
#   kind      "ring" (it rings at these desks), "ring_ended" (it rings there no longer), "connected",
#             "ended" (the talk is over, wrap-up begins), "changed" (anything else the desk shows)
#   user_ids  frozenset of the users it concerns; empty: every desk of call.tenant (nobody when it has none)
call_changed = Signal()

# An agent's presence changed. Sent inside the transaction, with ``presence`` (Presence).
presence_changed = Signal()

# May rows of this city's month still be replaced? Sent with ``tenant`` (Tenant), ``year``, ``month``. A receiver
# answers with the reason why not (a sentence in English for the command line), or None.
month_guard = Signal()

# A mail is to leave the house. Sent inside the transaction of its deed, with ``key`` (the same key is sent once),
# ``kind`` (who writes it, see ``billing.dispatch.HANDLERS``) and ``payload``; the outbox keeps it.
mail_wanted = Signal()

# Editors closed what agents had reported. Sent inside the transaction with ``user_ids`` of the reporters.
reports_answered = Signal()
