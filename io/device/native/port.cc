#include "port.h"

#include <cerrno>
#include <cstring>

#include "napi.h"

napi_value Port::adopt(napi_env env, napi_value self, std::unique_ptr<Port> port, napi_value outcome,
                       napi_value onReadable) {
  if (!port->bind(env, self, outcome, onReadable)) return nullptr;
  // From here on the JavaScript object owns it: freed when both the finalizer and libuv are done with it.
  port.release();
  return self;
}

bool Port::bind(napi_env env, napi_value self, napi_value outcome, napi_value onReadable) {
  env_ = env;
  napi_typedarray_type type;
  size_t length = 0;
  void* data = nullptr;
  napi_value name, resource;
  uv_loop_t* loop = nullptr;
  if (napi_get_typedarray_info(env, outcome, &type, &length, &data, nullptr, nullptr) != napi_ok ||
      type != napi_int32_array || length * sizeof(int32_t) < sizeof(Outcome)) {
    napi::throwType(env, "the outcome is to be an Int32Array of 10 or more");
    return false;
  }
  napi_valuetype callable = napi_undefined;
  if (napi_typeof(env, onReadable, &callable) != napi_ok || callable != napi_function) {
    napi::throwType(env, "onReadable is to be a function");
    return false;
  }
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return false;
  const int error = uv_poll_init(loop, &poll_, fd_.get());
  if (error != 0) {
    napi::throwErrno(env, -error, "cannot poll the device");
    return false;
  }
  polling_ = true;
  handleClosed_ = false;
  poll_.data = this;
  if (background()) uv_unref(reinterpret_cast<uv_handle_t*>(&poll_));
  napi_create_string_utf8(env, "vnet.Port", NAPI_AUTO_LENGTH, &name);
  napi_create_object(env, &resource);
  napi_async_init(env, resource, name, &context_);
  napi_create_reference(env, outcome, 1, &outcomeRef_);
  napi_create_reference(env, onReadable, 1, &callbackRef_);
  napi_add_async_cleanup_hook(env, onCleanup, this, &cleanup_);
  napi_wrap(env, self, this, onFinalize, nullptr, nullptr);
  return true;
}

std::vector<napi_property_descriptor> Port::methods() {
  const auto method = [](const char* name, napi_callback call) {
    return napi_property_descriptor{name, nullptr, call, nullptr, nullptr, nullptr, napi_default_method, nullptr};
  };
  return {method("poll", jsPoll), method("read", jsRead), method("write", jsWrite), method("setMtu", jsSetMtu),
          method("close", jsClose)};
}

Outcome* Port::outcome() {
  napi_value array = nullptr;
  napi_typedarray_type type;
  size_t length = 0;
  void* data = nullptr;
  if (napi_get_reference_value(env_, outcomeRef_, &array) == napi_ok && array != nullptr &&
      napi_get_typedarray_info(env_, array, &type, &length, &data, nullptr, nullptr) == napi_ok && data != nullptr &&
      length * sizeof(int32_t) >= sizeof(Outcome)) {
    return static_cast<Outcome*>(data);
  }
  napi::throwType(env_, "the outcome array has no memory any more");
  return nullptr;
}

int Port::arm() {
  if (armed_ || !polling_) return 0;
  const int error = uv_poll_start(&poll_, UV_READABLE, onPoll);
  armed_ = error == 0;
  return error;
}

void Port::disarm() {
  if (armed_) uv_poll_stop(&poll_);
  armed_ = false;
}

void Port::onPoll(uv_poll_t* handle, int status, int) {
  auto* port = static_cast<Port*>(handle->data);
  // After an error event alone (EPOLLERR) libuv has stopped the watch. The read that follows fetches the error.
  if (status < 0) port->armed_ = false;
  port->callBack();
  if (port->wanted_) port->arm();
}

void Port::callBack() {
  napi_env env = env_;
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  napi_value callback, receiver, error;
  napi_get_global(env, &receiver);
  if (napi_get_reference_value(env, callbackRef_, &callback) == napi_ok && callback != nullptr) {
    // Runs ticks and microtasks behind the call too, so that what they release can be used by the next one.
    napi_make_callback(env, context_, receiver, callback, 0, nullptr, nullptr);
    bool thrown = false;
    if (napi_is_exception_pending(env, &thrown) == napi_ok && thrown) {
      napi_get_and_clear_last_exception(env, &error);
      napi_fatal_exception(env, error);
    }
  }
  napi_close_handle_scope(env, scope);
}

napi_value Port::jsPoll(napi_env env, napi_callback_info info) {
  napi::Call<1> call(env, info);
  auto* port = call.unwrap<Port>(env);
  bool on = false;
  if (port == nullptr || !napi::toBool(env, call.args[0], on)) return nullptr;
  port->wanted_ = on;
  if (!on) port->disarm();
  const int error = on ? port->arm() : 0;
  if (error != 0) napi::throwErrno(env, -error, "cannot poll the device");
  return nullptr;
}

napi_value Port::jsRead(napi_env env, napi_callback_info info) {
  napi::Call<3> call(env, info);
  auto* port = call.unwrap<Port>(env);
  uint8_t* data = nullptr;
  size_t length = 0;
  uint32_t start = 0, limit = 0;
  if (port == nullptr) return nullptr;
  if (!napi::toBytes(env, call.args[0], data, length) || !napi::toUint32(env, call.args[1], start) ||
      !napi::toUint32(env, call.args[2], limit) || start > limit || limit > length) {
    napi::throwType(env, "read(buffer, start, limit) needs 0 <= start <= limit <= buffer.length");
    return nullptr;
  }
  Outcome* const place = port->outcome();
  if (place == nullptr) return nullptr;
  ReadOutcome& outcome = place->read;
  outcome = {static_cast<int32_t>(start), 0, 0, -EBADF};
  if (!port->polling_) return nullptr;
  outcome.end = 0;
  outcome.state = 0;
  port->read(data + start, data + limit, outcome);
  outcome.end += static_cast<int32_t>(start);
  return nullptr;
}

napi_value Port::jsWrite(napi_env env, napi_callback_info info) {
  napi::Call<3> call(env, info);
  auto* port = call.unwrap<Port>(env);
  uint8_t* data = nullptr;
  size_t length = 0;
  uint32_t start = 0, end = 0;
  if (port == nullptr) return nullptr;
  if (!napi::toBytes(env, call.args[0], data, length) || !napi::toUint32(env, call.args[1], start) ||
      !napi::toUint32(env, call.args[2], end) || start > end || end > length) {
    napi::throwType(env, "write(buffer, start, end) needs 0 <= start <= end <= buffer.length");
    return nullptr;
  }
  Outcome* const place = port->outcome();
  if (place == nullptr) return nullptr;
  place->write = {};
  if (port->polling_) port->write(data + start, data + end, place->write);
  return nullptr;
}

napi_value Port::jsSetMtu(napi_env env, napi_callback_info info) {
  napi::Call<1> call(env, info);
  auto* port = call.unwrap<Port>(env);
  if (port != nullptr) napi::toUint32(env, call.args[0], port->mtu_);
  return nullptr;
}

napi_value Port::jsClose(napi_env env, napi_callback_info info) {
  napi::Call<0> call(env, info);
  auto* port = call.unwrap<Port>(env);
  if (port != nullptr) port->close();
  return nullptr;
}

/// Gives the descriptor back at once; libuv's own memory follows at the end of this turn of the loop.
void Port::close() {
  if (!polling_) return;
  farewell();
  disarm();
  wanted_ = false;
  polling_ = false;
  uv_close(reinterpret_cast<uv_handle_t*>(&poll_), onHandleClosed);
  fd_.reset();
  // Calls that come behind the close still say what came of them: the outcome stays as long as the object.
  napi_delete_reference(env_, callbackRef_);
  napi_async_destroy(env_, context_);
}

void Port::onHandleClosed(uv_handle_t* handle) {
  auto* port = static_cast<Port*>(handle->data);
  port->handleClosed_ = true;
  if (port->cleanup_ != nullptr) napi_remove_async_cleanup_hook(port->cleanup_);
  port->cleanup_ = nullptr;
  if (port->finalized_) delete port;
}

void Port::onFinalize(napi_env env, void* data, void*) {
  auto* port = static_cast<Port*>(data);
  port->finalized_ = true;
  port->close();
  napi_delete_reference(env, port->outcomeRef_);
  if (port->handleClosed_) delete port;
}

void Port::onCleanup(napi_async_cleanup_hook_handle, void* data) {
  auto* port = static_cast<Port*>(data);
  if (port->polling_) {
    port->close();
  }
}
