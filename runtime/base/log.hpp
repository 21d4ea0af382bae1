// Log lines in Consul's shape: `2026-11-21T07:44:25.856Z [WARN]  agent: text: key=value`. Any thread may log; sinks
// (stderr, file, /v1/agent/monitor) are registered by the node and called under the log's lock.
#pragma once
#include <cstdint>
#include <fmt/format.h>
#include <functional>
#include <string>
#include <string_view>

namespace actord::log {

enum class level : uint8_t { trace, debug, info, warn, err, off };

// "TRACE", "debug", "WARNING"… ; false when the word is none.
bool parse_level(std::string_view word, level& out);
std::string_view name_of(level l); // "TRACE" "DEBUG" "INFO" "WARN" "ERROR"

struct record {
  level lvl;
  int64_t unix_ms;
  std::string_view subsystem; // "agent.server.raft" style, as Consul names them
  std::string_view text;
};
std::string format_line(const record& r);      // with a newline
std::string format_json(const record& r);      // {"@level":…,"@message":…,"@module":…,"@timestamp":…} with a newline

using sink = std::function<void(const record&)>;
// Adds a sink for records of at least `minimum`; returns its number for remove_sink and set_sink_level.
int add_sink(level minimum, sink s);
void remove_sink(int id);
void set_sink_level(int id, level minimum);

bool enabled(level l); // one relaxed atomic load
void write(level l, std::string_view subsystem, std::string_view text);

template <class... Args> void trace(std::string_view sub, fmt::format_string<Args...> f, Args&&... a) {
  if (enabled(level::trace)) write(level::trace, sub, fmt::format(f, std::forward<Args>(a)...));
}
template <class... Args> void debug(std::string_view sub, fmt::format_string<Args...> f, Args&&... a) {
  if (enabled(level::debug)) write(level::debug, sub, fmt::format(f, std::forward<Args>(a)...));
}
template <class... Args> void info(std::string_view sub, fmt::format_string<Args...> f, Args&&... a) {
  if (enabled(level::info)) write(level::info, sub, fmt::format(f, std::forward<Args>(a)...));
}
template <class... Args> void warn(std::string_view sub, fmt::format_string<Args...> f, Args&&... a) {
  if (enabled(level::warn)) write(level::warn, sub, fmt::format(f, std::forward<Args>(a)...));
}
template <class... Args> void err(std::string_view sub, fmt::format_string<Args...> f, Args&&... a) {
  if (enabled(level::err)) write(level::err, sub, fmt::format(f, std::forward<Args>(a)...));
}

} // namespace actord::log
