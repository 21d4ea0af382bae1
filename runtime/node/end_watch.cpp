#include "runtime/node/end_watch.hpp"
#include "runtime/base/file_wait.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/thread_start.hpp"
#include <fmt/format.h>
#include <memory>

namespace actord {

namespace {

constexpr std::chrono::milliseconds look_again{50}, words_take{500};

// The log's lines may be what cannot be written.
void say(const std::string& text) {
  const auto said = std::make_shared<std::atomic<bool>>(false);
  auto t = start_thread("last-words", [said, text] {
    log::err("agent", "{}", text);
    *said = true;
  });
  if (!t) return;
  t->detach();
  for (auto left = words_take; !*said && left.count() > 0; left -= look_again) std::this_thread::sleep_for(look_again);
}

} // namespace

std::string waits_for_disk() {
  std::string out;
  for (const auto& [path, since] : file_waits()) out += fmt::format("{}{} (for {} s)", out.empty() ? "" : ", ", path, since.count() / 1000);
  return out;
}

end_watch::end_watch(event_source& events, std::chrono::milliseconds patience, std::function<void()> end) : events_(events) {
  auto t = start_thread("end-watch", [this, patience, end = std::move(end)] { run(patience, end); });
  if (t) thread_ = std::move(*t); // else the end has no bound
}

end_watch::~end_watch() {
  over_ = true;
  if (thread_.joinable()) thread_.join();
}

void end_watch::run(std::chrono::milliseconds patience, const std::function<void()>& end) {
  const auto until = std::chrono::steady_clock::now() + patience;
  std::string why;
  while (!over_ && why.empty()) {
    const auto e = events_.next(look_again);
    if (e == node_event::interrupt || e == node_event::terminate) why = "signalled once more";
    else if (std::chrono::steady_clock::now() >= until) why = fmt::format("{} s after it was to end", patience.count() / 1000);
  }
  if (over_) return;
  const auto disk = waits_for_disk();
  say(fmt::format("ending without waiting any longer: {}, this process still waits for {}{}{}", why, step_.load(), disk.empty() ? "" : ", and for the disk: ", disk));
  end();
}

} // namespace actord
