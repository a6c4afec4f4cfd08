"""Reading files in from the browser."""

from __future__ import annotations

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from knowledge.importing import upload as uploading
from knowledge.importing.upload import path_of
from knowledge.models import Article, ImportRun, ImportState
from knowledge.search import api
from tenants.scope import all_cities
from tests.knowledge.test_importing_files import munich

PAGE = "/wissen/duisburg/einlesen/"


@pytest.fixture(autouse=True)
def _plain(monkeypatch, settings, tmp_path, duisburg):
    settings.VAR = tmp_path
    monkeypatch.setattr(api, "index", lambda ids: None)
    monkeypatch.setattr(api, "remove", lambda ids: None)


def upload(client, *objects, name: str = "feed.jsonl"):
    content = "\n".join(json.dumps(each) for each in objects).encode()
    return client.post(PAGE, {"file": SimpleUploadedFile(name, content)})


def test_file_is_looked_at_before_anything_is_written(client_for, django_capture_on_commit_callbacks):
    """A wrong file would be in the knowledge base before anybody saw it."""
    client = client_for("editor")
    response = upload(client, munich(id="1"), munich(id="2", public=False))
    assert response.status_code == 302
    html = client.get(response.url).content.decode()
    assert "Noch ist nichts geschrieben" in html
    assert 'nicht öffentlich <span class="muted">(1)</span>' in html
    assert "Gewerbe-Anmeldung" in html
    assert not Article.objects.exists()
    with django_capture_on_commit_callbacks(execute=True):
        client.post(response.url + "starten/")
        client.post(response.url + "starten/")
    with all_cities("test"):
        run = ImportRun.objects.get()
    assert (run.state, run.created, run.refused_count) == (ImportState.DONE, 1, 1)
    assert Article.objects.count() == 1
    assert not path_of(run).exists()
    assert "Zurücknehmen" in client.get(response.url).content.decode()
    client.post(response.url + "zuruecknehmen/")
    assert not Article.objects.exists()
    assert upload(client, munich(id="1")).status_code == 302


def test_unreadable_or_empty_file_stays_on_the_page_with_the_reason(client_for):
    client = client_for("editor")
    response = client.post(PAGE, {"file": SimpleUploadedFile("x.xml", b"<kein xml")})
    assert response.status_code == 422
    assert "lässt sich nicht lesen" in response.content.decode()
    assert client.post(PAGE, {}).status_code == 422


def test_other_citys_imports_are_404(client_for, dinslaken, people):
    with all_cities("test"):
        run = ImportRun.objects.create(tenant=dinslaken, file_name="x", format="csv", actor=people["editor"])
    assert client_for("editor").get(f"{PAGE}{run.pk}/").status_code == 404
    assert client_for("agent").get(PAGE).status_code == 403


def test_template_and_export_are_offered(client_for, article):
    client = client_for("editor")
    assert client.get(PAGE + "vorlage.csv").content.decode().startswith("\ufeffid;title")
    lines = b"".join(client.get("/wissen/duisburg/ausgeben/wissen.jsonl").streaming_content).decode().splitlines()
    assert [json.loads(line)["title"] for line in lines] == ["Hund anmelden"]


def test_running_import_asks_again_by_itself(client_for, duisburg, people):
    with all_cities("test"):
        run = ImportRun.objects.create(
            tenant=duisburg, file_name="x", format="csv", actor=people["editor"], state=ImportState.RUNNING
        )
    client = client_for("editor")
    page = client.get(f"{PAGE}{run.pk}/").content.decode()
    fragment = client.get(f"{PAGE}{run.pk}/", headers={"HX-Request": "true"}).content.decode()
    assert 'hx-trigger="every 1s"' in fragment
    assert fragment.strip() in page


def test_large_file_is_looked_through_in_the_background(client_for, monkeypatch, django_capture_on_commit_callbacks):
    """The browser would give up after a minute, and nobody would know what the file holds."""
    monkeypatch.setattr(uploading, "AT_ONCE", 10)
    client = client_for("editor")
    body = "\n".join(json.dumps(munich(id=str(number))) for number in range(3)).encode()
    with django_capture_on_commit_callbacks() as jobs:
        address = client.post(PAGE, {"file": SimpleUploadedFile("feed.jsonl", body)}).url
    with all_cities("test"):
        run = ImportRun.objects.get()
    assert (run.state, run.created, len(jobs)) == (ImportState.CHECKING, 0, 1)
    assert "<progress" in client.get(address).content.decode()
    uploading.look_through(run.pk)
    with all_cities("test"):
        run.refresh_from_db()
    assert (run.state, run.created, run.percent) == (ImportState.PREVIEW, 3, 100)
    assert "Als Entwürfe einlesen" in client.get(address).content.decode()
    with all_cities("test"):
        assert not Article.objects.exists()


def test_large_file_that_cannot_be_read_says_why(client_for, monkeypatch):
    monkeypatch.setattr(uploading, "AT_ONCE", 1)
    address = client_for("editor").post(PAGE, {"file": SimpleUploadedFile("x.xml", b"<kein xml")}).url
    with all_cities("test"):
        run = ImportRun.objects.get()
    uploading.look_through(run.pk)
    assert "lässt sich nicht lesen" in client_for("editor").get(address).content.decode()
    assert not uploading.path_of(run).exists()
