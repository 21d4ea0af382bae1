#include "api/http/core/request_parser.hpp"
#include "api/http/core/uri.hpp"
#include "runtime/base/json_codec.hpp"
#include <array>
#include <cstring>

namespace actord::http {
namespace {

using namespace std::string_view_literals;

constexpr std::array<bool, 256> token_table = [] {
  std::array<bool, 256> t{};
  for (char c : "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"sv)
    t[static_cast<unsigned char>(c)] = true;
  return t;
}();

bool is_token(std::string_view s) {
  for (char c : s)
    if (!token_table[static_cast<unsigned char>(c)]) return false;
  return !s.empty();
}

std::string_view trim(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

// Control characters other than tab do not belong into a value.
bool valid_value(std::string_view s) {
  for (char c : s) {
    auto b = static_cast<unsigned char>(c);
    if ((b < 0x20 && b != '\t') || b == 0x7f) return false;
  }
  return true;
}

// The line at the front of `text` without its end; `text` moves on. There is one.
std::string_view take_line(std::string_view& text) {
  size_t nl = text.find('\n');
  std::string_view line = text.substr(0, nl);
  text.remove_prefix(nl == text.npos ? text.size() : nl + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// The end of the head (behind the empty line), or npos. Moves `scanned` to the last line's beginning.
size_t find_head_end(std::string_view buffer, size_t& scanned) {
  size_t line = scanned;
  for (;;) {
    size_t nl = buffer.find('\n', line);
    if (nl == buffer.npos) break;
    std::string_view text = buffer.substr(line, nl - line);
    if (text.empty() || text == "\r") return nl + 1;
    line = nl + 1;
  }
  scanned = line;
  return std::string_view::npos;
}

verb verb_of(std::string_view m) {
  if (m == "GET") return verb::get;
  if (m == "PUT") return verb::put;
  if (m == "DELETE") return verb::del;
  if (m == "POST") return verb::post;
  if (m == "HEAD") return verb::head;
  if (m == "OPTIONS") return verb::options;
  return verb::other;
}

bool parse_target(request& r) {
  std::string_view t = r.target;
  for (char c : t) {
    auto b = static_cast<unsigned char>(c);
    if (b < 0x20 || b == 0x7f) return false;
  }
  if (t == "*") { // what OPTIONS may ask of the server as a whole
    r.path = "*";
    return true;
  }
  if (!t.starts_with('/')) {
    if (r.method == "CONNECT") {
      r.path = "";
      return !t.empty();
    }
    size_t scheme = t.find("://");
    if (scheme == t.npos || scheme == 0 || t.find('/') < scheme) return false;
    size_t slash = t.find_first_of("/?", scheme + 3);
    t = slash == t.npos ? std::string_view("/") : t.substr(slash);
    if (t.starts_with('?')) return false;
  }
  size_t mark = t.find('?');
  if (mark != t.npos) r.raw_query = t.substr(mark + 1);
  return decode_path(t.substr(0, mark), r.path);
}

bool parse_number(std::string_view s, uint64_t& out) {
  if (s.empty() || s.size() > 18) return false;
  out = 0;
  for (char c : s) {
    if (c < '0' || c > '9') return false;
    out = out * 10 + static_cast<uint64_t>(c - '0');
  }
  return true;
}

struct head_facts {
  int hosts = 0, lengths = 0;
  bool close = false, keep = false, bad_encoding = false;
};

// False: refused; `why` says how.
bool take_field(request& r, head_facts& f, std::string_view name, std::string_view value, refusal& why) {
  // Told apart by length first: these few names decide about every request.
  if (name.size() == 4 && equal_fold(name, "host")) {
    ++f.hosts;
  } else if (name.size() == 14 && equal_fold(name, "content-length")) {
    uint64_t n = 0;
    if (!parse_number(value, n) || (f.lengths > 0 && n != r.content_length)) return false;
    ++f.lengths;
    r.content_length = n;
  } else if (name.size() == 17 && equal_fold(name, "transfer-encoding")) {
    if (equal_fold(value, "chunked")) r.chunked = true;
    else if (!equal_fold(value, "identity")) f.bad_encoding = true;
  } else if (name.size() == 10 && equal_fold(name, "connection")) {
    while (!value.empty()) {
      size_t comma = value.find(',');
      std::string_view word = trim(value.substr(0, comma));
      value = comma == value.npos ? std::string_view{} : value.substr(comma + 1);
      if (equal_fold(word, "close")) f.close = true;
      if (equal_fold(word, "keep-alive")) f.keep = true;
    }
  } else if (name.size() == 6 && equal_fold(name, "expect") && r.minor_version > 0 && !value.empty()) {
    if (!equal_fold(value, "100-continue")) return why = {417, ""}, false;
    r.expect_continue = true;
  }
  return true;
}

void reset(request& r) {
  r.method_verb = verb::other;
  r.raw_query = r.tail = r.body = {};
  if (r.headers.capacity() > 1024) r.headers = {};
  r.headers.clear();
  r.minor_version = 1;
  r.keep_alive = true;
  r.expect_continue = r.chunked = r.bad_query = false;
  r.content_length = 0;
}

bool parse_request_line(std::string_view line, request& r, refusal& why) {
  size_t first = line.find(' '), second = first == line.npos ? line.npos : line.find(' ', first + 1);
  if (second == line.npos) return false;
  r.method = line.substr(0, first);
  r.target = line.substr(first + 1, second - first - 1);
  std::string_view version = line.substr(second + 1);
  if (!is_token(r.method) || r.target.empty()) return false;
  if (version.size() != 8 || !version.starts_with("HTTP/") || version[6] != '.' || version[5] < '0' || version[5] > '9' ||
      version[7] < '0' || version[7] > '9')
    return false;
  if (!parse_target(r)) return false;
  if (version[5] != '1') return why.text = ": unsupported protocol version", false;
  r.minor_version = version[7] - '0';
  r.method_verb = verb_of(r.method);
  return true;
}

bool parse_fields(std::string_view text, request& r, head_facts& f, refusal& why) {
  while (!text.empty()) {
    std::string_view line = take_line(text);
    if (line.empty()) break;
    size_t colon = line.find(':');
    if (colon == line.npos || colon == 0 || line[0] == ' ' || line[0] == '\t') return false;
    std::string_view name = line.substr(0, colon), value = trim(line.substr(colon + 1));
    if (!is_token(name)) return why.text = ": invalid header name", false;
    if (!valid_value(value)) return why.text = ": invalid header value", false;
    r.headers.emplace_back(name, value);
    if (!take_field(r, f, name, value, why)) return false;
  }
  return true;
}

} // namespace

std::string_view request::header(std::string_view name) const {
  for (auto& [k, v] : headers)
    if (k.size() == name.size() && equal_fold(k, name)) return v;
  return {};
}

parse_outcome parse_head(std::string_view buffer, parse_progress& p, request& r, size_t& head_length, refusal& why) {
  size_t end = find_head_end(buffer, p.scanned);
  why = {};
  if ((end == buffer.npos ? buffer.size() : end) > max_head_bytes) return why = {431, ""}, parse_outcome::failed;
  if (end == buffer.npos) return parse_outcome::incomplete;
  reset(r);
  std::string_view text = buffer.substr(0, end);
  if (!parse_request_line(take_line(text), r, why)) return parse_outcome::failed;
  head_facts f;
  if (!parse_fields(text, r, f, why)) return parse_outcome::failed;
  if (f.bad_encoding) return why = {501, "Unsupported transfer encoding"}, parse_outcome::failed;
  if (f.hosts == 0 && r.minor_version > 0) return why.text = ": missing required Host header", parse_outcome::failed;
  if (f.hosts > 1) return why.text = ": too many Host headers", parse_outcome::failed;
  if (r.chunked) r.content_length = 0;
  r.keep_alive = !f.close && (r.minor_version > 0 || f.keep);
  r.bad_query = !parse_query(r.raw_query, r.params, r.arena);
  head_length = end;
  return parse_outcome::complete;
}

namespace {

constexpr size_t max_chunk_line = 4096, max_trailer = 8192;

// The size line at `at`: its value and where the chunk's bytes begin.
parse_outcome chunk_size(std::string_view b, size_t at, uint64_t& size, size_t& from) {
  size_t nl = b.find('\n', at);
  if (nl == b.npos) return b.size() - at > max_chunk_line ? parse_outcome::failed : parse_outcome::incomplete;
  if (nl - at > max_chunk_line) return parse_outcome::failed;
  std::string_view line = trim(b.substr(at, nl - at));
  if (line.ends_with('\r')) line.remove_suffix(1);
  line = trim(line.substr(0, line.find(';')));
  if (line.empty() || line.size() > 15) return parse_outcome::failed;
  size = 0;
  for (char c : line) {
    int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    if (d < 0) return parse_outcome::failed;
    size = size * 16 + static_cast<uint64_t>(d);
  }
  from = nl + 1;
  return parse_outcome::complete;
}

void join_chunks(std::string_view b, request& r) {
  r.chunks.clear();
  uint64_t size = 0;
  size_t at = 0, from = 0;
  while (chunk_size(b, at, size, from) == parse_outcome::complete && size > 0) {
    r.chunks.append(b.substr(from, size));
    at = from + size;
    at += b.substr(at).starts_with("\r\n") ? 2 : 1;
  }
  r.body = r.chunks;
}

parse_outcome parse_chunks(std::string_view b, parse_progress& p, request& r, uint64_t limit, size_t& used) {
  for (;;) {
    uint64_t size = 0;
    size_t from = 0;
    if (auto o = chunk_size(b, p.chunk_at, size, from); o != parse_outcome::complete) return o;
    if (size > limit || p.chunk_total + size > limit) return parse_outcome::too_large;
    if (size == 0) {
      size_t scanned = 0;
      size_t end = find_head_end(b.substr(from), scanned);
      if (end == b.npos) return b.size() - from > max_trailer ? parse_outcome::failed : parse_outcome::incomplete;
      used = from + end;
      join_chunks(b, r);
      return parse_outcome::complete;
    }
    std::string_view tail = from + size <= b.size() ? b.substr(from + size) : std::string_view{};
    if (tail.empty() || tail == "\r") return parse_outcome::incomplete;
    if (!tail.starts_with("\r\n") && !tail.starts_with('\n')) return parse_outcome::failed;
    p.chunk_total += size;
    p.chunk_at = from + size + (tail[0] == '\r' ? 2 : 1);
  }
}

} // namespace

parse_outcome parse_body(std::string_view buffer, parse_progress& p, request& r, uint64_t limit, size_t& body_length) {
  if (r.chunked) return parse_chunks(buffer, p, r, limit, body_length);
  if (r.content_length > limit) return parse_outcome::too_large;
  if (buffer.size() < r.content_length) return parse_outcome::incomplete;
  r.body = buffer.substr(0, r.content_length);
  body_length = r.content_length;
  return parse_outcome::complete;
}

} // namespace actord::http
