"""Personal data and keys go through every path of all processes, and are found nowhere but sealed."""

import base64
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

import grpc
import pytest

from deploy.local.instance import CACHE
from deploy.local.stack import Stack
from octavo.sealedforms import AesGcmForm
from octavo.v1 import notification_pb2 as common
from tests.e2e import paths, places, refusals
from tests.e2e.callers import Api, Service
from tests.e2e.canaries import ADDRESS, NAME, NUMBER, PLANTED, Canary, all_canaries, canary, secret_of, sightings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@dataclass
class Told:
    """What clients were told of what went wrong."""

    errors: list[bytes] = field(default_factory=list)
    reasons: set[str] = field(default_factory=set)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Every process, of this module's own: dead letters and refused receipts have alerts fire."""
    with Stack(CACHE / f"test-{os.getpid()}-canary") as stack:
        yield stack


@pytest.fixture(scope="module")
def known(stack: Stack) -> dict[str, str]:
    return stack.client_environment()


@pytest.fixture(scope="module")
def channel(known: dict[str, str]) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(known["OCTAVO_ADDRESS"]) as channel:
        yield channel


@pytest.fixture(scope="module")
def service(channel, known) -> Service:
    return Api(channel, known["OCTAVO_ADMIN_KEY"]).service()


@pytest.fixture(scope="module")
def told(stack, known, service, eventually) -> Told:
    """Every path is gone once; what clients were told."""
    told = Told()
    for call in every_refusal(service):
        try:
            call()
        except grpc.RpcError as error:
            told.errors.append(refusals.text_of(error))
            told.reasons |= refusals.reasons_of(error)
        else:
            pytest.fail("a call that is wrong was answered")
    told.errors.append(paths.batch(service))
    ids = list(paths.successes(service, service.api.service(common.KEY_TYPE_TEST)))
    paths.settled(service, ids, eventually)
    paths.scheduled_and_cancelled(service)
    paths.file(service)
    answers = paths.receipts(stack, known, ids[0])
    assert answers == [401, 200, 200, 200, 400, 413, 401, 200, 403, 200, 404]
    paths.dead_letters(known, service, eventually)
    paths.failures(service, stack, known, eventually)
    paths.settled(service, paths.without_database(service, stack, eventually), eventually)
    return told


def every_refusal(service: Service) -> Iterator[refusals.Call]:
    yield from refusals.of_callers(service.api, service)
    yield from refusals.of_recipients(service)
    yield from refusals.of_contents(service)
    yield from refusals.of_lookups(service)
    yield from refusals.of_services(service.api)
    yield from refusals.of_jobs(service)


@pytest.fixture(scope="module")
def canaries(stack, known, service) -> list[Canary]:
    """Personal data, and everything secret that processes and clients know."""
    keys = {"the admin's key": known["OCTAVO_ADMIN_KEY"], "a service's key": secret_of(service.key)}
    secrets = {name: value for name, value in stack.instance.secrets.items() if name not in PUBLIC}
    return all_canaries(secrets | keys)


PUBLIC = {"mmg_username", "aws_access_key_id"}


@pytest.mark.parametrize(
    "dress",
    [
        lambda value: value.encode(),
        lambda value: value.upper().encode(),
        lambda value: value.encode().hex().encode(),
        lambda value: base64.b64encode(b"a" + value.encode() + b"bc"),
        lambda value: value.encode("utf-16-le"),
    ],
)
def test_a_canary_is_known_in_other_clothes(canaries, dress):
    for text in (NAME, ADDRESS, f"+44{NUMBER[1:]}"):
        assert sightings(canaries, "here", b"before " + dress(text) + b" behind")


def test_clients_are_refused_for_every_reason(told):
    assert told.reasons >= refusals.EXPECTED, refusals.EXPECTED - told.reasons


def test_error_details_hold_no_personal_data(told, canaries):
    assert [found for text in told.errors for found in sightings(canaries, "an error", text)] == []


def test_logs_hold_no_personal_data(told, stack, canaries):
    wanted = [*canaries, canary("what was planted", PLANTED)]
    lines = list(places.logs(stack))
    assert [found for place, line in lines for found in sightings(wanted, place, line)] == []
    # They do tell of what happened.
    whole = b"\n".join(line for _, line in lines)
    for word in (b"RETRY send_sms", b"RETRY FAILED send_email", b"RETRY persist_sms", b"dead letter", b"unconfirmed"):
        assert word in whole, word


def test_metrics_hold_no_personal_data(told, known, canaries):
    wanted = [*canaries, canary("what was planted", PLANTED)]
    assert [found for place, text in places.metrics(known) for found in sightings(wanted, place, text)] == []


def test_kafka_holds_personal_data_only_sealed(told, known, canaries):
    planted = canary("what was planted", PLANTED)
    pieces = list(places.kafka(known["KAFKA_BOOTSTRAP"]))
    assert [found for place, data in pieces for found in sightings(canaries, place, data)] == []
    # A dead letter is the record as it came; what is told about it beside does not repeat it.
    garbage = [place for place, data in pieces if sightings([planted], place, data)]
    assert len(garbage) == 6
    assert all(place.endswith(" value") for place in garbage)


@pytest.mark.asked("S15")
def test_postgres_holds_personal_data_only_sealed(told, known, canaries):
    wanted = [*canaries, canary("what was planted", PLANTED)]
    pieces = list(places.postgres(known["DATABASE_URL"]))
    columns = {place.partition(".")[2] for place, _ in pieces}
    assert columns >= {"sealed", "recipient_hash", "status_reason", "provider_reference", "problems", "message"}
    assert [found for place, data in pieces for found in sightings(wanted, place, data)] == []


def test_what_every_process_sealed_has_the_form_of_the_stack(told, known):
    sealed = [data for place, data in places.postgres(known["DATABASE_URL"]) if place.endswith(".sealed")]
    # Of messages of the api and rows of files; without those that were erased.
    assert {data[:1] for data in sealed if data != b"None"} == {AesGcmForm.mark}
