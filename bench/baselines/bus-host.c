/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts a message bus as systemd would: with a listening socket (sd_listen_fds(3)), and, for dbus-broker-launch, which does not
 * begin without, with a socket of the journal's, where there is none: in a mount namespace of its own, for which it needs root.
 *
 *     bus-host SOCKET COMMAND...
 */
#define _GNU_SOURCE
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "fd_common.h"

enum { LISTENER = 3 };
static const char JOURNAL[] = "/run/systemd/journal/socket";

static int bound(const char* path, int type) {
  struct sockaddr_un address = address_of(path);
  int made = socket(AF_UNIX, type, 0);
  if (made < 0 || bind(made, (struct sockaddr*)&address, sizeof address)) die(path);
  return made;
}

static void make_journal(void) {
  if (access(JOURNAL, F_OK) == 0) return;
  if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) die("unshare");
  mkdir("/run/systemd", 0755);
  if (mount("tmpfs", "/run/systemd", "tmpfs", 0, NULL)) die("/run/systemd");
  mkdir("/run/systemd/journal", 0755);
  bound(JOURNAL, SOCK_DGRAM);
}

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  int listener = bound(argv[1], SOCK_STREAM);
  if (listen(listener, 64)) die("listen");
  if (listener != LISTENER && (dup2(listener, LISTENER) < 0 || close(listener))) die("dup2");
  make_journal();
  char text[sizeof "unix:path=" + sizeof(struct sockaddr_un)];
  snprintf(text, sizeof text, "%d", (int)getpid());
  setenv("LISTEN_PID", text, 1);
  setenv("LISTEN_FDS", "1", 1);
  /* dbus-broker-launch is a client of its own bus. */
  snprintf(text, sizeof text, "unix:path=%s", argv[1]);
  setenv("DBUS_SESSION_BUS_ADDRESS", text, 1);
  /* Whoever connects from now on waits until the bus is there. */
  puts("ready");
  fflush(stdout);
  execvp(argv[2], argv + 2);
  die(argv[2]);
}
