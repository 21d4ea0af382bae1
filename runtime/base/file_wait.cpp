#include "runtime/base/file_wait.hpp"
#include "runtime/base/thread_start.hpp"
#include <algorithm>
#include <array>
#include <condition_variable>
#include <mutex>

namespace actord {

namespace {

using clock = std::chrono::steady_clock;
constexpr int none = -1;

struct place {
  const std::string* path = nullptr;
  clock::time_point since;
  clock::duration next{}; // told again after so long
};

struct board {
  std::mutex mutex; // guards the rest
  std::array<place, 16> places; // who finds none is not told of
  std::condition_variable wake;
  bool telling = false;
};

// Never destroyed: a thread may hang in one of the calls when the process ends.
board& all() {
  static auto* one = new board;
  return *one;
}

thread_local constinit bool waits = false;

void tell(std::chrono::milliseconds patience, const std::function<void(const std::string&, std::chrono::seconds)>& say) {
  auto& b = all();
  std::unique_lock hold(b.mutex);
  while (b.telling) {
    b.wake.wait_for(hold, patience / 4);
    for (auto& p : b.places) {
      if (!b.telling || p.path == nullptr) continue;
      const auto took = clock::now() - p.since;
      if (took < std::max<clock::duration>(p.next, patience)) continue;
      p.next = took * 2;
      const auto path = *p.path;
      hold.unlock();
      say(path, std::chrono::duration_cast<std::chrono::seconds>(took));
      hold.lock();
    }
  }
}

} // namespace

file_wait::file_wait(const std::string& path) noexcept : slot_(none) {
  if (waits) return;
  auto& b = all();
  std::lock_guard hold(b.mutex);
  for (size_t i = 0; i < b.places.size() && slot_ == none; ++i)
    if (b.places[i].path == nullptr) slot_ = static_cast<int>(i);
  if (slot_ == none) return;
  b.places[static_cast<size_t>(slot_)] = {&path, clock::now(), {}};
  waits = true;
}

file_wait::~file_wait() {
  if (slot_ == none) return;
  auto& b = all();
  std::lock_guard hold(b.mutex);
  b.places[static_cast<size_t>(slot_)].path = nullptr;
  waits = false;
}

void tell_file_waits(std::chrono::milliseconds patience, std::function<void(const std::string&, std::chrono::seconds)> say) {
  auto& b = all();
  {
    std::lock_guard hold(b.mutex);
    if (b.telling) return;
    b.telling = true;
  }
  auto t = start_thread("file-waits", [patience, say = std::move(say)] { tell(patience, say); });
  if (t) t->detach();
}

std::vector<std::pair<std::string, std::chrono::milliseconds>> file_waits() {
  auto& b = all();
  std::lock_guard hold(b.mutex);
  std::vector<std::pair<std::string, std::chrono::milliseconds>> out;
  for (const auto& p : b.places)
    if (p.path != nullptr) out.emplace_back(*p.path, std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - p.since));
  return out;
}

void stop_telling_file_waits() {
  auto& b = all();
  std::lock_guard hold(b.mutex);
  b.telling = false;
  b.wake.notify_all();
}

} // namespace actord
