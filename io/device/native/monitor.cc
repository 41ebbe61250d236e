// Tells when interfaces change or go away: a route netlink socket on RTNLGRP_LINK, read as a Port is.
//
// A packet socket says nothing when its interface is deleted while it is down, and nothing reads a paused device.
#include <linux/if.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "devices.h"
#include "napi.h"
#include "netlink.h"
#include "port.h"

namespace {

/// What `read` leaves for each change.
struct Change {
  enum Kind : int32_t { changed = 1, deleted = 2, missed = 3 };
  int32_t kind;
  int32_t ifindex;
  int32_t mtu;
  int32_t up;
};

class LinkMonitor final : public Port {
 public:
  explicit LinkMonitor(Fd fd) : Port(std::move(fd)) {}

  void read(uint8_t* at, uint8_t* limit, ReadOutcome& outcome) override;
  void write(const uint8_t*, const uint8_t*, WriteOutcome&) override {}

 protected:
  /// Does not keep the process alive.
  bool background() const override { return true; }

 private:
  alignas(nlmsghdr) uint8_t buffer_[32 << 10];
};

void LinkMonitor::read(uint8_t* const start, uint8_t* limit, ReadOutcome& outcome) {
  uint8_t* at = start;
  const auto put = [&](const Change& change) {
    if (static_cast<size_t>(limit - at) < sizeof change) return;
    memcpy(at, &change, sizeof change);
    at += sizeof change;
    outcome.frames += 1;
  };
  const ssize_t bytes = netlink::receive(fd(), buffer_, sizeof buffer_);
  outcome.state = bytes >= 0 || errno == EINTR || errno == ENOBUFS ? 1 : errno == EAGAIN ? 0 : -errno;
  if (bytes < 0 && errno == ENOBUFS) put({Change::missed, 0, 0, 0});
  netlink::forEachMessage(buffer_, bytes > 0 ? static_cast<size_t>(bytes) : 0, [&](const nlmsghdr* message) {
    netlink::Link link;
    // A port that leaves its bridge is an RTM_DELLINK too, of family AF_BRIDGE: the interface stands.
    if (!netlink::parseLink(message, link) || link.family != AF_UNSPEC) return true;
    const bool gone = message->nlmsg_type == RTM_DELLINK;
    put({gone ? Change::deleted : Change::changed, link.index, static_cast<int32_t>(link.mtu),
         (link.flags & IFF_UP) != 0 ? 1 : 0});
    return true;
  });
  outcome.end = static_cast<int32_t>(at - start);
}

napi_value construct(napi_env env, napi_callback_info info) {
  if (!napi::calledWithNew(env, info)) return nullptr;
  napi::Call<2> call(env, info);
  Fd fd = netlink::open(RTMGRP_LINK, true);
  if (!fd) {
    napi::throwErrno(env, errno, "cannot watch interfaces");
    return nullptr;
  }
  return Port::adopt(env, call.self, std::make_unique<LinkMonitor>(std::move(fd)), call.args[0], call.args[1]);
}

}  // namespace

napi_value defineMonitor(napi_env env) {
  const auto methods = Port::methods();
  napi_value constructor = nullptr;
  napi_define_class(env, "LinkMonitor", NAPI_AUTO_LENGTH, construct, nullptr, methods.size(), methods.data(),
                    &constructor);
  return constructor;
}
