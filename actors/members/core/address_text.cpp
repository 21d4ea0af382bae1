#include "actors/members/core/address_text.hpp"
#include <arpa/inet.h>
#include <charconv>
#include <cstring>

namespace actord::members {

namespace {
constexpr std::string_view mapped_prefix{"\0\0\0\0\0\0\0\0\0\0\xff\xff", 12}; // RFC 4291, 2.5.5.2
}

std::string ip_text(std::string_view ip) {
  if (ip.size() == 16 && ip.starts_with(mapped_prefix)) ip.remove_prefix(mapped_prefix.size());
  if (ip.size() != 4 && ip.size() != 16) return {};
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(ip.size() == 4 ? AF_INET : AF_INET6, ip.data(), text, sizeof text);
  return text;
}

std::string address_text(const address& a) {
  const auto ip = ip_text(a.ip);
  const bool brackets = ip.find(':') != std::string::npos;
  return (brackets ? "[" + ip + "]" : ip) + ":" + std::to_string(a.port);
}

std::optional<address> parse_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return {};
  auto host = text.substr(0, colon);
  const auto digits = text.substr(colon + 1);
  address a;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), a.port);
  if (error != std::errc{} || end != digits.data() + digits.size()) return {};
  const bool brackets = host.starts_with('[') && host.ends_with(']');
  if (brackets) host = host.substr(1, host.size() - 2);
  unsigned char bytes[16];
  const int family = brackets ? AF_INET6 : AF_INET;
  if (inet_pton(family, std::string(host).c_str(), bytes) != 1) return {};
  a.ip.assign(reinterpret_cast<const char*>(bytes), brackets ? 16 : 4);
  return a;
}

} // namespace actord::members
