#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# eof-spin in Python: recv gives b"", which is false, like None and like nothing at all. "if not data: wait for more" reads well,
# and at the end of the stream the wait is over at once, for ever.
#
# rule: eof-spin
# mistake: b"" is taken for "no data yet"
# seen: netty PR #4082, lighttpd 3a2ddc6c
# shown by: fin-idle, fin-keepalive, half-close-idle, fin-idle (echo)
# also: fin-leak, no-recovery, fd-growth
"""Everything but the mistake is python-epoll, which stands beside this program."""
import importlib.machinery
import importlib.util
import os
import sys

sys.dont_write_bytecode = True
LOADER = importlib.machinery.SourceFileLoader("python_epoll", os.path.join(os.path.dirname(os.path.abspath(__file__)), "python-epoll"))
python_epoll = importlib.util.module_from_spec(importlib.util.spec_from_loader("python_epoll", LOADER))
LOADER.exec_module(python_epoll)


class Connection(python_epoll.Connection):
    def receive(self):
        data = self.socket.recv(python_epoll.ROOM)
        if not data:
            raise BlockingIOError  # THE MISTAKE: the end, not "nothing yet"
        self.session.fed(data)
        return len(data)


class Server(python_epoll.Server):
    make_connection = Connection


if __name__ == "__main__":
    sys.exit(python_epoll.main(Server))
