"""The command line for services, templates, keys and guests, against a real server."""

import json
from datetime import UTC, datetime

from octavo.v1 import api_key_service_pb2, registry_service_pb2, template_service_pb2

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def test_templates_are_made_with_the_key_of_the_service_or_the_admin_key(cli, server, tmp_path):
    asked = []

    def create(request, _):
        asked.append(request)
        return template_service_pb2.CreateTemplateResponse(template={"id": "t1", "body": request.body, "version": 1})

    server.methods["CreateTemplate"] = create
    text = tmp_path / "body.txt"
    text.write_text("Hello ((name))")
    assert "t1" in cli("template", "create", "sms", "hello", "--body-file", text).stdout
    assert (
        json.loads(cli("template", "create", "sms", "x", "--body", "y", "--service", "s", "--json").stdout)["id"]
        == "t1"
    )
    assert [request.service_id for request in asked] == ["", "s"]
    assert asked[0].body == "Hello ((name))"
    assert server.keys == ["Bearer the-key", "Bearer the-admin-key"]
    assert cli("template", "create", "sms", "hello").exit_code == 2
    assert cli("template", "update", "t1").exit_code == 2


def test_the_secret_of_a_new_key_is_shown_once(cli, server):
    key = {"id": "k1", "name": "mine", "type": "KEY_TYPE_TEST", "created_at": NOW}
    server.methods["CreateApiKey"] = lambda _, __: api_key_service_pb2.CreateApiKeyResponse(api_key=key, secret="hush")
    server.methods["ListApiKeys"] = lambda _, __: api_key_service_pb2.ListApiKeysResponse(api_keys=[key])
    server.methods["RevokeApiKey"] = lambda _, __: api_key_service_pb2.RevokeApiKeyResponse(api_key=key)
    assert "hush" in cli("key", "create", "s", "mine", "--type", "test").stdout
    assert json.loads(cli("key", "create", "s", "mine", "--type", "test", "--json").stdout)["secret"] == "hush"
    assert "k1" in cli("key", "list", "s").stdout
    assert cli("key", "revoke", "s", "k1").exit_code == 0


def test_services_are_changed_by_what_is_given(cli, server):
    asked = []

    def update(request, _):
        asked.append(request)
        return registry_service_pb2.UpdateServiceResponse(service={"id": "s", "name": "Parking", "created_at": NOW})

    server.methods["UpdateService"] = update
    done = cli(
        "service", "update", "s", "--active", "--sms-daily-limit", 0, "--reply-to", "", "--unconfirmed", "resend"
    )
    assert done.exit_code == 0, done.output
    assert sorted(asked[0].update_mask.paths) == [
        "reply_to_addresses",
        "sms_daily_limit",
        "suspended",
        "unconfirmed_policy",
    ]
    assert cli("service", "update", "s").exit_code == 2


def test_guests(cli, server):
    server.methods["AddGuests"] = lambda request, _: registry_service_pb2.AddGuestsResponse(
        guests=[{"recipient": recipient, "created_at": NOW} for recipient in request.recipients]
    )
    server.methods["RemoveGuests"] = lambda request, _: registry_service_pb2.RemoveGuestsResponse(
        removed=len(request.recipients)
    )
    assert "ann@example.com" in cli("guest", "add", "s", "ann@example.com", "07700900001").stdout
    assert json.loads(cli("guest", "remove", "s", "ann@example.com", "--json").stdout) == {"removed": 1}


def test_unconfirmed_sends(cli, server):
    asked = []

    def answer(request, _):
        asked.append(request.service_id)
        send = {"notification_id": "n", "type": "NOTIFICATION_TYPE_SMS", "provider": "mmg", "reason": "timeout"}
        times = {"unconfirmed_at": NOW, "decided_at": NOW}
        return registry_service_pb2.ListUnconfirmedSendsResponse(sends=[{**send, **times}])

    server.methods["ListUnconfirmedSends"] = answer
    assert "timeout" in cli("service", "unconfirmed").stdout
    assert json.loads(cli("service", "unconfirmed", "s", "--json").stdout)["provider"] == "mmg"
    assert asked == ["", "s"]
