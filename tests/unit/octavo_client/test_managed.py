"""Management changes what is named and nothing else, and reads what the API answers."""

from datetime import UTC, datetime

import pytest

from octavo.v1 import api_key_service_pb2, registry_service_pb2, template_service_pb2
from octavo_client import UnconfirmedPolicy
from octavo_client.services import ApiKeys, Services
from octavo_client.templates import Templates

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def service(**fields):
    return registry_service_pb2.Service(id="s", name="Parking", created_at=NOW, **fields)


def test_an_update_names_the_fields_that_were_given(world):
    world.answers["UpdateService"] = [registry_service_pb2.UpdateServiceResponse(service=service(suspended=True))]
    Services(world.caller()).update("s", suspended=False, sms_senders=[], unconfirmed_policy="resend")
    request = world.asked["UpdateService"][0].request
    assert sorted(request.update_mask.paths) == ["sms_senders", "suspended", "unconfirmed_policy"]
    assert request.service.HasField("suspended")
    assert not request.service.HasField("trial")
    assert request.service.unconfirmed_policy == registry_service_pb2.UNCONFIRMED_POLICY_RESEND


def test_a_service_is_created_with_its_settings(world):
    answer = service(
        sms_senders=["A", "B"], trial=True, sms_daily_limit=0, unconfirmed_policy="UNCONFIRMED_POLICY_FAIL"
    )
    world.answers["CreateService"] = [registry_service_pb2.CreateServiceResponse(service=answer)]
    made = Services(world.caller()).create("Parking", sms_senders=["A", "B"], trial=True, sms_daily_limit=0)
    request = world.asked["CreateService"][0].request.service
    assert (request.name, list(request.sms_senders), request.trial) == ("Parking", ["A", "B"], True)
    assert request.HasField("sms_daily_limit")
    assert (made.sms_senders, made.unconfirmed_policy) == (("A", "B"), UnconfirmedPolicy.FAIL)


def test_guests_are_added_listed_and_removed(world):
    guest = registry_service_pb2.Guest(recipient="+447700900001", created_at=NOW)
    world.answers["AddGuests"] = [registry_service_pb2.AddGuestsResponse(guests=[guest])]
    world.answers["ListGuests"] = [registry_service_pb2.ListGuestsResponse(guests=[guest])]
    world.answers["RemoveGuests"] = [registry_service_pb2.RemoveGuestsResponse(removed=1)]
    services = Services(world.caller())
    assert services.add_guests("s", ["07700900001"]) == tuple(services.guests("s"))
    assert services.remove_guests("s", ["07700900001"]) == 1


def test_unconfirmed_sends_are_listed_with_what_becomes_of_them(world):
    send = registry_service_pb2.UnconfirmedSend(
        notification_id="n",
        service_id="s",
        type="NOTIFICATION_TYPE_SMS",
        provider="mmg",
        unconfirmed_at=NOW,
        policy="UNCONFIRMED_POLICY_RESEND",
        decided_at=NOW,
    )
    world.answers["ListUnconfirmedSends"] = [registry_service_pb2.ListUnconfirmedSendsResponse(sends=[send])]
    (listed,) = Services(world.caller()).unconfirmed()
    assert (listed.notification_id, listed.type, listed.provider) == ("n", "sms", "mmg")
    assert listed.policy is UnconfirmedPolicy.RESEND
    assert listed.decided_at == NOW


def test_the_secret_of_a_key_is_shown_only_when_asked_for(world):
    key = {"id": "k", "type": "KEY_TYPE_TEST", "created_at": NOW}
    world.answers["CreateApiKey"] = [api_key_service_pb2.CreateApiKeyResponse(api_key=key, secret="hush")]
    made = ApiKeys(world.caller()).create("s", "mine", "test")
    assert made.secret == "hush"
    assert "hush" not in repr(made)
    assert (made.api_key.type, made.api_key.revoked_at) == ("test", None)


def test_an_update_of_a_template_leaves_out_what_was_not_given(world):
    template = {"id": "t", "created_at": NOW, "updated_at": NOW, "version": 2, "placeholders": ["name"]}
    world.answers["UpdateTemplate"] = [template_service_pb2.UpdateTemplateResponse(template=template)]
    made = Templates(world.caller(), "s").update("t", body="Hello ((name))", expected_version=1)
    request = world.asked["UpdateTemplate"][0].request
    assert request.HasField("body")
    assert not request.HasField("name")
    assert (request.service_id, made.version, made.placeholders) == ("s", 2, ("name",))


@pytest.mark.parametrize("service_id", ["", "s"])
def test_templates_are_of_the_key_or_of_the_service_named(world, service_id):
    world.answers["ListTemplates"] = [template_service_pb2.ListTemplatesResponse()]
    assert not list(Templates(world.caller(), service_id).list("email", include_archived=True))
    assert world.asked["ListTemplates"][0].request.service_id == service_id


def test_a_preview_tells_what_is_missing(world):
    answer = template_service_pb2.PreviewTemplateResponse(body="Hello ((name))", missing_placeholders=["name"])
    world.answers["PreviewTemplate"] = [answer]
    assert Templates(world.caller()).preview("t", {"things": ["a"]}).missing_placeholders == ("name",)
