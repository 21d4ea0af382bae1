#include "api/dns/core/types.hpp"
#include <algorithm>
#include <arpa/inet.h>
#include <cstring>

namespace actord::dns {

ip_address parse_ip(std::string_view text) {
  ip_address out;
  char buffer[64];
  if (text.empty() || text.size() >= sizeof buffer) return out;
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = 0;
  if (inet_pton(AF_INET, buffer, out.bytes.data()) == 1) {
    out.family = 4;
  } else if (inet_pton(AF_INET6, buffer, out.bytes.data()) == 1) {
    static constexpr uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    out.family = 6;
    if (std::memcmp(out.bytes.data(), mapped, 12) == 0) {
      ip_address v4{4, {}};
      std::memcpy(v4.bytes.data(), out.bytes.data() + 12, 4);
      out = v4;
    }
  }
  return out;
}

std::string format_ip(const ip_address& ip) {
  char buffer[INET6_ADDRSTRLEN] = "";
  if (ip.family != 0) inet_ntop(ip.family == 4 ? AF_INET : AF_INET6, ip.bytes.data(), buffer, sizeof buffer);
  return buffer;
}

bool append_labels(std::string& out, std::string_view dotted) {
  if (dotted.ends_with('.')) dotted.remove_suffix(1);
  while (!dotted.empty()) {
    auto label = dotted.substr(0, dotted.find('.'));
    if (label.empty() || label.size() > 63) return false;
    out += static_cast<char>(label.size());
    out += label;
    dotted.remove_prefix(std::min(dotted.size(), label.size() + 1));
  }
  return out.size() < 255;
}

bool make_name(std::string& out, std::string_view dotted) {
  out.clear();
  if (!append_labels(out, dotted)) return false;
  out += '\0';
  return true;
}

address_set address_of_text(std::string_view text) {
  address_set out{std::string(text), parse_ip(text), {}, {}, {}};
  if (out.ip.family == 0 && (text.empty() || !make_name(out.wire, text))) out.wire.clear();
  return out;
}

uint32_t settings::ttl_of_service(std::string_view service) const {
  if (auto exact = service_ttl.find(service); exact != service_ttl.end() && !service.ends_with('*')) return exact->second;
  size_t longest = 0;
  uint32_t out = 0;
  for (auto& [pattern, ttl] : service_ttl) {
    if (!pattern.ends_with('*') || pattern.size() < longest + 1) continue;
    if (!service.starts_with(std::string_view(pattern).substr(0, pattern.size() - 1))) continue;
    longest = pattern.size();
    out = ttl;
  }
  return out;
}

std::string txt_of_meta(std::string_view key, std::string_view value) {
  static constexpr std::string_view bare = "rfc1035-";
  std::string text;
  bool is_bare = key.size() >= bare.size() && std::equal(bare.begin(), bare.end(), key.begin(), [](char a, char b) {
    return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b + 32) : b);
  });
  if (is_bare) {
    text = value;
  } else {
    size_t first = key.find_first_not_of(' '), last = key.find_last_not_of(' ');
    for (size_t i = 0; i < key.size(); ++i) {
      char c = key[i];
      if (c == '`' || c == '=' || (c == ' ' && (first == key.npos || i < first || i > last))) text += '`';
      text += c;
    }
    text += '=';
    for (char c : value) {
      if (c == '`') text += '`';
      text += c;
    }
  }
  std::string out;
  size_t at = 0;
  do { // character strings of at most 255 bytes
    auto part = std::string_view(text).substr(at, 255);
    out += static_cast<char>(part.size());
    out += part;
    at += part.size();
  } while (at < text.size());
  return out;
}

} // namespace actord::dns
