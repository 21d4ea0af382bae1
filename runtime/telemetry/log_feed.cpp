#include "runtime/telemetry/log_feed.hpp"
#include <algorithm>
#include <chrono>
#include <deque>
#include <fmt/format.h>
#include <mutex>
#include <vector>

namespace actord::telemetry {

// The lines of a level and form. Those who log append, under a lock that nobody holds for longer than it takes to copy pointers.
struct log_feed::channel {
  using line = std::shared_ptr<const std::string>;
  const log::level minimum;
  const bool json;
  std::mutex mutex; // guards the rest
  std::deque<line> lines;
  size_t bytes = 0;
  uint64_t end = 0; // number of the line that comes next
  size_t listeners = 0; // guarded by the hub's mutex

  channel(log::level m, bool j) : minimum(m), json(j) {}

  void append(line l) {
    std::lock_guard hold(mutex);
    bytes += l->size();
    lines.push_back(std::move(l));
    ++end;
    while (lines.size() > most_kept_lines || (bytes > most_kept_bytes && lines.size() > 1)) {
      bytes -= lines.front()->size();
      lines.pop_front();
    }
  }
};

// One sink of the log feeds all channels. Called under the log's lock, so it never calls the log itself.
struct log_feed::hub {
  std::mutex mutex; // guards the rest; taken inside the log's lock, hence never held while the log is called
  std::vector<std::shared_ptr<channel>> channels;
  size_t listeners = 0;

  static hub& only() {
    static auto* one = new hub; // lines may still come when the process ends
    return *one;
  }

  static std::string format(const log::record& r, bool json) { return json ? log::format_json(r) : log::format_line(r); }

  void hear(const log::record& r) {
    std::lock_guard hold(mutex);
    channel::line formatted[2];
    for (auto& c : channels) {
      if (r.lvl < c->minimum) continue;
      auto& line = formatted[c->json];
      if (!line) line = std::make_shared<const std::string>(format(r, c->json));
      c->append(line);
    }
  }

  log::level lowest() {
    std::lock_guard hold(mutex);
    auto low = log::level::off;
    for (auto& c : channels) low = std::min(low, c->minimum);
    return low;
  }
  // What the log is asked for; in the order in which channels come and go.
  void refresh() {
    static std::mutex order;
    std::lock_guard hold(order);
    static const int sink = log::add_sink(log::level::off, [](const log::record& r) { only().hear(r); });
    log::set_sink_level(sink, lowest());
  }
};

log_feed::log_feed(std::shared_ptr<channel> from) : from_(std::move(from)) {
  std::lock_guard hold(from_->mutex);
  next_ = from_->end;
}

result<std::unique_ptr<log_feed>> log_feed::open(log::level minimum, bool json) {
  auto& h = hub::only();
  std::unique_ptr<log_feed> out;
  {
    std::lock_guard hold(h.mutex);
    if (h.listeners >= most_log_listeners) return error{errc::rate_limited, fmt::format("{} clients listen to the log already", h.listeners)};
    auto at = std::find_if(h.channels.begin(), h.channels.end(), [&](auto& c) { return c->minimum == minimum && c->json == json; });
    if (at == h.channels.end()) at = h.channels.insert(h.channels.end(), std::make_shared<channel>(minimum, json));
    out.reset(new log_feed(*at));
    ++h.listeners;
    ++(*at)->listeners;
  }
  h.refresh();
  return out;
}

log_feed::~log_feed() {
  auto& h = hub::only();
  {
    std::lock_guard hold(h.mutex);
    --h.listeners;
    if (--from_->listeners == 0) std::erase(h.channels, from_);
  }
  h.refresh();
}

std::string log_feed::take() {
  std::vector<channel::line> news;
  uint64_t missed = 0;
  {
    std::lock_guard hold(from_->mutex);
    const uint64_t first = from_->end - from_->lines.size();
    missed = std::max(first, next_) - next_;
    const auto skip = static_cast<ptrdiff_t>(next_ + missed - first);
    news.assign(from_->lines.begin() + skip, from_->lines.end());
    next_ = from_->end;
  }
  std::string out;
  if (missed > 0) {
    const auto text = fmt::format("Monitor dropped {} logs during monitor request", missed);
    const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
    out = hub::format({log::level::warn, now, "agent", text}, from_->json);
  }
  for (auto& l : news) out += *l;
  return out;
}

} // namespace actord::telemetry
