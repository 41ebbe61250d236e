// What Node's own sockets lack: a write that goes straight to the kernel, and a bound on what waits there unsent.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

#include "devices.h"
#include "napi.h"

namespace {

/// sendNow(fd, bytes, more): how many of the bytes the kernel took at once, 0 when none or when it has an error to
/// tell: whoever writes next by Node's means hears of that.
napi_value jsSendNow(napi_env env, napi_callback_info info) {
  napi::Call<3> call(env, info);
  uint32_t fd = 0;
  uint8_t* data = nullptr;
  size_t length = 0;
  bool more = false;
  if (!napi::toUint32(env, call.args[0], fd) || !napi::toBytes(env, call.args[1], data, length) ||
      !napi::toBool(env, call.args[2], more)) {
    napi::throwType(env, "sendNow(fd, bytes, more)");
    return nullptr;
  }
  size_t sent = 0;
  while (sent < length) {
    const int flags = MSG_DONTWAIT | MSG_NOSIGNAL | (more ? MSG_MORE : 0);
    const ssize_t taken = ::send(static_cast<int>(fd), data + sent, length - sent, flags);
    if (taken > 0) sent += static_cast<size_t>(taken);
    else if (taken == 0 || errno != EINTR) break;
  }
  napi_value count = nullptr;
  napi_create_uint32(env, static_cast<uint32_t>(sent), &count);
  return count;
}

/// setNotSentLowat(fd, bytes): TCP_NOTSENT_LOWAT of tcp(7).
napi_value jsSetNotSentLowat(napi_env env, napi_callback_info info) {
  napi::Call<2> call(env, info);
  uint32_t fd = 0, bytes = 0;
  if (!napi::toUint32(env, call.args[0], fd) || !napi::toUint32(env, call.args[1], bytes)) {
    napi::throwType(env, "setNotSentLowat(fd, bytes)");
    return nullptr;
  }
  if (setsockopt(static_cast<int>(fd), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof bytes) != 0) {
    napi::throwErrno(env, errno, "TCP_NOTSENT_LOWAT");
  }
  return nullptr;
}

}  // namespace

void defineSockets(napi_env env, napi_value exports) {
  const napi_property_descriptor functions[] = {
      {"sendNow", nullptr, jsSendNow, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"setNotSentLowat", nullptr, jsSetNotSentLowat, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
  };
  napi_define_properties(env, exports, sizeof functions / sizeof functions[0], functions);
}
