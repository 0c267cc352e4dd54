// The daemon's side of fd.sock: one thread, one epoll, and the table of who may fetch what.
//
// FETCH and RELEASE are answered here, so that neither a gRPC call nor a garbage collection on the main thread
// delays them. Who may connect, and what stands in the table, is decided by the main thread, which learns of everything else as
// events. One lock guards the sessions; nothing blocks while it is held.
//
// A session ends when its connection does, or when the process that connected has exited (pidfd), even if a
// child of it has inherited the connection.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <variant>
#include <vector>

#include "fd_plane/epoll.h"
#include "fd_plane/fds_in_flight.h"
#include "fd_plane/receiver.h"
#include "fd_plane/request_reader.h"
#include "fd_plane/session.h"
#include "fd_plane/turns.h"
#include "socket/acceptor.h"
#include "socket/peer_credentials.h"

namespace dmabufd {

struct SessionConnected {
  PeerCredentials peer;
};
struct SessionDisconnected {
  std::string reason;
};
struct LeasesReleased {
  std::vector<uint64_t> buffer_ids;
};
// What has happened already, and only has to be booked: cheap, and never left for later.
struct FdPlaneBooking {
  uint64_t session;
  std::variant<SessionDisconnected, LeasesReleased> what;
};

// What wants something of the main thread, which takes it at its own pace.
struct FdPlaneArrival {
  uint64_t session;
  std::variant<SessionConnected, RequestReceived> what;
};

struct FdPlaneLimits {
  size_t max_sessions;  // that the main thread has been told of
  size_t max_fds_in_flight_per_account;
};

class FdPlane {
 public:
  // `on_events` is called from any thread, with the lock held, when there is something to take; not again before
  // take_arrivals() has been called. Sessions are numbered upwards from `first_session`. Nobody is accepted before open().
  FdPlane(Listener listener, const FdPlaneLimits& limits, uint64_t first_session, std::function<void()> on_events);
  ~FdPlane();
  FdPlane(const FdPlane&) = delete;
  FdPlane(FdPlane&&) = delete;
  FdPlane& operator=(const FdPlane&) = delete;
  FdPlane& operator=(FdPlane&&) = delete;

  // Each does nothing if the session has ended.
  void admit(uint64_t session, const uint8_t (&token)[DMABUFD_FD_TOKEN_BYTES], const std::string& account);
  void dismiss(uint64_t session, uint32_t status, const std::string& reason);

  void open();

  // Takes over a session of an earlier process of the daemon, whose id is below all that are given here. It is not read from
  // until readmit(), which says RESTARTED. Throws SystemError if the process behind it has gone, or the id is taken.
  PeerCredentials resume(uint64_t session, UniqueFd socket);
  void readmit(uint64_t session, const std::string& account);
  // A descriptor of a session's connection; none if it has ended.
  UniqueFd duplicate_socket(uint64_t session);

  void put_lease(uint64_t session, uint64_t buffer_id, TableRow row);
  void drop_lease(uint64_t session, uint64_t buffer_id);
  // The same, and the client is told.
  void revoke_lease(uint64_t session, uint64_t buffer_id);
  void answer(uint64_t session, const AnswerHeader& header, const std::vector<uint8_t>& payload,
              std::vector<SharedFd> fds);

  // All bookings. None is of a session whose arrival has not been taken.
  std::vector<FdPlaneBooking> take_bookings();
  // At most `most` arrivals: connections and requests in turns, and the latter in turns of the accounts.
  std::vector<FdPlaneArrival> take_arrivals(size_t most);

  // Ends the thread, and every session with a GOODBYE, or with `keeps_sessions` none of those that somebody else has, too: then
  // there may be last bookings to be taken. Does nothing the second time.
  void stop(bool keeps_sessions) noexcept;

 private:
  using Lock = std::lock_guard<std::mutex>;
  using SessionMap = std::unordered_map<uint64_t, std::unique_ptr<Session>>;
  struct Connection {
    uint64_t session;
    PeerCredentials peer;
  };

  void run();
  void handle(uint64_t tag, uint32_t events);
  void accept_all();
  void accept_one(const SharedFd& socket);
  void add_session(const SharedFd& socket);
  Session& enter(std::unique_ptr<Session> session);
  void read_from(Session& session);
  void receive_elsewhere(Session& session);
  void give_up_receives();
  void take_deliveries();
  void take_delivery(Session& session, Delivery& delivery);
  void serve(Session& session, const Request& request, std::vector<UniqueFd> fds);
  void dispose(uid_t user, const SharedFd& socket);
  void end(Session& session, const std::string& reason);
  void await_arrival(uint64_t session, std::unique_ptr<FdsInFlight> fds);
  void recount(uint64_t ended_session);
  void forget_connection(uint64_t session);
  void take_connection(std::vector<FdPlaneArrival>& taken);
  void take_request(std::vector<FdPlaneArrival>& taken);
  bool accepts() const;
  bool accepts_now();
  void rearm_listener();
  void settle(Session& session);
  void signal();
  template <typename Action>
  void with(uint64_t session, Action action);

  Acceptor acceptor_;
  const Epoll epoll_;
  const UniqueFd wake_;
  const FdPlaneLimits limits_;
  const std::function<void()> on_events_;
  std::mutex mutex_;
  Accounts accounts_;                  // guarded by mutex_; outlives those of somebody below
  SessionMap sessions_;                // guarded by mutex_
  // Of sessions that have ended while fds were on their way to them. Guarded by mutex_; they count as sessions.
  std::unordered_map<uint64_t, std::unique_ptr<FdsInFlight>> abandoned_;
  std::vector<FdPlaneBooking> bookings_;  // guarded by mutex_
  std::deque<Connection> connections_;    // guarded by mutex_; not taken yet
  Turns requests_;                        // guarded by mutex_; the sessions with requests that are not taken yet
  bool open_ = false;                     // guarded by mutex_
  bool listener_armed_ = false;           // guarded by mutex_
  size_t unbooked_ends_ = 0;              // guarded by mutex_; they count as sessions, which bounds bookings_
  bool signalled_ = false;                // guarded by mutex_
  Receiver receiver_;
  uint64_t next_session_;              // of the thread alone
  RequestReader reader_;               // of the thread alone
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace dmabufd
