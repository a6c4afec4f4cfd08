"""Articles, their immutable revisions, and the effective article of each city.

The answer for a city is the shared revision with that city's sections laid over it: the
*effective article*. It is kept as a row of its own, because that row is what is indexed, shown
and recorded on a call; ``services.refresh_effective`` is the only writer.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from tenants.ids import new_id
from tenants.models import Tenant
from tenants.scope import ScopedManager, TenantOwned


class Category(models.Model):
    """A theme under which editors and agents find articles; shared by all cities."""

    name = models.CharField("Name", max_length=80, unique=True)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "name"]

    def __str__(self) -> str:
        return self.name


class ArticleKind(models.TextChoices):
    SERVICE = "service", "Leistung"
    INFORMATION = "information", "Auskunft"


class Article(models.Model):
    """What callers ask for. ``owner`` is empty for shared articles, else the one city that has it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField("Art", max_length=12, choices=ArticleKind, default=ArticleKind.SERVICE)
    owner = models.ForeignKey(Tenant, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    title = models.CharField(
        "Titel", max_length=250, blank=True, help_text="Of the newest main text, draft or not: for lists."
    )
    sort_key = models.CharField(max_length=250, blank=True, help_text="The title as German lists sort it.")
    leika_key = models.CharField("LeiKa-Schlüssel", max_length=80, blank=True)
    categories = models.ManyToManyField(Category, blank=True, related_name="articles")
    is_demo = models.BooleanField("Demo-Inhalt", default=False)
    review_on = models.DateField("zu prüfen am", null=True, blank=True)
    review_reminded_on = models.DateField(null=True, blank=True, help_text="When editors were last reminded by mail.")
    source = models.CharField(max_length=80, blank=True, help_text="Where an import took it from.")
    source_id = models.CharField(max_length=200, blank=True, help_text="The source's own id, never the LeiKa key.")
    source_hash = models.CharField(max_length=64, blank=True, help_text="Of the text as last imported.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source", "source_id"], condition=~Q(source_id=""), name="article_once_per_source_id"
            ),
        ]
        indexes = [
            models.Index(fields=["sort_key", "id", "owner"], name="article_list"),
            models.Index(fields=["review_on"], condition=Q(review_on__isnull=False), name="article_by_review"),
        ]

    def __str__(self) -> str:
        return self.title or str(self.id)


class State(models.TextChoices):
    DRAFT = "draft", "Entwurf"
    IN_REVIEW = "in_review", "in Prüfung"
    PUBLISHED = "published", "veröffentlicht"
    ARCHIVED = "archived", "archiviert"


class Revision(models.Model):
    """One version of an article's shared text (no tenant) or of one city's sections.

    Immutable once published: only the step to ``archived`` is allowed then, and the database
    refuses the rest (trigger in the migrations).
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    article = models.ForeignKey(Article, on_delete=models.PROTECT, related_name="revisions")
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    number = models.PositiveIntegerField(help_text="Counts up within article and city.")
    state = models.CharField("Stand", max_length=10, choices=State, default=State.DRAFT)
    title = models.CharField(
        "Titel", max_length=250, blank=True, help_text="Empty in a city's revision: the shared title counts."
    )
    sections = models.JSONField(
        default=dict, help_text="By key of knowledge.sections; a city's revision holds only what differs."
    )
    valid_from = models.DateTimeField("gültig ab", null=True, blank=True)
    valid_until = models.DateTimeField("gültig bis", null=True, blank=True)
    based_on = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    note = models.CharField("Was sich ändert", max_length=250, blank=True)
    lock_version = models.PositiveIntegerField(
        default=0, help_text="Counts saves of a draft; two editors never overwrite each other."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)
    published_at = models.DateTimeField(null=True, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["article", "tenant", "-number"]
        constraints = [
            # In pairs, because SQLite cannot treat two empty tenants as the same.
            models.UniqueConstraint(
                fields=["article", "number"], condition=Q(tenant__isnull=True), name="revision_shared_number_once"
            ),
            models.UniqueConstraint(
                fields=["article", "tenant", "number"],
                condition=Q(tenant__isnull=False),
                name="revision_local_number_once",
            ),
            models.UniqueConstraint(
                fields=["article"],
                condition=Q(tenant__isnull=True, state__in=["draft", "in_review"]),
                name="revision_one_open_shared",
            ),
            models.UniqueConstraint(
                fields=["article", "tenant"],
                condition=Q(tenant__isnull=False, state__in=["draft", "in_review"]),
                name="revision_one_open_local",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["published", "archived"]) | Q(published_at__isnull=False),
                name="revision_published_has_time",
            ),
        ]
        indexes = [
            models.Index(fields=["article", "tenant", "state"], name="revision_lookup"),
            models.Index(fields=["state", "article"], name="revision_by_state"),
            models.Index(fields=["valid_from"], condition=Q(valid_from__isnull=False), name="revision_by_begin"),
            models.Index(fields=["valid_until"], condition=Q(valid_until__isnull=False), name="revision_by_end"),
        ]

    def __str__(self) -> str:
        return f"{self.title or self.article_id} v{self.number} ({self.get_state_display()})"


class EffectiveArticle(TenantOwned):
    """The answer for one city as it stands now: the search document and what the desk shows."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    article = models.ForeignKey(Article, on_delete=models.CASCADE, related_name="effective")
    shared_revision = models.ForeignKey(Revision, on_delete=models.PROTECT, null=True, related_name="+")
    local_revision = models.ForeignKey(Revision, on_delete=models.PROTECT, null=True, related_name="+")
    title = models.CharField(max_length=250)
    sort_key = models.CharField(max_length=250, blank=True, help_text="The title as German lists sort it.")
    sections = models.JSONField(default=dict)
    local_keys = models.JSONField(default=list, help_text="Keys of the sections that are this city's own.")
    terms = models.JSONField(default=list, help_text="Search terms, shared and local.")
    published_at = models.DateTimeField(help_text="Of the newer of the two revisions.")
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["sort_key"]
        constraints = [models.UniqueConstraint(fields=["article", "tenant"], name="effective_once_per_city")]
        indexes = [
            models.Index(fields=["tenant", "sort_key"], name="effective_by_title"),
            models.Index(
                fields=["tenant", "article"], condition=Q(local_revision__isnull=False), name="effective_with_local"
            ),
        ]

    def __str__(self) -> str:
        return self.title


class SearchTerm(models.Model):
    """A citizens' word for an article: for every city (no tenant) or for one."""

    article = models.ForeignKey(Article, on_delete=models.CASCADE, related_name="search_terms")
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    term = models.CharField("Suchwort", max_length=120)

    class Meta:
        ordering = ["term"]
        constraints = [
            models.UniqueConstraint(
                fields=["article", "term"], condition=Q(tenant__isnull=True), name="search_term_shared_once"
            ),
            models.UniqueConstraint(
                fields=["article", "tenant", "term"], condition=Q(tenant__isnull=False), name="search_term_local_once"
            ),
        ]

    def __str__(self) -> str:
        return self.term


class Severity(models.TextChoices):
    INFORMATION = "information", "Hinweis"
    WARNING = "warning", "Störung"
    DANGER = "danger", "Gefahr"


class Notice(models.Model):
    """A situation that callers ask about today: a band on every desk of the chosen cities, until it ends.

    Its cities (``NoticeCity``) carry the counter; the text is the same for all of them.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    text = models.CharField("Text", max_length=250, help_text="Ein Satz, den Sie Anrufenden sagen können.")
    severity = models.CharField("Art", max_length=12, choices=Severity, default=Severity.WARNING)
    article = models.ForeignKey(Article, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    valid_from = models.DateTimeField("gilt ab")
    valid_until = models.DateTimeField("gilt bis")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    begun_at = models.DateTimeField(null=True, blank=True, help_text="When the desks were told.")
    ended_at = models.DateTimeField(null=True, blank=True, help_text="By hand, or by itself when it expired.")

    class Meta:
        ordering = ["-valid_from"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(valid_until__gt=models.F("valid_from")), name="notice_ends_after_it_begins"
            ),
        ]
        indexes = [models.Index(fields=["valid_until"], name="notice_by_end")]

    def __str__(self) -> str:
        return self.text


class NoticeCity(TenantOwned):
    """A notice in one city, and how many callers of that city asked about it."""

    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="cities")
    asked = models.PositiveIntegerField("Anfragen", default=0)

    class Meta:
        ordering = ["tenant__name"]
        constraints = [models.UniqueConstraint(fields=["notice", "tenant"], name="notice_once_per_city")]

    def __str__(self) -> str:
        return f"{self.tenant}: {self.notice}"


class NoticeReceipt(models.Model):
    """That a person has read a notice: asked for by supervisors in an emergency, gone with the notice."""

    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="receipts")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    read_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["notice", "user"], name="notice_read_once")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.notice_id}"


class ImportState(models.TextChoices):
    CHECKING = "checking", "wird angesehen"
    PREVIEW = "preview", "Vorschau"
    RUNNING = "running", "läuft"
    DONE = "done", "eingelesen"
    FAILED = "failed", "abgebrochen"


class ImportRun(TenantOwned):
    """One file read in for a city: what came of it, and the way to take it back as a whole."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    file_name = models.CharField(max_length=200)
    format = models.CharField(max_length=10)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    state = models.CharField("Stand", max_length=10, choices=ImportState, default=ImportState.RUNNING)
    error = models.CharField(max_length=250, blank=True)
    percent = models.PositiveSmallIntegerField(default=0, help_text="How much of the file was read, while it is.")
    published = models.BooleanField(default=False)
    created = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    refused = models.JSONField(default=list, help_text="line, id, reason, detail; at most a thousand are kept.")
    titles = models.JSONField(default=dict, help_text="created, changed: titles for the preview.")
    refused_count = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-started_at"]

    def __str__(self) -> str:
        return f"{self.file_name} {self.started_at:%Y-%m-%d %H:%M}"


class ImportedRevision(models.Model):
    """A revision that an import wrote. What else stands in a chain was written by people here."""

    run = models.ForeignKey(ImportRun, on_delete=models.CASCADE, related_name="items")
    article = models.ForeignKey(Article, on_delete=models.CASCADE, related_name="+")
    revision = models.OneToOneField(Revision, on_delete=models.CASCADE, related_name="imported")
    previous_hash = models.CharField(max_length=64, blank=True, help_text="The article's source_hash before.")
    is_new_article = models.BooleanField(default=False)

    objects = ScopedManager("run__tenant_id")

    def __str__(self) -> str:
        return f"{self.article_id} by {self.run_id}"


class WorklistItem(TenantOwned):
    """What editors did about a question of callers: claimed, answered, closed.

    The questions themselves are not kept here: ``worklist.py`` groups searches and reports by ``key``,
    and counts only what came after ``closed_at``.
    """

    key = models.CharField(max_length=250, help_text="The article, or the stems of what was searched.")
    title = models.CharField(max_length=250)
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    answer = models.CharField("Was daraus wurde", max_length=250, blank=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "key"], name="worklist_item_once")]

    def __str__(self) -> str:
        return self.title


class SearchEvent(TenantOwned):
    """One search as it was typed when the agent stopped: no caller, no agent."""

    query = models.CharField(max_length=250)
    hits = models.PositiveIntegerField()
    chosen = models.ForeignKey(Article, on_delete=models.SET_NULL, null=True, related_name="+")
    chosen_rank = models.PositiveSmallIntegerField(null=True)
    milliseconds = models.FloatField()
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["tenant", "at"], name="search_event_by_day")]

    def __str__(self) -> str:
        return f"{self.query} ({self.hits})"


class SynonymRule(models.Model):
    """An editor's synonym: what is typed, and what is meant by it; in every city."""

    typed = models.CharField("gesucht wird", max_length=80)
    meant = models.CharField("gemeint ist", max_length=80)
    both_ways = models.BooleanField("gilt auch umgekehrt", default=False)

    class Meta:
        ordering = ["typed", "meant"]
        constraints = [models.UniqueConstraint(fields=["typed", "meant"], name="synonym_rule_once")]

    def __str__(self) -> str:
        return f"{self.typed} {'=' if self.both_ways else '>'} {self.meant}"


class WordRule(models.Model):
    """A word that counts for little (stop), or that is neither stemmed nor split (protected)."""

    class Kind(models.TextChoices):
        STOP = "stop", "zählt kaum"
        PROTECTED = "protected", "bleibt, wie es ist"

    word = models.CharField("Wort", max_length=60, unique=True)
    kind = models.CharField("Regel", max_length=10, choices=Kind)

    class Meta:
        ordering = ["word"]

    def __str__(self) -> str:
        return f"{self.word} ({self.get_kind_display()})"


class PinnedAnswer(TenantOwned):
    """For this query in this city, this article comes first, between two days."""

    query = models.CharField("Suche", max_length=120)
    article = models.ForeignKey(Article, on_delete=models.CASCADE, related_name="+")
    valid_from = models.DateField("gilt ab")
    valid_until = models.DateField("gilt bis einschließlich", null=True, blank=True)

    class Meta:
        ordering = ["query"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "query", "article"], name="pinned_answer_once"),
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True) | Q(valid_until__gte=models.F("valid_from")),
                name="pinned_answer_ends_after_it_begins",
            ),
        ]

    def __str__(self) -> str:
        return self.query


class SearchSettings(models.Model):
    """One row: the stamp of the rules in force; every process reads it before it searches."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    stamp = models.CharField(max_length=32)

    def __str__(self) -> str:
        return self.stamp


class JudgedQuery(TenantOwned):
    """A question of the city whose right articles are known: what its search is measured by."""

    query = models.CharField("Frage", max_length=250)
    articles = models.ManyToManyField(Article, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["query"]
        constraints = [models.UniqueConstraint(fields=["tenant", "query"], name="judged_query_once_per_city")]

    def __str__(self) -> str:
        return self.query


class JudgedRun(TenantOwned):
    """One measurement of a city's judged queries as the search stood then."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    at = models.DateTimeField()
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    figures = models.JSONField(help_text="As evaluate_search prints them: n, hit@1, hit@3, …")
    answers = models.JSONField(help_text="By judged query: rank (0: not among ten) and the first three article ids.")

    class Meta:
        ordering = ["-at"]
        indexes = [models.Index(fields=["tenant", "-at"], name="judged_run_by_day")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M}"


# Registered with this app.
from knowledge import models_authoring as models_authoring  # noqa: E402
