from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from octavo.v1 import template_service_pb2 as pb
from octavo.v1.notification_pb2 import (
    NOTIFICATION_TYPE_EMAIL,
    NOTIFICATION_TYPE_SMS,
    SMS_ENCODING_GSM7,
    SMS_ENCODING_UCS2,
    TextList,
)

NOBODY = "2d9f1c70-5a1e-4a3b-9c55-6f0e8d7b4a11"
SMS = {"type": NOTIFICATION_TYPE_SMS, "name": "Code", "body": "Hello ((name)), your code is ((code))."}
EMAIL = {
    "type": NOTIFICATION_TYPE_EMAIL,
    "name": "News",
    "subject": "For ((name))",
    "body": "# Hi ((Name))\n\n((news))",
}


@pytest.fixture
def owner(api, new_service, new_key):
    """A service, with one of its own keys."""
    service = new_service(name=f"Owner {uuid4().hex[:8]}")
    client = api.client(new_key(service).secret)
    client.service = service
    return client


@pytest.fixture
def stranger(api, new_key):
    """Another service."""
    return api.client(new_key().secret)


def create(client, **fields):
    return client.templates.CreateTemplate(pb.CreateTemplateRequest(**fields)).template


def get(client, template_id, version=0, **fields):
    return client.templates.GetTemplate(pb.GetTemplateRequest(id=template_id, version=version, **fields)).template


def update(client, template_id, **fields):
    return client.templates.UpdateTemplate(pb.UpdateTemplateRequest(id=template_id, **fields)).template


def preview(client, template_id, **fields):
    return client.templates.PreviewTemplate(pb.PreviewTemplateRequest(id=template_id, **fields))


class TestCreating:
    def test_makes_version_1_and_names_its_placeholders(self, owner):
        template = create(owner, **EMAIL)
        assert get(owner, template.id) == template
        assert (template.service_id, template.version, template.archived) == (owner.service.id, 1, False)
        assert (template.subject, template.body) == (EMAIL["subject"], EMAIL["body"])
        assert list(template.placeholders) == ["name", "news"]
        assert template.HasField("created_at")
        assert template.HasField("updated_at")

    @pytest.mark.parametrize(
        ("fields", "violations"),
        [
            ({**SMS, "type": 0}, {"type": "MISSING_FIELD"}),
            ({**SMS, "type": 9}, {"type": "INVALID_ENUM"}),
            ({**SMS, "name": "", "body": ""}, {"name": "MISSING_FIELD", "body": "MISSING_FIELD"}),
            ({**SMS, "subject": "x"}, {"subject": "INVALID_ARGUMENT"}),
            ({**SMS, "body": " \n"}, {"body": "EMPTY_CONTENT"}),
            (
                {**EMAIL, "body": " ".join(f"((n{number}))" for number in range(1_001))},
                {"body": "TOO_MANY_ITEMS"},
            ),
            ({**SMS, "body": "a\0"}, {"body": "INVALID_TEXT"}),
            ({**SMS, "body": "a" * 919}, {"body": "CONTENT_TOO_LONG"}),
            ({**SMS, "body": "((a))" * 2001}, {"body": "CONTENT_TOO_LONG"}),
            ({**EMAIL, "subject": ""}, {"subject": "MISSING_FIELD"}),
            (
                {**EMAIL, "subject": "a\u2028b", "name": "a\rb"},
                {"name": "HEADER_INJECTION", "subject": "HEADER_INJECTION"},
            ),
            ({**EMAIL, "subject": "a" * 999}, {"subject": "CONTENT_TOO_LONG"}),
            ({**EMAIL, "body": "é" * 1_000_001}, {"body": "CONTENT_TOO_LONG"}),
        ],
    )
    def test_names_the_fields_that_break_a_rule(self, owner, refused, fields, violations):
        with refused() as refusal:
            create(owner, **fields)
        assert (refusal.code, refusal.violations) == ("INVALID_ARGUMENT", violations)

    def test_a_megabyte_of_brackets_is_a_text_like_any_other(self, owner):
        body = "(" * 500_000 + "))" * 250_000
        assert list(create(owner, **{**EMAIL, "body": body}).placeholders) == ["name"]


class TestVersions:
    def test_an_update_makes_a_new_one_and_keeps_the_old(self, owner):
        first = create(owner, **EMAIL)
        second = update(owner, first.id, body="Bye ((who))")
        assert (second.version, second.subject, second.name) == (2, EMAIL["subject"], "News")
        assert list(second.placeholders) == ["name", "who"]
        third = update(owner, first.id, name="Renamed", subject="Subject")
        assert (third.version, third.subject, third.name, third.body) == (3, "Subject", "Renamed", "Bye ((who))")
        assert get(owner, first.id, 1) == first
        assert get(owner, first.id, 2) == second
        assert get(owner, first.id) == third

    def test_updates_at_the_same_time_make_a_version_each(self, owner):
        template = create(owner, **SMS)
        with ThreadPoolExecutor(8) as pool:
            made = list(pool.map(lambda n: update(owner, template.id, body=f"text {n}").version, range(16)))
        assert sorted(made) == list(range(2, 18))

    def test_an_update_of_what_was_changed_meanwhile_is_refused_if_it_says_what_it_expects(self, owner, refused):
        template = create(owner, **SMS)
        assert update(owner, template.id, body="second", expected_version=1).version == 2
        with refused() as refusal:
            update(owner, template.id, body="third", expected_version=1)
        assert (refusal.code, refusal.reason) == ("FAILED_PRECONDITION", "VERSION_MISMATCH")
        assert refusal.metadata == {"field": "expected_version", "current_version": "2"}

    @pytest.mark.parametrize(
        ("fields", "violations"),
        [
            ({}, {"body": "MISSING_FIELD"}),
            ({"name": "", "body": ""}, {"name": "MISSING_FIELD", "body": "MISSING_FIELD"}),
            ({"subject": "x"}, {"subject": "INVALID_ARGUMENT"}),
            ({"body": "x", "expected_version": -1}, {"expected_version": "INVALID_ARGUMENT"}),
        ],
    )
    def test_an_update_names_the_fields_that_break_a_rule(self, owner, refused, fields, violations):
        template = create(owner, **SMS)
        with refused() as refusal:
            update(owner, template.id, **fields)
        assert (refusal.code, refusal.violations) == ("INVALID_ARGUMENT", violations)
        assert get(owner, template.id).version == 1

    def test_one_that_does_not_exist_is_not_found(self, owner, refused):
        template = create(owner, **SMS)
        with refused() as refusal:
            get(owner, template.id, 2)
        assert (refusal.code, refusal.metadata) == ("NOT_FOUND", {"field": "version"})
        with refused() as refusal:
            get(owner, template.id, -1)
        assert refusal.violations == {"version": "INVALID_ARGUMENT"}

    def test_are_listed_newest_first_page_by_page(self, owner, refused):
        template, other = create(owner, **SMS), create(owner, **SMS)
        for number in range(4):
            update(owner, template.id, body=f"text {number}")
        found, token = [], ""
        for _ in range(3):
            request = pb.ListTemplateVersionsRequest(id=template.id, page_size=2, page_token=token)
            page = owner.templates.ListTemplateVersions(request)
            found += list(page.versions)
            token = page.next_page_token or token
        assert page.next_page_token == ""
        assert [one.version for one in found] == [5, 4, 3, 2, 1]
        assert [one.body for one in found] == ["text 3", "text 2", "text 1", "text 0", SMS["body"]]
        with refused() as refusal:
            owner.templates.ListTemplateVersions(pb.ListTemplateVersionsRequest(id=other.id, page_token=token))
        assert refusal.reason == "INVALID_PAGE_TOKEN"


class TestListing:
    def listed(self, client, **fields):
        return client.templates.ListTemplates(pb.ListTemplatesRequest(**fields))

    def test_shows_current_versions_newest_first_page_by_page(self, owner):
        made = [create(owner, **SMS) for _ in range(5)]
        update(owner, made[0].id, body="second")
        first = self.listed(owner, page_size=3)
        second = self.listed(owner, page_size=3, page_token=first.next_page_token)
        found = [*first.templates, *second.templates]
        assert [one.id for one in found] == sorted((one.id for one in made), reverse=True)
        assert {one.id: one.version for one in found}[made[0].id] == 2
        assert second.next_page_token == ""

    def test_filters_by_type_and_leaves_archived_ones_out_unless_they_are_asked_for(self, owner, refused):
        sms, email, old = create(owner, **SMS), create(owner, **EMAIL), create(owner, **SMS)
        owner.templates.ArchiveTemplate(pb.ArchiveTemplateRequest(id=old.id))

        def ids(**fields):
            return {one.id for one in self.listed(owner, **fields).templates}

        assert ids() == {sms.id, email.id}
        assert ids(type=NOTIFICATION_TYPE_SMS) == {sms.id}
        assert ids(type=NOTIFICATION_TYPE_SMS, include_archived=True) == {sms.id, old.id}
        with refused() as refusal:
            self.listed(owner, type=9)
        assert refusal.violations == {"type": "INVALID_ENUM"}

    def test_a_page_of_long_texts_ends_early_and_nothing_is_left_out(self, owner):
        body = "long " * 250_000
        made = [create(owner, **{**EMAIL, "body": body}).id for _ in range(5)]
        found, token = [], ""
        while True:
            page = self.listed(owner, page_token=token)
            assert page.ByteSize() < 4 * 1024 * 1024
            found += [one.id for one in page.templates]
            token = page.next_page_token
            if not token:
                break
        assert found == sorted(made, reverse=True)

    def test_a_token_is_bound_to_its_filters(self, owner, refused):
        create(owner, **SMS)
        create(owner, **SMS)
        token = self.listed(owner, page_size=1).next_page_token
        with refused() as refusal:
            self.listed(owner, page_token=token, include_archived=True)
        assert refusal.reason == "INVALID_PAGE_TOKEN"


class TestArchiving:
    def test_can_be_repeated_and_leaves_the_template_to_be_looked_up(self, owner):
        template = create(owner, **SMS)
        request = pb.ArchiveTemplateRequest(id=template.id)
        assert owner.templates.ArchiveTemplate(request).template.archived
        assert owner.templates.ArchiveTemplate(request).template.archived
        assert get(owner, template.id).archived
        assert get(owner, template.id, 1).body == SMS["body"]

    def test_ends_updates(self, owner, refused):
        template = create(owner, **SMS)
        owner.templates.ArchiveTemplate(pb.ArchiveTemplateRequest(id=template.id))
        with refused() as refusal:
            update(owner, template.id, body="x")
        assert (refusal.code, refusal.reason) == ("FAILED_PRECONDITION", "ARCHIVED_TEMPLATE")


class TestPreviewing:
    def test_shows_a_text_message_as_it_will_be_read_with_its_parts(self, owner):
        template = create(owner, **{**SMS, "body": "Hi ((name)): ((things))((vip?? You are a VIP.))"})
        shown = preview(
            owner,
            template.id,
            personalisation={"NAME": "Ann", "vip": "yes"},
            personalisation_lists={"things": TextList(values=["a", "b", "c"])},
        )
        assert shown.body == f"{owner.service.name}: Hi Ann: a, b and c You are a VIP."
        assert (shown.parts, shown.encoding) == (1, SMS_ENCODING_GSM7)
        assert list(shown.missing_placeholders) == []
        assert shown.template_version == 1

    @pytest.mark.parametrize(
        ("value", "parts", "encoding"),
        [
            ("a" * 160, 1, SMS_ENCODING_GSM7),
            ("a" * 161, 2, SMS_ENCODING_GSM7),
            ("a" * 152 + "€" + "a" * 152, 3, SMS_ENCODING_GSM7),
            ("ж" * 70, 1, SMS_ENCODING_UCS2),
            ("ж" * 71, 2, SMS_ENCODING_UCS2),
        ],
    )
    def test_counts_parts_exactly(self, admin, new_service, value, parts, encoding):
        service = new_service(sms_prefix=False)
        template = create(admin, **SMS | {"body": "((text))"}, service_id=service.id)
        shown = preview(admin, template.id, service_id=service.id, personalisation={"text": value})
        assert (shown.body, shown.parts, shown.encoding) == (value, parts, encoding)

    def test_shows_an_email_in_all_its_forms(self, owner):
        template = create(owner, **EMAIL)
        shown = preview(owner, template.id, personalisation={"name": "<b>Ann</b>", "news": "((name)) # none"})
        assert shown.subject == "For <b>Ann</b>"
        assert shown.body == "# Hi <b>Ann</b>\n\n((name)) # none"
        assert "<h1>Hi &lt;b&gt;Ann&lt;/b&gt;</h1>" in shown.html
        assert "<p>((name)) # none</p>" in shown.html
        assert shown.plain.startswith("Hi <b>Ann</b>\n=")
        assert shown.parts == 0

    def test_leaves_placeholders_without_a_value_as_they_are_and_lists_them(self, owner):
        template = create(owner, **{**EMAIL, "body": "((greeting)) ((who)) ((vip??Dear VIP))"})
        shown = preview(owner, template.id, personalisation={"who": "you"})
        assert shown.body == "((greeting)) you ((vip??Dear VIP))"
        assert shown.subject == "For ((name))"
        assert "((greeting)) you ((vip??Dear VIP))" in shown.html
        assert list(shown.missing_placeholders) == ["name", "greeting", "vip"]

    def test_shows_any_version(self, owner):
        template = create(owner, **SMS)
        update(owner, template.id, body="second")
        assert preview(owner, template.id).body.endswith("second")
        old = preview(owner, template.id, version=1)
        assert old.body.endswith(SMS["body"])
        assert old.template_version == 1

    @pytest.mark.parametrize(
        ("fields", "violations"),
        [
            ({"personalisation": {"name": "a" * 1000, "code": "b"}}, {"body": "CONTENT_TOO_LONG"}),
            ({"personalisation": {"name": "a\0"}}, {"personalisation[name]": "INVALID_TEXT"}),
            (
                {"personalisation": {"name": "a"}, "personalisation_lists": {"name": TextList(values=["b"])}},
                {"personalisation_lists[name]": "INVALID_ARGUMENT"},
            ),
        ],
    )
    def test_refuses_what_a_send_would_refuse(self, owner, refused, fields, violations):
        template = create(owner, **SMS)
        with refused() as refusal:
            preview(owner, template.id, **fields)
        assert refusal.violations == violations

    def test_refuses_a_subject_of_two_lines(self, owner, refused):
        template = create(owner, **EMAIL)
        with refused() as refusal:
            preview(owner, template.id, personalisation={"name": "a\nBcc: x@example.com", "news": "x"})
        assert refusal.violations == {"personalisation[name]": "HEADER_INJECTION"}


CALLS = [
    ("GetTemplate", {}),
    ("UpdateTemplate", {"body": "x"}),
    ("ListTemplateVersions", {}),
    ("ArchiveTemplate", {}),
    ("PreviewTemplate", {}),
]


class TestOwnership:
    @pytest.mark.parametrize(("method", "fields"), CALLS)
    def test_anothers_template_is_refused_as_one_that_does_not_exist(self, owner, stranger, refused, method, fields):
        template = create(owner, **SMS)
        refusals = []
        for template_id in (template.id, NOBODY):
            with refused() as refusal:
                getattr(stranger.templates, method)(getattr(pb, f"{method}Request")(id=template_id, **fields))
            refusals.append(refusal)
        assert refusals[0] == refusals[1]
        assert (refusals[0].code, refusals[0].metadata) == ("NOT_FOUND", {"field": "id"})
        assert get(owner, template.id) == template

    @pytest.mark.parametrize(("method", "fields"), [*CALLS, ("CreateTemplate", SMS), ("ListTemplates", {})])
    def test_a_service_that_names_another_one_finds_nothing(self, owner, stranger, refused, method, fields):
        template = create(owner, **SMS)
        more = {"id": template.id} if (method, fields) in CALLS else {}
        with refused() as refusal:
            request = getattr(pb, f"{method}Request")(service_id=owner.service.id, **more, **fields)
            getattr(stranger.templates, method)(request)
        assert (refusal.code, refusal.metadata) == ("NOT_FOUND", {"field": "service_id"})

    @pytest.mark.parametrize(("method", "fields"), [*CALLS, ("CreateTemplate", SMS), ("ListTemplates", {})])
    def test_the_platform_team_names_the_service(self, admin, owner, refused, method, fields):
        more = {"id": NOBODY} if (method, fields) in CALLS else {}
        with refused() as refusal:
            getattr(admin.templates, method)(getattr(pb, f"{method}Request")(**more, **fields))
        assert refusal.violations == {"service_id": "MISSING_FIELD"}
        with refused() as refusal:
            getattr(admin.templates, method)(getattr(pb, f"{method}Request")(**more, **fields, service_id=NOBODY))
        assert refusal.code == "NOT_FOUND"

    def test_the_platform_team_works_on_the_templates_of_any_service(self, admin, owner):
        template = create(admin, **SMS, service_id=owner.service.id)
        assert get(owner, template.id, service_id=owner.service.id) == template
        assert update(admin, template.id, body="x", service_id=owner.service.id).version == 2

    @pytest.mark.parametrize("template_id", ["", "x", NOBODY.replace("-", ""), f"{{{NOBODY}}}"])
    def test_an_id_is_a_uuid(self, owner, refused, template_id):
        with refused() as refusal:
            get(owner, template_id)
        assert list(refusal.violations) == ["id"]
