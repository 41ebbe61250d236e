#include "virtio.h"

#include <linux/if_ether.h>
#include <netinet/in.h>

#include "ip.h"
#include "records.h"

namespace virtio {
namespace {

using ip::big16;
using ip::kIpv4Header;
using ip::kIpv6Header;
using ip::kTcpChecksum;
using ip::kTcpHeader;
using ip::kUdpChecksum;
using ip::kUdpHeader;

/// With the smallest segment that Linux sends (TCP_MIN_SND_MSS) and all TCP options, 8 bytes are left for data.
constexpr size_t kLeastTcpSegment = 8;
/// UDP_MAX_SEGMENTS of linux/udp.h.
constexpr size_t kMostUdpSegments = 128;

/// Of switches from before 802.1ad; Linux does not look behind it.
constexpr uint16_t kOldTag = 0x9100;

bool isTag(uint16_t type) { return type == ETH_P_8021Q || type == ETH_P_8021AD || type == kOldTag; }

struct Network {
  bool known = false;
  uint8_t version = 0;
  /// Offset of the transport header; for IPv6 with extension headers the least that it can be.
  size_t transport = 0;
  bool exact = false;
  uint8_t protocol = 0;
};

Network network(const uint8_t* frame, size_t length, size_t link, uint16_t type) {
  Network found;
  if (type == ETH_P_IP && length >= link + kIpv4Header && (frame[link] >> 4) == 4) {
    const size_t header = static_cast<size_t>(frame[link] & 15) * 4;
    if (header < kIpv4Header) return found;
    found = {true, 4, link + header, true, frame[link + 9]};
  } else if (type == ETH_P_IPV6 && length >= link + kIpv6Header && (frame[link] >> 4) == 6) {
    const uint8_t next = frame[link + 6];
    found = {true, 6, link + kIpv6Header, next == IPPROTO_TCP || next == IPPROTO_UDP, next};
  }
  return found;
}

bool transportMatches(const Network& ip, size_t start, uint8_t protocol) {
  return ip.exact ? start == ip.transport && ip.protocol == protocol : start > ip.transport;
}

/// Length of all headers of a TCP super-segment; 0 when it is none.
size_t tcpHeaders(const Header& header, const Network& ip, uint8_t version, const uint8_t* frame, size_t length) {
  const size_t start = header.checksumStart;
  if (ip.version != version || header.checksumOffset != kTcpChecksum || length < start + kTcpHeader) return 0;
  if (!transportMatches(ip, start, IPPROTO_TCP)) return 0;
  const size_t tcp = static_cast<size_t>(frame[start + 12] >> 4) * 4;
  return tcp >= kTcpHeader && header.gsoSize >= kLeastTcpSegment ? start + tcp : 0;
}

size_t udpHeaders(const Header& header, const Network& ip, size_t length) {
  const size_t start = header.checksumStart;
  if (header.checksumOffset != kUdpChecksum || length < start + kUdpHeader) return 0;
  if (!transportMatches(ip, start, IPPROTO_UDP)) return 0;
  const size_t data = length - start - kUdpHeader;
  return data <= header.gsoSize * kMostUdpSegments ? start + kUdpHeader : 0;
}

Verdict acceptSegments(Header& header, const uint8_t* frame, size_t length, size_t mtu) {
  if ((header.flags & kNeedsChecksum) == 0 || header.gsoSize == 0) return Verdict::bad;
  uint16_t type = 0;
  const size_t link = linkHeader(frame, length, type);
  const Network ip = network(frame, length, link, type);
  if (!ip.known) return Verdict::bad;
  size_t headers = 0;
  switch (header.gsoType & ~kGsoEcn) {
    case kGsoTcp4:
      headers = tcpHeaders(header, ip, 4, frame, length);
      break;
    case kGsoTcp6:
      headers = tcpHeaders(header, ip, 6, frame, length);
      break;
    case kGsoUdp:
      headers = (header.gsoType & kGsoEcn) == 0 ? udpHeaders(header, ip, length) : 0;
      break;
    default:
      return Verdict::bad;
  }
  if (headers == 0 || headers >= length) return Verdict::bad;
  const size_t data = length - headers;
  const size_t segment = headers + (data < header.gsoSize ? data : header.gsoSize);
  if (segment - link > mtu) return Verdict::tooLong;
  if (data <= header.gsoSize) {
    // The kernel takes a super-frame of one segment, and may drop it where it would have to cut it.
    header.gsoType = kGsoNone;
    header.gsoSize = 0;
  }
  header.headerLength = static_cast<uint16_t>(headers);
  return Verdict::good;
}

}  // namespace

size_t linkHeader(const uint8_t* frame, size_t length, uint16_t& type) {
  size_t link = wire::kEthernetHeader;
  type = big16(frame + 12);
  for (int tags = 0; tags < wire::kMostTags && (type == ETH_P_8021Q || type == ETH_P_8021AD); tags += 1) {
    if (length < link + wire::kVlanTag) break;
    type = big16(frame + link + 2);
    link += wire::kVlanTag;
  }
  return link;
}

bool fits(const uint8_t* frame, size_t length, size_t mtu) {
  if (length <= mtu + wire::kEthernetHeader) return true;
  size_t link = wire::kEthernetHeader;
  for (int tags = 0; tags < wire::kMostTags && length >= link + wire::kVlanTag && isTag(big16(frame + link - 2)); tags += 1) {
    link += wire::kVlanTag;
  }
  return length <= mtu + link;
}

Verdict accept(Header& header, const uint8_t* frame, size_t length, size_t mtu) {
  normalise(header);
  if ((header.flags & kNeedsChecksum) != 0) {
    const size_t start = header.checksumStart;
    if (start < wire::kEthernetHeader || start + header.checksumOffset + 2 > length) return Verdict::bad;
  }
  if (header.gsoType != kGsoNone) return acceptSegments(header, frame, length, mtu);
  header.gsoSize = 0;
  header.headerLength = 0;
  if ((header.flags & kNeedsChecksum) == 0) header.checksumStart = header.checksumOffset = 0;
  return fits(frame, length, mtu) ? Verdict::good : Verdict::tooLong;
}

}  // namespace virtio
