#include "netlink.h"

#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <vector>

namespace netlink {
namespace {

constexpr size_t kAnswerRoom = 64 << 10;

template <class T>
T value(const rtattr* attribute) {
  T out{};
  if (RTA_PAYLOAD(attribute) >= sizeof out) memcpy(&out, RTA_DATA(attribute), sizeof out);
  return out;
}

std::string text(const rtattr* attribute) {
  const char* at = static_cast<const char*>(RTA_DATA(attribute));
  return std::string(at, strnlen(at, RTA_PAYLOAD(attribute)));
}

template <class Each>
void walk(const rtattr* at, size_t length, const Each& each) {
  // The macros count down an int.
  int left = static_cast<int>(length);
  for (; RTA_OK(at, left); at = RTA_NEXT(at, left)) each(at);
}

void parseTun(const rtattr* data, Link& link) {
  walk(static_cast<const rtattr*>(RTA_DATA(data)), RTA_PAYLOAD(data), [&](const rtattr* part) {
    if (part->rta_type == IFLA_TUN_TYPE) link.tunType = value<uint8_t>(part);
    if (part->rta_type == IFLA_TUN_MULTI_QUEUE) link.multiQueue = value<uint8_t>(part) != 0;
    if (part->rta_type == IFLA_TUN_NUM_QUEUES) link.queues = value<uint32_t>(part);
  });
}

void parseMacvlan(const rtattr* data, Link& link) {
  walk(static_cast<const rtattr*>(RTA_DATA(data)), RTA_PAYLOAD(data), [&](const rtattr* part) {
    if (part->rta_type == IFLA_MACVLAN_MODE) link.macvlanMode = value<uint32_t>(part);
  });
}

void parseKind(const rtattr* info, Link& link) {
  const rtattr* data = nullptr;
  walk(static_cast<const rtattr*>(RTA_DATA(info)), RTA_PAYLOAD(info), [&](const rtattr* part) {
    if (part->rta_type == IFLA_INFO_KIND) link.kind = text(part);
    if (part->rta_type == IFLA_INFO_DATA) data = part;
  });
  if (data == nullptr) return;
  if (link.kind == "tun") parseTun(data, link);
  if (link.kind == "macvlan" || link.kind == "macvtap") parseMacvlan(data, link);
}

void parseAttribute(const rtattr* attribute, Link& link) {
  switch (attribute->rta_type & NLA_TYPE_MASK) {
    case IFLA_IFNAME:
      link.name = text(attribute);
      break;
    case IFLA_ADDRESS:
      if (RTA_PAYLOAD(attribute) == sizeof link.mac) memcpy(link.mac, RTA_DATA(attribute), sizeof link.mac);
      break;
    case IFLA_MTU:
      link.mtu = value<uint32_t>(attribute);
      break;
    case IFLA_TXQLEN:
      link.txQueueLength = value<uint32_t>(attribute);
      break;
    case IFLA_MASTER:
      link.master = static_cast<int>(value<uint32_t>(attribute));
      break;
    case IFLA_LINK:
      link.lower = static_cast<int>(value<uint32_t>(attribute));
      break;
    case IFLA_LINK_NETNSID:
      link.lowerElsewhere = true;
      break;
    case IFLA_STATS64:
      if (RTA_PAYLOAD(attribute) >= offsetof(rtnl_link_stats64, multicast)) {
        memcpy(&link.txDropped,
               static_cast<const uint8_t*>(RTA_DATA(attribute)) + offsetof(rtnl_link_stats64, tx_dropped),
               sizeof link.txDropped);
      }
      break;
    case IFLA_LINKINFO:
      parseKind(attribute, link);
      break;
    default:
      break;
  }
}

}  // namespace

std::string explain(const nlmsghdr* message) {
  std::string words;
  if ((message->nlmsg_flags & NLM_F_ACK_TLVS) == 0) return words;
  if (message->nlmsg_len < NLMSG_LENGTH(sizeof(nlmsgerr))) return words;
  const auto* error = static_cast<const nlmsgerr*>(NLMSG_DATA(message));
  size_t skip = sizeof *error;
  if ((message->nlmsg_flags & NLM_F_CAPPED) == 0) {
    // The request stands in it, and says itself how long it is.
    if (error->msg.nlmsg_len < sizeof(nlmsghdr) || error->msg.nlmsg_len > message->nlmsg_len) return words;
    skip += error->msg.nlmsg_len - sizeof(nlmsghdr);
  }
  skip = NLMSG_ALIGN(skip);
  if (message->nlmsg_len < NLMSG_HDRLEN + skip) return words;
  const auto* at = reinterpret_cast<const rtattr*>(static_cast<const uint8_t*>(NLMSG_DATA(message)) + skip);
  walk(at, message->nlmsg_len - NLMSG_HDRLEN - skip, [&](const rtattr* part) {
    if ((part->rta_type & NLA_TYPE_MASK) == NLMSGERR_ATTR_MSG) words = text(part);
  });
  return words;
}

ssize_t receive(int fd, void* buffer, size_t room) {
  sockaddr_nl from{};
  socklen_t size = sizeof from;
  const ssize_t bytes = ::recvfrom(fd, buffer, room, 0, reinterpret_cast<sockaddr*>(&from), &size);
  return bytes > 0 && (size < sizeof from || from.nl_pid != 0) ? 0 : bytes;
}

bool parseLink(const nlmsghdr* message, Link& link) {
  if (message->nlmsg_type != RTM_NEWLINK && message->nlmsg_type != RTM_DELLINK) return false;
  if (message->nlmsg_len < NLMSG_LENGTH(sizeof(ifinfomsg))) return false;
  const auto* info = static_cast<const ifinfomsg*>(NLMSG_DATA(message));
  link.index = info->ifi_index;
  link.family = info->ifi_family;
  link.type = info->ifi_type;
  link.flags = info->ifi_flags;
  walk(IFLA_RTA(info), IFLA_PAYLOAD(message), [&](const rtattr* part) { parseAttribute(part, link); });
  return true;
}

Request::Request(uint16_t type, uint16_t flags, int ifindex) {
  header_.nlmsg_len = NLMSG_LENGTH(sizeof info_);
  header_.nlmsg_type = type;
  header_.nlmsg_flags = NLM_F_REQUEST | flags;
  header_.nlmsg_seq = 1;
  info_.ifi_family = AF_UNSPEC;
  info_.ifi_index = ifindex;
}

void Request::add(uint16_t attribute, const void* data, size_t length) {
  const size_t used = header_.nlmsg_len - NLMSG_LENGTH(sizeof info_);
  if (used + RTA_SPACE(length) > sizeof attributes_) return;
  auto* at = reinterpret_cast<rtattr*>(attributes_ + used);
  at->rta_type = attribute;
  at->rta_len = static_cast<uint16_t>(RTA_LENGTH(length));
  memcpy(RTA_DATA(at), data, length);
  header_.nlmsg_len += static_cast<uint32_t>(RTA_SPACE(length));
}

Fd open(uint32_t groups, bool nonBlocking) {
  Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | (nonBlocking ? SOCK_NONBLOCK : 0), NETLINK_ROUTE));
  if (!fd) return fd;
  const int on = 1;
  setsockopt(fd.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = groups;
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    const int error = errno;
    fd.reset();
    errno = error;
  }
  return fd;
}

namespace {

/// The answers to one request, as far as they have come.
class Answers {
 public:
  Answers(uint32_t sequence, const Each& each, std::string& reason)
      : sequence_(sequence), each_(each), reason_(reason) {}

  /// Takes one datagram. @returns whether it held the end
  bool take(const uint8_t* data, size_t bytes);
  int error() const { return error_ == 0 && interrupted_ ? EINTR : error_; }

 private:
  bool end(int error) {
    error_ = error;
    return true;
  }

  uint32_t sequence_;
  const Each& each_;
  std::string& reason_;
  int error_ = 0;
  bool interrupted_ = false;
};

bool Answers::take(const uint8_t* data, size_t bytes) {
  bool ended = false;
  forEachMessage(data, bytes, [&](const nlmsghdr* message) {
    if (message->nlmsg_seq != sequence_) return true;
    if ((message->nlmsg_flags & NLM_F_DUMP_INTR) != 0) interrupted_ = true;
    const bool told = message->nlmsg_len >= NLMSG_LENGTH(sizeof(int));
    if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR) {
      // Both begin with the error as a negative number.
      ended = end(told ? -*static_cast<const int*>(NLMSG_DATA(message)) : 0);
      if (message->nlmsg_type == NLMSG_ERROR) reason_ = explain(message);
      return false;
    }
    each_(message);
    return true;
  });
  return ended;
}

/// @returns false when the socket itself failed, with errno set
bool converse(int fd, const nlmsghdr* request, Answers& answers) {
  if (::send(fd, request, request->nlmsg_len, 0) < 0) return false;
  std::vector<uint8_t> answer(kAnswerRoom);
  for (;;) {
    const ssize_t bytes = receive(fd, answer.data(), answer.size());
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0) return false;
    if (answers.take(answer.data(), static_cast<size_t>(bytes))) return true;
  }
}

}  // namespace

int transact(Request& request, const Each& each, std::string& reason) {
  // Kept for as long as the thread lives: interfaces can be asked for, and TAPs removed, also when no descriptor
  // is left.
  static thread_local Fd fd;
  static thread_local uint32_t sequence = 0;
  if (!fd) fd = open(0, false);
  if (!fd) return errno;
  request.message()->nlmsg_seq = ++sequence;
  Answers answers(sequence, each, reason);
  if (converse(fd.get(), request.message(), answers)) return answers.error();
  const int error = errno;
  // What is still to come of its answers would stand in the way of the next ones.
  fd.reset();
  return error;
}

}  // namespace netlink
