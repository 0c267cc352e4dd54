#include "fd_plane/request_reader.h"

#include "socket/datagram.h"

namespace dmabufd {
namespace {

// How many datagrams one session may have in a row before the others have their turn.
constexpr size_t kFairShare = 32;

// It is only worth its system calls where it shows more than one.
Pace pace_after(const LookAhead& ahead) {
  if (ahead.has_seen_empty()) return Pace::kSinglyUntilEmpty;
  return ahead.size() > 1 ? Pace::kAhead : Pace::kSingly;
}

}  // namespace

RequestReader::Stop RequestReader::read(Session& session, const Serve& serve) {
  size_t singly = 0;
  for (size_t share = kFairShare; share > 0 && session.may_read();) {
    if (session.pace() == Pace::kAhead) {
      share -= read_several(session, share, serve);
      if (ahead_.is_all()) return Stop::kForNow;
      if (ahead_.size() > 0) continue;
    }
    switch (read_one(session, serve)) {
      case Peeked::kNothing:
        session.set_pace(Pace::kSingly);
        return Stop::kForNow;
      case Peeked::kClosed:
        return Stop::kAtTheEnd;
      case Peeked::kCarriesFds:
        return Stop::kAtFds;
      default:
        // Where a second one waited there may be more.
        if (++singly > 1 && looks_ahead_ && session.pace() == Pace::kSingly) session.set_pace(Pace::kAhead);
        share--;
    }
  }
  return Stop::kForNow;
}

Peeked RequestReader::read_one(Session& session, const Serve& serve) {
  size_t length = 0;
  const Peeked peeked = peek_datagram(session.socket(), buffer_, sizeof(buffer_), length);
  if (peeked == Peeked::kTooLarge) {
    dismiss_violator(session, "a datagram over " + std::to_string(sizeof(buffer_)) + " bytes");
  } else if (peeked == Peeked::kDatagram) {
    consume_peeked(session.socket());
    Request request{};
    const std::string violation = parse_request(buffer_, length, 0, request);
    if (violation.empty()) {
      serve(request);
      session.flush();
    } else {
      dismiss_violator(session, violation);
    }
  }
  return peeked;
}

// Returns how many were taken.
size_t RequestReader::read_several(Session& session, size_t most, const Serve& serve) {
  ahead_.look(session.socket(), most);
  session.set_pace(pace_after(ahead_));
  size_t taken = 0;
  std::string violation;
  while (taken < ahead_.size() && violation.empty() && session.may_take()) {
    Request request{};
    violation = parse_request(ahead_.bytes(taken), ahead_.length(taken), 0, request);
    if (violation.empty()) serve(request);
    taken++;
  }
  LookAhead::take(session.socket(), taken);
  if (violation.empty()) {
    session.flush();
  } else {
    dismiss_violator(session, violation);
  }
  return taken;
}

void dismiss_violator(Session& session, const std::string& violation) {
  session.dismiss(DMABUFD_FD_FAILED_PRECONDITION, "protocol violation: " + violation);
}

}  // namespace dmabufd
