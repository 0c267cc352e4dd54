/* SPDX-License-Identifier: Apache-2.0 */
/* What a Linux developer would pick instead: a service on D-Bus, whose method Get returns an fd. Its bus is $DBUS_SESSION_BUS_ADDRESS. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

static int memory;

static int get(sd_bus_message* call, void* data, sd_bus_error* error) {
  (void)data;
  (void)error;
  return sd_bus_reply_method_return(call, "h", memory);
}

static const sd_bus_vtable methods[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD("Get", "t", "h", get, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_VTABLE_END,
};

static void check(int result, const char* what) {
  if (result >= 0) return;
  fprintf(stderr, "%s: %d\n", what, result);
  exit(1);
}

int main(void) {
  sd_bus* bus = NULL;
  memory = memfd_create("bench", MFD_CLOEXEC);
  if (memory < 0 || ftruncate(memory, 4096)) return 1;
  check(sd_bus_open_user(&bus), "sd_bus_open_user");
  check(sd_bus_add_object_vtable(bus, NULL, "/bench", "dmabufd.Bench", methods, NULL), "vtable");
  check(sd_bus_request_name(bus, "dmabufd.Bench", 0), "name");
  puts("ready");
  fflush(stdout);
  for (;;) {
    int worked = sd_bus_process(bus, NULL);
    check(worked, "sd_bus_process");
    if (worked == 0) check(sd_bus_wait(bus, UINT64_MAX), "sd_bus_wait");
  }
}
