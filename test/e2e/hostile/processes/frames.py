"""HTTP/2 and gRPC as they must not be, over many connections to control.sock, until it is killed.

    frames.py DIRECTORY UID ATTACK...
"""
import os
import random
import struct
import threading
import time

import http2
import peer
from http2 import CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PRIORITY, PUSH_PROMISE
from http2 import RST_STREAM, SETTINGS, WINDOW_UPDATE, field, fields, frame, message

CONNECTIONS = 6
STATUS = "/dmabufd.v1.DaemonService/GetDaemonStatus"

directory, attacks = peer.begin()
session, token = peer.connect(directory)
status = fields(STATUS)


def odd():
    stream = 1
    while True:
        yield stream
        stream += 2


def each(make):
    """One after the other, each on a stream of its own."""
    return (make(stream) for stream in odd())


def headers(stream, block=status, flags=END_HEADERS):
    return frame(HEADERS, flags, stream, block)


def body_of(stream, body):
    return headers(stream) + frame(DATA, END_STREAM, stream, body)


def forever(bytes_):
    while True:
        yield bytes_


def rapid_reset():
    return each(lambda s: http2.call(s, status, message()) + frame(RST_STREAM, 0, s, struct.pack(">I", 8)))


def continuations():
    yield headers(1, status, 0)
    yield from forever(frame(CONTINUATION, 0, 1, field(b"x", b"y" * 8000)))


def random_frames():
    while True:
        kind, flags, stream = random.randrange(0, 12), random.getrandbits(8), random.randrange(0, 9)
        yield frame(kind, flags, stream, os.urandom(random.randrange(0, 100)))


def silence():
    return iter(())


# The bytes to open with, and those that follow for as long as the daemon takes them.
ATTACKS = {
    "silence": (b"", silence),
    "half a preface": (http2.PREFACE[:12], silence),
    "a preface and silence": (http2.opening(), silence),
    "HTTP/1.1": (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", silence),
    "random bytes": (b"", lambda: iter(lambda: os.urandom(4096), None)),
    "random bytes behind a preface": (http2.opening(), lambda: iter(lambda: os.urandom(4096), None)),
    "random frames": (http2.opening(), random_frames),
    "HEADERS that do not end": (http2.opening(), lambda: iter([headers(1, status, 0)])),
    "HEADERS that do not end, and another frame": (http2.opening(), lambda: iter([headers(1, status, 0), frame(PING, 0, 0, bytes(8))])),
    "CONTINUATION without end": (http2.opening(), continuations),
    "CONTINUATION of nothing": (http2.opening(), lambda: forever(frame(CONTINUATION, 0, 1, status))),
    "a flood of SETTINGS": (http2.opening(), lambda: forever(http2.settings((4, 65535)))),
    "a flood of PING": (http2.opening(), lambda: forever(frame(PING, 0, 0, bytes(8)))),
    "a flood of PRIORITY": (http2.opening(), lambda: each(lambda s: frame(PRIORITY, 0, s, struct.pack(">IB", 0, 1)))),
    "a flood of WINDOW_UPDATE": (http2.opening(65535), lambda: forever(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1)))),
    "rapid reset": (http2.opening(), rapid_reset),
    "RST_STREAM of idle streams": (http2.opening(), lambda: each(lambda s: frame(RST_STREAM, 0, s, bytes(4)))),
    "empty DATA without end": (http2.opening(), lambda: iter([headers(1)] + [frame(DATA, 0, 1)] * 100_000)),
    "frames of 16 MB": (http2.opening(), lambda: forever(frame(DATA, 0, 1, b"x" * 1000, length=2**24 - 1))),
    "even streams": (http2.opening(), lambda: forever(headers(2))),
    "streams that go backwards": (http2.opening(), lambda: iter([headers(99), headers(1)])),
    "HEADERS on stream 0": (http2.opening(), lambda: iter([headers(0)])),
    "PUSH_PROMISE": (http2.opening(), lambda: iter([frame(PUSH_PROMISE, END_HEADERS, 1, bytes(4) + status)])),
    "GOAWAY and calls": (http2.opening(), lambda: iter([frame(GOAWAY, 0, 0, bytes(8))] + [body_of(s, message()) for s in range(1, 99, 2)])),
    "HPACK that is none": (http2.opening(), lambda: each(lambda s: headers(s, b"\xff" * 50))),
    "a message of 4 GB, it says": (http2.opening(), lambda: each(lambda s: body_of(s, message(b"x", length=2**32 - 1)))),
    "a message of 4 GB, without end": (http2.opening(), lambda: iter([headers(1), message(length=2**32 - 1)] + [frame(DATA, 0, 1, b"x" * 16384)] * 10_000)),
    "a message that says it is compressed": (http2.opening(), lambda: each(lambda s: body_of(s, message(b"x", compressed=1)))),
    "half a message": (http2.opening(), lambda: each(lambda s: body_of(s, message(b"x", length=100)))),
    "two messages where one belongs": (http2.opening(), lambda: each(lambda s: body_of(s, message() * 2))),
    "no message": (http2.opening(), lambda: each(lambda s: body_of(s, b""))),
    "random messages": (http2.opening(), lambda: each(lambda s: body_of(s, message(os.urandom(200))))),
    "metadata of 64 KB": (http2.opening(), lambda: each(lambda s: body_in_pieces(s, fields(STATUS, None, [(b"x", b"y" * 65536)])))),
    "a thousand headers": (http2.opening(), lambda: each(lambda s: body_in_pieces(s, fields(STATUS, None, [(b"x%d" % i, b"y") for i in range(1000)])))),
    "tokens of a wrong size": (http2.opening(), lambda: each(lambda s: http2.call(s, fields(STATUS, bytes(s % 100)), message()))),
    "two tokens": (http2.opening(), lambda: each(lambda s: http2.call(s, fields(STATUS, token, [(b"dmabufd-session-bin", b"AAAA")]), message()))),
    "a token that is no base64": (http2.opening(), lambda: each(lambda s: http2.call(s, fields(STATUS, None, [(b"dmabufd-session-bin", b"\x80\xff!")]), message()))),
    "a path that is none": (http2.opening(), lambda: each(lambda s: http2.call(s, fields("//%00/../" + "x" * 1000), message()))),
    "a content type that is none": (http2.opening(), lambda: each(lambda s: http2.call(s, status.replace(b"application/grpc", b"applications/wat"), message()))),
    "no pseudo-headers": (http2.opening(), lambda: each(lambda s: http2.call(s, field(b"x", b"y"), message()))),
    "a timeout that is none": (http2.opening(), lambda: each(lambda s: http2.call(s, fields(STATUS, None, [(b"grpc-timeout", b"99999999999X")]), message()))),
    "a timeout of nothing": (http2.opening(), lambda: each(lambda s: http2.call(s, fields(STATUS, None, [(b"grpc-timeout", b"0n")]), message()))),
}


def body_in_pieces(stream, block):
    pieces = [block[at : at + 16384] for at in range(0, len(block), 16384)]
    last = len(pieces) - 1
    sent = b""
    for number, piece in enumerate(pieces):
        sent += frame(CONTINUATION if number else HEADERS, END_HEADERS if number == last else 0, stream, piece)
    return sent + frame(DATA, END_STREAM, stream, message())


def drain(connection):
    """Reads what comes, so that only the daemon ends it."""
    try:
        while connection.recv(65536):
            pass
    except OSError:
        pass


def once(first, rest):
    """One connection, until the daemon hangs up or there is nothing more to send."""
    connection = http2.connect(directory, None)
    reader = threading.Thread(target=drain, args=(connection,), daemon=True)
    reader.start()
    try:
        connection.sendall(first)
        for piece in rest():
            connection.sendall(piece)
        # Not all end by themselves: the others are to be held open, but not for ever.
        reader.join(1)
    except OSError:
        pass
    finally:
        connection.close()


def attacking(attack):
    while True:
        once(*ATTACKS[attack])
        time.sleep(0.001)


for attack in attacks * CONNECTIONS:
    threading.Thread(target=attacking, args=(attack,), daemon=True).start()
time.sleep(0.1)
peer.under_way()
threading.Event().wait()
