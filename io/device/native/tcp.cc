// Congestion control of a TCP connection, and what the kernel knows of it. By linux/tcp.h, since that of glibc is older;
// the two cannot be had together, nor anything that includes uv.h.
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "napi.h"

// As in devices.h.
void defineTcp(napi_env env, napi_value exports);

namespace {

/// setCongestion(fd, name): TCP_CONGESTION of tcp(7).
napi_value jsSetCongestion(napi_env env, napi_callback_info info) {
  napi::Call<2> call(env, info);
  uint32_t fd = 0;
  std::string name;
  if (!napi::toUint32(env, call.args[0], fd) || !napi::toString(env, call.args[1], name)) {
    napi::throwType(env, "setCongestion(fd, name)");
    return nullptr;
  }
  if (setsockopt(static_cast<int>(fd), IPPROTO_TCP, TCP_CONGESTION, name.c_str(), name.size()) != 0) {
    napi::throwErrno(env, errno, "TCP_CONGESTION " + name);
  }
  return nullptr;
}

/// probeCongestion(name): whether a TCP socket of this process may have it. Throws as setCongestion does, and when there is
/// no socket to be had.
napi_value jsProbeCongestion(napi_env env, napi_callback_info info) {
  napi::Call<1> call(env, info);
  std::string name;
  if (!napi::toString(env, call.args[0], name)) {
    napi::throwType(env, "probeCongestion(name)");
    return nullptr;
  }
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    napi::throwErrno(env, errno, "socket");
    return nullptr;
  }
  const int result = setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name.c_str(), name.size());
  const int error = errno;
  close(fd);
  if (result != 0) napi::throwErrno(env, error, "TCP_CONGESTION " + name);
  return nullptr;
}

/// unsentBytes(fd): SIOCOUTQNSD of tcp(7), 0 of what has no such thing.
napi_value jsUnsentBytes(napi_env env, napi_callback_info info) {
  napi::Call<1> call(env, info);
  uint32_t fd = 0;
  if (!napi::toUint32(env, call.args[0], fd)) {
    napi::throwType(env, "unsentBytes(fd)");
    return nullptr;
  }
  int bytes = 0;
  if (ioctl(static_cast<int>(fd), SIOCOUTQNSD, &bytes) != 0 || bytes < 0) bytes = 0;
  napi_value result = nullptr;
  napi_create_uint32(env, static_cast<uint32_t>(bytes), &result);
  return result;
}

/// TCP_CA_NAME_MAX of the kernel's net/tcp.h.
constexpr size_t kCongestionName = 16;

/// tcpInfo(fd): TCP_INFO, TCP_CONGESTION, TCP_NODELAY and SIOCOUTQ of tcp(7); undefined of what is no TCP socket.
napi_value jsTcpInfo(napi_env env, napi_callback_info info) {
  napi::Call<1> call(env, info);
  uint32_t number = 0;
  if (!napi::toUint32(env, call.args[0], number)) {
    napi::throwType(env, "tcpInfo(fd)");
    return nullptr;
  }
  const int fd = static_cast<int>(number);
  // Zero where an older kernel fills less.
  tcp_info facts;
  memset(&facts, 0, sizeof facts);
  socklen_t length = sizeof facts;
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &facts, &length) != 0) return napi::undefined(env);
  char congestion[kCongestionName + 1] = {};
  length = kCongestionName;
  if (getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion, &length) != 0) congestion[0] = 0;
  int noDelay = 0, queued = 0;
  length = sizeof noDelay;
  if (getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &noDelay, &length) != 0) noDelay = 0;
  if (ioctl(fd, SIOCOUTQ, &queued) != 0) queued = 0;
  napi_value object = nullptr;
  if (napi_create_object(env, &object) != napi_ok) return nullptr;
  // The kernel counts in bytes a second.
  constexpr double kBits = 8;
  napi::set(env, object, "rttMicros", static_cast<double>(facts.tcpi_rtt));
  // All ones: none was measured yet.
  const bool measured = facts.tcpi_min_rtt != ~0U;
  napi::set(env, object, "leastRttMicros", measured ? static_cast<double>(facts.tcpi_min_rtt) : 0.0);
  napi::set(env, object, "retransmitted", static_cast<double>(facts.tcpi_total_retrans));
  napi::set(env, object, "congestion", std::string(congestion));
  napi::set(env, object, "unsent", static_cast<double>(facts.tcpi_notsent_bytes));
  napi::set(env, object, "unacknowledged", static_cast<double>(queued));
  napi::set(env, object, "deliveryRate", kBits * static_cast<double>(facts.tcpi_delivery_rate));
  napi::set(env, object, "noDelay", noDelay != 0);
  return object;
}

}  // namespace

void defineTcp(napi_env env, napi_value exports) {
  const napi_property_descriptor functions[] = {
      {"setCongestion", nullptr, jsSetCongestion, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"probeCongestion", nullptr, jsProbeCongestion, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"unsentBytes", nullptr, jsUnsentBytes, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"tcpInfo", nullptr, jsTcpInfo, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
  };
  napi_define_properties(env, exports, sizeof functions / sizeof functions[0], functions);
}
