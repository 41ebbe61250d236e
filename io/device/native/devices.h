// What the two kinds of ports share when they write, and what the addon is made of.
#pragma once
#include <node_api.h>

#include <cerrno>

#include "port.h"
#include "records.h"
#include "virtio.h"

/// A record taken apart for the kernel. The header is ours: the bytes of a batch are nobody's to change.
struct Packed {
  virtio::Header header;
  const uint8_t* frame;
  size_t length;
  bool offload;
};

/// Checks a record; counts it and gives false when it is not fit for the kernel.
inline bool pack(const wire::Record& record, size_t mtu, Packed& out, WriteOutcome& outcome) {
  if (record.type == wire::kFrame) {
    out = {{}, record.payload, record.length, false};
    if (out.length >= wire::kEthernetHeader && virtio::fits(out.frame, out.length, mtu)) return true;
    outcome.refused += 1;
    return false;
  }
  if (record.type != wire::kOffload) {
    outcome.refused += 1;
    return false;
  }
  if (record.length < wire::kVirtioHeader + wire::kEthernetHeader ||
      record.length > wire::kVirtioHeader + wire::kLongestFrame) {
    outcome.badOffload += 1;
    return false;
  }
  __builtin_memcpy(&out.header, record.payload, sizeof out.header);
  out.frame = record.payload + wire::kVirtioHeader;
  out.length = record.length - wire::kVirtioHeader;
  out.offload = true;
  const virtio::Verdict verdict = virtio::accept(out.header, out.frame, out.length, mtu);
  if (verdict == virtio::Verdict::bad) outcome.badOffload += 1;
  if (verdict == virtio::Verdict::tooLong) outcome.refused += 1;
  return verdict == virtio::Verdict::good;
}

/// Counts what the kernel said of one frame.
inline void tally(const Packed& packed, int error, WriteOutcome& outcome) {
  if (error == 0) {
    outcome.written += 1;
    outcome.writtenBytes += static_cast<int32_t>(packed.length);
  } else if (error == EAGAIN || error == ENOBUFS) {
    outcome.queueFull += 1;
  } else if (error == EINVAL && packed.offload) {
    outcome.badOffload += 1;
  } else {
    outcome.refused += 1;
    if (error == EMSGSIZE) outcome.tooLong += 1;
  }
}

napi_value defineTap(napi_env env);
napi_value definePacket(napi_env env);
napi_value defineMonitor(napi_env env);
void defineLinks(napi_env env, napi_value exports);
void defineSockets(napi_env env, napi_value exports);
void defineResolve(napi_env env, napi_value exports);
void defineSync(napi_env env, napi_value exports);
void defineTcp(napi_env env, napi_value exports);
void defineJoin(napi_env env, napi_value exports);
void defineMemory(napi_env env, napi_value exports);
void defineWrite(napi_env env, napi_value exports);
