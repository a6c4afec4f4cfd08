"""What this floor tells the ones above it."""

from django.dispatch import Signal

# A city's answer changed or appeared. Sent inside the transaction that publishes, once per city, with
# ``effective`` (EffectiveArticle) and ``is_new`` (bool). Not sent by mass imports.
article_published = Signal()

# A city's answer is no longer shown. Sent with ``article_id``, ``tenant_id`` and ``title``.
article_withdrawn = Signal()

# A notice begins, ends, is counted or changed. Sent inside the transaction, once per city, with ``tenant_id``,
# ``notice_id`` and ``kind``: "begun", "ended" or "counted".
notice_changed = Signal()
