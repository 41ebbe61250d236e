// One open descriptor that carries frames: its place in libuv's loop, and the calls from JavaScript.
//
// JavaScript owns the memory and says when to read: `onReadable` is called from the loop, and answers by `read`.
// What came of a call is left in an Int32Array that JavaScript gave at the start, so that no call allocates.
#pragma once
#include <node_api.h>
#include <uv.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "fd.h"

/// Places in the Int32Array.
struct ReadOutcome {
  /// Offset behind the last record.
  int32_t end;
  int32_t frames;
  /// Frames that were taken from the kernel and could not be handed on.
  int32_t lost;
  /// 0: the kernel has no more for now. 1: perhaps it has. 2: there is more of the last frame, to be asked for without
  /// waiting for the kernel. Negative: an errno, nothing more will come.
  int32_t state;
};
struct WriteOutcome {
  int32_t written;
  int32_t writtenBytes;
  int32_t badOffload;
  int32_t queueFull;
  int32_t refused;
  /// Of those refused: EMSGSIZE, though within the MTU.
  int32_t tooLong;
};
struct Outcome {
  ReadOutcome read;
  WriteOutcome write;
};

class Port {
 public:
  virtual ~Port() = default;
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  /// Reads frames as records into [at, limit). `end` and `frames` of the outcome are of this call.
  virtual void read(uint8_t* at, uint8_t* limit, ReadOutcome& outcome) = 0;
  virtual void write(const uint8_t* at, const uint8_t* end, WriteOutcome& outcome) = 0;

  /// Ties the port to its JavaScript object and to the loop. On failure an exception is pending and the port is gone.
  static napi_value adopt(napi_env env, napi_value self, std::unique_ptr<Port> port, napi_value outcome,
                          napi_value onReadable);
  static std::vector<napi_property_descriptor> methods();

  int fd() const { return fd_.get(); }

 protected:
  explicit Port(Fd fd) : fd_(std::move(fd)) {}
  /// Last words on a descriptor that is about to be closed.
  virtual void farewell() {}
  /// Whether the process may end while this one waits.
  virtual bool background() const { return false; }
  uint32_t mtu_ = 65535;

 private:
  static napi_value jsPoll(napi_env env, napi_callback_info info);
  static napi_value jsRead(napi_env env, napi_callback_info info);
  static napi_value jsWrite(napi_env env, napi_callback_info info);
  static napi_value jsSetMtu(napi_env env, napi_callback_info info);
  static napi_value jsClose(napi_env env, napi_callback_info info);
  static void onPoll(uv_poll_t* handle, int status, int events);
  static void onHandleClosed(uv_handle_t* handle);
  static void onFinalize(napi_env env, void* data, void* hint);
  static void onCleanup(napi_async_cleanup_hook_handle hook, void* data);

  /// Where JavaScript reads what came of a call; asked for each time, since its memory may have been given away. Throws.
  Outcome* outcome();
  bool bind(napi_env env, napi_value self, napi_value outcome, napi_value onReadable);
  int arm();
  void disarm();
  void close();
  void callBack();

  Fd fd_;
  napi_env env_ = nullptr;
  uv_poll_t poll_{};
  bool polling_ = false;
  bool wanted_ = false;
  bool armed_ = false;
  bool handleClosed_ = true;
  bool finalized_ = false;
  napi_ref outcomeRef_ = nullptr;
  napi_ref callbackRef_ = nullptr;
  napi_async_context context_ = nullptr;
  napi_async_cleanup_hook_handle cleanup_ = nullptr;
};
