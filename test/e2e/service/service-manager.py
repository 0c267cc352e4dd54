"""A service manager for one service: socket activation, notifications, the fd store (sd_listen_fds(3), sd_notify(3)), and a
restart whenever the service ends. What happens is told as lines of JSON; a line of standard input is a command:

    kill SIGNAL     signals the service
    hold            starts it no more when it ends
    start           starts it
    names           tells the names in the fd store

    service-manager.py DIRECTORY WATCHDOG_USEC STORED_FDS PROGRAM [ARGUMENT...]
"""
import array
import json
import os
import select
import signal
import socket
import sys
import time

FIRST_FD = 3
MOST_FDS = 253


def tell(**what):
    print(json.dumps({**what, "atMs": time.monotonic() * 1000}), flush=True)


def listening(kind, path):
    made = socket.socket(socket.AF_UNIX, kind)
    made.bind(path)
    made.listen(128)
    return made


class Store:
    """The fds that outlive the service, by name."""

    def __init__(self):
        self.kept = []

    def take(self, fields, fds):
        name = fields.get("FDNAME", "stored")
        if fields.get("FDSTORE") == "1":
            self.kept += [(name, fd, fields.get("FDPOLL") != "0") for fd in fds]
        elif fields.get("FDSTOREREMOVE") == "1":
            self.drop([entry for entry in self.kept if entry[0] == name])

    def drop(self, entries):
        for entry in entries:
            self.kept.remove(entry)
            os.close(entry[1])

    def drop_hung_up(self):
        poller = select.poll()
        for _, fd, polled in self.kept:
            if polled:
                poller.register(fd, 0)
        gone = {fd for fd, _ in poller.poll(0)}
        self.drop([entry for entry in self.kept if entry[1] in gone])


class Service:
    def __init__(self, directory, watchdog, stored, command):
        self.command, self.watchdog, self.most_stored = command, watchdog, stored
        self.pid, self.restarts = None, True
        self.store = Store()
        self.address = os.path.join(directory, "notify")
        self.notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notified.bind(self.address)
        run = os.path.join(directory, "run")
        os.mkdir(run, 0o755)
        self.listeners = [
            ("sockets", listening(socket.SOCK_STREAM, os.path.join(run, "control.sock")).detach()),
            ("sockets", listening(socket.SOCK_SEQPACKET, os.path.join(run, "fd.sock")).detach()),
        ]

    def start(self):
        handed = self.listeners + [(name, fd) for name, fd, _ in self.store.kept]
        self.pid = os.fork()
        if self.pid == 0:
            self.become(handed)
        tell(started=self.pid)

    def become(self, handed):
        # Out of the way of the numbers that they are to have.
        above = max(fd for _, fd in handed) + 1
        high = [os.dup2(fd, above + index) for index, (_, fd) in enumerate(handed)]
        for index, fd in enumerate(high):
            os.dup2(fd, FIRST_FD + index, inheritable=True)
        os.closerange(FIRST_FD + len(high), above + len(high))
        environment = {
            **os.environ,
            "NOTIFY_SOCKET": self.address,
            "WATCHDOG_USEC": self.watchdog,
            "WATCHDOG_PID": str(os.getpid()),
            "FDSTORE": self.most_stored,
            "LISTEN_PID": str(os.getpid()),
            "LISTEN_FDS": str(len(handed)),
            "LISTEN_FDNAMES": ":".join(name for name, _ in handed),
        }
        os.execvpe(self.command[0], self.command, environment)

    def hear(self):
        room = socket.CMSG_SPACE(MOST_FDS * 4)
        data, ancillary, _, _ = self.notified.recvmsg(65536, room, socket.MSG_CMSG_CLOEXEC | socket.MSG_DONTWAIT)
        fds = array.array("i")
        for _, _, numbers in ancillary:
            fds.frombytes(numbers)
        fields = dict(line.split("=", 1) for line in data.decode().splitlines())
        self.store.take(fields, fds)
        if fields != {"WATCHDOG": "1"}:
            tell(notified=fields, fds=len(fds))
        else:
            tell(alive=True)

    def hear_all(self):
        try:
            while True:
                self.hear()
        except BlockingIOError:
            pass

    def reap(self):
        if self.pid is None:
            return
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid == 0:
            return
        self.pid = None
        # What it said before it died comes first, as with systemd.
        self.hear_all()
        tell(ended=os.waitstatus_to_exitcode(status))
        self.store.drop_hung_up()
        if self.restarts:
            self.start()

    def obey(self, line):
        word, *rest = line.split()
        if word == "kill":
            os.kill(self.pid, signal.Signals[rest[0]])
        elif word == "hold":
            self.restarts = False
        elif word == "start":
            self.restarts = True
            self.start()
        elif word == "names":
            tell(names=[name for name, _, _ in self.store.kept])


def main():
    service = Service(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
    service.start()
    while True:
        ready, _, _ = select.select([0, service.notified], [], [], 0.02)
        if service.notified in ready:
            service.hear_all()
        if 0 in ready:
            commands = os.read(0, 4096)
            if not commands:
                break
            for line in commands.decode().splitlines():
                service.obey(line)
        service.reap()
        service.store.drop_hung_up()
    if service.pid is not None:
        os.kill(service.pid, signal.SIGKILL)


main()
