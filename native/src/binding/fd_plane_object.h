// The JavaScript class FdPlane: the main thread's handle on the fd plane's thread.
#pragma once

#include <napi.h>

#include <memory>

#include "fd_plane/fd_plane.h"

namespace dmabufd {

class FdPlaneObject : public Napi::ObjectWrap<FdPlaneObject> {
 public:
  static Napi::Function define(Napi::Env env);

  explicit FdPlaneObject(const Napi::CallbackInfo& info);
  ~FdPlaneObject() override;
  FdPlaneObject(const FdPlaneObject&) = delete;
  FdPlaneObject(FdPlaneObject&&) = delete;
  FdPlaneObject& operator=(const FdPlaneObject&) = delete;
  FdPlaneObject& operator=(FdPlaneObject&&) = delete;

  // Called once, right after construction.
  void start(Listener listener, const FdPlaneLimits& limits, uint64_t first_session, const Napi::Function& on_events);

 private:
  std::vector<FdPlaneBooking> stop(bool keeps_sessions);

  void admit(const Napi::CallbackInfo& info);
  void dismiss(const Napi::CallbackInfo& info);
  Napi::Value resume(const Napi::CallbackInfo& info);
  void readmit(const Napi::CallbackInfo& info);
  Napi::Value duplicate_socket(const Napi::CallbackInfo& info);
  void put_lease(const Napi::CallbackInfo& info);
  void drop_lease(const Napi::CallbackInfo& info);
  void revoke_lease(const Napi::CallbackInfo& info);
  void answer(const Napi::CallbackInfo& info);
  Napi::Value take_bookings(const Napi::CallbackInfo& info);
  Napi::Value take_arrivals(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);
  void open(const Napi::CallbackInfo& info);

  napi_threadsafe_function wake_ = nullptr;
  std::unique_ptr<FdPlane> plane_;
};

// startFdPlane(options)
Napi::Value start_fd_plane_binding(const Napi::CallbackInfo& info);

}  // namespace dmabufd
