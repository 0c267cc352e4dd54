"""Listens where a daemon would, and says so whenever somebody has connected, until it is killed.

    impostor.py DIRECTORY UID
"""
import fcntl
import os
import select
import socket

import peer

LOCK = "dmabufd.lock"

directory, rest = peer.begin()
os.makedirs(directory, exist_ok=True)
if rest == ["locked"]:
    lock = open(os.path.join(directory, LOCK), "w")
    fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
listeners = []
for name, kind in (("fd.sock", socket.SOCK_SEQPACKET), ("control.sock", socket.SOCK_STREAM)):
    listener = socket.socket(socket.AF_UNIX, kind)
    listener.bind(os.path.join(directory, name))
    listener.listen()
    listeners.append(listener)
os.chmod(os.path.join(directory, "fd.sock"), 0o666)
os.chmod(os.path.join(directory, "control.sock"), 0o666)
peer.under_way()
while True:
    for listener in select.select(listeners, [], [])[0]:
        listener.accept()
        print("somebody came", flush=True)
