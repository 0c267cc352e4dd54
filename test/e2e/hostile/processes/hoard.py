"""Takes all that it is given, of everything, and never gives anything back, until it is killed.

    hoard.py DIRECTORY UID
"""
import array
import socket
import time

import http2
import peer

ATTEMPTS = 60
MEGABYTE = 1 << 20

directory, _ = peer.begin()
sessions, connections, leased, fds = [], [], [], []


def connect():
    """One session more. False if that was refused."""
    session, token = peer.connect(directory)
    if session is not None:
        sessions.append((session, token))
    return session is not None


class Caller:
    """Makes calls over one connection, which it keeps: others of its account might have the next one."""

    def __init__(self):
        self.connection, self.frames, self.stream = None, None, 1

    def call(self, path, token, requests):
        """Makes many calls. Answers the messages that came."""
        if self.connection is None:
            self.connection, self.frames, self.stream = http2.connect(directory), http2.Frames(), 1
        try:
            return self.exchange(http2.fields(path, token), requests)
        except ConnectionError:
            self.connection.close()
            self.connection = None
            return []

    def exchange(self, block, requests):
        answered, messages = 0, []
        for request in requests:
            self.connection.sendall(http2.call(self.stream, block, http2.message(request)))
            self.stream += 2
        while answered < len(requests):
            piece = self.connection.recv(65536)
            if not piece:
                raise ConnectionResetError("the daemon closed the connection")
            found = self.frames.take(piece)
            answered += http2.ended(found)
            messages += [payload for kind, _, _, payload in found if kind == http2.DATA and payload]
        return messages


def allocate(token):
    requests = [b"\x10" + http2.varint(MEGABYTE)] * ATTEMPTS
    messages = caller.call("/dmabufd.v1.BufferService/AllocateBuffer", token, requests)
    return [buffer for buffer in map(http2.buffer_in, messages) if buffer is not None]


def share(token, buffer):
    requests = [b"\x08" + http2.varint(buffer)] * (3 * ATTEMPTS)
    caller.call("/dmabufd.v1.ShareService/ShareBuffer", token, requests)


def keep_and_release(session, buffer):
    session.send(peer.datagram(peer.FETCH, peer.ids(buffer)))
    _, ancillary, _, _ = session.recvmsg(8192, socket.CMSG_SPACE(4))
    for _, _, data in ancillary:
        fds.extend(array.array("i", data))
    session.send(peer.datagram(peer.RELEASE, peer.ids(buffer)))
    session.recv(8192)


caller = Caller()


def hoard():
    connect()
    for session, token in sessions[:1]:
        buffers = allocate(token)
        for buffer in buffers[::2]:
            keep_and_release(session, buffer)
        leased.extend(buffers[1::2])
        for buffer in leased[:1]:
            share(token, buffer)
    while len(sessions) < ATTEMPTS and connect():
        pass
    while len(connections) < ATTEMPTS:
        connections.append(http2.connect(directory))


hoard()
peer.under_way()
while True:
    hoard()
    time.sleep(0.2)
