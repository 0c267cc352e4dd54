"""Brings memfds on which whoever asks or opens has to wait for it, and has the daemon do just that, again and again.

    waiter.py DIRECTORY UID lease     has a lease on them (fcntl(2), F_SETLEASE), and opens them for reading
    waiter.py DIRECTORY UID read      reads them all the time through the open file that it gave, and asks for their size

Says how often it was answered.
"""
import fcntl
import os
import signal
import threading

import http2
import peer

HUGE = 1 << 30
READERS = 16

directory, (how,) = peer.begin()
session, token = peer.connect(directory)
second, token_of_second = peer.connect(directory)
control = http2.connect(directory)
frames = http2.Frames()
stream = 1


def call(path, request, caller=token):
    """Makes one call and waits for its end, whatever it is."""
    global stream
    control.sendall(http2.call(stream, http2.fields(path, caller), http2.message(request)))
    stream += 2
    while http2.ended(frames.take(control.recv(65536))) == 0:
        pass


def opened(size):
    """A memfd that was opened by a path: what memfd_create(2) returns has no lock on its position, and is not counted for leases."""
    made = peer.memfd(size)
    fd = os.open(f"/proc/self/fd/{made}", os.O_RDWR)
    os.close(made)
    return fd


def lease(number):
    memfd = opened(4096)
    buffer = peer.adopt(session, memfd)
    # The kernel would tell, and by default end, this process when somebody waits.
    signal.signal(signal.SIGIO, signal.SIG_IGN)
    fcntl.fcntl(memfd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    name = b"leased/%d" % number
    access = b"\x10\x01"
    shared = b"\x08" + http2.varint(buffer) + access + b"\x22" + http2.varint(len(name)) + name
    call("/dmabufd.v1.ShareService/ShareBuffer", shared)
    opening = b"\x12" + http2.varint(len(name)) + name
    call("/dmabufd.v1.ShareService/OpenBuffer", opening, token_of_second)


def read_for_ever(fd):
    while True:
        os.lseek(fd, 0, os.SEEK_SET)
        os.read(fd, HUGE // 4)


def read(number):
    if number == 0:
        read.fd = opened(HUGE)
        for _ in range(READERS):
            threading.Thread(target=read_for_ever, args=(read.fd,), daemon=True).start()
        read.buffer = peer.adopt(session, read.fd)
    call("/dmabufd.v1.BufferService/GetBufferSize", b"\x08" + http2.varint(read.buffer))


peer.under_way()
number = 0
while True:
    lease(number) if how == "lease" else read(number)
    number += 1
    print(number, flush=True)
