// The Internet checksum (RFC 1071) in memory order, and big-endian fields.
#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace ip {

inline void put16(uint8_t* at, size_t value) {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
}

/// Sum of RFC 1071 in memory order, not folded, eight bytes at a time.
inline uint64_t sum(const uint8_t* at, size_t length) {
  uint64_t total = 0;
  for (; length >= 8; at += 8, length -= 8) {
    uint64_t word;
    memcpy(&word, at, sizeof word);
    total += word;
    total += total < word ? 1 : 0;
  }
  uint64_t rest = 0;
  memcpy(&rest, at, length);
  total += rest;
  return total + (total < rest ? 1 : 0);
}

inline uint16_t fold(uint64_t total) {
  for (int i = 0; i < 4; i += 1) total = (total & 0xffff) + (total >> 16);
  return static_cast<uint16_t>(total);
}

/// Of the two addresses, the protocol and the length of the TCP segment, in memory order.
inline uint64_t pseudoHeader(const uint8_t* ip, bool ipv6, size_t segment) {
  const uint8_t* addresses = ip + (ipv6 ? 8 : 12);
  const uint32_t lengthField = htonl(static_cast<uint32_t>(segment));
  const uint64_t address = fold(sum(addresses, ipv6 ? 32 : 8));
  return address + fold(lengthField) + htons(IPPROTO_TCP);
}

/// Makes the checksum of an IPv4 header of so many bytes right.
inline void finishIpv4(uint8_t* header, size_t length) {
  put16(header + 10, 0);
  const uint16_t check = static_cast<uint16_t>(~fold(sum(header, length)));
  memcpy(header + 10, &check, sizeof check);
}

}  // namespace ip
