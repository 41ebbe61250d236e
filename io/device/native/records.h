// Frames in wire form (PROTOCOL.md section 6): a 4-byte header, big-endian, then the payload.
//
//      0        1        2        3        4
//     +--------+--------+--------+--------+---- - -
//     |  type  |      payload length      | payload
//     +--------+--------+--------+--------+---- - -
#pragma once
#include <cstddef>
#include <cstdint>

namespace wire {

constexpr uint8_t kFrame = 0x00;
constexpr uint8_t kOffload = 0x01;
constexpr size_t kRecordHeader = 4;
constexpr size_t kVirtioHeader = 12;
constexpr size_t kEthernetHeader = 14;
constexpr size_t kVlanTag = 4;
/// Tags that are looked behind, as in Linux (VLAN_MAX_DEPTH).
constexpr int kMostTags = 8;
/// Longest Ethernet frame in an OFFLOAD record.
constexpr size_t kLongestFrame = 65575;
/// Memory that one record may need, with some to see that a frame is longer than the longest.
constexpr size_t kRecordRoom = kRecordHeader + kVirtioHeader + kVlanTag + kLongestFrame + 61;

inline void putHeader(uint8_t* at, uint8_t type, size_t length) {
  at[0] = type;
  at[1] = static_cast<uint8_t>(length >> 16);
  at[2] = static_cast<uint8_t>(length >> 8);
  at[3] = static_cast<uint8_t>(length);
}

struct Record {
  uint8_t type = 0;
  const uint8_t* payload = nullptr;
  size_t length = 0;
};

/// Walks records one by one and never looks past `end`.
class Reader {
 public:
  Reader(const uint8_t* at, const uint8_t* end) : at_(at), end_(end) {}

  bool next(Record& record) {
    const size_t left = static_cast<size_t>(end_ - at_);
    if (left < kRecordHeader) {
      torn_ = left > 0;
      return false;
    }
    const size_t length = (static_cast<size_t>(at_[1]) << 16) | (static_cast<size_t>(at_[2]) << 8) | at_[3];
    if (length > left - kRecordHeader) {
      torn_ = true;
      return false;
    }
    record = {at_[0], at_ + kRecordHeader, length};
    at_ += kRecordHeader + length;
    return true;
  }

  /// Whether what stands at the end is not a whole record.
  bool torn() const { return torn_; }

 private:
  const uint8_t* at_;
  const uint8_t* end_;
  bool torn_ = false;
};

}  // namespace wire
