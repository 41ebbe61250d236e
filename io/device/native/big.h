// TCP super-frames that are longer than a record may hold (BIG TCP, gso_max_size above 64 KiB), made into several that
// are not: each is what the sender's stack would have made with a smaller gso_max_size.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "records.h"
#include "virtio.h"

class BigFrame {
 public:
  /// The longest that Linux makes: GSO_MAX_SIZE, 8 * 65,535 bytes, and headers.
  static constexpr size_t kLongest = 8 * 65535 + 256;

  /// Memory behind that of a record, for what goes over it: one for all devices of a thread, good until the next read.
  static uint8_t* overflow();
  static constexpr size_t kOverflow = kLongest - wire::kLongestFrame;

  /// Takes the frame of `length` bytes in, whose first `head` bytes stand at `frame` and the others at `rest`.
  /// @returns false when it is none that can be cut; then nothing is kept
  bool begin(const virtio::Header& header, const uint8_t* frame, size_t head, const uint8_t* rest, size_t length);
  /// Whether there are records that were not taken yet.
  bool pending() const { return at_ < bytes_.size(); }
  /// Writes the next one to `at`, where kRecordRoom bytes are. @returns its length
  size_t next(uint8_t* at);

 private:
  /// The frame from its first byte, without the jumbo payload header of IPv6.
  std::vector<uint8_t> bytes_;
  /// Where the data goes on that no record has yet.
  size_t at_ = 0;
  size_t link_ = 0;
  size_t transport_ = 0;
  size_t data_ = 0;
  bool ipv6_ = false;
  virtio::Header header_{};
  /// Segments in the records so far.
  size_t segments_ = 0;
};
