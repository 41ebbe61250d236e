// TCP segments that follow one another in a batch, joined to one super-frame, as GRO does in the kernel: the device and
// the stack behind it then have one frame to do with in place of up to 64. The data are not copied.
//
// Only frames whose checksums are right are joined, and only when the kernel's segmentation (TSO, GSO) would give back
// the very same bytes: nothing that went wrong on the way is made good, and nothing is lost.
#pragma once
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>

#include "records.h"
#include "virtio.h"

class Chain {
 public:
  static constexpr size_t kMostSegments = 64;
  /// The virtio header, the headers, and the data of each segment.
  static constexpr size_t kMostParts = kMostSegments + 2;

  /// Begins anew with this frame. Gives false, and stays empty, when nothing could be joined to it.
  bool begin(const uint8_t* frame, size_t length);
  /// Joins the frame when it is the very next segment. Gives false, and changes nothing, when it is not.
  bool append(const uint8_t* frame, size_t length);
  void clear() { count_ = 0; }

  size_t segments() const { return count_; }
  /// Bytes of all the frames as they came.
  size_t bytes() const;
  /// One of the frames as it came.
  wire::Record segment(size_t i) const;

  /// What writev wants for the super-frame, for two segments and more. Valid until the chain is changed.
  /// @returns how many parts
  size_t parts(iovec (&out)[kMostParts]);

 private:
  /// Where the parts of a frame lie, and what must go on from one to the next.
  struct Layout {
    size_t link;
    size_t transport;
    size_t data;
    size_t length;
    uint32_t sequence;
    bool ipv6;
  };
  struct Piece {
    const uint8_t* frame;
    size_t length;
  };
  static bool read(const uint8_t* frame, size_t length, Layout& out);
  static bool soundChecksums(const uint8_t* frame, const Layout& layout);
  bool continues(const uint8_t* frame, const Layout& next) const;

  Piece pieces_[kMostSegments];
  size_t count_ = 0;
  Layout first_{};
  size_t data_ = 0;
  /// No segment can follow: the last one was short, or had PSH.
  bool ended_ = false;
  bool firstIsSound_ = false;
  virtio::Header header_{};
  uint8_t headers_[wire::kEthernetHeader + wire::kMostTags * wire::kVlanTag + 40 + 60];
};

/// Walks a batch in order: `joined(chain)` for segments that make one super-frame, `single(record)` for each other
/// record. Frames longer than the MTU are never joined. @returns false when what stands at the end is no whole record
template <typename Joined, typename Single>
bool forEachJoined(const uint8_t* at, const uint8_t* end, size_t mtu, Joined joined, Single single) {
  wire::Reader reader(at, end);
  wire::Record record;
  Chain chain;
  const auto flush = [&] {
    if (chain.segments() > 1) joined(chain);
    if (chain.segments() == 1) single(chain.segment(0));
    chain.clear();
  };
  while (reader.next(record)) {
    const bool plain = record.type == wire::kFrame && virtio::fits(record.payload, record.length, mtu);
    if (plain && chain.append(record.payload, record.length)) continue;
    flush();
    if (!plain || !chain.begin(record.payload, record.length)) single(record);
  }
  flush();
  return !reader.torn();
}
