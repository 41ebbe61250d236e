// Interfaces of this network namespace: read and changed by route netlink, so that a /sys of another namespace
// does not matter and no program is started.
#include <linux/if.h>
#include <linux/if_link.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdio>
#include <vector>

#include "devices.h"
#include "napi.h"
#include "netlink.h"

namespace {

std::string macText(const uint8_t* mac) {
  char text[18];
  snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
  return text;
}

napi_value toObject(napi_env env, const netlink::Link& link) {
  napi_value object = nullptr;
  if (napi_create_object(env, &object) != napi_ok) return nullptr;
  napi::set(env, object, "name", link.name);
  napi::set(env, object, "ifindex", static_cast<double>(link.index));
  napi::set(env, object, "type", static_cast<double>(link.type));
  napi::set(env, object, "kind", link.kind);
  napi::set(env, object, "mac", macText(link.mac));
  napi::set(env, object, "mtu", static_cast<double>(link.mtu));
  napi::set(env, object, "txQueueLength", static_cast<double>(link.txQueueLength));
  napi::set(env, object, "master", static_cast<double>(link.master));
  napi::set(env, object, "up", (link.flags & IFF_UP) != 0);
  napi::set(env, object, "loopback", (link.flags & IFF_LOOPBACK) != 0);
  napi::set(env, object, "txDropped", static_cast<double>(link.txDropped));
  napi::set(env, object, "tap", link.tunType == 2);
  napi::set(env, object, "multiQueue", link.multiQueue);
  napi::set(env, object, "macvlanMode", static_cast<double>(link.macvlanMode));
  napi::set(env, object, "lower", static_cast<double>(link.lowerElsewhere ? 0 : link.lower));
  napi::set(env, object, "queues", static_cast<double>(link.queues));
  return object;
}

/// Of a list that changes while it is read, interfaces may be missing: it is read again, so many times at most.
constexpr int kMostTries = 100;

int ask(int ifindex, const std::string& name, std::vector<netlink::Link>& links) {
  const bool all = ifindex == 0 && name.empty();
  // A single answer has no end mark: an acknowledgement is asked for and is the end.
  netlink::Request request(RTM_GETLINK, all ? NLM_F_DUMP : NLM_F_ACK, ifindex);
  // IFLA_IFNAME stands for alternative names, too, as far as it has room for them.
  if (!name.empty()) {
    request.add(name.size() < IFNAMSIZ ? IFLA_IFNAME : IFLA_ALT_IFNAME, name.c_str(), name.size() + 1);
  }
  const auto each = [&](const nlmsghdr* message) {
    netlink::Link link;
    if (netlink::parseLink(message, link)) links.push_back(std::move(link));
  };
  std::string reason;
  int error = EINTR;
  for (int i = 0; i < kMostTries && error == EINTR; i += 1) {
    links.clear();
    error = netlink::transact(request, each, reason);
  }
  return error;
}

napi_value toArray(napi_env env, const std::vector<netlink::Link>& links) {
  napi_value array = nullptr;
  napi_create_array_with_length(env, links.size(), &array);
  for (size_t i = 0; i < links.size(); i += 1) {
    napi_set_element(env, array, static_cast<uint32_t>(i), toObject(env, links[i]));
  }
  return array;
}

/// links(ifindex or name?): all interfaces, or an array of the one (empty when there is none).
napi_value jsLinks(napi_env env, napi_callback_info info) {
  napi::Call<1> call(env, info);
  uint32_t ifindex = 0;
  napi::toUint32(env, call.args[0], ifindex);
  std::string name;
  napi::toString(env, call.args[0], name);
  std::vector<netlink::Link> links;
  const int error = ask(static_cast<int>(ifindex), name, links);
  const bool one = ifindex != 0 || !name.empty();
  if (error != 0 && !(one && error == ENODEV)) {
    napi::throwErrno(env, error, "cannot list interfaces");
    return nullptr;
  }
  return toArray(env, links);
}

/// readLinks(bytes): the interfaces that a datagram of the kernel tells of. For tests.
napi_value jsReadLinks(napi_env env, napi_callback_info info) {
  napi::Call<1> call(env, info);
  uint8_t* data = nullptr;
  size_t length = 0;
  if (!napi::toBytes(env, call.args[0], data, length)) {
    napi::throwType(env, "readLinks(bytes)");
    return nullptr;
  }
  // Of exactly this length and aligned, so that a look past its end is one past the end of the memory.
  std::vector<uint8_t> datagram(data, data + length);
  std::vector<netlink::Link> links;
  netlink::forEachMessage(datagram.data(), datagram.size(), [&](const nlmsghdr* message) {
    netlink::Link link;
    if (netlink::parseLink(message, link)) links.push_back(std::move(link));
    if (message->nlmsg_type == NLMSG_ERROR) netlink::explain(message);
    return true;
  });
  return toArray(env, links);
}

int finish(napi_env env, netlink::Request& request, const char* what) {
  std::string reason;
  const int error = netlink::transact(request, [](const nlmsghdr*) {}, reason);
  if (error != 0) napi::throwErrno(env, error, reason.empty() ? what : std::string(what) + ": " + reason);
  return error;
}

bool changeNumber(napi_env env, int ifindex, napi_value changes, const char* name, uint16_t attribute) {
  napi_value value;
  uint32_t number = 0;
  if (!napi::property(env, changes, name, value)) return true;
  if (!napi::toUint32(env, value, number)) {
    napi::throwType(env, "a number is needed");
    return false;
  }
  netlink::Request request(RTM_NEWLINK, NLM_F_ACK, ifindex);
  request.add(attribute, number);
  return finish(env, request, name) == 0;
}

/// IFLA_AF_SPEC with AF_INET6 in it, and that with IFLA_INET6_ADDR_GEN_MODE (linux/if_link.h).
bool changeAddrGenMode(napi_env env, int ifindex, napi_value changes) {
  napi_value value;
  uint32_t mode = 0;
  if (!napi::property(env, changes, "addrGenMode", value)) return true;
  if (!napi::toUint32(env, value, mode) || mode > UINT8_MAX) {
    napi::throwType(env, "a mode is needed");
    return false;
  }
  struct {
    rtattr family;
    rtattr attribute;
    uint8_t mode;
    uint8_t padding[3];
  } spec{};
  spec.attribute = {static_cast<unsigned short>(RTA_LENGTH(sizeof spec.mode)), IFLA_INET6_ADDR_GEN_MODE};
  spec.mode = static_cast<uint8_t>(mode);
  spec.family = {static_cast<unsigned short>(sizeof spec), AF_INET6};
  netlink::Request request(RTM_NEWLINK, NLM_F_ACK, ifindex);
  request.add(IFLA_AF_SPEC, &spec, sizeof spec);
  return finish(env, request, "addrGenMode") == 0;
}

bool changeMac(napi_env env, int ifindex, napi_value changes) {
  napi_value value;
  std::string text;
  unsigned mac[6];
  if (!napi::property(env, changes, "mac", value)) return true;
  if (!napi::toString(env, value, text) ||
      sscanf(text.c_str(), "%2x:%2x:%2x:%2x:%2x:%2x", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5]) != 6) {
    napi::throwType(env, "a MAC address is needed");
    return false;
  }
  uint8_t bytes[6];
  for (int i = 0; i < 6; i += 1) bytes[i] = static_cast<uint8_t>(mac[i]);
  netlink::Request request(RTM_NEWLINK, NLM_F_ACK, ifindex);
  request.add(IFLA_ADDRESS, bytes, sizeof bytes);
  return finish(env, request, "mac") == 0;
}

bool changeUp(napi_env env, int ifindex, napi_value changes) {
  napi_value value;
  bool up = false;
  if (!napi::property(env, changes, "up", value) || !napi::toBool(env, value, up)) return true;
  netlink::Request request(RTM_NEWLINK, NLM_F_ACK, ifindex);
  request.info().ifi_flags = up ? IFF_UP : 0;
  request.info().ifi_change = IFF_UP;
  return finish(env, request, "up") == 0;
}

/// setLink(ifindex, {txQueueLength, addrGenMode, mac, mtu, master, up}): one after the other in this order, so that a port has
/// its MAC address and MTU before its bridge looks at them. Stops at the first that fails.
napi_value jsSetLink(napi_env env, napi_callback_info info) {
  napi::Call<2> call(env, info);
  uint32_t index = 0;
  if (!napi::toUint32(env, call.args[0], index) || index == 0) {
    napi::throwType(env, "setLink(ifindex, changes)");
    return nullptr;
  }
  const int ifindex = static_cast<int>(index);
  const napi_value changes = call.args[1];
  if (changeNumber(env, ifindex, changes, "txQueueLength", IFLA_TXQLEN) && changeAddrGenMode(env, ifindex, changes) &&
      changeMac(env, ifindex, changes) &&
      changeNumber(env, ifindex, changes, "mtu", IFLA_MTU) &&
      changeNumber(env, ifindex, changes, "master", IFLA_MASTER)) {
    changeUp(env, ifindex, changes);
  }
  return nullptr;
}

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

/// networkNamespace(): the number that the kernel gives a network namespace and, unlike its inode's, never gives
/// again; empty where it has none (before Linux 5.14).
napi_value jsNetworkNamespace(napi_env env, napi_callback_info) {
  Fd fd = netlink::open(0, false);
  uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  const bool known = fd && getsockopt(fd.get(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length) == 0;
  const std::string text = known ? std::to_string(cookie) : "";
  napi_value result = nullptr;
  napi_create_string_utf8(env, text.c_str(), text.size(), &result);
  return result;
}

napi_value jsDeleteLink(napi_env env, napi_callback_info info) {
  napi::Call<1> call(env, info);
  uint32_t index = 0;
  if (!napi::toUint32(env, call.args[0], index) || index == 0) {
    napi::throwType(env, "deleteLink(ifindex)");
    return nullptr;
  }
  netlink::Request request(RTM_DELLINK, NLM_F_ACK, static_cast<int>(index));
  finish(env, request, "delete");
  return nullptr;
}

}  // namespace

void defineLinks(napi_env env, napi_value exports) {
  const napi_property_descriptor functions[] = {
      {"links", nullptr, jsLinks, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"readLinks", nullptr, jsReadLinks, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"setLink", nullptr, jsSetLink, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"networkNamespace", nullptr, jsNetworkNamespace, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"deleteLink", nullptr, jsDeleteLink, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
  };
  napi_define_properties(env, exports, sizeof functions / sizeof functions[0], functions);
}
