// A write to a descriptor that others share, which waits for nobody. O_NONBLOCK would do it, but belongs to the open file
// description: whoever else has it, such as the shell that started us, would have it too.
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "devices.h"
#include "napi.h"

namespace {

/// Of a pipe (or terminal) that takes something now at least PIPE_BUF bytes go in at once, see pipe(7): between the
/// question and the write another writer could fill it, and nothing else can make us wait.
ssize_t writeToPipe(int fd, const uint8_t* data, size_t length) {
  pollfd question = {fd, POLLOUT, 0};
  const int ready = poll(&question, 1, 0);
  if (ready < 0) return -1;
  if (ready == 0) {
    errno = EAGAIN;
    return -1;
  }
  return ::write(fd, data, std::min<size_t>(length, PIPE_BUF));
}

/// writeNow(fd, bytes): how many of the bytes were taken; or -errno, -EAGAIN when there is no room now.
napi_value jsWriteNow(napi_env env, napi_callback_info info) {
  napi::Call<2> call(env, info);
  uint32_t fd = 0;
  uint8_t* data = nullptr;
  size_t length = 0;
  if (!napi::toUint32(env, call.args[0], fd) || !napi::toBytes(env, call.args[1], data, length)) {
    napi::throwType(env, "writeNow(fd, bytes)");
    return nullptr;
  }
  const int descriptor = static_cast<int>(fd);
  ssize_t taken = 0;
  do {
    taken = ::send(descriptor, data, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (taken < 0 && errno == ENOTSOCK) taken = writeToPipe(descriptor, data, length);
  } while (taken < 0 && errno == EINTR);
  napi_value result = nullptr;
  napi_create_int32(env, taken < 0 ? -errno : static_cast<int32_t>(taken), &result);
  return result;
}

}  // namespace

void defineWrite(napi_env env, napi_value exports) {
  const napi_property_descriptor functions[] = {
      {"writeNow", nullptr, jsWriteNow, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
  };
  napi_define_properties(env, exports, sizeof functions / sizeof functions[0], functions);
}
