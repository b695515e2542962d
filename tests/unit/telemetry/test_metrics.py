import re

import pytest
from prometheus_client.metrics import MetricWrapperBase

from octavo.telemetry import metrics

ALL = [metric for metric in vars(metrics).values() if isinstance(metric, MetricWrapperBase)]


@pytest.mark.asked("S9")
def test_every_metric_has_the_common_prefix_but_for_the_names_of_the_ecosystem():
    for metric in ALL:
        assert metric._name.startswith(("notifications_", "grpc_server_")), metric._name


@pytest.mark.asked("C7")
def test_every_metric_says_what_it_means_in_a_sentence():
    assert len(ALL) > 15
    for metric in ALL:
        assert re.fullmatch(r"[A-Z].*\.", metric._documentation), metric._name
