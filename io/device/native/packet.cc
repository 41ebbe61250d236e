// An AF_PACKET socket that captures and injects, with virtio-net headers (packet(7), linux/if_packet.h).
//
// The kernel's virtio header here has 10 bytes (no num_buffers). VLAN tags come apart from the frame, in
// PACKET_AUXDATA, and are put back; csum_start counts without them and is put right.
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "big.h"
#include "devices.h"
#include "napi.h"
#include "port.h"
#include "records.h"
#include "virtio.h"

namespace {

constexpr size_t kKernelHeader = 10;
constexpr size_t kMacs = 12;
constexpr int kMostFrames = 512;
constexpr size_t kWriteBatch = 64;
/// Memory that captured frames may take in the kernel while nobody reads: a few milliseconds at full speed.
constexpr int kReceiveBuffer = 4 << 20;
constexpr int kSendBuffer = 1 << 20;

/// What recvmsg told of a frame beside its bytes.
struct Arrival {
  virtio::Header header;
  bool tagged;
  uint16_t tpid;
  uint16_t tci;
};

class PacketSocket final : public Port {
 public:
  PacketSocket(Fd fd, int ifindex) : Port(std::move(fd)), ifindex_(ifindex) {}

  void read(uint8_t* at, uint8_t* limit, ReadOutcome& outcome) override;
  void write(const uint8_t* at, const uint8_t* end, WriteOutcome& outcome) override;
  /// Frames dropped for want of room since the last call.
  uint32_t drops();

 private:
  ssize_t receive(uint8_t* frame, Arrival& arrival, int& flags);
  size_t keepBig(uint8_t* frame, size_t bytes, Arrival& arrival, ReadOutcome& outcome);
  size_t keep(uint8_t* at, size_t lead, size_t bytes, Arrival& arrival, ReadOutcome& outcome);
  void send(size_t count, WriteOutcome& outcome);
  bool stands() const;

  int ifindex_;
  BigFrame big_;
  /// Where the last frame would have had to lie; the next one is likely of the same kind and then is not moved.
  size_t lead_ = 0;
  Packed packed_[kWriteBatch];
  iovec parts_[kWriteBatch][2];
  mmsghdr messages_[kWriteBatch];
};

ssize_t PacketSocket::receive(uint8_t* frame, Arrival& arrival, int& flags) {
  iovec parts[3] = {{&arrival.header, kKernelHeader},
                    {frame, wire::kLongestFrame},
                    {BigFrame::overflow(), BigFrame::kOverflow}};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(tpacket_auxdata))];
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 3;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t bytes = ::recvmsg(fd(), &message, 0);
  if (bytes < 0) return bytes;
  flags = message.msg_flags;
  arrival.tagged = false;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_PACKET || part->cmsg_type != PACKET_AUXDATA) continue;
    tpacket_auxdata aux;
    memcpy(&aux, CMSG_DATA(part), sizeof aux);
    if ((aux.tp_status & TP_STATUS_VLAN_VALID) == 0) continue;
    arrival.tagged = true;
    arrival.tci = aux.tp_vlan_tci;
    arrival.tpid = (aux.tp_status & TP_STATUS_VLAN_TPID_VALID) != 0 ? aux.tp_vlan_tpid : ETH_P_8021Q;
  }
  return bytes;
}

void PacketSocket::read(uint8_t* const start, uint8_t* limit, ReadOutcome& outcome) {
  uint8_t* at = start;
  outcome.state = 1;
  for (int tries = 0; tries < kMostFrames; tries += 1) {
    if (static_cast<size_t>(limit - at) < wire::kRecordRoom) break;
    if (big_.pending()) {
      at += big_.next(at);
      outcome.frames += 1;
      continue;
    }
    Arrival arrival;
    int flags = 0;
    const size_t lead = lead_;
    const ssize_t bytes = receive(at + wire::kRecordHeader + lead, arrival, flags);
    if (bytes >= static_cast<ssize_t>(kKernelHeader + wire::kEthernetHeader) && (flags & MSG_TRUNC) == 0) {
      at += keep(at, lead, static_cast<size_t>(bytes) - kKernelHeader, arrival, outcome);
    } else if (bytes >= 0) {
      outcome.lost += 1;
    } else if (errno == EAGAIN) {
      outcome.state = 0;
      break;
    } else if (errno == EINVAL || errno == ENOMEM || errno == ENOBUFS) {
      outcome.lost += 1;  // a frame that has no form as virtio header, e.g. a tunnel's super-frame
    } else if (errno == ENETDOWN && stands()) {
      continue;  // taken down, not away: frames come again when it is up
    } else if (errno != EINTR) {
      outcome.state = -errno;
      break;
    }
  }
  if (outcome.state == 1 && big_.pending()) outcome.state = 2;
  outcome.end = static_cast<int32_t>(at - start);
}

/// A VLAN tag takes the place of the last four bytes of the MAC addresses, which have moved to the front.
void putTag(uint8_t* frame, const Arrival& arrival) {
  const uint16_t tpid = htons(arrival.tpid);
  const uint16_t tci = htons(arrival.tci);
  memmove(frame, frame + wire::kVlanTag, kMacs);
  memcpy(frame + kMacs, &tpid, sizeof tpid);
  memcpy(frame + kMacs + 2, &tci, sizeof tci);
}

/// A frame of `bytes` that with its tag is too long for a record. @returns 0: its records come one by one
size_t PacketSocket::keepBig(uint8_t* frame, size_t bytes, Arrival& arrival, ReadOutcome& outcome) {
  virtio::Header& header = arrival.header;
  const size_t head = bytes < wire::kLongestFrame ? bytes : wire::kLongestFrame;
  const size_t tag = arrival.tagged ? wire::kVlanTag : 0;
  header.checksumStart += static_cast<uint16_t>(tag);
  // There is room for a tag in front: the record's own header, whose place nobody needs.
  if (arrival.tagged) putTag(frame - tag, arrival);
  if (!big_.begin(header, frame - tag, tag + head, BigFrame::overflow(), tag + bytes)) outcome.lost += 1;
  return 0;
}

/// Makes a record of the frame that lies at `at + 4 + lead`. @returns its length, 0 when it is too long for one
size_t PacketSocket::keep(uint8_t* at, size_t lead, size_t bytes, Arrival& arrival, ReadOutcome& outcome) {
  virtio::Header& header = arrival.header;
  const bool offload = !virtio::isTrivial(header);
  const size_t front = offload ? wire::kVirtioHeader : 0;
  const size_t tag = arrival.tagged ? wire::kVlanTag : 0;
  if (tag + bytes > wire::kLongestFrame) {
    return keepBig(at + wire::kRecordHeader + lead, bytes, arrival, outcome);
  }
  outcome.frames += 1;
  uint8_t* payload = at + wire::kRecordHeader;
  lead_ = front + tag;
  if (lead != lead_) memmove(payload + lead_, payload + lead, bytes);
  if (arrival.tagged) putTag(payload + front, arrival);
  if (offload) {
    virtio::normalise(header);
    if ((header.flags & virtio::kNeedsChecksum) != 0) header.checksumStart += static_cast<uint16_t>(tag);
    if (header.headerLength != 0) header.headerLength += static_cast<uint16_t>(tag);
    memcpy(payload, &header, sizeof header);
  }
  const size_t length = front + tag + bytes;
  wire::putHeader(at, offload ? wire::kOffload : wire::kFrame, length);
  return wire::kRecordHeader + length;
}

void PacketSocket::write(const uint8_t* at, const uint8_t* end, WriteOutcome& outcome) {
  wire::Reader reader(at, end);
  wire::Record record;
  size_t count = 0;
  while (reader.next(record)) {
    Packed& packed = packed_[count];
    if (!pack(record, mtu_, packed, outcome)) continue;
    parts_[count][0] = {&packed.header, kKernelHeader};
    parts_[count][1] = {const_cast<uint8_t*>(packed.frame), packed.length};
    messages_[count] = {};
    messages_[count].msg_hdr.msg_iov = parts_[count];
    messages_[count].msg_hdr.msg_iovlen = 2;
    count += 1;
    if (count == kWriteBatch) {
      send(count, outcome);
      count = 0;
    }
  }
  send(count, outcome);
  if (reader.torn()) outcome.refused += 1;
}

/// sendmmsg ends early at a frame that fails and keeps that error to itself: the next round asks again.
void PacketSocket::send(size_t count, WriteOutcome& outcome) {
  size_t done = 0;
  while (done < count) {
    const int sent = ::sendmmsg(fd(), messages_ + done, static_cast<unsigned>(count - done), 0);
    if (sent < 0 && errno == EINTR) continue;
    for (int i = 0; i < sent; i += 1) tally(packed_[done++], 0, outcome);
    if (sent > 0) continue;
    const int error = errno;
    tally(packed_[done++], error, outcome);
    // Full is full: what follows is dropped as well, without asking the kernel for each.
    while (error == EAGAIN && done < count) tally(packed_[done++], error, outcome);
  }
}

bool PacketSocket::stands() const {
  ifreq ifr{};
  ifr.ifr_ifindex = ifindex_;
  return ioctl(fd(), SIOCGIFNAME, &ifr) == 0;
}

uint32_t PacketSocket::drops() {
  tpacket_stats stats{};
  socklen_t size = sizeof stats;
  return getsockopt(fd(), SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0 ? stats.tp_drops : 0;
}

bool option(int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

/// As much as the kernel gives: past its limits with CAP_NET_ADMIN, up to them without.
void sizeReceiveBuffer(int fd, int bytes) {
  if (!option(fd, SOL_SOCKET, SO_RCVBUFFORCE, bytes)) option(fd, SOL_SOCKET, SO_RCVBUF, bytes);
}

void sizeSendBuffer(int fd, int bytes) {
  if (!option(fd, SOL_SOCKET, SO_SNDBUFFORCE, bytes)) option(fd, SOL_SOCKET, SO_SNDBUF, bytes);
}

/// Opens and binds; gives 0 or an errno, with what was tried in `step`. Hears nothing before the bind.
int open(int ifindex, Fd& out, std::string& step) {
  step = "packet socket";
  Fd fd(::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return errno;
  step = "PACKET_VNET_HDR";
  if (!option(fd.get(), SOL_PACKET, PACKET_VNET_HDR, 1)) return errno;
  step = "PACKET_AUXDATA";
  if (!option(fd.get(), SOL_PACKET, PACKET_AUXDATA, 1)) return errno;
  sizeReceiveBuffer(fd.get(), kReceiveBuffer);
  sizeSendBuffer(fd.get(), kSendBuffer);
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = ifindex;
  step = "bind";
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return errno;
  packet_mreq membership{};
  membership.mr_ifindex = ifindex;
  membership.mr_type = PACKET_MR_PROMISC;
  step = "promiscuous mode";
  if (setsockopt(fd.get(), SOL_PACKET, PACKET_ADD_MEMBERSHIP, &membership, sizeof membership) != 0) return errno;
  out = std::move(fd);
  return 0;
}

napi_value construct(napi_env env, napi_callback_info info) {
  if (!napi::calledWithNew(env, info)) return nullptr;
  napi::Call<3> call(env, info);
  uint32_t ifindex = 0;
  if (!napi::toUint32(env, call.args[0], ifindex) || ifindex == 0) {
    napi::throwType(env, "new PacketSocket(ifindex, outcome, onReadable)");
    return nullptr;
  }
  Fd fd;
  std::string step;
  const int error = open(static_cast<int>(ifindex), fd, step);
  if (error != 0) {
    napi::throwErrno(env, error, step);
    return nullptr;
  }
  auto port = std::make_unique<PacketSocket>(std::move(fd), static_cast<int>(ifindex));
  return Port::adopt(env, call.self, std::move(port), call.args[1], call.args[2]);
}

/// setFilter(program): the instructions as they lie in struct sock_filter; null takes the filter off.
napi_value jsSetFilter(napi_env env, napi_callback_info info) {
  napi::Call<1> call(env, info);
  auto* port = call.unwrap<PacketSocket>(env);
  uint8_t* data = nullptr;
  size_t length = 0;
  if (port == nullptr) return nullptr;
  if (!napi::toBytes(env, call.args[0], data, length)) {
    int none = 0;
    const int result = setsockopt(port->fd(), SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof none);
    if (result != 0 && errno != ENOENT) napi::throwErrno(env, errno, "SO_DETACH_FILTER");
    return nullptr;
  }
  sock_fprog program{static_cast<uint16_t>(length / sizeof(sock_filter)), reinterpret_cast<sock_filter*>(data)};
  if (length % sizeof(sock_filter) != 0 || length / sizeof(sock_filter) > BPF_MAXINSNS) {
    napi::throwErrno(env, EINVAL, "BPF program");
  } else if (setsockopt(port->fd(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0) {
    napi::throwErrno(env, errno, "SO_ATTACH_FILTER");
  }
  return nullptr;
}

napi_value jsSetReceiveBuffer(napi_env env, napi_callback_info info) {
  napi::Call<1> call(env, info);
  auto* port = call.unwrap<PacketSocket>(env);
  uint32_t bytes = 0;
  if (port == nullptr) return nullptr;
  if (!napi::toUint32(env, call.args[0], bytes)) {
    napi::throwType(env, "setReceiveBuffer(bytes)");
  } else if (port->fd() >= 0) {
    sizeReceiveBuffer(port->fd(), static_cast<int>(bytes));
  }
  return nullptr;
}

napi_value jsDrops(napi_env env, napi_callback_info info) {
  napi::Call<0> call(env, info);
  auto* port = call.unwrap<PacketSocket>(env);
  napi_value count = nullptr;
  if (port != nullptr) napi_create_uint32(env, port->fd() < 0 ? 0 : port->drops(), &count);
  return count;
}

}  // namespace

napi_value definePacket(napi_env env) {
  auto methods = Port::methods();
  methods.push_back({"setFilter", nullptr, jsSetFilter, nullptr, nullptr, nullptr, napi_default_method, nullptr});
  methods.push_back(
      {"setReceiveBuffer", nullptr, jsSetReceiveBuffer, nullptr, nullptr, nullptr, napi_default_method, nullptr});
  methods.push_back({"drops", nullptr, jsDrops, nullptr, nullptr, nullptr, napi_default_method, nullptr});
  napi_value constructor = nullptr;
  napi_define_class(env, "PacketSocket", NAPI_AUTO_LENGTH, construct, nullptr, methods.size(), methods.data(),
                    &constructor);
  return constructor;
}
