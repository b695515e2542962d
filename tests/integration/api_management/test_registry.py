import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import uuid4

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from octavo.v1 import registry_service_pb2 as pb

NOBODY = "2d9f1c70-5a1e-4a3b-9c55-6f0e8d7b4a11"


def create(admin, **settings):
    return admin.registry.CreateService(pb.CreateServiceRequest(service=pb.Service(**settings))).service


def update(admin, service, *paths, **settings):
    request = pb.UpdateServiceRequest(service=pb.Service(id=service.id, **settings), update_mask=FieldMask(paths=paths))
    return admin.registry.UpdateService(request).service


def get(admin, service_id):
    return admin.registry.GetService(pb.GetServiceRequest(id=service_id)).service


class TestCreating:
    def test_fills_in_every_default(self, admin):
        name = f"plain {uuid4().hex}"
        service = create(admin, name=f"  {name} ")
        assert service.name == name
        assert service.sms_prefix
        assert (service.sms_daily_limit, service.email_daily_limit) == (250_000, 250_000)
        assert (service.rate_per_minute, service.retention_days) == (3_000, 7)
        assert not service.trial
        assert not service.suspended
        assert service.unconfirmed_policy == pb.UNCONFIRMED_POLICY_FAIL
        assert abs(service.created_at.ToDatetime(tzinfo=UTC) - datetime.now(UTC)).total_seconds() < 60

    def test_keeps_every_setting_that_is_given(self, admin):
        given = {
            "name": f"full {uuid4().hex}",
            "reply_to_addresses": ["a@example.com", "B@example.com"],
            "sms_senders": ["Octavo", "+447700900123", "60006"],
            "sms_prefix": False,
            "sms_daily_limit": 0,
            "email_daily_limit": 12,
            "rate_per_minute": 60,
            "retention_days": 90,
            "suspended": True,
            "unconfirmed_policy": pb.UNCONFIRMED_POLICY_RESEND,
        }
        service = create(admin, **given)
        assert get(admin, service.id) == service
        for name, value in given.items():
            found = getattr(service, name)
            assert (list(found) if isinstance(value, list) else found) == value

    def test_a_trial_service_may_send_50_a_day(self, admin):
        service = create(admin, name=f"trial {uuid4().hex}", trial=True, email_daily_limit=10)
        assert (service.sms_daily_limit, service.email_daily_limit) == (50, 10)

    def test_a_name_is_given_once_also_to_many_at_the_same_time(self, admin, refused):
        name = f"wanted {uuid4().hex}"

        def attempt(_):
            try:
                return create(admin, name=name).id
            except grpc.RpcError as error:
                return error.code().name

        with ThreadPoolExecutor(8) as pool:
            results = list(pool.map(attempt, range(8)))
        assert results.count("ALREADY_EXISTS") == 7
        with refused() as refusal:
            create(admin, name=name)
        assert (refusal.code, refusal.reason, refusal.metadata["field"]) == (
            "ALREADY_EXISTS", "ALREADY_EXISTS", "service.name",
        )  # fmt: skip

    def test_names_every_field_that_breaks_a_rule_at_once(self, admin, refused):
        with refused() as refusal:
            create(
                admin,
                name="two\nlines",
                reply_to_addresses=["a@example.com", "nobody", "A@example.com", "x@example.com\u2028"],
                sms_senders=["Octavo", "far too long a name", "ünüsual"],
                sms_daily_limit=-1,
                email_daily_limit=2_000_000_000,
                rate_per_minute=0,
                retention_days=91,
                unconfirmed_policy=7,
            )
        assert refusal.code == "INVALID_ARGUMENT"
        assert refusal.violations == {
            "service.name": "HEADER_INJECTION",
            "service.reply_to_addresses[1]": "INVALID_RECIPIENT",
            "service.reply_to_addresses[2]": "INVALID_ARGUMENT",
            "service.reply_to_addresses[3]": "HEADER_INJECTION",
            "service.sms_senders[1]": "INVALID_SMS_SENDER",
            "service.sms_senders[2]": "INVALID_SMS_SENDER",
            "service.sms_daily_limit": "INVALID_ARGUMENT",
            "service.email_daily_limit": "INVALID_ARGUMENT",
            "service.rate_per_minute": "INVALID_ARGUMENT",
            "service.retention_days": "INVALID_ARGUMENT",
            "service.unconfirmed_policy": "INVALID_ENUM",
        }

    @pytest.mark.parametrize(
        ("settings", "field", "reason"),
        [
            ({}, "service", "MISSING_FIELD"),
            ({"sms_prefix": True}, "service.name", "MISSING_FIELD"),
            ({"name": " "}, "service.name", "MISSING_FIELD"),
            ({"name": "a" * 256}, "service.name", "CONTENT_TOO_LONG"),
            ({"name": "a\0b"}, "service.name", "INVALID_TEXT"),
            ({"name": "x", "trial": True, "sms_daily_limit": 51}, "service.sms_daily_limit", "INVALID_ARGUMENT"),
            ({"name": "x", "sms_senders": ["A"] * 101}, "service.sms_senders", "TOO_MANY_ITEMS"),
        ],
    )
    def test_names_the_field_at_fault(self, admin, refused, settings, field, reason):
        request = pb.CreateServiceRequest(service=pb.Service(**settings)) if settings else pb.CreateServiceRequest()
        with refused() as refusal:
            admin.registry.CreateService(request)
        assert (refusal.code, refusal.violations) == ("INVALID_ARGUMENT", {field: reason})


class TestUpdating:
    def test_changes_what_the_mask_names_and_nothing_else(self, admin, new_service):
        service = new_service(sms_senders=["Octavo"], retention_days=30)
        after = update(admin, service, "suspended", "sms_senders", suspended=True, retention_days=5)
        assert after.suspended
        assert list(after.sms_senders) == []
        assert after.retention_days == 30
        assert after.updated_at.ToNanoseconds() > service.updated_at.ToNanoseconds()
        assert after.created_at == service.created_at

    def test_without_a_mask_changes_what_is_set(self, admin, new_service):
        after = update(admin, new_service(retention_days=30, suspended=True), suspended=False)
        assert not after.suspended
        assert after.retention_days == 30

    def test_a_named_field_that_is_not_set_takes_its_default(self, admin, new_service):
        assert update(admin, new_service(retention_days=30), "retention_days").retention_days == 7

    def test_going_into_trial_mode_and_out_of_it_moves_the_daily_limits(self, admin, new_service):
        service = new_service(email_daily_limit=10)
        inside = update(admin, service, trial=True)
        assert (inside.sms_daily_limit, inside.email_daily_limit) == (50, 10)
        outside = update(admin, service, trial=False)
        assert (outside.sms_daily_limit, outside.email_daily_limit) == (250_000, 10)

    def test_keeps_the_trial_limit_while_the_service_is_in_trial_mode(self, admin, new_service, refused):
        service = new_service(trial=True)
        with refused() as refusal:
            update(admin, service, sms_daily_limit=51)
        assert refusal.violations == {"service.sms_daily_limit": "INVALID_ARGUMENT"}

    def test_refuses_the_name_of_another_service(self, admin, new_service, refused):
        service, other = new_service(), new_service()
        with refused() as refusal:
            update(admin, service, name=other.name)
        assert (refusal.code, refusal.reason) == ("ALREADY_EXISTS", "ALREADY_EXISTS")
        assert get(admin, service.id) == service

    @pytest.mark.parametrize("paths", [["id"], ["created_at"], ["name", "no_such_field"], ["*"]])
    def test_refuses_a_mask_that_names_what_cannot_be_changed(self, admin, new_service, refused, paths):
        with refused() as refusal:
            update(admin, new_service(), *paths, name="other")
        assert refusal.violations == {"update_mask": "INVALID_ARGUMENT"}

    def test_refuses_to_change_nothing(self, admin, new_service, refused):
        with refused() as refusal:
            update(admin, new_service())
        assert refusal.violations == {"update_mask": "MISSING_FIELD"}

    def test_changes_at_the_same_time_are_all_made(self, admin, new_service):
        service = new_service()
        changes = [{"retention_days": 9}, {"rate_per_minute": 9}, {"suspended": True}, {"sms_prefix": False}]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda change: update(admin, service, **change), changes))
        after = get(admin, service.id)
        assert (after.retention_days, after.rate_per_minute, after.suspended, after.sms_prefix) == (9, 9, True, False)


class TestLookingUp:
    @pytest.mark.parametrize(
        ("service_id", "code"), [("", "INVALID_ARGUMENT"), ("x", "INVALID_ARGUMENT"), (NOBODY, "NOT_FOUND")]
    )
    def test_refuses_what_is_no_service(self, admin, refused, service_id, code):
        with refused() as refusal:
            get(admin, service_id)
        assert (refusal.code, refusal.metadata["field"]) == (code, "id")

    def test_lists_all_newest_first_page_by_page(self, admin, new_service):
        made = [new_service().id for _ in range(5)]
        found, token = [], ""
        while True:
            page = admin.registry.ListServices(pb.ListServicesRequest(page_size=2, page_token=token))
            found += [service.id for service in page.services]
            token = page.next_page_token
            if not token:
                break
        assert len(set(found)) == len(found)
        # Others may be made between the pages, so the order is that of those made here.
        assert [one for one in found if one in made] == sorted(made, reverse=True)

    @pytest.mark.parametrize(
        ("request_", "field"),
        [
            (pb.ListServicesRequest(page_size=-1), "page_size"),
            (pb.ListServicesRequest(page_token="x"), "page_token"),
            (pb.ListServicesRequest(page_token="A" * 44), "page_token"),
        ],
    )
    def test_refuses_a_page_that_cannot_be(self, admin, refused, request_, field):
        with refused() as refusal:
            admin.registry.ListServices(request_)
        assert list(refusal.violations) == [field]


class TestGuests:
    def add(self, admin, service, *recipients):
        return admin.registry.AddGuests(pb.AddGuestsRequest(service_id=service.id, recipients=recipients)).guests

    def guests(self, admin, service, **page):
        return admin.registry.ListGuests(pb.ListGuestsRequest(service_id=service.id, **page))

    def test_are_normalised_sealed_and_found_by_their_hash(self, admin, new_service, rows):
        service = new_service()
        added = self.add(admin, service, "07700 900123", "Someone@Example.com", "+44 7700 900123")
        assert [guest.recipient for guest in added] == ["+447700900123", "Someone@example.com", "+447700900123"]
        assert {guest.recipient for guest in self.guests(admin, service).guests} == {
            "+447700900123", "Someone@example.com",
        }  # fmt: skip
        stored = rows("SELECT * FROM guests WHERE service_id = :id", id=service.id)
        assert len(stored) == 2
        for row in stored:
            assert b"7700900123" not in bytes(row.sealed) + bytes(row.recipient_hash)
            assert b"omeone" not in bytes(row.sealed) + bytes(row.recipient_hash)

    def test_those_on_the_list_stay(self, admin, new_service):
        service = new_service()
        (first,) = self.add(admin, service, "a@example.com")
        (again,) = self.add(admin, service, "A@EXAMPLE.COM")
        assert again.created_at == first.created_at
        assert len(self.guests(admin, service).guests) == 1

    def test_are_all_added_or_none(self, admin, new_service, refused):
        service = new_service()
        with refused() as refusal:
            self.add(admin, service, "a@example.com", "b@", "090 1234 5678", "c@example.com")
        assert list(refusal.violations) == ["recipients[1]", "recipients[2]"]
        assert "b@" not in refusal.message
        assert len(self.guests(admin, service).guests) == 0

    def test_are_taken_off_however_they_are_spelled(self, admin, new_service):
        service = new_service()
        self.add(admin, service, "a@example.com", "07700900123")
        request = pb.RemoveGuestsRequest(
            service_id=service.id, recipients=["+447700900123", "A@example.com", "x@example.com"]
        )
        assert admin.registry.RemoveGuests(request).removed == 2
        assert admin.registry.RemoveGuests(request).removed == 0
        assert len(self.guests(admin, service).guests) == 0

    def test_are_listed_page_by_page_with_tokens_of_that_service(self, admin, new_service, refused):
        service, other = new_service(), new_service()
        self.add(admin, service, *(f"guest{number}@example.com" for number in range(5)))
        found, token = [], ""
        for _ in range(3):
            page = self.guests(admin, service, page_size=2, page_token=token)
            found += [guest.recipient for guest in page.guests]
            token = page.next_page_token or token
        assert page.next_page_token == ""
        assert sorted(found) == [f"guest{number}@example.com" for number in range(5)]
        with refused() as refusal:
            self.guests(admin, other, page_token=token)
        assert refusal.reason == "INVALID_PAGE_TOKEN"

    def test_many_that_add_the_same_at_once_all_succeed(self, admin, new_service):
        service = new_service()
        recipients = [f"guest{number}@example.com" for number in range(50)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda n: self.add(admin, service, *(recipients if n % 2 else recipients[::-1])), range(16)))
        assert len(self.guests(admin, service, page_size=250).guests) == 50

    @pytest.mark.parametrize("method", ["AddGuests", "RemoveGuests"])
    @pytest.mark.parametrize(
        ("recipients", "reason"), [([], "MISSING_FIELD"), (["a@example.com"] * 101, "TOO_MANY_ITEMS")]
    )
    def test_are_1_to_100_in_a_call(self, admin, new_service, refused, method, recipients, reason):
        request = getattr(pb, f"{method}Request")(service_id=new_service().id, recipients=recipients)
        with refused() as refusal:
            getattr(admin.registry, method)(request)
        assert refusal.violations == {"recipients": reason}

    @pytest.mark.parametrize("method", ["AddGuests", "RemoveGuests", "ListGuests"])
    def test_need_a_service(self, admin, refused, method):
        more = {} if method == "ListGuests" else {"recipients": ["a@example.com"]}
        with refused() as refusal:
            getattr(admin.registry, method)(getattr(pb, f"{method}Request")(service_id=NOBODY, **more))
        assert (refusal.code, refusal.metadata["field"]) == ("NOT_FOUND", "service_id")


@pytest.mark.parametrize("key", ["", "wrong", "octavo_" + "0" * 32 + "_secret", "x" * 100_000])
def test_needs_a_key(api, refused, key):
    started = time.monotonic()
    with refused() as refusal:
        api.client(key).registry.ListServices(pb.ListServicesRequest())
    assert (refusal.code, refusal.reason) == ("UNAUTHENTICATED", "UNAUTHENTICATED")
    assert time.monotonic() - started < 10
