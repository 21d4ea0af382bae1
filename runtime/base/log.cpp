#include "runtime/base/log.hpp"
#include <algorithm>
#include <atomic>
#include <cctype>
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

struct field {
  std::string_view name, value;
  bool is_quoted = false;
};

size_t end_of_value(std::string_view s) {
  if (s.starts_with('"')) {
    for (size_t i = 1; i < s.size(); ++i) {
      if (s[i] == '\\') ++i;
      else if (s[i] == '"') return i + 1;
    }
    return s.npos;
  }
  if (s.starts_with('[')) return s.find(']') == s.npos ? s.npos : s.find(']') + 1;
  return std::min(s.find(' '), s.size());
}

// What strangers send may come in whole into a line: of a long one the middle is left out, since both ends say what it is about.
constexpr size_t longest_text = 8 << 10, kept_of_end = 2 << 10;

std::string shortened(std::string_view text) {
  const auto inside = [&](size_t at) { return (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80; }; // of a character
  size_t head = longest_text - kept_of_end, tail = text.size() - kept_of_end;
  for (int i = 0; i < 3 && inside(head); ++i) --head;
  for (int i = 0; i < 3 && inside(tail); ++i) ++tail;
  return fmt::format("{}<{}-bytes-left-out>{}", text.substr(0, head), tail - head, text.substr(tail));
}

// `name=value name="va lue" name=[a, b]`, and nothing else.
bool read_fields(std::string_view s, std::vector<field>& out) {
  while (!s.empty()) {
    const auto equals = s.find('=');
    if (equals == s.npos || equals == 0) return false;
    const auto name = s.substr(0, equals);
    if (!std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '-' || c == '.'; })) return false;
    // What others made us log must not pass for fields of ours.
    if (std::any_of(out.begin(), out.end(), [&](const field& f) { return f.name == name; })) return false;
    s.remove_prefix(equals + 1);
    const auto end = end_of_value(s);
    if (end == s.npos) return false;
    auto value = s.substr(0, end);
    const bool quoted = value.size() >= 2 && value.front() == '"';
    if (quoted) value = value.substr(1, value.size() - 2);
    out.push_back({name, value, quoted});
    s.remove_prefix(end);
    if (!s.empty() && s[0] != ' ') return false;
    if (!s.empty()) s.remove_prefix(1);
  }
  return !out.empty();
}

// Who logs writes `message: name=value …`; the parts again.
std::string_view split_fields(std::string_view text, std::vector<field>& fields) {
  int tries = 8; // names in it may have colons
  for (auto colon = text.find(": "); colon != text.npos && tries-- > 0; colon = text.find(": ", colon + 1)) {
    fields.clear();
    if (read_fields(text.substr(colon + 2), fields)) return text.substr(0, colon);
  }
  fields.clear();
  return text;
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
  std::vector<field> fields;
  append_json(out, split_fields(r.text, fields));
  out += ",\"@module\":";
  append_json(out, r.subsystem);
  out += ",\"@timestamp\":\"" + timestamp(r.unix_ms) + '"';
  for (auto& f : fields) {
    out += ',';
    append_json(out, f.name);
    out += ':';
    constexpr size_t most_digits = 18;
    const bool number = !f.is_quoted && !f.value.empty() && f.value.size() <= most_digits && (f.value[0] != '0' || f.value.size() == 1) &&
                        std::all_of(f.value.begin(), f.value.end(), [](unsigned char c) { return std::isdigit(c); });
    if (number) out += f.value;
    else append_json(out, f.value);
  }
  out += "}\n";
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
  std::string shorter;
  if (text.size() > longest_text) text = shorter = shortened(text);
  record r{l, duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count(), subsystem, text};
  std::lock_guard g(lock);
  for (auto& s : sinks)
    if (l >= s.minimum) s.fn(r);
}

} // namespace actord::log
