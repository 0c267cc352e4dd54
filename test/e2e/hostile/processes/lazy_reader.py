"""Asks for more than it ever reads, until it is killed.

    lazy_reader.py DIRECTORY UID ATTACK
"""
import time

import http2
import peer

directory, (attack,) = peer.begin()
kept = []


def ask_for_fds():
    """FETCH of 253 fds, again and again, with no answer received."""
    for _ in range(32):
        connection, _ = peer.connect(directory)
        if connection is None:
            break
        kept.append(connection)
        buffer = peer.adopt(connection)
        connection.setblocking(False)
        fetch = peer.datagram(peer.FETCH, peer.ids(*[buffer] * 253))
        try:
            while True:
                connection.send(fetch)
        except BlockingIOError:
            pass


def ask_on_control(path, streams, window, body=http2.message()):
    """Calls of which no answer is read: the window is closed, or the socket is not read."""
    for _ in range(16):
        connection = http2.connect(directory, window)
        kept.append(connection)
        block = http2.fields(path, token)
        connection.setblocking(False)
        try:
            for stream in range(streams):
                connection.send(http2.call(2 * stream + 1, block, body))
        except BlockingIOError:
            pass


session, token = peer.connect(directory)
kept.append(session)
if attack == "fetch":
    ask_for_fds()
elif attack == "answers":
    ask_on_control("/dmabufd.v1.DaemonService/GetDaemonStatus", 10_000, http2.LARGEST_WINDOW)
elif attack == "window":
    ask_on_control("/dmabufd.v1.DaemonService/GetDaemonStatus", 128, 0)
elif attack == "reflection":
    ask_on_control("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", 128, 0)
elif attack == "steps":
    ask_on_control("/dmabufd.v1.AccessService/StreamCpuAccesses", 128, 0, http2.end_steps(1000))
else:
    ask_on_control("/dmabufd.v1.EventService/WatchEvents", 4, 0)
peer.under_way()
# What its watchers are told, if it is for them.
own = peer.memfd()
while True:
    if attack != "watch":
        time.sleep(1)
        continue
    buffer = peer.adopt(session, own)
    peer.send(session, peer.datagram(peer.RELEASE, peer.ids(buffer)))
    session.recv(8192)
