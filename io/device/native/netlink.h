// Route netlink (rtnetlink(7)) as far as interfaces go.
#pragma once
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/types.h>

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
  bool multiQueue = false;
  uint32_t queues = 0;
  /// enum macvlan_mode of a macvlan or macvtap; 0 for all others.
  uint32_t macvlanMode = 0;
  /// Index of the interface that it lies on, in this network namespace; 0 where there is none, or in another one.
  int lower = 0;
  bool lowerElsewhere = false;
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

/// Takes one datagram, as recv(2) does, if it is the kernel's: any process may send to a netlink socket. @returns 0 when
/// it was another's
ssize_t receive(int fd, void* buffer, size_t room);

/// Walks the messages of a datagram, until `each` gives false; never past its end, whatever their lengths say.
template <class Visit>
void forEachMessage(const void* data, size_t bytes, const Visit& each) {
  const auto* at = static_cast<const uint8_t*>(data);
  while (bytes >= sizeof(nlmsghdr)) {
    const auto* message = reinterpret_cast<const nlmsghdr*>(at);
    if (message->nlmsg_len < sizeof(nlmsghdr) || message->nlmsg_len > bytes) return;
    if (!each(message)) return;
    // NLMSG_NEXT would count below zero where the last one is not padded.
    const size_t step = (static_cast<size_t>(message->nlmsg_len) + NLMSG_ALIGNTO - 1) & ~size_t{NLMSG_ALIGNTO - 1};
    if (step >= bytes) return;
    at += step;
    bytes -= step;
  }
}

/// The kernel's words of an error message (NLMSGERR_ATTR_MSG), if it has any.
std::string explain(const nlmsghdr* message);

/// Sends a request and hands each answer on until the last. @returns 0 or an errno, EINTR when what was listed
/// changed meanwhile and is to be asked for again; `reason` is the kernel's own word for it where it has one
int transact(Request& request, const Each& each, std::string& reason);

}  // namespace netlink
