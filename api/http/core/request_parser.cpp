#include "api/http/core/request_parser.hpp"
#include "api/http/core/uri.hpp"
#include "runtime/base/json_codec.hpp"
#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace actord::http {
namespace {

using namespace std::string_view_literals;

// Go has no bound but that of the head. Names stand in paths: keys of the state, of indexes, of those who wait, all made for short ones.
constexpr size_t max_query_bytes = 128 << 10, max_path_bytes = 32 << 10;

constexpr std::array<bool, 256> token_table = [] {
  std::array<bool, 256> t{};
  for (char c : "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"sv)
    t[static_cast<unsigned char>(c)] = true;
  return t;
}();

constexpr std::array<bool, 256> table_of(std::string_view others) {
  std::array<bool, 256> t{};
  for (auto part : {"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-._~!$&'()*+,;=%:"sv, others})
    for (char c : part) t[static_cast<unsigned char>(c)] = true;
  return t;
}
// What Go takes in a Host header, in the host of an absolute URI and in the user's name before it.
constexpr auto host_table = table_of("[]"), authority_table = table_of("[]<>\""), user_table = table_of("@");

bool all_in(const std::array<bool, 256>& table, std::string_view s) {
  for (char c : s)
    if (!table[static_cast<unsigned char>(c)]) return false;
  return true;
}

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

// The end of the head (behind the empty line), or npos.
size_t find_head_end(std::string_view buffer, parse_progress& p) {
  for (;;) {
    const size_t nl = buffer.find('\n', p.scanned);
    p.examined += (nl == buffer.npos ? buffer.size() : nl + 1) - p.scanned;
    if (nl == buffer.npos) break;
    std::string_view text = buffer.substr(p.line_at, nl - p.line_at);
    if (text.empty() || text == "\r") return nl + 1;
    p.line_at = p.scanned = nl + 1;
  }
  p.scanned = buffer.size();
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

// "user@host:80", "[::1]:80": as Go's net/url takes it.
bool valid_authority(std::string_view a) {
  if (const auto at = a.rfind('@'); at != a.npos) {
    if (!all_in(user_table, a.substr(0, at))) return false;
    a.remove_prefix(at + 1);
  }
  size_t host = a.rfind(':');
  if (a.starts_with('[')) {
    host = a.rfind(']');
    if (host == a.npos) return false;
    ++host;
  }
  std::string_view port = host < a.size() ? a.substr(host) : std::string_view();
  for (size_t i = 0; i < port.size(); ++i)
    if (i == 0 ? port[i] != ':' : port[i] < '0' || port[i] > '9') return false;
  // A percent sign stands for a zone's, or for a byte beyond ASCII, which no name has that we would answer to.
  a = a.substr(0, host);
  const auto zone = a.starts_with('[') ? a.find("%25") : a.npos;
  return a.substr(0, zone).find('%') == a.npos && all_in(authority_table, a);
}

bool valid_scheme(std::string_view s) {
  for (size_t i = 0; i < s.size(); ++i) {
    const bool letter = (s[i] | 0x20) >= 'a' && (s[i] | 0x20) <= 'z';
    if (!letter && (i == 0 || "0123456789+-."sv.find(s[i]) == std::string_view::npos)) return false;
  }
  return !s.empty();
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
      return !t.empty() && valid_authority(t.substr(0, t.find_first_of("/?")));
    }
    size_t scheme = t.find("://");
    if (scheme == t.npos || !valid_scheme(t.substr(0, scheme))) return false;
    size_t slash = t.find_first_of("/?", scheme + 3);
    if (!valid_authority(t.substr(scheme + 3, slash == t.npos ? slash : slash - scheme - 3))) return false;
    t = slash == t.npos ? std::string_view("/") : t.substr(slash);
    if (t.starts_with('?')) return false;
  }
  size_t mark = t.find('?');
  if (mark != t.npos) r.raw_query = t.substr(mark + 1);
  return decode_path(t.substr(0, mark), r.path);
}

bool parse_number(std::string_view s, uint64_t& out) {
  while (s.size() > 1 && s.front() == '0') s.remove_prefix(1);
  if (s.empty() || s.size() > 18) return false;
  out = 0;
  for (char c : s) {
    if (c < '0' || c > '9') return false;
    out = out * 10 + static_cast<uint64_t>(c - '0');
  }
  return true;
}

struct head_facts {
  int hosts = 0, encodings = 0;
  std::string_view length, encoding; // the first of each
  bool has_length = false, close = false, keep = false, lengths_differ = false, bad_host = false;
};

// False: refused; `why` says how.
bool take_field(request& r, head_facts& f, std::string_view name, std::string_view value, refusal& why) {
  // Told apart by length first: these few names decide about every request.
  if (name.size() == 4 && equal_fold(name, "host")) {
    ++f.hosts;
    f.bad_host |= !all_in(host_table, value);
  } else if (name.size() == 14 && equal_fold(name, "content-length")) {
    if (!std::exchange(f.has_length, true)) f.length = value;
    else if (f.length != value) f.lengths_differ = true;
  } else if (name.size() == 17 && equal_fold(name, "transfer-encoding")) {
    if (++f.encodings == 1) f.encoding = value;
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

// Where the body ends, decided as Go's server does, so that a proxy and we do not see different requests in the same bytes:
// HTTP/1.0 knows no encodings; later, one and only `chunked` is known, which makes any length meaningless.
bool decide_body(request& r, const head_facts& f, refusal& why) {
  if (f.encodings > 0 && r.minor_version > 0) {
    if (f.encodings > 1 || !equal_fold(f.encoding, "chunked")) return why = {501, "Unsupported transfer encoding"}, false;
    return r.chunked = true;
  }
  if (!f.has_length) return true;
  if (r.method_verb == verb::head && f.length != "0") return false; // has no body, whatever a proxy makes of this one
  return !f.lengths_differ && parse_number(f.length, r.content_length);
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
  if (r.raw_query.size() > max_query_bytes || r.target.size() - r.raw_query.size() > max_path_bytes) return why = {414, ""}, false;
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
  size_t end = find_head_end(buffer, p);
  why = {};
  if ((end == buffer.npos ? buffer.size() : end) > max_head_bytes) return why = {431, ""}, parse_outcome::failed;
  if (end == buffer.npos) return parse_outcome::incomplete;
  reset(r);
  std::string_view text = buffer.substr(0, end);
  if (!parse_request_line(take_line(text), r, why)) return parse_outcome::failed;
  head_facts f;
  if (!parse_fields(text, r, f, why)) return parse_outcome::failed;
  if (!decide_body(r, f, why)) return parse_outcome::failed;
  if (f.hosts == 0 && r.minor_version > 0) return why.text = ": missing required Host header", parse_outcome::failed;
  if (f.hosts > 1) return why.text = ": too many Host headers", parse_outcome::failed;
  if (f.bad_host) return why.text = ": malformed Host header", parse_outcome::failed;
  r.keep_alive = !f.close && (r.minor_version > 0 || f.keep);
  r.bad_query = !parse_query(r.raw_query, r.params, r.arena);
  p.examined += end;
  p.head = head_length = end;
  return parse_outcome::complete;
}

namespace {

constexpr size_t max_chunk_line = 4096, max_trailer = 8192;
// Size lines and their extensions may be this much longer than what they announce: a byte of content does not buy kilobytes of memory.
constexpr int64_t max_overhead = 16384, overhead_of_chunk = 16;

parse_outcome fail(parse_progress& p, std::string_view why) {
  p.why = why;
  return parse_outcome::failed;
}

// The line that begins at p.chunk_at, without its end; p.chunk_scanned is behind it then. Incomplete: it has none yet.
parse_outcome body_line(std::string_view b, parse_progress& p, std::string_view& line) {
  const size_t from = std::max(p.chunk_scanned, p.chunk_at), nl = b.find('\n', from);
  p.examined += (nl == b.npos ? b.size() : nl + 1) - std::min(from, b.size());
  p.chunk_scanned = nl == b.npos ? b.size() : nl + 1;
  if (p.chunk_scanned - p.chunk_at > max_chunk_line) return fail(p, "header line too long");
  if (nl == b.npos) return parse_outcome::incomplete;
  line = b.substr(p.chunk_at, nl - p.chunk_at);
  return parse_outcome::complete;
}

// What the size line at p.chunk_at says: p.chunk_end is set, or p.in_trailer.
parse_outcome take_chunk_size(std::string_view b, parse_progress& p) {
  std::string_view line;
  if (auto o = body_line(b, p, line); o != parse_outcome::complete) return o;
  p.overhead += static_cast<int64_t>(line.size()) + 3;
  while (!line.empty() && (line.back() == ' ' || line.back() == '\t' || line.back() == '\r')) line.remove_suffix(1);
  line = line.substr(0, line.find(';'));
  if (line.empty()) return fail(p, "invalid byte in chunk length");
  uint64_t size = 0;
  for (char c : line) {
    int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    if (d < 0) return fail(p, "invalid byte in chunk length");
    size = size * 16 + static_cast<uint64_t>(d);
  }
  if (line.size() > 16) return fail(p, "http chunk length too large");
  if (size > p.limit || p.chunk_total + size > p.limit) return parse_outcome::too_large;
  p.overhead = std::max<int64_t>(0, p.overhead - overhead_of_chunk - 2 * static_cast<int64_t>(size));
  if (p.overhead > max_overhead) return fail(p, "chunked encoding contains too much non-data");
  p.chunk_total += size;
  if (size > 0) p.chunk_end = p.chunk_scanned + size;
  else p.in_trailer = true, p.chunk_at = p.trailer_at = p.chunk_scanned;
  return parse_outcome::complete;
}

// Header lines behind the last chunk, which are not looked into, until an empty one.
parse_outcome take_trailer(std::string_view b, parse_progress& p) {
  for (;;) {
    std::string_view line;
    auto o = body_line(b, p, line);
    if (p.chunk_scanned - p.trailer_at > max_trailer) return fail(p, "http: suspiciously long trailer after chunked body");
    if (o != parse_outcome::complete) return o;
    if (line.ends_with('\r')) line.remove_suffix(1);
    p.chunk_at = p.chunk_scanned;
    if (line.empty()) return parse_outcome::complete;
    const size_t colon = line.find(':');
    if (colon == line.npos || !is_token(line.substr(0, colon))) return fail(p, "malformed MIME header line");
  }
}

parse_outcome move_on(std::string_view b, parse_progress& p) {
  while (!p.in_trailer) {
    if (p.chunk_end == 0)
      if (auto o = take_chunk_size(b, p); o != parse_outcome::complete) return o;
    if (p.in_trailer) break;
    const std::string_view end = p.chunk_end <= b.size() ? b.substr(p.chunk_end, 2) : std::string_view{};
    if (!std::string_view("\r\n").starts_with(end)) return fail(p, "malformed chunked encoding");
    if (end.size() < 2) return parse_outcome::incomplete;
    p.chunk_at = p.chunk_end + 2;
    p.chunk_end = 0;
  }
  return take_trailer(b, p);
}

// Moves over what is there. Complete: p.chunk_at is the body's end.
parse_outcome scan_chunks(std::string_view b, parse_progress& p) {
  if (p.settled == parse_outcome::incomplete) p.settled = move_on(b, p);
  return p.settled;
}

// Of chunks that were scanned.
void join_chunks(std::string_view b, request& r) {
  r.chunks.clear();
  parse_progress p;
  p.limit = b.size();
  while (take_chunk_size(b, p) == parse_outcome::complete && !p.in_trailer) {
    r.chunks.append(b.substr(p.chunk_scanned, p.chunk_end - p.chunk_scanned));
    p.chunk_at = p.chunk_end + 2;
    p.chunk_end = 0;
    p.chunk_scanned = p.chunk_at;
  }
  r.body = r.chunks;
}

} // namespace

bool awaits_body(std::string_view buffer, parse_progress& p) {
  if (p.head == 0) return false;
  if (!p.chunked) return buffer.size() - p.head < p.length;
  return scan_chunks(buffer.substr(p.head), p) == parse_outcome::incomplete;
}

parse_outcome parse_body(std::string_view buffer, parse_progress& p, request& r, uint64_t limit, size_t& body_length) {
  p.chunked = r.chunked;
  p.length = r.content_length;
  p.limit = limit;
  if (r.chunked) {
    if (auto o = scan_chunks(buffer, p); o != parse_outcome::complete) return o;
    join_chunks(buffer.substr(0, p.chunk_at), r);
    p.examined += p.chunk_at;
    body_length = p.chunk_at;
    return parse_outcome::complete;
  }
  if (r.content_length > limit) return parse_outcome::too_large;
  if (buffer.size() < r.content_length) return parse_outcome::incomplete;
  r.body = buffer.substr(0, r.content_length);
  body_length = r.content_length;
  return parse_outcome::complete;
}

} // namespace actord::http
