// What a dma-buf fd can be asked: its size, coherency, fences, its name (linux/dma-buf.h, dma-buf.rst).
#pragma once

#include <cstdint>
#include <string>

#include "kernel/unique_fd.h"

namespace dmabufd {

// lseek to (0, SEEK_END), then back to (0, SEEK_SET). ESPIPE: this kernel tells no size.
uint64_t size_by_lseek(int fd);

// st_size, for what is no dma-buf.
uint64_t size_by_stat(int fd);

// lseek(2) as it is.
int64_t seek(int fd, int64_t offset, int whence);

// DMA_BUF_IOCTL_SYNC, repeated while it answers EINTR or EAGAIN, as dma-buf.rst demands. With START it waits for
// the buffer's fences, without any deadline.
void sync_dma_buf(int fd, uint64_t flags);

// SYNC START in a direction (DMA_BUF_SYNC_READ, _WRITE) of a buffer without fences in its way. False if there are any: it has
// then begun nothing, and waited some 10 ms at most, for those that came too late to be polled for.
bool begin_sync(int fd, uint64_t direction);

// The fences that an access in the direction of `flags` would wait for now, as a sync_file.
UniqueFd export_sync_file(int fd, uint32_t flags);

// Adds the fences of a sync_file to the buffer.
void import_sync_file(int fd, uint32_t flags, int sync_file);

void set_dma_buf_name(int fd, const std::string& name);

// poll(2) without waiting. Returns the events that are there.
short poll_now(int fd, short events);

}  // namespace dmabufd
