#include "runtime/base/log.hpp"
#include <algorithm>
#include <atomic>
#include <chrono>
#include <ctime>
#include <mutex>
#include <vector>

namespace actord::log {
namespace {

struct entry {
  int id;
  level minimum;
  sink fn;
};
std::mutex lock;
std::vector<entry> sinks;
int next_id = 1;
std::atomic<level> lowest{level::off};

void refresh() {
  auto low = level::off;
  for (auto& s : sinks) low = std::min(low, s.minimum);
  lowest.store(low, std::memory_order_relaxed);
}

std::string timestamp(int64_t unix_ms) {
  auto seconds = static_cast<time_t>(unix_ms / 1000);
  tm t{};
  gmtime_r(&seconds, &t);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday,
                     t.tm_hour, t.tm_min, t.tm_sec, unix_ms % 1000);
}

void append_json(std::string& out, std::string_view s) {
  out += '"';
  for (unsigned char c : s) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c < 0x20) {
      out += fmt::format("\\u{:04x}", c);
    } else {
      out += static_cast<char>(c);
    }
  }
  out += '"';
}

} // namespace

bool parse_level(std::string_view word, level& out) {
  std::string w(word);
  std::transform(w.begin(), w.end(), w.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  if (w == "TRACE") out = level::trace;
  else if (w == "DEBUG") out = level::debug;
  else if (w == "INFO") out = level::info;
  else if (w == "WARN" || w == "WARNING") out = level::warn;
  else if (w == "ERR" || w == "ERROR") out = level::err;
  else return false;
  return true;
}

std::string_view name_of(level l) {
  switch (l) {
  case level::trace: return "TRACE";
  case level::debug: return "DEBUG";
  case level::info: return "INFO";
  case level::warn: return "WARN";
  default: return "ERROR";
  }
}

std::string format_line(const record& r) {
  auto name = name_of(r.lvl);
  return fmt::format("{} [{}]{} {}: {}\n", timestamp(r.unix_ms), name, name.size() == 4 ? " " : "", r.subsystem, r.text);
}

std::string format_json(const record& r) {
  std::string level_name(name_of(r.lvl));
  std::transform(level_name.begin(), level_name.end(), level_name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  std::string out = "{\"@level\":\"" + level_name + "\",\"@message\":";
  append_json(out, r.text);
  out += ",\"@module\":";
  append_json(out, r.subsystem);
  out += ",\"@timestamp\":\"" + timestamp(r.unix_ms) + "\"}\n";
  return out;
}

int add_sink(level minimum, sink s) {
  std::lock_guard g(lock);
  sinks.push_back({next_id, minimum, std::move(s)});
  refresh();
  return next_id++;
}

void remove_sink(int id) {
  std::lock_guard g(lock);
  std::erase_if(sinks, [&](auto& s) { return s.id == id; });
  refresh();
}

void set_sink_level(int id, level minimum) {
  std::lock_guard g(lock);
  for (auto& s : sinks)
    if (s.id == id) s.minimum = minimum;
  refresh();
}

bool enabled(level l) { return l >= lowest.load(std::memory_order_relaxed); }

void write(level l, std::string_view subsystem, std::string_view text) {
  using namespace std::chrono;
  record r{l, duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count(), subsystem, text};
  std::lock_guard g(lock);
  for (auto& s : sinks)
    if (l >= s.minimum) s.fn(r);
}

} // namespace actord::log
