"""Opens a session, leaves the connection to a child as well, and waits to be killed. The child holds it until the daemon hangs up.

    inherit.py DIRECTORY UID
"""
import os
import time

import peer

directory, _ = peer.begin()
session, _ = peer.connect(directory)
peer.adopt(session)
if os.fork() == 0:
    # The output ends with the parent.
    os.close(1)
    os.close(2)
    while session.recv(8192):
        pass
    os._exit(0)
peer.under_way()
time.sleep(3600)
