"""Floods of fd.sock: more requests than can be answered, over many connections at once, until it is killed.

    flood.py DIRECTORY UID ATTACK
"""
import os
import random
import select
import socket

import peer

CONNECTIONS = 48
UNANSWERED = 64

directory, (attack,) = peer.begin()
own = peer.memfd()


def request(connection):
    """What this attack sends over one connection again and again, and with which fds."""
    if attack == "missing":
        return peer.datagram(peer.FETCH, peer.ids(*range(10**9, 10**9 + 253))), []
    if attack == "adopt":
        return peer.datagram(peer.ADOPT, peer.label(), 1), [peer.memfd()]
    buffer = peer.adopt(connection, peer.memfd())
    if attack == "fetch":
        return peer.datagram(peer.FETCH, peer.ids(*[buffer] * 64)), []
    if attack == "export-fence":
        return peer.datagram(peer.EXPORT_FENCE, peer.fence(buffer)), []
    return peer.datagram(peer.IMPORT_FENCE, peer.fence(buffer), 1), [own]


class Flood:
    def __init__(self):
        self.connection, _ = peer.connect(directory)
        self.bytes, self.fds = request(self.connection)
        self.connection.setblocking(False)
        self.unanswered = 0

    def pump(self):
        try:
            while True:
                # Without room for fds: the kernel drops them.
                if not self.connection.recv(8192):
                    raise SystemExit("the daemon has hung up")
                self.unanswered -= 1
        except BlockingIOError:
            pass
        try:
            while self.unanswered < UNANSWERED:
                peer.send(self.connection, self.bytes, self.fds)
                self.unanswered += 1
        except (BlockingIOError, OSError) as error:
            # ETOOMANYREFS: too many fds of this user are in flight.
            if not isinstance(error, BlockingIOError) and error.errno != 109:
                raise


def flood():
    floods = [Flood() for _ in range(CONNECTIONS)]
    poll = select.poll()
    for one in floods:
        poll.register(one.connection, select.POLLIN)
        one.pump()
    peer.under_way()
    by_fd = {one.connection.fileno(): one for one in floods}
    while True:
        for fd, _ in poll.poll(10):
            by_fd[fd].pump()


def garbage():
    """Bytes without sense, mostly behind a header that looks like one."""
    rounds = 0
    while True:
        connection, _ = peer.connect(directory)
        rounds += 1
        if rounds == 20:
            peer.under_way()
        if connection is None:
            continue
        try:
            for _ in range(8):
                payload = random.randbytes(random.randrange(0, 2100))
                head = peer.header(random.randrange(0, 12), 16 + len(payload), random.getrandbits(32))
                connection.send(head + payload if random.random() < 0.7 else payload or b"x", socket.MSG_DONTWAIT)
        except OSError:
            pass
        connection.close()


if attack == "garbage":
    garbage()
else:
    flood()
