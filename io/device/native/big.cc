#include "big.h"

#include <linux/if_ether.h>
#include <netinet/in.h>

#include <cstring>
#include <memory>

#include "ip.h"
#include "sums.h"

namespace {

/// Of an IP packet: what its length field can say; of IPv6 without the header.
constexpr size_t kLongestPacket = 65535;
/// virtio::accept takes no shorter ones either.
constexpr size_t kLeastSegment = 8;
/// A hop-by-hop header with nothing in it but the jumbo payload option (RFC 2675).
constexpr size_t kJumboHeader = 8;

constexpr uint8_t kFinPush = 0x09;
constexpr uint8_t kCwr = 0x80;

bool isJumbo(const uint8_t* at) { return at[0] == IPPROTO_TCP && at[1] == 0 && at[2] == 0xc2 && at[3] == 4; }

}  // namespace

uint8_t* BigFrame::overflow() {
  thread_local std::unique_ptr<uint8_t[]> memory;
  // Not zeroed: what is never written to costs no memory.
  if (!memory) memory.reset(new uint8_t[kOverflow]);
  return memory.get();
}

bool BigFrame::begin(const virtio::Header& header, const uint8_t* frame, size_t head, const uint8_t* rest,
                     size_t length) {
  const bool ipv6 = (header.gsoType & ~virtio::kGsoEcn) == virtio::kGsoTcp6;
  if (!ipv6 && (header.gsoType & ~virtio::kGsoEcn) != virtio::kGsoTcp4) return false;
  if (header.gsoSize < kLeastSegment || length > kLongest) return false;
  uint16_t type = 0;
  const size_t link = virtio::linkHeader(frame, head, type);
  if (type != (ipv6 ? ETH_P_IPV6 : ETH_P_IP) || head < link + 120) return false;
  const uint8_t* ip = frame + link;
  size_t jumbo = 0;
  size_t transport = link;
  if (ipv6) {
    if (ip[6] == IPPROTO_HOPOPTS && isJumbo(ip + ip::kIpv6Header)) jumbo = kJumboHeader;
    else if (ip[6] != IPPROTO_TCP) return false;
    transport += ip::kIpv6Header + jumbo;
  } else {
    if (ip[9] != IPPROTO_TCP || (ip::big16(ip + 6) & 0x3fff) != 0) return false;
    transport += static_cast<size_t>(ip[0] & 15) * 4;
    if (transport < link + ip::kIpv4Header) return false;
  }
  // Elsewhere it is in a tunnel.
  if ((header.flags & virtio::kNeedsChecksum) != 0 && header.checksumStart != transport) return false;
  const size_t tcp = static_cast<size_t>(frame[transport + 12] >> 4) * 4;
  if (tcp < ip::kTcpHeader || transport + tcp + header.gsoSize > wire::kLongestFrame) return false;
  bytes_.clear();
  bytes_.reserve(length);
  const size_t front = jumbo == 0 ? head : link + ip::kIpv6Header;
  bytes_.insert(bytes_.end(), frame, frame + front);
  if (jumbo != 0) {
    bytes_.insert(bytes_.end(), frame + front + jumbo, frame + head);
    bytes_[link + 6] = IPPROTO_TCP;
  }
  bytes_.insert(bytes_.end(), rest, rest + (length - head));
  link_ = link;
  ipv6_ = ipv6;
  transport_ = transport - jumbo;
  data_ = transport_ + tcp;
  at_ = data_;
  segments_ = 0;
  header_ = header;
  header_.flags = virtio::kNeedsChecksum;
  header_.headerLength = static_cast<uint16_t>(data_);
  header_.checksumStart = static_cast<uint16_t>(transport_);
  header_.checksumOffset = ip::kTcpChecksum;
  header_.buffers = 0;
  return true;
}

size_t BigFrame::next(uint8_t* at) {
  const size_t longest = kLongestPacket - (data_ - link_);
  const size_t left = bytes_.size() - at_;
  const size_t most = longest / header_.gsoSize * header_.gsoSize;
  const size_t bytes = left < most ? left : most;
  uint8_t* payload = at + wire::kRecordHeader;
  memcpy(payload, &header_, sizeof header_);
  uint8_t* frame = payload + wire::kVirtioHeader;
  memcpy(frame, bytes_.data(), data_);
  memcpy(frame + data_, bytes_.data() + at_, bytes);
  uint8_t* ip = frame + link_;
  uint8_t* tcp = frame + transport_;
  const size_t segment = data_ - transport_ + bytes;
  if (ipv6_) {
    ip::put16(ip + 4, segment);
  } else {
    ip::put16(ip + 2, transport_ - link_ + segment);
    ip::put16(ip + 4, (ip::big16(ip + 4) + segments_) & 0xffff);
    ip::finishIpv4(ip, transport_ - link_);
  }
  const uint32_t sequence = htonl(ip::big32(tcp + 4) + static_cast<uint32_t>(at_ - data_));
  memcpy(tcp + 4, &sequence, sizeof sequence);
  if (bytes < left) tcp[13] &= static_cast<uint8_t>(~kFinPush);
  if (at_ > data_) tcp[13] &= static_cast<uint8_t>(~kCwr);
  const uint16_t partial = ip::fold(ip::pseudoHeader(ip, ipv6_, segment));
  memcpy(tcp + ip::kTcpChecksum, &partial, sizeof partial);
  segments_ += (bytes + header_.gsoSize - 1) / header_.gsoSize;
  at_ += bytes;
  // What a rare frame has needed is given back.
  if (!pending()) {
    std::vector<uint8_t>().swap(bytes_);
    at_ = 0;
  }
  const size_t length = wire::kVirtioHeader + data_ + bytes;
  wire::putHeader(at, wire::kOffload, length);
  return wire::kRecordHeader + length;
}
