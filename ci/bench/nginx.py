# SPDX-License-Identifier: MIT
"""nginx with one worker, in a folder of its own and on a free port: the server most rows measure with."""
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}

# A request that does not end is waited for longer than any row takes.
CONF = """daemon off; pid {dir}/pid; error_log {dir}/error.log crit; worker_processes 1; worker_rlimit_nofile {fds};
events {{ worker_connections {fds}; }}
http {{ access_log off; client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f;
uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s; keepalive_requests 1000000; client_header_timeout 1h;
server {{ listen 127.0.0.1:{port}; location / {{ return 200 "hello\\n"; }} }} }}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Nginx:
    """Its configuration; `command` starts it in the foreground, by whomever."""

    def __init__(self, folder, fds):
        os.chmod(folder, 0o755)
        self.folder, self.port = folder, free_port()
        self.command = ["nginx", "-c", folder + "/conf", "-p", folder]
        with open(folder + "/conf", "w") as conf:
            conf.write(CONF.format(dir=folder, port=self.port, fds=fds))

    def master(self):
        with open(self.folder + "/pid") as pid:
            return int(pid.read())

    def worker(self):
        """Its pid, or None while there is none."""
        try:
            master = self.master()
            with open(f"/proc/{master}/task/{master}/children") as children:
                return int(children.read().split()[0])
        except (OSError, ValueError, IndexError):
            return None

    @contextlib.contextmanager
    def serving(self, wrapper=()):
        """Started below the wrapper, until the end of the block."""
        server = subprocess.Popen([*wrapper, *self.command], start_new_session=True, **QUIET)
        try:
            self.await_port()
            yield
        finally:
            os.kill(self.master(), signal.SIGTERM)
            server.wait(20)

    def await_port(self):
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        sys.exit("bench: nginx did not start")


@contextlib.contextmanager
def nginx(fds=1024):
    with tempfile.TemporaryDirectory(prefix="wringer-bench-") as folder:
        yield Nginx(folder, fds)
