#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Drives the servers from outside, as their peers see them.

The correct ones: every kind of request, every way a peer can go wrong, and after each of them the server must serve,
have its fds back, and sleep. The faulty ones: each starts, serves a simple request in both protocols, and stops; that
each makes its mistake is what wringer's own tests show.

    test_targets.py FOLDER [NAME...]
"""
import concurrent.futures
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback

PATIENCE = 10.0
TICK = os.sysconf("SC_CLK_TCK")
BIG = 20_000_000
CROWD = 1100  # connections of test_crowd


def wait_for(what, ready, patience=PATIENCE):
    """Bounded polling: until ready() is true."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if ready():
            return
        time.sleep(0.01)
    raise AssertionError(f"waited {patience} s for {what}")


def tasks(pid):
    try:
        return [f"/proc/{pid}/task/{tid}" for tid in os.listdir(f"/proc/{pid}/task")]
    except OSError:
        return []


def stat(folder):
    """The fields behind the name, of a process or a thread; of one that just ended, something that sleeps."""
    try:
        with open(f"{folder}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()
    except OSError:
        return ["S"] + ["0"] * 20


def fds(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


class Server:
    def __init__(self, path, protocol, nofile=None):
        limit = (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (nofile, nofile * 4))) if nofile else None
        self.protocol = protocol
        self.process = subprocess.Popen([path, "--port", "0", "--protocol", protocol], stdout=subprocess.PIPE,
                                        preexec_fn=limit)
        self.pid = self.process.pid
        self.port = int(self.process.stdout.readline())
        self.base_fds = self.fds()

    def __enter__(self):
        return self

    def begin(self):
        """Waits until it is at rest after its start, all its workers included."""
        ask(self)
        wait_for("it to begin", self.asleep)
        self.base_fds = self.fds()

    def __exit__(self, kind, value, trace):
        self.process.stdout.close()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def connect(self, receive_buffer=None):
        peer = socket.socket()
        peer.settimeout(PATIENCE)
        if receive_buffer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        peer.connect(("127.0.0.1", self.port))
        return peer

    def pids(self):
        """Its process and those under it."""
        pids = [self.pid]
        for pid in pids:  # grows meanwhile
            for task in tasks(pid):
                try:
                    with open(f"{task}/children") as children:
                        pids += [int(child) for child in children.read().split()]
                except OSError:  # it ended
                    pass
        return pids

    def fds(self):
        return sum(fds(pid) for pid in self.pids())

    def states(self):
        """A letter for each thread of each process."""
        return [stat(task)[0] for pid in self.pids() for task in tasks(pid)]

    def cpu(self):
        fields = [stat(f"/proc/{pid}") for pid in self.pids()]
        return sum(int(field[11]) + int(field[12]) for field in fields) / TICK

    def asleep(self):
        return set(self.states()) == {"S"}

    def signal(self, signo):
        for pid in self.pids():
            os.kill(pid, signo)

    def limit_fds(self, limits):
        """{pid: RLIMIT_NOFILE}; gives the limits there were back."""
        return {pid: resource.prlimit(pid, resource.RLIMIT_NOFILE, limit) for pid, limit in limits.items()}

    def check_quiet(self, fds=None):
        """The faults are over: it serves, has let go of what they used, and burns nothing."""
        ask(self)
        fds = self.base_fds if fds is None else fds
        wait_for("fds to come back", lambda: self.fds() <= fds)
        before, begin = self.cpu(), time.monotonic()
        wait_for("time to pass", lambda: time.monotonic() - begin > 0.25)
        burnt = self.cpu() - before
        assert burnt <= 0.1, f"{burnt:.2f} s of CPU burnt in 0.25 s of silence"

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(PATIENCE)
        assert status == 0, f"SIGTERM: exit status {status}"


def request(path="/", token="t", method="GET", more="", version="1.1"):
    return f"{method} {path} HTTP/{version}\r\nHost: x\r\nX-Wringer: {token}\r\n{more}\r\n".encode()


def read_exactly(peer, size):
    data = bytearray()
    while len(data) < size:
        got = peer.recv(min(1 << 20, size - len(data)))
        assert got, f"the end after {len(data)} of {size} bytes: {bytes(data[:200])!r}"
        data += got
    return bytes(data)


def read_to_end(peer):
    data = bytearray()
    while True:
        got = peer.recv(1 << 20)
        if not got:
            return bytes(data)
        data += got


def read_answer(peer, body=True):
    head = bytearray()
    while not head.endswith(b"\r\n\r\n"):
        head += read_exactly(peer, 1)
    lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
    size = int(headers["content-length"]) if body else 0
    return int(lines[0].split()[1]), headers, read_exactly(peer, size)


def pattern(size):
    letters = bytes(range(ord("a"), ord("z") + 1))
    return (letters * (size // 26 + 1))[:size]


def ask_on(server, peer, token):
    if server.protocol == "echo":
        peer.sendall(token.encode())
        assert read_exactly(peer, len(token)) == token.encode()
    else:
        peer.sendall(request(token=token))
        status, _, body = read_answer(peer)
        assert status == 200 and token.encode() in body, (status, body)


def ask(server, token="healthy"):
    with server.connect() as peer:
        ask_on(server, peer, token)


def reset(peer):
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def fill(server, peer, size=BIG):
    """Makes the server owe us more than the sockets hold, and waits until it sleeps on that."""
    if server.protocol == "http":
        peer.sendall(request(f"/bytes/{size}"))
    else:
        peer.setblocking(False)
        quiet = 0
        while quiet < 5:  # the server stops reading when it cannot write
            try:
                peer.send(pattern(65536))
                quiet = 0
            except BlockingIOError:
                quiet += 1
                time.sleep(0.02)
        peer.settimeout(PATIENCE)
    wait_for("the server to sleep", server.asleep)


# What both protocols share.

def test_many(server):
    peers = [server.connect() for _ in range(500)]
    for number, peer in enumerate(peers):
        ask_on(server, peer, f"token{number}")
    for number, peer in enumerate(reversed(peers)):
        ask_on(server, peer, f"again{number}")
    for peer in peers:
        peer.close()


def test_crowd(server):
    """More than select's sets can hold: who does not fit waits until others leave, and costs nothing meanwhile."""
    first = []
    for number in range(CROWD - 100):
        first.append(server.connect())
        ask_on(server, first[-1], f"first{number}")
    waiting = [server.connect() for _ in range(100)]
    for peer in waiting:
        peer.sendall(request())
    before, begin = server.cpu(), time.monotonic()
    wait_for("time to pass", lambda: time.monotonic() - begin > 0.3)
    assert server.cpu() - before <= 0.15, "a crowd that is silent costs time"
    for peer in first[:200]:
        peer.close()
    for peer in waiting:
        read_exactly(peer, 20)
    for peer in first[200:] + waiting:
        peer.close()


def test_fin(server):
    server.connect().close()
    with server.connect() as peer:
        ask_on(server, peer, "first")
        peer.shutdown(socket.SHUT_WR)
        assert read_to_end(peer) == b""


def test_resets(server):
    reset(server.connect())
    for _ in range(3):
        peer = server.connect()
        ask_on(server, peer, "kept")
        reset(peer)
        peer = server.connect()
        peer.sendall(b"GET / HT")
        reset(peer)
        peer = server.connect()
        peer.sendall(request("/bytes/100000"))
        reset(peer)


def test_reset_blocked(server):
    peer = server.connect()
    fill(server, peer)
    reset(peer)


def test_close_unread(server):
    peer = server.connect()
    fill(server, peer)
    peer.close()


def test_urgent(server):
    with server.connect() as peer:
        peer.send(b"!", socket.MSG_OOB)
        ask_on(server, peer, "after-urgent")
        peer.send(b"!", socket.MSG_OOB)
        ask(server)


def test_stall(server):
    with server.connect(4096) as peer:
        fill(server, peer)
        for number in range(20):
            ask(server, f"meanwhile{number}")
        server.check_quiet(server.base_fds + 1)
        reset(peer)


def test_greedy(server):
    """One peer moves bytes as fast as it can while others ask."""
    greedy, stop = server.connect(), threading.Event()

    def pump():
        blob = b"x" * 65536 if server.protocol == "echo" else request("/bytes/1000000")
        while not stop.is_set():
            greedy.sendall(blob)
            read_exactly(greedy, len(blob)) if server.protocol == "echo" else read_answer(greedy)

    thread = threading.Thread(target=pump)
    thread.start()
    try:
        for number in range(50):
            begin = time.monotonic()
            ask(server, f"canary{number}")
            assert time.monotonic() - begin < 2
    finally:
        stop.set()
        thread.join()
        greedy.close()


def test_stop_cont(server):
    with server.connect() as peer:
        for number in range(10):
            server.signal(signal.SIGSTOP)
            wait_for("the stop", lambda: set(server.states()) == {"T"})
            peer.sendall(b"" if server.protocol == "http" else b".")
            server.signal(signal.SIGCONT)
            if server.protocol == "echo":
                assert read_exactly(peer, 1) == b"."
            ask_on(server, peer, f"round{number}")


def test_short_of_fds(server):
    """The limit is lowered while running; raising it again must be enough, with nobody closing anything."""
    hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)[1]
    before = server.limit_fds({pid: (fds(pid), hard) for pid in server.pids()})
    waiting = [server.connect() for _ in range(20)]
    for peer in waiting:
        peer.sendall(request())
    burnt, begin = server.cpu(), time.monotonic()
    wait_for("time to pass", lambda: time.monotonic() - begin > 0.3)
    assert server.cpu() - burnt <= 0.1, "spins at the limit"
    server.limit_fds(before)
    for peer in waiting:
        read_exactly(peer, 20)
        peer.close()


# echo

def test_echo_big(server):
    data, got = os.urandom(5_000_000), []
    with server.connect() as peer:
        reader = threading.Thread(target=lambda: got.append(read_to_end(peer)))
        reader.start()
        peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)
        reader.join()
    assert got == [data]


def test_echo_half_close_blocked(server):
    """Everything sent before the FIN comes back, although the server was blocked when the FIN came."""
    with server.connect() as peer:
        peer.setblocking(False)
        sent, quiet = 0, 0
        while quiet < 5:
            try:
                sent += peer.send(pattern(65536))
                quiet = 0
            except BlockingIOError:
                quiet += 1
                time.sleep(0.02)
        peer.settimeout(PATIENCE)
        peer.shutdown(socket.SHUT_WR)
        assert len(read_to_end(peer)) == sent


# http

def test_http_pipelined(server):
    with server.connect() as peer:
        peer.sendall(b"".join(request(token=f"p{n}") for n in range(500)))
        for n in range(500):
            assert f"p{n}\n".encode() in read_answer(peer)[2]


def test_http_byte_by_byte(server):
    with server.connect() as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request(token="drip") + request("/", "post", "POST", "Content-Length: 3\r\n") + b"abc":
            peer.sendall(bytes([byte]))
        assert b"drip" in read_answer(peer)[2]
        assert b"post" in read_answer(peer)[2]


def test_http_routes(server):
    close = "Connection: close\r\n"
    cases = [  # request, status, kept open
        (request(), 200, True),
        (request("/?query=1"), 200, True),
        (request("http://x/"), 200, True),
        (request(more=close), 200, False),
        (request(version="1.0"), 200, False),
        (request(version="1.0", more="Connection: keep-alive\r\n"), 200, True),
        (b"\r\n" + request(), 200, True),
        (request("/bytes/0"), 200, True),
        (request("/nowhere"), 404, True),
        (request("/bytes/"), 404, True),
        (request("/bytes/1x"), 404, True),
        (request("/bytes/99999999999999999999999"), 404, True),
        (request(method="DELETE"), 405, True),
        (request(method="POST", more="Content-Length: 5\r\n") + b"hello", 200, True),
        (request(method="POST", more="Content-Length: 5\r\nContent-Length: 6\r\n"), 400, False),
        (request(method="POST", more="Content-Length: -1\r\n"), 400, False),
        (request(method="POST", more="Content-Length: 1048577\r\n"), 413, False),
        (request(method="POST", more="Transfer-Encoding: chunked\r\n"), 501, False),
        (b"GET / HTTP/1.1\r\n\r\n", 400, False),
        (b"GET / HTTP/2.0\r\n\r\n", 505, False),
        (b"GET /\r\n\r\n", 400, False),
        (b"GET x HTTP/1.1\r\n\r\n", 400, False),
        (b"\x16\x03\x01\x02\x00", 400, False),
        (b"nonsense\n", 400, False),
        (request(more="no colon\r\n"), 400, False),
        (request(more="bad name : x\r\n"), 400, False),
        (request(more="A: \x01\r\n"), 400, False),
        (request(more="A: b\r\n folded\r\n"), 400, False),
        (request(more="A: " + "b" * 9000 + "\r\n"), 431, False),
        (request(more="A: b\r\n" * 3000), 431, False),
        (b"G" * 9000, 431, False),
    ]
    for sent, expected, kept in cases:
        with server.connect() as peer:
            peer.sendall(sent)
            status, headers, _ = read_answer(peer)
            assert status == expected, (sent[:200], status)
            assert (headers.get("connection") == "close") != kept, (sent[:200], headers)
            if kept:
                ask_on(server, peer, "next")
            else:
                assert read_to_end(peer) == b"", sent[:200]


def test_http_head(server):
    with server.connect() as peer:
        peer.sendall(request("/bytes/1000", method="HEAD") + request("/", method="HEAD") + request())
        assert read_answer(peer, body=False)[1]["content-length"] == "1000"
        assert read_answer(peer, body=False)[0] == 200
        assert read_answer(peer)[2] == b"hello t\n"


def test_http_expect(server):
    with server.connect() as peer:
        peer.sendall(request("/", "e", "POST", "Content-Length: 2\r\nExpect: 100-continue\r\n"))
        assert read_exactly(peer, 25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        peer.sendall(b"ab")
        assert b"e\n" in read_answer(peer)[2]


def test_http_big_slow(server):
    with server.connect(65536) as peer:
        fill(server, peer)
        status, headers, body = read_answer(peer)
        assert status == 200 and headers["x-wringer"] == "t" and body == pattern(BIG)
        ask_on(server, peer, "after")


def test_http_big_upload(server):
    with server.connect() as peer:
        peer.sendall(request("/", "up", "POST", "Content-Length: 1048576\r\n") + b"z" * 1048576)
        assert b"up" in read_answer(peer)[2]


def test_http_refused_upload(server):
    """The answer must reach a peer that is still sending: closing with its bytes unread would reset it away."""
    with server.connect() as peer:
        peer.sendall(request("/", "up", "POST", "Content-Length: 4000000\r\n") + b"z" * 4000000)
        assert read_answer(peer)[0] == 413
        assert read_to_end(peer) == b""


def test_http_half_close(server):
    with server.connect() as peer:
        peer.sendall(request(token="a") + request(token="b") + b"GET / HT")
        peer.shutdown(socket.SHUT_WR)
        assert b"a" in read_answer(peer)[2] and b"b" in read_answer(peer)[2]
        assert read_to_end(peer) == b""


def test_http_half_close_blocked(server):
    with server.connect(65536) as peer:
        fill(server, peer)
        peer.shutdown(socket.SHUT_WR)
        assert read_answer(peer)[2] == pattern(BIG)
        assert read_to_end(peer) == b""


def test_http_unfinished(server):
    for start in (b"", b"GET / HT", request()[:-2], request(method="POST", more="Content-Length: 9\r\n") + b"abc"):
        with server.connect() as peer:
            peer.sendall(start)
            peer.shutdown(socket.SHUT_WR)
            assert read_to_end(peer) == b"", start


SHARED = [test_many, test_crowd, test_fin, test_resets, test_reset_blocked, test_close_unread, test_urgent, test_stall, test_greedy,
          test_stop_cont, test_short_of_fds]
OWN = {
    "echo": [test_echo_big, test_echo_half_close_blocked],
    "http": [test_http_pipelined, test_http_byte_by_byte, test_http_routes, test_http_head, test_http_expect,
             test_http_big_slow, test_http_big_upload, test_http_refused_upload, test_http_half_close,
             test_http_half_close_blocked, test_http_unfinished],
}


# Those that need a server of their own.

def own_low_limit(path, protocol):
    with Server(path, protocol, nofile=32) as server:
        server.begin()
        peers = [server.connect() for _ in range(60)]
        ask_on(server, peers[0], "served")
        before, begin = server.cpu(), time.monotonic()
        wait_for("time to pass", lambda: time.monotonic() - begin > 0.3)
        assert server.cpu() - before <= 0.1, "spins at the limit"
        ask_on(server, peers[0], "still served")
        for peer in peers[:40]:
            peer.close()
        for number, peer in enumerate(peers[40:]):
            ask_on(server, peer, f"later{number}")
            peer.close()
        server.check_quiet()
        server.stop()


def own_term_busy(path, protocol):
    with Server(path, protocol) as server:
        idle, busy = server.connect(), server.connect()
        ask_on(server, idle, "idle")
        fill(server, busy)
        begin = time.monotonic()
        server.stop()
        assert time.monotonic() - begin < 3
        idle.close()
        busy.close()


def own_slow_header(path, protocol):
    """One byte now and then does not keep a head alive for ever."""
    if protocol == "echo":
        return
    with Server(path, protocol) as server, server.connect() as peer:
        server.begin()
        begin = time.monotonic()
        peer.settimeout(0.2)
        answer = b""
        peer.sendall(b"GET / HTTP/1.1\r\nA: ")
        while not answer:
            assert time.monotonic() - begin < 15, "never timed out"
            try:
                answer = peer.recv(1000)
            except socket.timeout:
                peer.sendall(b"x")
        assert b" 408 " in answer and time.monotonic() - begin > 8
        peer.close()
        server.check_quiet()


OWNERS = [own_low_limit, own_term_busy, own_slow_header]


def attempt(results, label, run):
    try:
        run()
        results.append((label, None))
    except Exception:  # pylint: disable=broad-except
        results.append((label, traceback.format_exc()))


def drive(path, protocol, results):
    name = f"{os.path.basename(path)} {protocol}"
    with Server(path, protocol) as server:
        attempt(results, f"{name} begin", server.begin)

        def shared(test):
            test(server)
            server.check_quiet()

        for test in SHARED + OWN[protocol]:
            attempt(results, f"{name} {test.__name__}", lambda: shared(test))
        attempt(results, f"{name} stop", server.stop)
    for test in OWNERS:
        attempt(results, f"{name} {test.__name__}", lambda: test(path, protocol))


def drive_faulty(path, protocol, results):
    def run():
        with Server(path, protocol) as server:
            # One after the other, and nobody connects while another leaves: there some of them make their mistake.
            with server.connect() as peer:
                ask_on(server, peer, "one")
                ask_on(server, peer, "two")
                with server.connect() as other:
                    ask_on(server, other, "three")
            server.stop()

    attempt(results, f"{os.path.basename(path)} {protocol}", run)


def lacks(path):
    """A server that ends with 77 says why it cannot work here."""
    with subprocess.Popen([path, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        listens = server.stdout.readline()
        server.kill()
        said = server.communicate()[1]
    return not listens and server.returncode == 77 and said.strip()


def main():
    folder, wanted = sys.argv[1], sys.argv[2:]
    names = sorted(name for name in os.listdir(folder)
                   if os.access(f"{folder}/{name}", os.X_OK) and os.path.isfile(f"{folder}/{name}"))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = hard if hard != resource.RLIM_INFINITY and hard < 16384 else 16384
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    if most < CROWD + 200:
        print(f"a process may have {most} fds here (ulimit -Hn), the crowd in front of a server is {CROWD}")
        return 77
    results, jobs = [], []
    at_once = min(8, most // (CROWD + 200))  # several at a time: they mostly wait
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        for name in wanted or names:
            if "uring" in name and lacks(f"{folder}/{name}"):
                print(f"ok - {name} # SKIP {lacks(f'{folder}/{name}')}")
                continue
            work = drive_faulty if name.startswith("faulty-") else drive
            jobs += [pool.submit(work, f"{folder}/{name}", protocol, results) for protocol in ("echo", "http")]
    for job in jobs:
        job.result()
    for label, failure in results:
        print(f"{'not ok' if failure else 'ok'} - {label}{chr(10) + failure if failure else ''}")
    failed = sum(failure is not None for _, failure in results)
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed or not results else 0


if __name__ == "__main__":
    sys.exit(main())
