#include "api/http/core/response.hpp"
#include <charconv>
#include <fmt/format.h>
#include <ctime>

namespace actord::http {
namespace {

void append_number(std::string& out, uint64_t n) {
  char digits[20];
  auto end = std::to_chars(digits, digits + sizeof digits, n).ptr;
  out.append(digits, end);
}

void append_line(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  out += value;
  out += "\r\n";
}

void append_meta(std::string& out, const meta_headers& m) {
  if (!m.consistency.empty()) append_line(out, "X-Consul-Effective-Consistency", m.consistency);
  if (m.with_index) {
    out += "X-Consul-Index: ";
    append_number(out, m.index == 0 ? 1 : m.index);
    out += "\r\n";
  }
  out += m.known_leader ? "X-Consul-Knownleader: true\r\nX-Consul-Lastcontact: "
                        : "X-Consul-Knownleader: false\r\nX-Consul-Lastcontact: ";
  append_number(out, m.last_contact_ms);
  out += "\r\n";
}

} // namespace

void response::clear() {
  status = 200;
  kind = body_kind::none;
  content_type = {};
  body.clear();
  if (body.capacity() > 256 * 1024) body.shrink_to_fit();
  meta = {};
  close = plain = answered = false;
  cache = {};
  headers.clear();
}

int status_of(const error& e) {
  if (e.text.find("Permission denied") != e.text.npos || e.text.find("ACL not found") != e.text.npos) return 403;
  if (e.text.find("RPC rate limit exceeded") != e.text.npos) return 429;
  switch (e.code) {
    case errc::none: return 200;
    case errc::bad_request: return 400;
    case errc::not_found: return 404;
    case errc::permission: return 403;
    case errc::unauthorized: return 401;
    case errc::too_large: return 413;
    case errc::conflict: return 409;
    case errc::rate_limited: return 429;
    case errc::unsupported: return 415;
    default: return 500;
  }
}

void response::fail(const error& e) {
  std::string_view said = e.text;
  if (said.empty() && e.code == errc::no_leader) said = "No cluster leader";
  text(status_of(e), said);
  if (said.find("RPC rate limit exceeded") != said.npos) empty(429);
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 200: return "OK";
    case 301: return "Moved Permanently";
    case 307: return "Temporary Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 413: return "Request Entity Too Large";
    case 414: return "Request URI Too Long";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    default: return "Unknown";
  }
}

std::string http_date(int64_t unix_seconds) {
  std::time_t t = unix_seconds;
  std::tm tm{};
  gmtime_r(&t, &tm);
  static constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon],
                     tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

void append_head(std::string& out, const response& r, const head_options& o) {
  out += o.minor_version == 0 ? "HTTP/1.0 " : "HTTP/1.1 ";
  append_number(out, static_cast<uint64_t>(r.status));
  out += ' ';
  out += reason_phrase(r.status);
  out += "\r\n";
  out += o.extra;
  if (o.gzip) out += "Content-Encoding: gzip\r\n";
  if (r.kind == body_kind::json) out += "Content-Type: application/json\r\n";
  if (r.kind == body_kind::other && !r.content_type.empty()) append_line(out, "Content-Type", r.content_type);
  for (auto& [name, value] : r.headers) append_line(out, name, value);
  if (!r.plain) out += "Vary: Accept-Encoding\r\n";
  if (!r.cache.empty()) append_line(out, "X-Cache", r.cache);
  if (r.cache == "HIT") out += "Age: 0\r\n"; // what is kept is dropped as soon as it is not the newest
  if (r.meta.present) append_meta(out, r.meta);
  append_line(out, "Date", o.date);
  if (o.chunked) {
    out += "Transfer-Encoding: chunked\r\n";
  } else {
    out += "Content-Length: ";
    append_number(out, o.length);
    out += "\r\n";
  }
  if (r.kind == body_kind::text) out += "Content-Type: text/plain; charset=utf-8\r\n";
  if (!o.keep_alive && (o.minor_version > 0)) out += "Connection: close\r\n";
  if (o.keep_alive && o.minor_version == 0) out += "Connection: keep-alive\r\n";
  out += "\r\n";
}

} // namespace actord::http
