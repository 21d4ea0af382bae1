#include "actors/health/core/check_rules.hpp"
#include "storage/model/catalog.hpp"
#include <algorithm>

namespace actord::health {

check_pace::check_pace(const check_registration& c)
    : interval_(std::max<nanos>(c.interval, std::chrono::seconds(1))),
      timeout_(c.timeout.count() > 0 ? c.timeout : c.script_args.empty() ? nanos(std::chrono::seconds(10)) : nanos(std::chrono::seconds(30))) {}

std::optional<verdict> check_judge::ran(verdict v) {
  if (v.status == health_critical) {
    successes_ = 0;
    if (++failures_ < failures_wanted_) return std::nullopt;
  } else {
    failures_ = 0;
    if (++successes_ < successes_wanted_) return std::nullopt;
  }
  return v;
}

void tail_buffer::write(std::string_view bytes) {
  total_ += bytes.size();
  if (bytes.size() > cap_) bytes.remove_prefix(bytes.size() - cap_);
  ring_ += bytes;
  if (ring_.size() > 2 * cap_) ring_.erase(0, ring_.size() - cap_);
}

std::string tail_buffer::take() const { return ring_.size() > cap_ ? ring_.substr(ring_.size() - cap_) : ring_; }

size_t output_cap(const check_registration& c, size_t node_cap) {
  return c.output_max_size > 0 ? std::min(static_cast<size_t>(c.output_max_size), node_cap) : node_cap;
}

verdict critical(std::string text) { return {std::string(health_critical), std::move(text)}; }

verdict http_verdict(std::string_view method, std::string_view url, int code, std::string_view reason, std::string_view body) {
  verdict v;
  v.status = code >= 200 && code <= 299 ? health_passing : code == 429 ? health_warning : health_critical;
  v.output = "HTTP " + std::string(method) + " " + std::string(url) + ": " + std::to_string(code) + " " +
             std::string(reason.empty() ? status_text(code) : reason) + " Output: " + std::string(body);
  return v;
}

verdict http_failure(std::string_view method, std::string_view url, std::string_view why) {
  std::string name(method.substr(0, 1));
  for (char c : method.substr(std::min<size_t>(1, method.size()))) name += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return critical(name + " \"" + std::string(url) + "\": " + std::string(why));
}

verdict tcp_success(std::string_view address) { return {std::string(health_passing), "TCP connect " + std::string(address) + ": Success"}; }

namespace {
std::string captured(const tail_buffer& output) {
  const std::string text = output.take();
  if (output.total() <= text.size()) return text;
  return "Captured " + std::to_string(text.size()) + " of " + std::to_string(output.total()) + " bytes\n...\n" + text;
}
} // namespace

verdict script_verdict(int exit_code, const tail_buffer& output) {
  return {std::string(exit_code == 0 ? health_passing : exit_code == 1 ? health_warning : health_critical), captured(output)};
}

verdict script_timeout(nanos timeout, const tail_buffer& output) {
  std::string text = "Timed out (" + format_duration(timeout) + ") running check";
  if (const std::string said = captured(output); !said.empty()) text += "\n\n" + said;
  return critical(std::move(text));
}

std::string_view status_text(int code) {
  switch (code) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 300: return "Multiple Choices";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 429: return "Too Many Requests";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    default: return "";
  }
}

bool split_host_port(std::string_view text, std::string& host, std::string& port) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  std::string_view h = text.substr(0, colon);
  if (h.size() >= 2 && h.front() == '[' && h.back() == ']') h = h.substr(1, h.size() - 2);
  else if (h.find(':') != std::string_view::npos) return false; // a bare IPv6 literal
  host = h;
  port = text.substr(colon + 1);
  return true;
}

} // namespace actord::health
