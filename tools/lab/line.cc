// A long way between two namespaces: two TAPs with a delay, loss, a rate, a queue, reordering and cuts between them,
// each direction by itself. For kernels without sch_netem.
//
//     line TAP_A TAP_B [SEED]
//
// Makes both TAPs and prints READY; the caller moves them to where they belong. Then it takes lines from standard input
// and answers each with OK or ERR:
//
//     A>B|B>A|both [delay=MS] [loss=0..1] [rate=MBIT/S] [queue=MS] [reorder=0..1] [cut=0|1]
//     counters
//
// A frame first waits for its place on a sender of `rate` (it is dropped when that is more than `queue` behind), then
// `delay`; a reordered one does without the delay, so that it overtakes. What is cut is dropped.
// It ends with its standard input.
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace {

using Nanos = int64_t;
constexpr size_t kMostFrameBytes = 9100;
/// Frames on their way in one direction; past that they are dropped as by a full queue. 1 Gbit/s for 1.5 s.
constexpr size_t kMostFrames = 131072;
/// Besides the frame itself a wire carries preamble, checksum and the gap between frames.
constexpr int kEthernetOverhead = 24;
constexpr int kFramesPerTurn = 64;

Nanos Now() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

struct Conditions {
  double delay_ms = 0, loss = 0, rate_mbit = 0, queue_ms = 50, reorder = 0;
  bool cut = false;
};

struct Frame {
  Nanos due;
  std::vector<uint8_t> bytes;
};

/// xorshift64*; each direction has its own, so that what one loses does not depend on the other.
class Dice {
 public:
  explicit Dice(uint64_t seed) : state_((seed + 1) * 0x9e3779b97f4a7c15ULL) {}
  bool Hits(double share) {
    if (share <= 0) return false;
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return static_cast<double>((state_ * 0x2545f4914f6cdd1dULL) >> 11) / 9007199254740992.0 < share;
  }

 private:
  uint64_t state_;
};

class Direction {
 public:
  Direction(int in, int out, uint64_t seed) : in_(in), out_(out), dice_(seed) {}

  Conditions conditions;

  void Read(Nanos now) {
    for (int n = 0; n < kFramesPerTurn; n++) {
      std::vector<uint8_t> bytes = TakeBuffer();
      const ssize_t length = read(in_, bytes.data(), bytes.size());
      if (length <= 0) {
        free_.push_back(std::move(bytes));
        return;
      }
      Accept(std::move(bytes), static_cast<size_t>(length), now);
    }
  }

  /// @returns when the next frame is due, or `latest`
  Nanos Deliver(Nanos now, Nanos latest) {
    for (std::deque<Frame>* queue : {&overtaking_, &waiting_}) {
      while (!queue->empty() && queue->front().due <= now) {
        Frame& frame = queue->front();
        if (write(out_, frame.bytes.data(), frame.bytes.size()) < 0) {
          // The far interface takes nothing more at this moment: as a full queue there would do.
          full_++;
        } else {
          carried_++;
        }
        Free(std::move(frame.bytes));
        queue->pop_front();
      }
      if (!queue->empty() && queue->front().due < latest) latest = queue->front().due;
    }
    return latest;
  }

  std::string Counters() const {
    char text[160];
    snprintf(text, sizeof text, "carried=%ld lost=%ld full=%ld cut=%ld reordered=%ld", carried_, lost_, full_, cut_,
             reordered_);
    return text;
  }

 private:
  void Accept(std::vector<uint8_t> bytes, size_t length, Nanos now) {
    bytes.resize(length);
    if (busy_ < now) busy_ = now;
    const bool behind = conditions.rate_mbit > 0 && busy_ - now > conditions.queue_ms * 1e6;
    if (behind || waiting_.size() + overtaking_.size() >= kMostFrames) return Drop(full_, std::move(bytes));
    if (conditions.rate_mbit > 0) {
      busy_ += static_cast<Nanos>((length + kEthernetOverhead) * 8 * 1000 / conditions.rate_mbit);
    }
    if (conditions.cut) return Drop(cut_, std::move(bytes));
    if (dice_.Hits(conditions.loss)) return Drop(lost_, std::move(bytes));
    if (dice_.Hits(conditions.reorder)) {
      reordered_++;
      overtaking_.push_back({busy_, std::move(bytes)});
      return;
    }
    // A shorter delay from now on lets no frame overtake those that are under way.
    last_due_ = std::max(last_due_, busy_ + static_cast<Nanos>(conditions.delay_ms * 1e6));
    waiting_.push_back({last_due_, std::move(bytes)});
  }

  void Drop(long& counter, std::vector<uint8_t> bytes) {
    counter++;
    Free(std::move(bytes));
  }

  std::vector<uint8_t> TakeBuffer() {
    if (free_.empty()) return std::vector<uint8_t>(kMostFrameBytes);
    std::vector<uint8_t> bytes = std::move(free_.back());
    free_.pop_back();
    bytes.resize(kMostFrameBytes);
    return bytes;
  }

  void Free(std::vector<uint8_t> bytes) {
    if (free_.size() < 256) free_.push_back(std::move(bytes));
  }

  const int in_, out_;
  Dice dice_;
  Nanos busy_ = 0, last_due_ = 0;
  std::deque<Frame> waiting_, overtaking_;
  std::vector<std::vector<uint8_t>> free_;
  long carried_ = 0, lost_ = 0, full_ = 0, cut_ = 0, reordered_ = 0;
};

int MakeTap(const char* name) {
  const int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  ifreq request = {};
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
  if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0) {
    perror(name);
    exit(1);
  }
  return fd;
}

/// @returns what is wrong with the word, or an empty text
std::string Set(Conditions& conditions, const std::string& word) {
  const size_t equals = word.find('=');
  if (equals == std::string::npos) return "what is " + word;
  const std::string name = word.substr(0, equals);
  char* end = nullptr;
  const double value = strtod(word.c_str() + equals + 1, &end);
  if (*end != 0 || end == word.c_str() + equals + 1 || !(value >= 0)) return "no number: " + word;
  if ((name == "loss" || name == "reorder") && value > 1) return "from 0 to 1: " + word;
  if (name == "delay") conditions.delay_ms = value;
  else if (name == "loss") conditions.loss = value;
  else if (name == "rate") conditions.rate_mbit = value;
  else if (name == "queue") conditions.queue_ms = value;
  else if (name == "reorder") conditions.reorder = value;
  else if (name == "cut") conditions.cut = value != 0;
  else return "what is " + name;
  return "";
}

std::vector<std::string> Words(const std::string& line) {
  std::vector<std::string> words;
  size_t at = 0;
  while ((at = line.find_first_not_of(' ', at)) != std::string::npos) {
    const size_t end = line.find(' ', at);
    words.push_back(line.substr(at, end - at));
    at = end == std::string::npos ? line.size() : end;
  }
  return words;
}

std::string Carry(const std::string& line, Direction& forth, Direction& back) {
  const std::vector<std::string> words = Words(line);
  if (words.empty()) return "ERR an empty line";
  if (words[0] == "counters") return "OK A>B " + forth.Counters() + " B>A " + back.Counters();
  const bool both = words[0] == "both";
  if (!both && words[0] != "A>B" && words[0] != "B>A") return "ERR A>B, B>A or both, not " + words[0];
  Conditions wanted[2] = {forth.conditions, back.conditions};
  for (size_t i = 1; i < words.size(); i++) {
    for (Conditions& conditions : wanted) {
      const std::string wrong = Set(conditions, words[i]);
      if (!wrong.empty()) return "ERR " + wrong;
    }
  }
  if (both || words[0] == "A>B") forth.conditions = wanted[0];
  if (both || words[0] == "B>A") back.conditions = wanted[1];
  return "OK";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3 || argc > 4) {
    fprintf(stderr, "usage: line TAP_A TAP_B [SEED]\n");
    return 2;
  }
  // Without it the kernel rounds each wait up by 50 microseconds.
  prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
  const uint64_t seed = argc > 3 ? strtoull(argv[3], nullptr, 10) : 0;
  const int a = MakeTap(argv[1]), b = MakeTap(argv[2]);
  Direction forth(a, b, seed * 2), back(b, a, seed * 2 + 1);
  printf("READY\n");
  fflush(stdout);
  std::string typed;
  for (;;) {
    const Nanos now = Now();
    forth.Read(now);
    back.Read(now);
    const Nanos latest = Now() + 100000000LL;
    const Nanos next = std::min(forth.Deliver(Now(), latest), back.Deliver(Now(), latest));
    pollfd polled[3] = {{a, POLLIN, 0}, {b, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    const Nanos wait = std::max<Nanos>(0, next - Now());
    const timespec timeout = {wait / 1000000000LL, wait % 1000000000LL};
    if (ppoll(polled, 3, &timeout, nullptr) < 0 && errno != EINTR) {
      perror("ppoll");
      return 1;
    }
    if ((polled[2].revents & (POLLIN | POLLHUP)) == 0) continue;
    char text[1024];
    const ssize_t length = read(STDIN_FILENO, text, sizeof text);
    if (length == 0) return 0;
    if (length > 0) typed.append(text, static_cast<size_t>(length));
    for (size_t end; (end = typed.find('\n')) != std::string::npos; typed.erase(0, end + 1)) {
      printf("%s\n", Carry(typed.substr(0, end), forth, back).c_str());
      fflush(stdout);
    }
  }
}
