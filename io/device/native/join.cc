// What a device would be given in place of a batch, to be looked at: for tests of chain.h.
#include <cstring>

#include "chain.h"
#include "devices.h"
#include "napi.h"

namespace {

/// Appends records, as long as there is room.
struct Writer {
  uint8_t* at;
  uint8_t* limit;
  bool full = false;

  void add(uint8_t type, const iovec* parts, size_t count) {
    size_t length = 0;
    for (size_t i = 0; i < count; i += 1) length += parts[i].iov_len;
    if (static_cast<size_t>(limit - at) < wire::kRecordHeader + length) {
      full = true;
      return;
    }
    wire::putHeader(at, type, length);
    at += wire::kRecordHeader;
    for (size_t i = 0; i < count; i += 1) {
      memcpy(at, parts[i].iov_base, parts[i].iov_len);
      at += parts[i].iov_len;
    }
  }

  void add(const wire::Record& record) {
    const iovec part{const_cast<uint8_t*>(record.payload), record.length};
    add(record.type, &part, 1);
  }
};

/// joinSegments(batch, mtu, out): copies the records of the batch, FRAMEs that make one super-frame as OFFLOAD. @returns
/// bytes of `out` that are used
napi_value jsJoinSegments(napi_env env, napi_callback_info info) {
  napi::Call<3> call(env, info);
  uint8_t *batch = nullptr, *out = nullptr;
  size_t length = 0, room = 0;
  uint32_t mtu = 0;
  if (!napi::toBytes(env, call.args[0], batch, length) || !napi::toUint32(env, call.args[1], mtu) ||
      !napi::toBytes(env, call.args[2], out, room)) {
    napi::throwType(env, "joinSegments(batch, mtu, out)");
    return nullptr;
  }
  Writer writer{out, out + room};
  const auto joined = [&](Chain& chain) {
    iovec parts[Chain::kMostParts];
    writer.add(wire::kOffload, parts, chain.parts(parts));
  };
  const bool whole =
      forEachJoined(batch, batch + length, mtu, joined, [&](const wire::Record& record) { writer.add(record); });
  if (!whole || writer.full) {
    napi::throwType(env, "joinSegments(batch, mtu, out) needs whole records, and room for them");
    return nullptr;
  }
  napi_value used = nullptr;
  napi_create_uint32(env, static_cast<uint32_t>(writer.at - out), &used);
  return used;
}

}  // namespace

void defineJoin(napi_env env, napi_value exports) {
  const napi_property_descriptor function = {
      "joinSegments", nullptr, jsJoinSegments, nullptr, nullptr, nullptr, napi_enumerable, nullptr};
  napi_define_properties(env, exports, 1, &function);
}
