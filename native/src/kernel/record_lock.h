// Which process may use a directory: a record lock (fcntl F_SETLK) on a file in it. The kernel drops the lock with the
// process, however that ends, and tells who holds it, which a pid written into a file cannot promise.
#pragma once

#include <string>

#include "kernel/unique_fd.h"

namespace dmabufd {

struct LockOutcome {
  UniqueFd fd;     // holds the lock; invalid if another process does
  int holder_pid;  // that process; 0 if it is not visible from this pid namespace
};

// Only a lock for writing counts, which takes the right to write: where others hold one for reading, the file is made anew. Throws EBUSY
// if that goes on and on. Closing any other fd of the same file in this process would drop the lock (fcntl(2)), so open it nowhere
// else.
LockOutcome lock_file(const std::string& path);

}  // namespace dmabufd
