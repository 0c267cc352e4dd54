"""Brings a memfd that could be cut while others read it. Fails with the daemon's reason.

    bring.py DIRECTORY UID
"""
import peer

directory, _ = peer.begin()
session, _ = peer.connect(directory)
peer.adopt(session, peer.memfd(seals=0))
peer.under_way()
