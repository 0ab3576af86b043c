"""Echoes through a Sluice server, then waits for its goodbye; a JSON line for each step."""

import asyncio
import json
import sys

import websockets

TEXT = "grüße, κόσμε 👋"
BYTES = bytes(range(251)) * 300


def say(**facts):
    print(json.dumps(facts), flush=True)


async def main(url, ending):
    async with websockets.connect(url, compression=sys.argv[3] or None) as client:
        await client.send(TEXT)
        text = await client.recv()
        await client.send(BYTES)
        data = await client.recv()
        # A list is sent as one message in fragments.
        await client.send(["in ", "three ", "parts"])
        parts = await client.recv()
        pong = await client.ping()
        await asyncio.wait_for(pong, 10)
        say(text=text == TEXT, data=data == BYTES, parts=parts)
        if ending == "close":
            await client.close(4000, "done")
        else:
            try:
                await client.recv()
            except websockets.exceptions.ConnectionClosed:
                pass
        say(code=client.close_code, reason=client.close_reason)


asyncio.run(main(sys.argv[1], sys.argv[2]))
