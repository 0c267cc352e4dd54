#include "binding/fd_plane_object.h"

#include <cstring>
#include <utility>

#include "binding/arguments.h"
#include "binding/environment.h"
#include "binding/fd_object.h"
#include "binding/peer_value.h"

namespace dmabufd {
namespace {

Napi::Number number(Napi::Env env, uint64_t value) { return Napi::Number::New(env, static_cast<double>(value)); }

// Turns what an event says into the properties of its JavaScript object.
class EventWriter {
 public:
  EventWriter(Napi::Env env, Napi::Object event) : env_(env), event_(event) {}

  void operator()(SessionConnected& connected) {
    event_.Set("type", "connected");
    event_.Set("peer", to_js(env_, std::move(connected.peer)));
  }

  void operator()(SessionDisconnected& disconnected) {
    event_.Set("type", "disconnected");
    event_.Set("reason", disconnected.reason);
  }

  void operator()(LeasesReleased& released) {
    Napi::Array ids = Napi::Array::New(env_, released.buffer_ids.size());
    for (uint32_t i = 0; i < released.buffer_ids.size(); i++) ids.Set(i, number(env_, released.buffer_ids[i]));
    event_.Set("type", "released");
    event_.Set("bufferIds", ids);
  }

  void operator()(RequestReceived& request) {
    Napi::Array fds = Napi::Array::New(env_, request.fds.size());
    for (uint32_t i = 0; i < request.fds.size(); i++) fds.Set(i, FdObject::wrap(env_, std::move(request.fds[i])));
    event_.Set("type", "request");
    event_.Set("opcode", request.opcode);
    event_.Set("serial", number(env_, request.serial));
    event_.Set("payload", copy_bytes(env_, request.payload.data(), request.payload.size()));
    event_.Set("fds", fds);
  }

 private:
  Napi::Env env_;
  Napi::Object event_;
};

// Calls onEvents on the event loop. Written against Node-API itself: node-addon-api's wrapper throws through C frames when the
// environment (a worker that is terminated) is closing.
void call_on_events(napi_env env, napi_value on_events, void*, void*) {
  napi_value global = nullptr;
  if (env == nullptr || napi_get_global(env, &global) != napi_ok) return;
  // What it throws is an uncaught exception: Node-API sees to that when this returns.
  (void)napi_call_function(env, global, on_events, 0, nullptr, nullptr);
}

template <typename Event>
Napi::Value events_to_js(Napi::Env env, std::vector<Event>& events) {
  Napi::Array result = Napi::Array::New(env, events.size());
  for (uint32_t i = 0; i < events.size(); i++) {
    Napi::Object event = Napi::Object::New(env);
    event.Set("session", number(env, events[i].session));
    std::visit(EventWriter(env, event), events[i].what);
    result.Set(i, event);
  }
  return result;
}

}  // namespace

Napi::Function FdPlaneObject::define(Napi::Env env) {
  return DefineClass(
      env, "FdPlane",
      {InstanceMethod<&FdPlaneObject::admit>("admit"), InstanceMethod<&FdPlaneObject::dismiss>("dismiss"), InstanceMethod<&FdPlaneObject::open>("open"),
       InstanceMethod<&FdPlaneObject::resume>("resume"), InstanceMethod<&FdPlaneObject::readmit>("readmit"),
       InstanceMethod<&FdPlaneObject::duplicate_socket>("duplicateSocket"),
       InstanceMethod<&FdPlaneObject::put_lease>("putLease"), InstanceMethod<&FdPlaneObject::drop_lease>("dropLease"),
       InstanceMethod<&FdPlaneObject::revoke_lease>("revokeLease"),
       InstanceMethod<&FdPlaneObject::answer>("answer"), InstanceMethod<&FdPlaneObject::take_bookings>("takeBookings"),
       InstanceMethod<&FdPlaneObject::take_arrivals>("takeArrivals"),
       InstanceMethod<&FdPlaneObject::close>("close")});
}

FdPlaneObject::FdPlaneObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<FdPlaneObject>(info) {
  take_internal(info);
}

FdPlaneObject::~FdPlaneObject() { stop(false); }

void FdPlaneObject::start(Listener listener, const FdPlaneLimits& limits, uint64_t first_session,
                          const Napi::Function& on_events) {
  const Napi::String name = Napi::String::New(Env(), "dmabufd fd plane");
  const napi_status created = napi_create_threadsafe_function(Env(), on_events, nullptr, name, 0, 1, nullptr, nullptr,
                                                              nullptr, call_on_events, &wake_);
  if (created != napi_ok) throw Napi::Error::New(Env());
  plane_ = std::make_unique<FdPlane>(std::move(listener), limits, first_session, [wake = wake_] {
    (void)napi_call_threadsafe_function(wake, nullptr, napi_tsfn_nonblocking);
  });
  Ref();
}

std::vector<FdPlaneBooking> FdPlaneObject::stop(bool keeps_sessions) {
  if (plane_ == nullptr) return {};
  plane_->stop(keeps_sessions);
  std::vector<FdPlaneBooking> last = plane_->take_bookings();
  plane_.reset();
  (void)napi_release_threadsafe_function(wake_, napi_tsfn_release);
  return last;
}

void FdPlaneObject::admit(const Napi::CallbackInfo& info) {
  const uint64_t session = to_uint64(info[0], "session");
  const std::vector<uint8_t> bytes = to_bytes(info[1], "token");
  uint8_t token[DMABUFD_FD_TOKEN_BYTES];
  if (bytes.size() != sizeof(token)) throw Napi::TypeError::New(info.Env(), "token must be of 32 bytes");
  std::memcpy(token, bytes.data(), sizeof(token));
  const std::string account = to_text(info[2], "account");
  if (plane_ != nullptr) plane_->admit(session, token, account);
}

void FdPlaneObject::dismiss(const Napi::CallbackInfo& info) {
  const uint64_t session = to_uint64(info[0], "session");
  const uint32_t status = to_uint32(info[1], "status");
  const std::string reason = to_text(info[2], "reason");
  if (plane_ != nullptr) plane_->dismiss(session, status, reason);
}

Napi::Value FdPlaneObject::resume(const Napi::CallbackInfo& info) {
  const uint64_t session = to_uint64(info[0], "session");
  UniqueFd socket = FdObject::take(info[1], "socket");
  return call_core(info.Env(), [&]() -> Napi::Value {
    if (plane_ == nullptr) throw SystemError(EBADF, "resume");
    return to_js(info.Env(), plane_->resume(session, std::move(socket)));
  });
}

void FdPlaneObject::readmit(const Napi::CallbackInfo& info) {
  const uint64_t session = to_uint64(info[0], "session");
  const std::string account = to_text(info[1], "account");
  if (plane_ != nullptr) plane_->readmit(session, account);
}

Napi::Value FdPlaneObject::duplicate_socket(const Napi::CallbackInfo& info) {
  const uint64_t session = to_uint64(info[0], "session");
  return call_core(info.Env(), [&]() -> Napi::Value {
    UniqueFd socket = plane_ == nullptr ? UniqueFd() : plane_->duplicate_socket(session);
    if (!socket.valid()) return info.Env().Null();
    return FdObject::wrap(info.Env(), std::move(socket));
  });
}

void FdPlaneObject::put_lease(const Napi::CallbackInfo& info) {
  const uint64_t session = to_uint64(info[0], "session");
  const Napi::Object lease = to_object(info[1], "lease");
  const uint64_t buffer_id = to_uint64(lease.Get("bufferId"), "bufferId");
  TableRow row{FdObject::shared(lease.Get("fd"), "fd"), to_uint64(lease.Get("sizeBytes"), "sizeBytes"),
               to_uint32(lease.Get("flags"), "flags")};
  if (plane_ != nullptr) plane_->put_lease(session, buffer_id, std::move(row));
}

void FdPlaneObject::drop_lease(const Napi::CallbackInfo& info) {
  const uint64_t session = to_uint64(info[0], "session");
  const uint64_t buffer_id = to_uint64(info[1], "bufferId");
  if (plane_ != nullptr) plane_->drop_lease(session, buffer_id);
}

void FdPlaneObject::revoke_lease(const Napi::CallbackInfo& info) {
  const uint64_t session = to_uint64(info[0], "session");
  const uint64_t buffer_id = to_uint64(info[1], "bufferId");
  if (plane_ != nullptr) plane_->revoke_lease(session, buffer_id);
}

void FdPlaneObject::answer(const Napi::CallbackInfo& info) {
  const uint64_t session = to_uint64(info[0], "session");
  const Napi::Object request = to_object(info[1], "request");
  const uint32_t opcode = to_uint32(request.Get("opcode"), "opcode");
  const AnswerHeader header{static_cast<uint16_t>(opcode | DMABUFD_FD_ANSWER),
                            to_uint32(request.Get("serial"), "serial"), to_uint32(info[2], "status")};
  const std::vector<uint8_t> payload = to_bytes(info[3], "payload");
  if (payload.size() > DMABUFD_FD_MAX_DATAGRAM - sizeof(dmabufd_fd_header)) {
    throw Napi::RangeError::New(info.Env(), "payload is larger than a datagram");
  }
  std::vector<SharedFd> fds = FdObject::shared_all(info[4], "fds");
  if (fds.size() > DMABUFD_FD_MAX_FDS) throw Napi::RangeError::New(info.Env(), "fds are more than 253");
  if (plane_ != nullptr) plane_->answer(session, header, payload, std::move(fds));
}

Napi::Value FdPlaneObject::take_bookings(const Napi::CallbackInfo& info) {
  std::vector<FdPlaneBooking> bookings;
  if (plane_ != nullptr) bookings = plane_->take_bookings();
  return events_to_js(info.Env(), bookings);
}

Napi::Value FdPlaneObject::take_arrivals(const Napi::CallbackInfo& info) {
  const uint32_t most = to_uint32(info[0], "most");
  std::vector<FdPlaneArrival> arrivals;
  if (plane_ != nullptr) arrivals = plane_->take_arrivals(most);
  return events_to_js(info.Env(), arrivals);
}

void FdPlaneObject::open(const Napi::CallbackInfo&) {
  if (plane_ != nullptr) plane_->open();
}

Napi::Value FdPlaneObject::close(const Napi::CallbackInfo& info) {
  const bool was_open = plane_ != nullptr;
  std::vector<FdPlaneBooking> last = stop(flag_or(info[0], "keepsSessions", false));
  const Napi::Value bookings = events_to_js(info.Env(), last);
  if (was_open) Unref();
  return bookings;
}

Napi::Value start_fd_plane_binding(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object options = to_object(info[0], "options");
  const FdPlaneLimits limits{to_uint32(options.Get("maxSessions"), "maxSessions"),
                             to_uint64(options.Get("maxFdsInFlightPerAccount"), "maxFdsInFlightPerAccount")};
  const uint64_t first_session =
      options.Get("firstSession").IsUndefined() ? 1 : to_uint64(options.Get("firstSession"), "firstSession");
  const Napi::Function on_events = to_function(options.Get("onEvents"), "onEvents");
  const bool is_shared = flag_or(options, "isListenerShared", false);
  UniqueFd listener = FdObject::take(options.Get("listener"), "listener");
  const Napi::Object object = Environment::of(env).fd_plane_class.New({Napi::External<void>::New(env, &listener)});
  call_core(env, [&] {
    FdPlaneObject::Unwrap(object)->start({std::move(listener), is_shared}, limits, first_session, on_events);
    return true;
  });
  return object;
}

}  // namespace dmabufd
