// Route netlink (rtnetlink(7)) as far as interfaces go.
#pragma once
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <cstdint>
#include <functional>
#include <string>

#include "fd.h"

namespace netlink {

/// One interface as RTM_NEWLINK tells of it.
struct Link {
  int index = 0;
  uint8_t family = 0;
  uint16_t type = 0;
  uint32_t flags = 0;
  std::string name;
  std::string kind;
  uint8_t mac[6] = {};
  uint32_t mtu = 0;
  uint32_t txQueueLength = 0;
  int master = 0;
  uint64_t txDropped = 0;
  /// Of tun devices: 1 tun, 2 tap; 0 for all others.
  uint8_t tunType = 0;
  /// Of macvlan, macvtap and ipvlan devices: MACVLAN_MODE_… or IPVLAN_MODE_…; 0 for all others.
  uint32_t mode = 0;
  bool multiQueue = false;
  uint32_t queues = 0;
};

bool parseLink(const nlmsghdr* message, Link& link);

/// A request under construction, small enough for any change of a link.
class Request {
 public:
  Request(uint16_t type, uint16_t flags, int ifindex);
  ifinfomsg& info() { return info_; }
  void add(uint16_t attribute, const void* data, size_t length);
  void add(uint16_t attribute, uint32_t value) { add(attribute, &value, sizeof value); }
  nlmsghdr* message() { return &header_; }

 private:
  nlmsghdr header_{};
  ifinfomsg info_{};
  uint8_t attributes_[256] = {};
};

/// Opens a route socket that hears `groups`; on failure the Fd is empty and errno is set.
Fd open(uint32_t groups, bool nonBlocking);

using Each = std::function<void(const nlmsghdr*)>;

/// Sends a request and hands each answer on until the last. @returns 0 or an errno, EINTR when what was listed
/// changed meanwhile and is to be asked for again; `reason` is the kernel's own word for it where it has one
int transact(Request& request, const Each& each, std::string& reason);

}  // namespace netlink
