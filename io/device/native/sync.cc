// fdatasync(2) in a thread of its own: it may take as long as the disk does.
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "devices.h"
#include "napi.h"
#include "thread.h"

namespace {

/// The C library keeps its thread-local storage in it, too; what is not touched costs nothing.
constexpr size_t kStackBytes = 256 << 10;

struct Sync {
  int fd = -1;
  napi_threadsafe_function done = nullptr;
  /// errno, 0 when it went well.
  int error = 0;
};

/// In JavaScript's thread: `done(errno)`. Without an environment, at its end, nobody listens any more.
void tell(napi_env env, napi_value callback, void*, void* data) {
  const std::unique_ptr<Sync> sync(static_cast<Sync*>(data));
  if (env == nullptr || callback == nullptr) return;
  napi_value error = nullptr;
  napi_create_int32(env, sync->error, &error);
  napi_call_function(env, napi::undefined(env), callback, 1, &error, nullptr);
}

void* run(void* data) {
  auto* sync = static_cast<Sync*>(data);
  while (::fdatasync(sync->fd) != 0) {
    if (errno == EINTR) continue;
    sync->error = errno;
    break;
  }
  const napi_threadsafe_function done = sync->done;
  if (napi_call_threadsafe_function(done, sync, napi_tsfn_nonblocking) != napi_ok) {
    delete sync;
    // At the environment's end it is gone with this call.
    return nullptr;
  }
  napi_release_threadsafe_function(done, napi_tsfn_release);
  return nullptr;
}

/// syncData(fd, done): `done(errno)` follows, 0 when it went well. Keeps the event loop alive until then.
napi_value jsSyncData(napi_env env, napi_callback_info info) {
  napi::Call<2> call(env, info);
  uint32_t fd = 0;
  napi_valuetype type = napi_undefined;
  if (!napi::toUint32(env, call.args[0], fd) || napi_typeof(env, call.args[1], &type) != napi_ok ||
      type != napi_function) {
    napi::throwType(env, "syncData(fd, done)");
    return nullptr;
  }
  auto sync = std::make_unique<Sync>();
  sync->fd = static_cast<int>(fd);
  napi_value name = nullptr;
  napi_create_string_utf8(env, "vnet:syncData", NAPI_AUTO_LENGTH, &name);
  if (napi_create_threadsafe_function(env, call.args[1], nullptr, name, 0, 1, nullptr, nullptr, nullptr, tell,
                                      &sync->done) != napi_ok) {
    napi::throwErrno(env, ENOMEM, "syncData");
    return nullptr;
  }
  const napi_threadsafe_function done = sync->done;
  const int error = startThread(run, sync.get(), kStackBytes);
  if (error != 0) {
    napi_release_threadsafe_function(done, napi_tsfn_abort);
    napi::throwErrno(env, error, "a thread to sync the disk");
    return nullptr;
  }
  // The thread and `tell` have it now.
  static_cast<void>(sync.release());
  return nullptr;
}

}  // namespace

void defineSync(napi_env env, napi_value exports) {
  const napi_property_descriptor functions[] = {
      {"syncData", nullptr, jsSyncData, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
  };
  napi_define_properties(env, exports, sizeof functions / sizeof functions[0], functions);
}
