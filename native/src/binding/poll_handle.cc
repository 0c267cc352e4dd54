#include "binding/poll_handle.h"

#include <uv.h>

#include <utility>

#include "binding/arguments.h"

namespace dmabufd {

struct PollHandle::State {
  uv_poll_t poll{};
  napi_env env = nullptr;
  std::function<void(int)> on_ready;

  // A worker thread that ends closes what its JavaScript left open.
  static void at_environment_exit(void* data) { close(static_cast<State*>(data)); }

  static void close(State* state) {
    if (uv_is_closing(reinterpret_cast<uv_handle_t*>(&state->poll)) != 0) return;
    napi_remove_env_cleanup_hook(state->env, at_environment_exit, state);
    uv_close(reinterpret_cast<uv_handle_t*>(&state->poll),
             [](uv_handle_t* handle) { delete static_cast<State*>(handle->data); });
  }

  static void ready(uv_poll_t* poll, int status, int events) {
    auto* state = static_cast<State*>(poll->data);
    try {
      const Napi::HandleScope scope(state->env);
      state->on_ready(status < 0 ? UV_READABLE | UV_WRITABLE : events);
    } catch (const Napi::Error&) {
      // Values could not be made because the environment is closing. What callbacks throw never comes here (JsCallback).
    }
  }
};

PollHandle::PollHandle(Napi::Env env, int fd, std::function<void(int)> on_ready) : state_(new State) {
  uv_loop_t* loop = nullptr;
  napi_get_uv_event_loop(env, &loop);
  state_->env = env;
  state_->on_ready = std::move(on_ready);
  state_->poll.data = state_;
  const int result = uv_poll_init(loop, &state_->poll, fd);
  if (result < 0) {
    delete std::exchange(state_, nullptr);
    throw SystemError(-result, "uv_poll_init");
  }
  napi_add_env_cleanup_hook(env, State::at_environment_exit, state_);
}

PollHandle::~PollHandle() { close(); }

void PollHandle::watch(int events) {
  if (state_ == nullptr) return;
  if (events == 0) {
    uv_poll_stop(&state_->poll);
  } else {
    uv_poll_start(&state_->poll, events, State::ready);
  }
}

void PollHandle::close() {
  if (state_ != nullptr) State::close(std::exchange(state_, nullptr));
}

void PollHandle::ref() {
  if (state_ != nullptr) uv_ref(reinterpret_cast<uv_handle_t*>(&state_->poll));
}

void PollHandle::unref() {
  if (state_ != nullptr) uv_unref(reinterpret_cast<uv_handle_t*>(&state_->poll));
}

}  // namespace dmabufd
