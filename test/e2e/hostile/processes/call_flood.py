"""Floods of control.sock: as many calls at once as HTTP/2 allows over each of many connections, until it is killed.

    call_flood.py DIRECTORY UID ATTACK
"""
import select

import http2
import peer

CONNECTIONS = 32
CALLS = 128

directory, (attack,) = peer.begin()
session, token = peer.connect(directory)


def unary():
    """The path and the message of the call that is repeated."""
    if attack == "status":
        return "/dmabufd.v1.DaemonService/GetDaemonStatus", b""
    if attack == "allocate":
        return "/dmabufd.v1.BufferService/AllocateBuffer", b"\x10" + http2.varint(4096)
    if attack == "list":
        return "/dmabufd.v1.BufferService/ListBuffers", b"\x08" + http2.varint(1000)
    if attack == "watch":
        return "/dmabufd.v1.EventService/WatchEvents", b""
    if attack == "denied":
        return "/dmabufd.v1.BufferService/ListBuffers", b"\x18\x01"
    if attack == "steps":
        return "/dmabufd.v1.AccessService/StreamCpuAccesses", b""
    if attack == "stolen":
        return "/dmabufd.v1.HeapService/ListHeaps", b""
    return "/dmabufd.v1.NoSuchService/NoSuchMethod", b""


path, bytes_ = unary()
sent_token = bytes(32) if attack == "stolen" else token
block = http2.fields(path, sent_token)
body = http2.end_steps(100) if attack == "steps" else http2.message(bytes_)


class Flood:
    def __init__(self):
        self.connection = http2.connect(directory)
        self.connection.setblocking(False)
        self.frames = http2.Frames()
        self.stream = -1
        self.unsent = b""
        self.answered = 0
        self.opened = 0

    def pump(self):
        """False once the daemon has hung up."""
        try:
            while True:
                piece = self.connection.recv(65536)
                if not piece:
                    return False
                self.answered += http2.ended(self.frames.take(piece))
        except BlockingIOError:
            pass
        except ConnectionError:
            return False
        while self.opened - self.answered < CALLS:
            self.opened += 1
            self.stream += 2
            self.unsent += http2.call(self.stream, block, body)
        try:
            while self.unsent:
                self.unsent = self.unsent[self.connection.send(self.unsent) :]
        except BlockingIOError:
            pass
        except ConnectionError:
            return False
        return True


def hold_buffers():
    """What a list of them is long with."""
    for _ in range(200):
        peer.adopt(session)


if attack == "list":
    hold_buffers()
poll = select.poll()
by_fd = {}


def open_one():
    one = Flood()
    poll.register(one.connection, select.POLLIN)
    by_fd[one.connection.fileno()] = one
    if not one.pump():
        close(one)


def close(one):
    poll.unregister(one.connection)
    del by_fd[one.connection.fileno()]
    one.connection.close()


for _ in range(CONNECTIONS):
    open_one()
peer.under_way()
while True:
    for fd, _ in poll.poll(10):
        if not by_fd[fd].pump():
            close(by_fd[fd])
    while len(by_fd) < CONNECTIONS:
        open_one()
