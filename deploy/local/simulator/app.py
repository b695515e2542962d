"""The simulator as an aiohttp application."""

from collections.abc import AsyncIterator

from aiohttp import web

from deploy.local.simulator.control import Control
from deploy.local.simulator.firetext import Firetext
from deploy.local.simulator.intake import Intake
from deploy.local.simulator.ledger import Ledger
from deploy.local.simulator.message import Provider
from deploy.local.simulator.mmg import Mmg
from deploy.local.simulator.receipts import Receipts
from deploy.local.simulator.ses import Ses
from deploy.local.simulator.settings import Settings
from deploy.local.simulator.sns import Topic, load_key

# An email of 2,000,000 bytes, the longest that Octavo takes, grows by a third in base64 and may hold two parts.
_LARGEST_REQUEST = 8 * 1024 * 1024


def build(settings: Settings) -> web.Application:
    """The application; raises OSError or ValueError if the ledger or the SNS key can't be used."""
    topic = Topic(load_key(settings.sns_key_file.read_bytes()), settings.sns_topic_arn, settings.sns_certificate_url)
    providers: list[Provider] = [
        Mmg(
            settings.mmg_username,
            settings.mmg_password.get_secret_value(),
            settings.mmg_receipt_token.get_secret_value(),
        ),
        Firetext(settings.firetext_api_key.get_secret_value(), settings.firetext_receipt_token.get_secret_value()),
        Ses(topic),
    ]
    ledger = Ledger(settings.ledger)
    receipts = Receipts(settings.receipts_url, settings.receipts_concurrency)
    intakes = {provider.name: Intake(provider, ledger, receipts) for provider in providers}

    async def open_and_close(_: web.Application) -> AsyncIterator[None]:
        async with receipts:
            yield
        ledger.close()

    app = web.Application(client_max_size=_LARGEST_REQUEST)
    app.add_routes(web.post(provider.path, intakes[provider.name].take) for provider in providers)
    app.add_routes(Control(intakes, ledger, receipts).routes())
    app.cleanup_ctx.append(open_and_close)
    return app
