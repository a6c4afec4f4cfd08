"""Addresses below /rechnungen/."""

from django.urls import path

from billing import agreement_views, partner_views, payment_views, treasury_views, views

app_name = "billing"
urlpatterns = [
    path("", views.home, name="home"),
    path("<slug:city>/", views.invoice_list, name="list"),
    path("<slug:city>/abschluss/", views.month_close, name="close"),
    path("<slug:city>/vereinbarung/neu/", agreement_views.agreement_new, name="agreement_new"),
    path("<slug:city>/vereinbarung/<uuid:agreement>/fassung/", agreement_views.version_new, name="version_new"),
    path("<slug:city>/vereinbarung/<uuid:agreement>/ende/", agreement_views.agreement_end, name="agreement_end"),
    path("<slug:city>/vereinbarung/<uuid:agreement>/was-waere-wenn/", partner_views.what_if, name="what_if"),
    path("<slug:city>/vereinbarung/<uuid:agreement>/haushalt/", partner_views.budget, name="budget"),
    path("<slug:city>/kosten/", partner_views.costs, name="costs"),
    path("<slug:city>/<uuid:invoice>/position/<int:position>/rueckfrage/", partner_views.ask, name="ask"),
    path("<slug:city>/<uuid:own>/rueckfrage/<int:question>/", partner_views.answer, name="answer"),
    path("<slug:city>/vereinbarung/<uuid:agreement>/", views.agreement_view, name="agreement"),
    path("<slug:city>/<uuid:invoice>/", views.invoice_view, name="invoice"),
    path("<slug:city>/<uuid:invoice>/rechnung.xml", views.document, {"kind": "xml"}, name="xml"),
    path("<slug:city>/<uuid:invoice>/rechnung.pdf", views.document, {"kind": "pdf"}, name="pdf"),
    path("<slug:city>/<uuid:invoice>/nachweis.csv", views.evidence, name="csv"),
    path("<slug:city>/<uuid:invoice>/position/<int:position>/", views.line_calls, name="line"),
    path("<slug:city>/<uuid:invoice>/position/<int:position>/anrufe.csv", views.line_evidence, name="line_csv"),
    path("<slug:city>/<uuid:invoice>/position/<int:position>/anruf/<uuid:call>/", views.line_call, name="line_call"),
    path("<slug:city>/<uuid:invoice>/nachrechnen/", views.rate_again, name="rate_again"),
    path("<slug:city>/<uuid:own>/pruefen/", views.review, name="review"),
    path("<slug:city>/<uuid:own>/ausstellen/", views.issue, name="issue"),
    path("<slug:city>/<uuid:own>/stornieren/", views.cancel, name="cancel"),
    path("<slug:city>/<uuid:own>/neu/", views.redraft, name="redraft"),
    path("<slug:city>/<uuid:own>/bezahlt/", payment_views.pay, name="pay"),
    path("<slug:city>/<uuid:own>/zahlung/<uuid:payment>/zuruecknehmen/", payment_views.take_back, name="take_back"),
    path("<slug:city>/<uuid:own>/erinnern/", payment_views.remind, name="remind"),
    path("<slug:city>/<uuid:own>/versandt/", payment_views.send, name="send"),
    path("<slug:city>/<uuid:own>/peppol.xml", payment_views.peppol_file, name="peppol"),
    path("<slug:city>/<uuid:own>/berichtigen/", payment_views.adjust, name="adjust"),
    path("<slug:city>/<uuid:own>/verwerfen/", payment_views.discard, name="discard"),
    path("<slug:city>/<uuid:invoice>/unterschrift/<str:step>/", treasury_views.sign, name="sign"),
    path("<slug:city>/<uuid:invoice>/anordnung.pdf", treasury_views.order, name="order"),
    path("<slug:city>/zahlungen/", payment_views.payment_list, name="payments"),
    path("<slug:city>/zahlungen/buchen/", payment_views.payment_book, name="book"),
    path("<slug:city>/kasse/", treasury_views.finance_page, name="finance"),
    path("<slug:city>/kasse/datei.csv", treasury_views.finance_file, name="finance_file"),
    path("<slug:city>/journal/", treasury_views.journal_page, name="journal"),
    path("<slug:city>/pruefung/", treasury_views.audit_page, name="audit"),
    path("<slug:city>/pruefung/daten.zip", treasury_views.audit_file, name="audit_file"),
]
