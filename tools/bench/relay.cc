// The least that a relay between a TAP and a TCP connection can do: records with virtio-net headers in the form of
// OFFLOAD, no filter, no counters, no control. What it reaches is what this kernel leaves to any program of the kind.
//
//     relay listen|connect ADDRESS PORT 1|2       on tap0; with 2, each direction has a thread of its own
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "fd.h"
#include "records.h"

namespace {

/// As io/device/queue-governor.ts has it.
constexpr size_t kBatch = 192 << 10;
/// The servers have a bound that follows the rate (io/net/unsent-bound.ts).
constexpr int kUnsent = 128 << 10;
constexpr size_t kReceive = 1 << 20;

[[noreturn]] void fail(const char* what) {
  perror(what);
  exit(1);
}

int must(int result, const char* what) {
  if (result < 0) fail(what);
  return result;
}

Fd openTap(const char* name) {
  Fd tap(must(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), "/dev/net/tun"));
  ifreq request{};
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  must(ioctl(tap.get(), TUNSETIFF, &request), "TUNSETIFF");
  int size = wire::kVirtioHeader;
  must(ioctl(tap.get(), TUNSETVNETHDRSZ, &size), "TUNSETVNETHDRSZ");
  must(ioctl(tap.get(), TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN), "TUNSETOFFLOAD");
  return tap;
}

Fd openWire(const std::string& role, const char* address, const char* port) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(static_cast<uint16_t>(atoi(port)));
  if (inet_aton(address, &name.sin_addr) == 0) {
    fprintf(stderr, "%s is no IPv4 address\n", address);
    exit(2);
  }
  const auto* generic = reinterpret_cast<const sockaddr*>(&name);
  Fd first(must(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  Fd wire;
  if (role == "listen") {
    must(::bind(first.get(), generic, sizeof name), "bind");
    must(::listen(first.get(), 1), "listen");
    printf("READY\n");
    fflush(stdout);
    wire = Fd(must(::accept(first.get(), nullptr, nullptr), "accept"));
  } else {
    must(::connect(first.get(), generic, sizeof name), "connect");
    wire = std::move(first);
  }
  const int on = 1;
  must(setsockopt(wire.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "TCP_NODELAY");
  must(setsockopt(wire.get(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kUnsent, sizeof kUnsent), "TCP_NOTSENT_LOWAT");
  return wire;
}

class Relay {
 public:
  Relay(Fd tap, Fd wire) : tap_(std::move(tap)), wire_(std::move(wire)) {}

  void inOneThread() {
    for (;;) {
      pollfd both[] = {{tap_.get(), POLLIN, 0}, {wire_.get(), POLLIN, 0}};
      must(poll(both, 2, -1), "poll");
      if (both[1].revents != 0) toTap();
      if (both[0].revents != 0) toWire();
    }
  }

  void inTwoThreads() {
    alone_ = false;
    std::thread there([this] {
      for (;;) {
        pollfd one{tap_.get(), POLLIN, 0};
        must(poll(&one, 1, -1), "poll");
        toWire();
      }
    });
    for (;;) toTap();
  }

 private:
  void toWire() {
    size_t used = 0;
    while (used < kBatch) {
      uint8_t* at = &read_[used];
      const ssize_t bytes = ::read(tap_.get(), at + wire::kRecordHeader, wire::kRecordRoom - wire::kRecordHeader);
      if (bytes < 0 && errno == EAGAIN) break;
      if (bytes < 0) fail("read");
      wire::putHeader(at, wire::kOffload, static_cast<size_t>(bytes));
      used += wire::kRecordHeader + static_cast<size_t>(bytes);
    }
    for (size_t sent = 0; sent < used;) {
      const ssize_t bytes = ::send(wire_.get(), &read_[sent], used - sent, MSG_DONTWAIT);
      if (bytes >= 0) {
        sent += static_cast<size_t>(bytes);
      } else if (errno == EAGAIN) {
        awaitRoom();
      } else {
        fail("send");
      }
    }
  }

  /// Goes on receiving meanwhile when nobody else does: two relays that wait for each other would wait for ever.
  void awaitRoom() {
    pollfd one{wire_.get(), static_cast<short>(alone_ ? POLLIN | POLLOUT : POLLOUT), 0};
    must(poll(&one, 1, -1), "poll");
    if ((one.revents & POLLIN) != 0) toTap();
  }

  void toTap() {
    const ssize_t bytes = ::recv(wire_.get(), &received_[held_], kReceive, 0);
    if (bytes <= 0) exit(0);
    held_ += static_cast<size_t>(bytes);
    wire::Reader reader(received_.data(), received_.data() + held_);
    wire::Record record;
    size_t done = 0;
    while (reader.next(record)) {
      done += wire::kRecordHeader + record.length;
      // What a TAP refuses, while it is down, is lost as on a cable.
      if (::write(tap_.get(), record.payload, record.length) < 0 && errno != EIO) fail("write");
    }
    held_ -= done;
    memmove(received_.data(), &received_[done], held_);
  }

  Fd tap_;
  Fd wire_;
  bool alone_ = true;
  std::vector<uint8_t> read_ = std::vector<uint8_t>(kBatch + wire::kRecordRoom);
  std::vector<uint8_t> received_ = std::vector<uint8_t>(kReceive + wire::kRecordRoom);
  size_t held_ = 0;
};

}  // namespace

int main(int count, char** words) {
  if (count != 5) {
    fprintf(stderr, "usage: relay listen|connect ADDRESS PORT 1|2\n");
    return 2;
  }
  Fd tap = openTap("tap0");
  Relay relay(std::move(tap), openWire(words[1], words[2], words[3]));
  printf("UP\n");
  fflush(stdout);
  if (std::string(words[4]) == "2") relay.inTwoThreads();
  relay.inOneThread();
}
