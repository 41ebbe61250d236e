#include "chain.h"

#include <linux/if_ether.h>
#include <netinet/in.h>

#include <cstring>

#include "ip.h"
#include "sums.h"

namespace {

using ip::big16;
using ip::big32;
using ip::fold;
using ip::kIpv4Header;
using ip::kIpv6Header;
using ip::kTcpChecksum;
using ip::kTcpHeader;
using ip::pseudoHeader;
using ip::put16;
using ip::sum;

/// Of an IP packet: what its length field can say.
constexpr size_t kLongestPacket = 65535;
/// Of the first segment; virtio::accept takes no shorter ones either.
constexpr size_t kLeastData = 8;

constexpr uint8_t kFin = 0x01;
constexpr uint8_t kPush = 0x08;
constexpr uint8_t kAck = 0x10;
/// What only the last segment of a super-frame has.
constexpr uint8_t kLast = kFin | kPush;

}  // namespace

bool Chain::read(const uint8_t* frame, size_t length, Layout& out) {
  if (length < wire::kEthernetHeader) return false;
  uint16_t type = 0;
  const size_t link = virtio::linkHeader(frame, length, type);
  const uint8_t* ip = frame + link;
  if (type == ETH_P_IP) {
    if (length < link + kIpv4Header + kTcpHeader || ip[0] != 0x45 || ip[9] != IPPROTO_TCP) return false;
    // With "don't fragment" and no fragment; and nothing behind the packet.
    if (big16(ip + 6) != 0x4000 || big16(ip + 2) != length - link) return false;
    out.ipv6 = false;
    out.transport = link + kIpv4Header;
  } else if (type == ETH_P_IPV6) {
    if (length < link + kIpv6Header + kTcpHeader || (ip[0] >> 4) != 6 || ip[6] != IPPROTO_TCP) return false;
    if (big16(ip + 4) != length - link - kIpv6Header) return false;
    out.ipv6 = true;
    out.transport = link + kIpv6Header;
  } else {
    return false;
  }
  const uint8_t* tcp = frame + out.transport;
  const size_t header = static_cast<size_t>(tcp[12] >> 4) * 4;
  if (header < kTcpHeader || length <= out.transport + header) return false;
  // Flags that each segment would have, and no reserved bits; no urgent data.
  if ((tcp[12] & 15) != 0 || (tcp[13] & ~kLast) != kAck || big16(tcp + 18) != 0) return false;
  out.link = link;
  out.data = out.transport + header;
  out.length = length;
  out.sequence = big32(tcp + 4);
  return true;
}

bool Chain::soundChecksums(const uint8_t* frame, const Layout& layout) {
  const uint8_t* ip = frame + layout.link;
  const uint8_t* tcp = frame + layout.transport;
  // 0xffff is as right as 0, but the kernel would make it 0.
  if (!layout.ipv6 && (fold(sum(ip, kIpv4Header)) != 0xffff || big16(ip + 10) == 0xffff)) return false;
  if (big16(tcp + kTcpChecksum) == 0xffff) return false;
  const size_t segment = layout.length - layout.transport;
  return fold(pseudoHeader(ip, layout.ipv6, segment) + fold(sum(tcp, segment))) == 0xffff;
}

bool Chain::begin(const uint8_t* frame, size_t length) {
  count_ = 0;
  if (!read(frame, length, first_) || length < first_.data + kLeastData) return false;
  pieces_[0] = {frame, length};
  count_ = 1;
  data_ = length - first_.data;
  ended_ = (frame[first_.transport + 13] & kLast) != 0;
  firstIsSound_ = false;
  return true;
}

bool Chain::append(const uint8_t* frame, size_t length) {
  if (count_ == 0 || ended_ || count_ == kMostSegments) return false;
  Layout next;
  if (!read(frame, length, next) || !continues(frame, next)) return false;
  if (!firstIsSound_ && !soundChecksums(pieces_[0].frame, first_)) {
    ended_ = true;
    return false;
  }
  firstIsSound_ = true;
  if (!soundChecksums(frame, next)) return false;
  pieces_[count_++] = {frame, length};
  const size_t data = length - next.data;
  data_ += data;
  ended_ = data < first_.length - first_.data || (frame[next.transport + 13] & kLast) != 0;
  return true;
}

/// Whether segmentation of the chain with this frame at its end would give this frame.
bool Chain::continues(const uint8_t* frame, const Layout& next) const {
  const size_t size = first_.length - first_.data;
  const size_t data = next.length - next.data;
  if (next.ipv6 != first_.ipv6 || next.link != first_.link || next.data != first_.data) return false;
  if (next.sequence != first_.sequence + static_cast<uint32_t>(data_) || data > size) return false;
  if (first_.data - first_.link + data_ + data > kLongestPacket) return false;
  const uint8_t* start = pieces_[0].frame;
  if (memcmp(frame, start, next.link) != 0) return false;
  const uint8_t* a = start + first_.link;
  const uint8_t* b = frame + next.link;
  if (next.ipv6) {
    // Version, class and flow; next header, hop limit and addresses.
    if (memcmp(a, b, 4) != 0 || memcmp(a + 6, b + 6, kIpv6Header - 6) != 0) return false;
  } else {
    // Class; the identification counts on; time to live, protocol and addresses.
    if (a[1] != b[1] || a[8] != b[8] || memcmp(a + 12, b + 12, 8) != 0) return false;
    if (big16(b + 4) != static_cast<uint16_t>(big16(a + 4) + count_)) return false;
  }
  const uint8_t* s = start + first_.transport;
  const uint8_t* t = frame + next.transport;
  // Ports; acknowledgement and length of the header; window; options.
  return memcmp(s, t, 4) == 0 && memcmp(s + 8, t + 8, 5) == 0 && memcmp(s + 14, t + 14, 2) == 0 &&
         memcmp(s + kTcpHeader, t + kTcpHeader, first_.data - first_.transport - kTcpHeader) == 0;
}

size_t Chain::bytes() const {
  size_t total = 0;
  for (size_t i = 0; i < count_; i += 1) total += pieces_[i].length;
  return total;
}

wire::Record Chain::segment(size_t i) const { return {wire::kFrame, pieces_[i].frame, pieces_[i].length}; }

size_t Chain::parts(iovec (&out)[kMostParts]) {
  const Piece& last = pieces_[count_ - 1];
  memcpy(headers_, pieces_[0].frame, first_.data);
  uint8_t* ip = headers_ + first_.link;
  uint8_t* tcp = headers_ + first_.transport;
  const size_t segment = first_.data - first_.transport + data_;
  if (first_.ipv6) {
    put16(ip + 4, segment);
  } else {
    put16(ip + 2, kIpv4Header + segment);
    ip::finishIpv4(ip, kIpv4Header);
  }
  tcp[13] = last.frame[first_.transport + 13];
  const uint16_t partial = fold(pseudoHeader(ip, first_.ipv6, segment));
  memcpy(tcp + kTcpChecksum, &partial, sizeof partial);
  header_ = {};
  header_.flags = virtio::kNeedsChecksum;
  header_.gsoType = first_.ipv6 ? virtio::kGsoTcp6 : virtio::kGsoTcp4;
  header_.headerLength = static_cast<uint16_t>(first_.data);
  header_.gsoSize = static_cast<uint16_t>(first_.length - first_.data);
  header_.checksumStart = static_cast<uint16_t>(first_.transport);
  header_.checksumOffset = kTcpChecksum;
  out[0] = {&header_, sizeof header_};
  out[1] = {headers_, first_.data};
  for (size_t i = 0; i < count_; i += 1) {
    out[i + 2] = {const_cast<uint8_t*>(pieces_[i].frame) + first_.data, pieces_[i].length - first_.data};
  }
  return count_ + 2;
}
