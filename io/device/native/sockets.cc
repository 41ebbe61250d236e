// What Node's own sockets lack: a write that goes straight to the kernel, a bound on what waits there unsent, and
// socket files whose end is ours to decide.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

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

/// setReceiveLowat(fd, bytes): SO_RCVLOWAT of socket(7). When fewer bytes than before are asked for and there are so many,
/// the socket is readable at once.
napi_value jsSetReceiveLowat(napi_env env, napi_callback_info info) {
  napi::Call<2> call(env, info);
  uint32_t fd = 0, bytes = 0;
  if (!napi::toUint32(env, call.args[0], fd) || !napi::toUint32(env, call.args[1], bytes) || bytes > INT32_MAX) {
    napi::throwType(env, "setReceiveLowat(fd, bytes)");
    return nullptr;
  }
  const int least = static_cast<int>(bytes);
  if (setsockopt(static_cast<int>(fd), SOL_SOCKET, SO_RCVLOWAT, &least, sizeof least) != 0) {
    napi::throwErrno(env, errno, "SO_RCVLOWAT");
  }
  return nullptr;
}

/// bindUnix(path, mode): a socket of that file, which has its mode from the first moment on; it does not listen yet, and
/// nobody but the caller takes the file away. @returns its descriptor
napi_value jsBindUnix(napi_env env, napi_callback_info info) {
  napi::Call<2> call(env, info);
  std::string path;
  uint32_t mode = 0;
  sockaddr_un address = {};
  if (!napi::toString(env, call.args[0], path) || !napi::toUint32(env, call.args[1], mode) || path.empty() ||
      path.size() >= sizeof address.sun_path) {
    napi::throwType(env, "bindUnix(path, mode)");
    return nullptr;
  }
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) {
    napi::throwErrno(env, errno, "socket");
    return nullptr;
  }
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path, path.c_str(), path.size());
  const mode_t before = umask(0777);
  const int bound = bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int bindError = errno;
  umask(before);
  if (bound != 0) {
    close(fd);
    napi::throwErrno(env, bindError, "bind");
    return nullptr;
  }
  if (chmod(path.c_str(), mode) != 0) {
    const int error = errno;
    close(fd);
    unlink(path.c_str());
    napi::throwErrno(env, error, "chmod");
    return nullptr;
  }
  napi_value result = nullptr;
  napi_create_uint32(env, static_cast<uint32_t>(fd), &result);
  return result;
}

/// socketPair(datagrams): two unix sockets, connected to one another. @returns both descriptors
napi_value jsSocketPair(napi_env env, napi_callback_info info) {
  napi::Call<1> call(env, info);
  bool datagrams = false;
  if (!napi::toBool(env, call.args[0], datagrams)) {
    napi::throwType(env, "socketPair(datagrams)");
    return nullptr;
  }
  int both[2];
  const int type = datagrams ? SOCK_DGRAM : SOCK_STREAM;
  if (socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, both) != 0) {
    napi::throwErrno(env, errno, "socketpair");
    return nullptr;
  }
  napi_value pair = nullptr;
  napi_create_array_with_length(env, 2, &pair);
  for (uint32_t i = 0; i < 2; i += 1) {
    napi_value fd = nullptr;
    napi_create_int32(env, both[i], &fd);
    napi_set_element(env, pair, i, fd);
  }
  return pair;
}

}  // namespace

void defineSockets(napi_env env, napi_value exports) {
  const napi_property_descriptor functions[] = {
      {"sendNow", nullptr, jsSendNow, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"bindUnix", nullptr, jsBindUnix, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"setReceiveLowat", nullptr, jsSetReceiveLowat, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"socketPair", nullptr, jsSocketPair, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"setNotSentLowat", nullptr, jsSetNotSentLowat, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
  };
  napi_define_properties(env, exports, sizeof functions / sizeof functions[0], functions);
}
