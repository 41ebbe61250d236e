// A TAP interface with virtio-net headers (linux/if_tun.h, Documentation/networking/tuntap.rst).
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "big.h"
#include "chain.h"
#include "devices.h"
#include "napi.h"
#include "port.h"
#include "records.h"
#include "virtio.h"

namespace {

// Not in the headers of older systems.
constexpr unsigned kUso4 = 0x20;
constexpr unsigned kUso6 = 0x40;
constexpr unsigned kOffloadSets[] = {
    TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN | kUso4 | kUso6,
    TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN,
    TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6,
    TUN_F_CSUM | TUN_F_TSO4,
    TUN_F_CSUM,
};
constexpr int kMostFrames = 512;

struct Request {
  std::string name;
  /// The interface must not stand yet.
  bool create = false;
  bool multiQueue = false;
};

class Tap final : public Port {
 public:
  explicit Tap(Fd fd) : Port(std::move(fd)) {}

  void read(uint8_t* at, uint8_t* limit, ReadOutcome& outcome) override;
  void write(const uint8_t* at, const uint8_t* end, WriteOutcome& outcome) override;
  /// Asks the kernel for super-frames (as many kinds as it has), or for none. @returns the bits it took
  unsigned setOffload(bool on);

 protected:
  /// A program that attaches next may not know of super-frames.
  void farewell() override { setOffload(false); }

 private:
  size_t keep(uint8_t* at, size_t bytes, ReadOutcome& outcome);

  BigFrame big_;
  void put(const wire::Record& record, WriteOutcome& outcome);
  void putJoined(Chain& chain, WriteOutcome& outcome);
};

void Tap::read(uint8_t* const start, uint8_t* limit, ReadOutcome& outcome) {
  uint8_t* at = start;
  outcome.state = 1;
  for (int tries = 0; tries < kMostFrames; tries += 1) {
    if (static_cast<size_t>(limit - at) < wire::kRecordRoom) break;
    if (big_.pending()) {
      at += big_.next(at);
      outcome.frames += 1;
      continue;
    }
    iovec parts[2] = {{at + wire::kRecordHeader, wire::kVirtioHeader + wire::kLongestFrame},
                      {BigFrame::overflow(), BigFrame::kOverflow}};
    const ssize_t bytes = ::readv(fd(), parts, 2);
    if (bytes >= 0) {
      at += keep(at, static_cast<size_t>(bytes), outcome);
    } else if (errno == EAGAIN) {
      outcome.state = 0;
      break;
    } else if (errno == EINVAL || errno == ENOMEM) {
      outcome.lost += 1;  // a frame that has no form as virtio header, e.g. a tunnel's super-frame
    } else if (errno != EINTR) {
      outcome.state = -errno;
      break;
    }
  }
  if (outcome.state == 1 && big_.pending()) outcome.state = 2;
  outcome.end = static_cast<int32_t>(at - start);
}

/// Makes a record of what was read to `at + 4`. @returns its length, 0 when there is nothing to hand on, or not yet
size_t Tap::keep(uint8_t* at, size_t bytes, ReadOutcome& outcome) {
  const size_t least = wire::kVirtioHeader + wire::kEthernetHeader;
  uint8_t* payload = at + wire::kRecordHeader;
  virtio::Header header;
  memcpy(&header, payload, sizeof header);
  if (bytes >= least && bytes - wire::kVirtioHeader > wire::kLongestFrame) {
    const size_t length = bytes - wire::kVirtioHeader;
    if (!big_.begin(header, payload + wire::kVirtioHeader, wire::kLongestFrame, BigFrame::overflow(), length)) {
      outcome.lost += 1;
    }
    return 0;
  }
  if (bytes < least) {
    outcome.lost += 1;
    return 0;
  }
  outcome.frames += 1;
  if (virtio::isTrivial(header)) {
    bytes -= wire::kVirtioHeader;
    memmove(payload, payload + wire::kVirtioHeader, bytes);
    wire::putHeader(at, wire::kFrame, bytes);
  } else {
    virtio::normalise(header);
    memcpy(payload, &header, sizeof header);
    wire::putHeader(at, wire::kOffload, bytes);
  }
  return wire::kRecordHeader + bytes;
}

void Tap::write(const uint8_t* at, const uint8_t* end, WriteOutcome& outcome) {
  const bool whole = forEachJoined(
      at, end, mtu_, [&](Chain& chain) { putJoined(chain, outcome); },
      [&](const wire::Record& record) { put(record, outcome); });
  if (!whole) outcome.refused += 1;
}

/// Writes what was joined as one frame; one by one when the kernel does not take it so.
void Tap::putJoined(Chain& chain, WriteOutcome& outcome) {
  iovec parts[Chain::kMostParts];
  const int count = static_cast<int>(chain.parts(parts));
  ssize_t written;
  do {
    written = ::writev(fd(), parts, count);
  } while (written < 0 && errno == EINTR);
  const size_t segments = chain.segments();
  if (written < 0) {
    for (size_t i = 0; i < segments; i += 1) put(chain.segment(i), outcome);
    return;
  }
  outcome.written += static_cast<int32_t>(segments);
  outcome.writtenBytes += static_cast<int32_t>(chain.bytes());
}

void Tap::put(const wire::Record& record, WriteOutcome& outcome) {
  Packed packed;
  if (!pack(record, mtu_, packed, outcome)) return;
  iovec parts[2] = {{&packed.header, sizeof packed.header}, {const_cast<uint8_t*>(packed.frame), packed.length}};
  ssize_t written;
  do {
    written = ::writev(fd(), parts, 2);
  } while (written < 0 && errno == EINTR);
  tally(packed, written < 0 ? errno : 0, outcome);
}

unsigned Tap::setOffload(bool on) {
  if (on) {
    for (const unsigned bits : kOffloadSets) {
      if (ioctl(fd(), TUNSETOFFLOAD, static_cast<unsigned long>(bits)) == 0) return bits;
    }
  }
  ioctl(fd(), TUNSETOFFLOAD, 0UL);
  return 0;
}

/// Opens and attaches; gives 0 or an errno, with what was tried in `step`.
int attach(const Request& request, Fd& out, std::string& step) {
  step = "/dev/net/tun";
  Fd fd(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return errno;
  ifreq ifr{};
  ifr.ifr_flags = static_cast<short>(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (request.create ? IFF_TUN_EXCL : 0) |
                                     (request.multiQueue ? IFF_MULTI_QUEUE : 0));
  request.name.copy(ifr.ifr_name, IFNAMSIZ - 1);
  step = "TUNSETIFF " + request.name;
  if (ioctl(fd.get(), TUNSETIFF, &ifr) != 0) return errno;
  int headerSize = sizeof(virtio::Header);
  int littleEndian = 1;
  step = "TUNSETVNETHDRSZ";
  if (ioctl(fd.get(), TUNSETVNETHDRSZ, &headerSize) != 0) return errno;
  step = "TUNSETVNETLE";
  if (ioctl(fd.get(), TUNSETVNETLE, &littleEndian) != 0) return errno;
  out = std::move(fd);
  return 0;
}

/// Takes over one end of a pair of datagram sockets, which then carries frames as a TAP does; any other descriptor stays its
/// owner's.
int takeSocket(int socket, Fd& out) {
  int domain = 0, type = 0;
  socklen_t size = sizeof domain;
  if (getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0) return errno;
  size = sizeof type;
  if (getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &size) != 0) return errno;
  if (domain != AF_UNIX || type != SOCK_DGRAM) return EPROTOTYPE;
  out = Fd(socket);
  return 0;
}

bool readRequest(napi_env env, napi_value name, napi_value create, napi_value multiQueue, Request& out) {
  if (napi::toString(env, name, out.name) && !out.name.empty() && out.name.size() < IFNAMSIZ &&
      napi::toBool(env, create, out.create) && napi::toBool(env, multiQueue, out.multiQueue)) {
    return true;
  }
  napi::throwType(env, "new Tap(name, create, multiQueue, outcome, onReadable)");
  return false;
}

napi_value construct(napi_env env, napi_callback_info info) {
  if (!napi::calledWithNew(env, info)) return nullptr;
  napi::Call<5> call(env, info);
  Request request;
  Fd fd;
  std::string step = "socket of frames";
  uint32_t socket = 0;
  int error = 0;
  if (napi::toUint32(env, call.args[0], socket)) {
    error = takeSocket(static_cast<int>(socket), fd);
  } else {
    if (!readRequest(env, call.args[0], call.args[1], call.args[2], request)) return nullptr;
    error = attach(request, fd, step);
  }
  if (error != 0) {
    napi::throwErrno(env, error, step);
    return nullptr;
  }
  return Port::adopt(env, call.self, std::make_unique<Tap>(std::move(fd)), call.args[3], call.args[4]);
}

napi_value jsSetOffload(napi_env env, napi_callback_info info) {
  napi::Call<1> call(env, info);
  auto* tap = call.unwrap<Tap>(env);
  bool on = false;
  napi_value bits = nullptr;
  if (tap == nullptr || !napi::toBool(env, call.args[0], on)) return nullptr;
  napi_create_uint32(env, tap->setOffload(on), &bits);
  return bits;
}

napi_value jsPersist(napi_env env, napi_callback_info info) {
  napi::Call<1> call(env, info);
  auto* tap = call.unwrap<Tap>(env);
  bool on = false;
  if (tap == nullptr || !napi::toBool(env, call.args[0], on)) return nullptr;
  if (ioctl(tap->fd(), TUNSETPERSIST, static_cast<unsigned long>(on)) != 0) {
    napi::throwErrno(env, errno, "TUNSETPERSIST");
  }
  return nullptr;
}

}  // namespace

napi_value defineTap(napi_env env) {
  auto methods = Port::methods();
  methods.push_back({"setOffload", nullptr, jsSetOffload, nullptr, nullptr, nullptr, napi_default_method, nullptr});
  methods.push_back({"persist", nullptr, jsPersist, nullptr, nullptr, nullptr, napi_default_method, nullptr});
  napi_value constructor = nullptr;
  napi_define_class(env, "Tap", NAPI_AUTO_LENGTH, construct, nullptr, methods.size(), methods.data(), &constructor);
  return constructor;
}
