#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The manual page's example of a protocol file is taken out of it and used: on a server that says lines back it passes, and one
that says another line to the scenario's peers is shown with what was expected beside what was received. Where the server resets
them before a scenario's fault, the case is skipped, for neither side broke."""
import os
import re
import sys
import tempfile

import wringer

SERVER = '''
import asyncio, socket, struct, sys

async def serve(reader, writer):
    try:
        while line := await reader.readline():
            if not line.endswith(b"\\n"):
                break
            if sys.argv[1] == "resets" and line.startswith(b"s"):
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                break
            writer.write(b"other\\n" if sys.argv[1] == "wrong" and line.startswith(b"s") else line)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()

async def main():
    async with await asyncio.start_server(serve, "127.0.0.1", 7007) as server:
        await server.serve_forever()

asyncio.run(main())
'''

LATE = '''
return scenario {
  "late",
  doc = "a fault for which the target has left no connection",
  needs = { "protocol" },
  run = function(t)
    local peer = t:connect()
    peer:request()
    t:until_ended(peer)
    peer:half_close()
  end,
}
'''


def example():
    """The example as a reader of the page would see it."""
    with open(os.path.join(wringer.ROOT, "harness", "wringer.1")) as page:
        text = re.search(r"^\.SH PROTOCOL FILES$.*?^\.nf\n(.*?)^\.fi$", page.read(), re.S | re.M).group(1)
    return text.replace("\\-", "-").replace("\\e", "\\")


tally = wringer.Tally()
with tempfile.TemporaryDirectory(prefix="wringer-test-") as folder:
    lines, server = os.path.join(folder, "lines.lua"), os.path.join(folder, "server.py")
    with open(lines, "w") as file:
        file.write(example())
    with open(server, "w") as file:
        file.write(SERVER)
    done = wringer.wringer("run", "fin-keepalive", "rst-mid-request", "-q", "--protocol", lines, "--", sys.executable, server, "right")
    tally.check(done.returncode == 0, f"right: {done.returncode} {done.stdout} {done.stderr}")
    tally.check("2 passed" in done.stdout, f"right: {done.stdout}")
    done = wringer.wringer("run", "fin-keepalive", "-q", "--protocol", lines, "--", sys.executable, server, "wrong")
    tally.check(done.returncode == 1, f"wrong: {done.returncode} {done.stdout} {done.stderr}")
    tally.check(re.search(r'expected "s\S+", received "other"', done.stdout), f"wrong: {done.stdout}")
    late = os.path.join(folder, "late.lua")
    with open(late, "w") as file:
        file.write(LATE)
    done = wringer.wringer("run", late, "--protocol", lines, "--", sys.executable, server, "resets")
    tally.check(done.returncode == 77, f"resets: {done.returncode} {done.stdout} {done.stderr}")
    tally.check("the target reset c1 before its half_close" in done.stdout, f"resets: {done.stdout}")
sys.exit(tally.close())
