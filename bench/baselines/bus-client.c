/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls bus-server.c's Get one time after the other, and tells how long it took, as fd-client.c does.
 *
 *     bus-client REQUESTS
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-bus.h>
#include <time.h>

enum { WARM_UP = 1000 };

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void check(int result, const char* what) {
  if (result >= 0) return;
  fprintf(stderr, "%s: %d\n", what, result);
  exit(1);
}

/* The fd is closed with its message. */
static void call(sd_bus* bus) {
  sd_bus_message* answer = NULL;
  check(sd_bus_call_method(bus, "dmabufd.Bench", "/bench", "dmabufd.Bench", "Get", NULL, &answer, "t",
                           (uint64_t)1),
        "Get");
  int fd = -1;
  check(sd_bus_message_read(answer, "h", &fd), "answer");
  sd_bus_message_unref(answer);
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  uint32_t requests = (uint32_t)atoi(argv[1]);
  uint32_t* each = calloc(requests, sizeof *each);
  sd_bus* bus = NULL;
  if (!each) return 1;
  check(sd_bus_open_user(&bus), "sd_bus_open_user");
  for (int i = 0; i < WARM_UP; i += 1) call(bus);
  uint64_t begun = now();
  for (uint32_t i = 0; i < requests; i += 1) {
    uint64_t at = now();
    call(bus);
    each[i] = (uint32_t)(now() - at);
  }
  uint64_t total = now() - begun;
  return fwrite(&total, sizeof total, 1, stdout) == 1 && fwrite(each, sizeof *each, requests, stdout) == requests ? 0 : 1;
}
