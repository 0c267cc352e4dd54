"""Brings a memfd that is sealed against shrinking, publishes it, and does to it whatever it can while others read it.

    cutter.py DIRECTORY UID NAME
"""
import ctypes
import errno
import fcntl
import os
import time

import http2
import peer

FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE = 1, 2
SIZE = 1 << 20

libc = ctypes.CDLL(None, use_errno=True)
directory, (name,) = peer.begin()
session, token = peer.connect(directory)
memfd = peer.memfd(SIZE)
buffer = peer.adopt(session, memfd)

text = name.encode()
request = b"\x08" + http2.varint(buffer) + b"\x22" + http2.varint(len(text)) + text
control = http2.connect(directory)
block = http2.fields("/dmabufd.v1.ShareService/ShareBuffer", token)
control.sendall(http2.call(1, block, http2.message(request)))
frames = http2.Frames()
while http2.ended(frames.take(control.recv(65536))) == 0:
    pass


def refused(action):
    try:
        action()
    except OSError as error:
        if error.errno == errno.EPERM:
            return
        raise
    raise SystemExit("it was not refused")


def punch():
    result = libc.fallocate(
        memfd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, ctypes.c_long(0), ctypes.c_long(SIZE)
    )
    if result != 0:
        raise OSError(ctypes.get_errno(), "fallocate")


peer.under_way()
rounds = 0
while True:
    refused(lambda: os.ftruncate(memfd, 0))
    refused(lambda: os.truncate(f"/proc/self/fd/{memfd}", 4096))
    os.pwrite(memfd, b"\xff" * SIZE, 0)
    punch()
    # What was there before can still be sealed more, but never less.
    fcntl.fcntl(memfd, peer.F_ADD_SEALS, peer.F_SEAL_GROW)
    rounds += 1
    if rounds % 10 == 0:
        print(rounds, flush=True)
    time.sleep(0.001)
