#include "runtime/net/household.hpp"
#include <arpa/inet.h>
#include <array>

namespace actord::net {

namespace {
constexpr std::string_view mapped_prefix{"\0\0\0\0\0\0\0\0\0\0\xff\xff", 12}; // RFC 4291, 2.5.5.2
constexpr size_t v4_bytes = 4, v6_bytes = 16, shared_bytes = 8;
} // namespace

std::string_view household_of_bytes(std::string_view ip) {
  if (ip.size() != v6_bytes) return ip;
  return ip.starts_with(mapped_prefix) ? ip.substr(mapped_prefix.size()) : ip.substr(0, shared_bytes);
}

std::string household_of(std::string_view ip) {
  if (ip.find(':') == ip.npos) return std::string(ip);
  const auto zone = ip.find('%');
  std::array<char, v6_bytes> bytes{};
  if (::inet_pton(AF_INET6, std::string(ip.substr(0, zone)).c_str(), bytes.data()) != 1) return std::string(ip);
  const auto shared = household_of_bytes({bytes.data(), bytes.size()});
  char text[INET6_ADDRSTRLEN] = {};
  if (shared.size() == v4_bytes) return ::inet_ntop(AF_INET, shared.data(), text, sizeof text);
  std::array<char, v6_bytes> prefix{};
  shared.copy(prefix.data(), shared.size());
  std::string out = ::inet_ntop(AF_INET6, prefix.data(), text, sizeof text);
  out += "/64";
  if (zone != ip.npos) out += ip.substr(zone);
  return out;
}

} // namespace actord::net
