// Ends what would sleep for as long as a client likes, as far as a signal can: the last close of a socket with SO_LINGER, and
// SYNC START on a dma-buf with fences. (Only a fatal signal ends a close that waits for a FUSE server.)
#pragma once

#include <ctime>

namespace dmabufd {

// Interrupts the thread that makes it, again and again until it is destroyed. Nothing happens if the signal for that is
// somebody else's in this process, or there is no timer to be had.
class Interrupts {
 public:
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts(Interrupts&&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;
  Interrupts& operator=(Interrupts&&) = delete;

 private:
  timer_t timer_{};
  bool armed_ = false;
};

}  // namespace dmabufd
