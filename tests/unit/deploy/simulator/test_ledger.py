"""The ledger holds what was accepted, across crashes."""

import asyncio
import json
import os

import pytest

from deploy.local.simulator import ledger as ledger_module
from deploy.local.simulator.ledger import Ledger


def entry(number, provider="mmg"):
    return {"provider": provider, "reference": f"ref-{number}", "provider_id": f"id-{number}"}


async def lines(ledger, skipped=0):
    return [json.loads(line)["reference"] for line in b"".join([c async for c in ledger.since(skipped)]).splitlines()]


async def test_an_entry_is_on_disk_when_append_returns(tmp_path):
    ledger = Ledger(tmp_path / "deep" / "ledger")

    await ledger.append(entry(1))

    assert json.loads((tmp_path / "deep" / "ledger").read_bytes()) == entry(1)
    assert ledger.count == 1


async def test_entries_of_one_turn_are_written_at_once(tmp_path, monkeypatch):
    ledger = Ledger(tmp_path / "ledger")
    writes = []
    write = os.write

    def counted(file, data):
        writes.append(data)
        return write(file, data)

    monkeypatch.setattr(os, "write", counted)

    await asyncio.gather(*(ledger.append(entry(number)) for number in range(100)))

    assert len(writes) == 1
    assert ledger.count == 100


async def test_a_new_run_continues_an_existing_ledger(tmp_path):
    first = Ledger(tmp_path / "ledger")
    await first.append(entry(1))
    first.close()

    second = Ledger(tmp_path / "ledger")
    await second.append(entry(2))

    assert second.count == 2
    assert await lines(second) == ["ref-1", "ref-2"]
    assert second.references("mmg") == {"ref-1": "id-1", "ref-2": "id-2"}
    assert second.references("ses") == {}


async def test_a_half_written_line_of_a_crash_is_cut_off(tmp_path):
    path = tmp_path / "ledger"
    path.write_bytes(json.dumps(entry(1)).encode() + b'\n{"provider":"mm')

    ledger = Ledger(path)
    await ledger.append(entry(2))

    assert await lines(ledger) == ["ref-1", "ref-2"]


async def test_a_failed_write_fails_its_entries_and_spoils_no_later_one(tmp_path, monkeypatch):
    ledger = Ledger(tmp_path / "ledger")
    await ledger.append(entry(1))
    write = os.write

    def half_a_write(file, data):
        if len(data) < 20:
            raise OSError("no space")
        return write(file, data[:-10])

    monkeypatch.setattr(os, "write", half_a_write)
    with pytest.raises(OSError, match="no space"):
        await ledger.append(entry(2))
    monkeypatch.setattr(os, "write", write)
    await ledger.append(entry(3))

    assert ledger.count == 2
    assert await lines(ledger) == ["ref-1", "ref-3"]


async def test_a_caller_who_goes_away_takes_nobody_along(tmp_path):
    ledger = Ledger(tmp_path / "ledger")
    gone = asyncio.ensure_future(ledger.append(entry(1)))
    stays = asyncio.ensure_future(ledger.append(entry(2)))
    await asyncio.sleep(0)
    gone.cancel()

    await stays

    assert await lines(ledger) == ["ref-1", "ref-2"]


@pytest.mark.parametrize("chunk", [1, 7, 64, 100_000])
async def test_any_number_of_lines_can_be_skipped_whatever_the_chunks(tmp_path, monkeypatch, chunk):
    monkeypatch.setattr(ledger_module, "_CHUNK", chunk)
    ledger = Ledger(tmp_path / "ledger")
    for number in range(5):
        await ledger.append(entry(number))

    for skipped in range(7):
        assert await lines(ledger, skipped) == [f"ref-{number}" for number in range(skipped, 5)]
