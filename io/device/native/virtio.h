// The virtio network header (virtio 1.2, 5.1.6; linux/virtio_net.h), little-endian.
//
//      0       1          2..3      4..5       6..7         8..9          10..11
//     flags | gso_type | hdr_len | gso_size | csum_start | csum_offset | num_buffers
#pragma once
#include <cstddef>
#include <cstdint>

namespace virtio {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "virtio headers are used as they lie in memory");

constexpr uint8_t kNeedsChecksum = 1;
constexpr uint8_t kGsoNone = 0;
constexpr uint8_t kGsoTcp4 = 1;
constexpr uint8_t kGsoTcp6 = 4;
constexpr uint8_t kGsoUdp = 5;
constexpr uint8_t kGsoEcn = 0x80;

struct __attribute__((packed)) Header {
  uint8_t flags;
  uint8_t gsoType;
  uint16_t headerLength;
  uint16_t gsoSize;
  uint16_t checksumStart;
  uint16_t checksumOffset;
  uint16_t buffers;
};
static_assert(sizeof(Header) == 12);

/// Nothing to finish in the frame: it can go as a plain FRAME.
inline bool isTrivial(const Header& header) {
  return header.gsoType == kGsoNone && (header.flags & kNeedsChecksum) == 0;
}

/// Leaves only what means something to another machine.
inline void normalise(Header& header) {
  header.flags &= kNeedsChecksum;
  header.buffers = 0;
}

enum class Verdict { good, bad, tooLong };

/// Length of the Ethernet header with its VLAN tags that Linux knows, at most eight; `type` is the EtherType behind them.
size_t linkHeader(const uint8_t* frame, size_t length, uint16_t& type);

/// Checks a header that a peer sent against its frame before the kernel sees it, and makes it clean: flags that
/// the kernel would believe are taken off, hdr_len is made to fit, and what is only one segment is no super-frame. `mtu` bounds each frame that comes out of it.
Verdict accept(Header& header, const uint8_t* frame, size_t length, size_t mtu);

/// Whether a frame without segmentation is within the MTU, VLAN tags not counted, those of TPID 0x9100 neither.
bool fits(const uint8_t* frame, size_t length, size_t mtu);

}  // namespace virtio
