// Sizes and offsets of IP, TCP and UDP headers (RFC 791, 8200, 9293, 768), and how their fields are read.
#pragma once
#include <cstddef>
#include <cstdint>

namespace ip {

constexpr size_t kIpv4Header = 20;
constexpr size_t kIpv6Header = 40;
constexpr size_t kTcpHeader = 20;
constexpr size_t kUdpHeader = 8;
/// Offsets in the transport header.
constexpr size_t kTcpChecksum = 16;
constexpr size_t kUdpChecksum = 6;

inline uint16_t big16(const uint8_t* at) { return static_cast<uint16_t>((at[0] << 8) | at[1]); }
inline uint32_t big32(const uint8_t* at) { return (static_cast<uint32_t>(big16(at)) << 16) | big16(at + 2); }

}  // namespace ip
