#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Python's select.epoll, level-triggered or, with --edge, edge-triggered.

What the module gives, and what is to be known of it:

    register(fd, mask)    EPOLL_CTL_ADD. Events carry the number, not the object: a table leads from it to the connection
    modify(fd, mask)      EPOLL_CTL_MOD
    unregister(fd)        EPOLL_CTL_DEL. Before close: afterwards the number may be somebody else's
    poll(seconds, most)   [(fd, mask)]; it goes on by itself after a signal (PEP 475)
    fileno(), close()     the set is a descriptor too: it can be watched by another set, and must be closed

As numbers come back with the next accept, a connection is closed after the batch, never in its middle: a later event of the
batch may carry its number. And what Python does quietly: SIGPIPE is ignored, so send raises BrokenPipeError; sockets are closed
when nobody refers to them any more, so everything that is to live stands in the table.
"""
import argparse
import errno
import heapq
import math
import re
import select
import signal
import socket
import sys
import time

BATCH = 64               # events, or accepts, in one go
SHARE = 65536            # bytes one connection may move in one turn: the others wait meanwhile
ROOM = 16384             # bytes of answer made ahead, of input taken in
HEAD_MOST = 8192         # request line and headers together; more is answered with 431
BODY_MOST = 1 << 20      # more is answered with 413
BYTES_MOST = 1 << 40     # largest N of /bytes/N
DROPPED_MOST = 16 << 20  # input that is read and dropped after the end, so that closing does not reset
ACCEPT_PAUSE = 0.1       # without accepting after the kernel had no fd or no memory for us
ACCEPT_ERRORS = 16       # failures in a row that count as such a shortage too
REST = 0.01              # that a connection is left alone when the kernel was out of memory for it
STOP_PATIENCE = 1.0      # for answers under way when we are told to stop

# Seconds; the second says whether every byte renews it.
PATIENCE = {"idle": (60, False), "head": (10, False), "body": (60, True), "answer": (60, True), "linger": (2, False)}
SHORTAGE = (errno.ENOBUFS, errno.ENOMEM)
REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout",
           413: "Content Too Large", 431: "Request Header Fields Too Large", 501: "Not Implemented",
           505: "HTTP Version Not Supported"}
TOKEN = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
LETTERS = bytes(range(ord("a"), ord("z") + 1))
PATTERN = LETTERS * (ROOM // len(LETTERS) + 2)


# What a connection says, without the connection: bytes in, bytes out.

class Echo:
    """What comes in goes out; reading stops while much of it waits to go."""

    def __init__(self):
        self.out = bytearray()
        self.eof = self.ended = self.last = False
        self.dropped = 0
        self.requests = 0

    @property
    def phase(self):
        return "answer" if self.out else "linger" if self.ended else "idle"

    def limit(self, patience):
        """An idle echo connection is never timed out: keep-alive ends it when its peer has vanished."""
        return math.inf if self.phase == "idle" else patience

    def wants(self):
        """Whether input is wanted now. False is back-pressure, the peer's end, or enough is enough."""
        if self.ended:
            return not self.eof and self.dropped < DROPPED_MOST
        return not self.eof and len(self.out) <= ROOM // 2

    def fed(self, data):
        """Data arrived; b"" is the peer's FIN."""
        self.eof |= not data
        if self.ended:
            self.dropped += len(data)
        else:
            self.out += data
        self.run()

    def sent(self, size):
        del self.out[:size]
        self.run()

    def run(self):
        self.ended |= self.eof and not self.out

    def finished(self):
        """All has been said."""
        return self.ended and not self.out

    def timed_out(self):
        """Whether there is something to say about that."""
        return False

    def stop(self):
        self.last = self.ended = True


class Refused(Exception):
    """A request that is answered with this status, and ends the connection."""


class Ended(Exception):
    """The peer's FIN came where a request was unfinished, or none began."""


class Http(Echo):
    """GET, HEAD and POST of / (a line with the token of X-Wringer) and /bytes/N (a pattern, made as it is sent)."""

    def __init__(self):
        super().__init__()
        self.input = bytearray()
        self.doing = "idle"
        self.talking = self.talk()
        self.run()

    @property
    def phase(self):
        return "answer" if self.out else "linger" if self.ended else self.doing

    def limit(self, patience):
        return patience

    def wants(self):
        return super().wants() if self.ended else not self.eof and len(self.input) < ROOM

    def fed(self, data):
        self.eof |= not data
        self.input += data
        self.run()

    def run(self):
        """Goes on talking until more input, or room for output, is needed."""
        if not self.ended:
            try:
                next(self.talking)
            except StopIteration:
                self.ended = True
        if self.ended:
            self.dropped += len(self.input)
            self.input.clear()

    def timed_out(self):
        """A head that took too long is answered."""
        if self.phase != "head":
            return False
        self.refuse(408)
        self.ended = True
        self.run()
        return True

    def stop(self):
        """Finishes the answer under way, takes nothing new."""
        self.last = True
        self.ended |= self.doing in ("idle", "head")
        self.run()

    # A generator that yields where it has to wait: the state of a connection is where it stands in here.
    def talk(self):
        while not self.last:
            self.begin()
            try:
                yield from self.read_head()
                yield from self.read_body()
                yield from self.answer()
            except Refused as refused:
                self.refuse(refused.args[0])
            except Ended:
                return

    def begin(self):
        self.doing, self.head_size = "idle", 0
        self.method = self.path = self.token = b""
        self.old = self.close = self.keep = self.host = self.expects = False
        self.body = None

    def read_head(self):
        while len(self.out) > ROOM // 2:  # its answer would not fit: the peer must read first
            yield
        line = yield from self.read_line()
        while not line:  # an empty line before the request line is to be skipped: RFC 9112, 2.2
            line = yield from self.read_line()
        self.requests += 1
        self.request_line(line)
        while line := (yield from self.read_line()):
            self.header(line)
        if not self.host and not self.old:
            raise Refused(400)
        if (self.body or 0) > BODY_MOST:
            raise Refused(413)

    def read_line(self):
        scanned = 0
        while (end := self.input.find(b"\n", scanned)) < 0:
            scanned = len(self.input)
            if scanned:
                self.doing = "head"
            if self.head_size + scanned > HEAD_MOST:
                raise Refused(431)
            if self.doing == "head" and not self.method and scanned and not re.match(rb"\r|" + TOKEN.pattern, self.input):
                raise Refused(400)
            if self.eof:
                raise Ended
            yield
        self.doing = "head"
        self.head_size += end + 1
        if self.head_size > HEAD_MOST:
            raise Refused(431)
        line = bytes(self.input[:end]).removesuffix(b"\r")
        del self.input[:end + 1]
        return line

    def request_line(self, line):
        method, _, rest = line.partition(b" ")
        target, _, version = rest.partition(b" ")
        if not TOKEN.fullmatch(method) or not re.fullmatch(rb"HTTP/\d\.\d", version):
            raise Refused(400)
        if version[5:6] != b"1":
            raise Refused(505)
        target = re.sub(rb"^http://[^/]*", b"", target, flags=re.I)
        if not target.startswith(b"/"):
            raise Refused(400)
        self.method, self.path, self.old = method, target.partition(b"?")[0], version.endswith(b".0")

    def header(self, line):
        name, colon, value = line.partition(b":")
        name, value = name.lower(), value.strip(b" \t")
        if not colon or not TOKEN.fullmatch(name) or re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", value):
            raise Refused(400)
        if name == b"transfer-encoding":
            raise Refused(501)  # guessing where such a body ends is how requests are smuggled
        if name == b"host":
            if self.host:
                raise Refused(400)
            self.host = True
        elif name == b"content-length":
            if not re.fullmatch(rb"\d{1,19}", value) or self.body not in (None, int(value)):
                raise Refused(400)
            self.body = int(value)
        elif name == b"connection":
            options = [option.strip(b" \t").lower() for option in value.split(b",")]
            self.close |= b"close" in options
            self.keep |= b"keep-alive" in options
        elif name == b"expect":
            self.expects = value.lower() == b"100-continue"
        elif name == b"x-wringer" and len(value) < 128:
            self.token = value

    def read_body(self):
        left = self.body or 0
        self.doing = "body"
        if self.expects and left and not self.input:
            self.out += b"HTTP/1.1 100 Continue\r\n\r\n"
        while left:
            size = min(left, len(self.input))
            del self.input[:size]
            left -= size
            if left:
                if self.eof:
                    raise Ended
                yield

    def answer(self):
        self.doing = "answer"
        self.last |= self.close or (self.old and not self.keep)
        numbered = re.fullmatch(rb"/bytes/(\d{1,13})", self.path)
        if self.method not in (b"GET", b"HEAD", b"POST"):
            self.put_small(405)
        elif numbered and int(numbered[1]) <= BYTES_MOST:
            yield from self.put_bytes(int(numbered[1]))
        else:
            self.put_small(200 if self.path == b"/" else 404)

    def put_bytes(self, size):
        self.put_head(200, size)
        at = 0
        while self.method != b"HEAD" and at < size:
            if len(self.out) > ROOM // 2:
                yield
                continue
            length = min(size - at, ROOM)
            self.out += PATTERN[at % 26:at % 26 + length]
            at += length

    def put_head(self, status, size):
        token = b"X-Wringer: %s\r\n" % self.token if self.token else b""
        allow = b"Allow: GET, HEAD, POST\r\n" if status == 405 else b""
        keep = b"Connection: close\r\n" if self.last else b"Connection: keep-alive\r\n" if self.old else b""
        self.out += b"HTTP/1.1 %d %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n%s%s%s\r\n" % (
            status, REASONS[status].encode(), size, token, allow, keep)

    def put_small(self, status):
        body = b" ".join(filter(None, (b"hello" if status == 200 else REASONS[status].encode(), self.token))) + b"\n"
        self.put_head(status, len(body))
        if self.method != b"HEAD":
            self.out += body

    def refuse(self, status):
        self.last = True
        self.put_small(status)


class Connection:
    def __init__(self, sock, session, now):
        self.socket, self.session = sock, session
        self.fd = sock.fileno()
        self.readable, self.writable = False, True  # not known to be exhausted
        self.resting = self.shut = self.doomed = False
        self.armed = 0
        self.since, self.timed, self.requests = now, "idle", 0
        self.deadline = self.wake = math.inf  # wake: when a timer of it goes off, which may be too early

    def wants_read(self):
        return not self.resting and self.session.wants()

    def wants_write(self):
        return not self.resting and bool(self.session.out)

    def lingers(self):
        """All is said. Closing now would reset the connection if input is unread, or arrives later, and the reset would
        overtake our answer: so say that we are done, and read on until the peer is done too. False: nothing keeps us."""
        if not self.session.wants():
            return False
        if not self.shut:
            self.shut = True
            try:
                self.socket.shutdown(socket.SHUT_WR)
            except OSError:
                return False
        return True

    def turn(self):
        """Moves what can be moved, at most SHARE bytes: "wait", "again" (its share is used up), or "over"."""
        moved = 0
        while True:
            reads, writes = self.readable and self.wants_read(), self.writable and self.wants_write()
            if self.session.finished() and not self.lingers():
                return "over", moved
            if not reads and not writes:
                return "wait", moved
            if moved >= SHARE:
                return "again", moved
            try:  # writing first makes room for reading
                moved += self.send() if writes else self.receive()
            except BlockingIOError:
                self.exhausted(writes)
            except OSError as error:
                if error.errno not in SHORTAGE:
                    return "over", moved
                # It may pass, but readiness will not tell when: the socket looks ready all the while.
                self.exhausted(writes)
                self.resting = True

    def exhausted(self, writes):
        if writes:
            self.writable = False
        else:
            self.readable = False

    def send(self):
        sent = self.socket.send(self.session.out[:ROOM])
        self.session.sent(sent)
        return sent

    def receive(self):
        data = self.socket.recv(ROOM)
        self.session.fed(data)
        return len(data)


class Server:
    make_connection = Connection

    def __init__(self, port, backlog, session, edge):
        self.make_session, self.edge = session, edge
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", port))
        self.listener.listen(backlog)
        self.listener.setblocking(False)
        # A handler runs between two lines of ours, when poll has returned; its byte in the pipe makes poll return.
        self.signals, waker = socket.socketpair()
        self.signals.setblocking(False)
        waker.setblocking(False)
        signal.set_wakeup_fd(waker.fileno())
        self.waker = waker
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        self.epoll = select.epoll()
        self.epoll.register(self.listener.fileno(), select.EPOLLIN)
        self.epoll.register(self.signals.fileno(), select.EPOLLIN)
        self.connections = {}  # by number
        self.doomed = []       # to be closed after this batch
        self.ready = {}        # a set in order; edge: connections with work left, of which no edge will tell
        self.timers = []       # (when, number, connection), soonest first
        self.accept_at = self.stop_at = math.inf
        self.stopping = False
        self.now = time.monotonic()

    def run(self):
        while not self.stopping or (self.connections and self.now < self.stop_at):
            events = self.epoll.poll(self.patience(), BATCH)
            self.now = time.monotonic()
            for fd, mask in events:
                self.dispatch(fd, mask)
            self.settle()
        self.close()

    def patience(self):
        if self.ready:
            return 0
        soonest = min(self.timers[0][0] if self.timers else math.inf, self.accept_at, self.stop_at)
        return None if soonest == math.inf else max(0.0, soonest - self.now)

    def dispatch(self, fd, mask):
        if fd == self.signals.fileno():
            self.on_signal()
        elif fd == self.listener.fileno():
            self.on_listener()
        elif fd in self.connections:
            self.on_connection(self.connections[fd], mask)

    def on_signal(self):
        self.signals.recv(64)
        if self.stopping:
            return
        self.stopping, self.stop_at, self.accept_at = True, self.now + STOP_PATIENCE, math.inf
        self.epoll_forget(self.listener.fileno())
        self.listener.close()
        for connection in list(self.connections.values()):
            connection.session.stop()
            if not connection.session.out:
                self.doom(connection)

    def on_listener(self):
        failures = 0
        for _ in range(BATCH):
            try:
                sock, _ = self.listener.accept()
            except BlockingIOError:
                return
            except OSError as error:  # most of them concern one connection that is gone
                short = error.errno in (errno.EMFILE, errno.ENFILE, *SHORTAGE)
                failures += ACCEPT_ERRORS if short else 1
                if failures >= ACCEPT_ERRORS:
                    break
                continue
            failures = 0
            self.admit(sock)
        if failures >= ACCEPT_ERRORS:
            # Without this the listener, still readable, would be reported at once and for ever.
            self.epoll.modify(self.listener.fileno(), 0)
            self.accept_at = self.now + ACCEPT_PAUSE

    def admit(self, sock):
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for level, name, value in ((socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30),
                                       (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5), (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)):
                sock.setsockopt(level, name, value)
            connection = self.make_connection(sock, self.make_session(), self.now)
            connection.armed = self.interest(connection)
            self.epoll.register(sock, connection.armed)  # whatever has a fileno() will do
        except OSError:  # dead already, or the kernel cannot watch it: it could never be served
            sock.close()
            return
        self.connections[connection.fd] = connection
        self.note(connection, 0)

    def interest(self, connection):
        """Level: no more than will be acted on, or it spins. Edge: all there is, once and for good."""
        if self.edge:
            return select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET
        return ((select.EPOLLIN if connection.wants_read() else 0) | (select.EPOLLOUT if connection.wants_write() else 0))

    def on_connection(self, connection, mask):
        if connection.doomed:
            return
        # A mask is a hint: the socket knows. A resting connection cannot act on HUP, so that is its end.
        if mask & (select.EPOLLERR | select.EPOLLHUP):
            if connection.resting or connection.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                self.doom(connection)
                return
            mask |= select.EPOLLIN | select.EPOLLOUT
        connection.readable |= bool(mask & (select.EPOLLIN | select.EPOLLRDHUP))
        connection.writable |= bool(mask & select.EPOLLOUT)
        if connection not in self.ready:  # else its turn comes anyway
            self.serve(connection)

    def serve(self, connection):
        how, moved = connection.turn()
        if how == "over":
            self.doom(connection)
            return
        if how == "again" and self.edge:
            self.ready[connection] = True
        self.note(connection, moved)
        mask = self.interest(connection)
        if mask == connection.armed:
            return
        try:
            self.epoll.modify(connection.fd, mask)
            connection.armed = mask
        except OSError:
            self.doom(connection)

    def note(self, connection, moved):
        """Sees what it waits for now, and how long it may."""
        session = connection.session
        phase = "rest" if connection.resting else session.phase
        limit, renewed = (REST, False) if connection.resting else PATIENCE[phase]
        if phase != connection.timed or session.requests != connection.requests or (renewed and moved):
            connection.since = self.now
        connection.timed, connection.requests = phase, session.requests
        connection.deadline = connection.since + (limit if connection.resting else session.limit(limit))
        self.set_timer(connection)

    def set_timer(self, connection):
        """One that goes off too early is set again: cheaper than taking one out of the middle with every byte."""
        if connection.deadline < connection.wake:
            connection.wake = connection.deadline
            heapq.heappush(self.timers, (connection.wake, connection.fd, id(connection), connection))

    def settle(self):
        """What is done between two batches: work left over, time, closing, and accepting again."""
        ready, self.ready = self.ready, {}
        for connection in ready:
            if not connection.doomed:
                self.serve(connection)
        while self.timers and self.timers[0][0] <= self.now:
            wake, _, _, connection = heapq.heappop(self.timers)
            if connection.doomed or wake != connection.wake:
                continue
            connection.wake = math.inf
            if connection.deadline <= self.now:
                self.expire(connection)
            else:
                self.set_timer(connection)
        if self.reap() and self.accept_at < math.inf:
            self.accept_at = self.now  # fds came free
        if self.accept_at <= self.now:
            self.epoll.modify(self.listener.fileno(), select.EPOLLIN)
            self.accept_at = math.inf

    def expire(self, connection):
        if connection.resting:
            connection.resting = False
            connection.readable = connection.writable = True
        elif not connection.session.timed_out():
            self.doom(connection)
            return
        self.serve(connection)

    def doom(self, connection):
        if not connection.doomed:
            connection.doomed = True
            self.doomed.append(connection)

    def epoll_forget(self, fd):
        try:
            self.epoll.unregister(fd)
        except OSError:  # it is closed next, and that takes it out as well
            pass

    def reap(self):
        """Closes the doomed; how many."""
        doomed, self.doomed = self.doomed, []
        for connection in doomed:
            del self.connections[connection.fd]
            self.epoll_forget(connection.fd)
            connection.socket.close()
        return len(doomed)

    def close(self):
        for connection in self.connections.values():
            self.doom(connection)
        self.reap()
        self.epoll.close()


def main(make_server=Server):
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--protocol", choices=("echo", "http"), default="http")
    parser.add_argument("--listen-backlog", type=int, default=512)
    parser.add_argument("--edge", action="store_true", help="edge-triggered connections")
    options = parser.parse_args()
    server = make_server(options.port, options.listen_backlog, Http if options.protocol == "http" else Echo, options.edge)
    print(server.listener.getsockname()[1], flush=True)
    server.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
