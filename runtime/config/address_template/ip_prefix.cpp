#include "runtime/config/address_template/ip_prefix.hpp"
#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <cstring>
#include <fmt/format.h>
#include <map>

namespace actord {
namespace {

// Decimal octets; leading zeros mean nothing.
std::optional<uint32_t> parse_v4(std::string_view text) {
  uint32_t out = 0;
  for (int i = 0; i < 4; ++i) {
    if (i > 0) {
      if (text.empty() || text[0] != '.') return std::nullopt;
      text.remove_prefix(1);
    }
    uint32_t octet = 0;
    size_t digits = 0;
    while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') {
      octet = octet * 10 + static_cast<uint32_t>(text[digits++] - '0');
      if (octet > 255) return std::nullopt;
    }
    if (digits == 0) return std::nullopt;
    text.remove_prefix(digits);
    out = out << 8 | octet;
  }
  if (!text.empty()) return std::nullopt;
  return out;
}

uint128 from_bytes(const std::array<unsigned char, 16>& bytes) {
  uint128 out = 0;
  for (auto b : bytes) out = out << 8 | b;
  return out;
}

constexpr uint128 mapped = uint128(0xffff) << 32; // ::ffff:0:0/96

std::optional<ip_prefix> parse_ip_and_length(std::string_view text) {
  const auto slash = text.find('/');
  auto ip = parse_ip(text.substr(0, slash));
  if (!ip || slash == text.npos) return ip;
  const auto digits = text.substr(slash + 1);
  int length = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  const bool was_v6 = text.substr(0, slash).find(':') != text.npos;
  if (digits.empty() || digits[0] == '-' || read.ptr != digits.data() + digits.size() || read.ec != std::errc()) return std::nullopt;
  if (length > (was_v6 ? 128 : 32)) return std::nullopt;
  ip->length = ip->v4 && was_v6 ? std::max(0, length - 96) : length;
  return ip;
}

struct block {
  uint64_t rfc;
  const char* prefix;
};

// Facts of the RFCs named; what stands under a number is go-sockaddr's choice.
constexpr block blocks[] = {
    {919, "255.255.255.255/32"},
    {1122, "0.0.0.0/8"}, {1122, "127.0.0.0/8"},
    {1112, "224.0.0.0/4"},
    {1918, "10.0.0.0/8"}, {1918, "172.16.0.0/12"}, {1918, "192.168.0.0/16"},
    {2544, "198.18.0.0/15"},
    {2765, "::ffff:0:0/96"},
    {2928, "2001::/16"},
    {3056, "2002::/16"},
    {3068, "192.88.99.0/24"}, {3068, "2002:c058:6301::/120"},
    {3171, "224.0.0.0/4"},
    {3330, "0.0.0.0/8"}, {3330, "10.0.0.0/8"}, {3330, "127.0.0.0/8"}, {3330, "169.254.0.0/16"}, {3330, "172.16.0.0/12"},
    {3330, "192.0.2.0/24"}, {3330, "192.88.99.0/24"}, {3330, "192.168.0.0/16"}, {3330, "198.18.0.0/15"}, {3330, "224.0.0.0/4"},
    {3330, "240.0.0.0/4"},
    {3849, "2001:db8::/32"},
    {3927, "169.254.0.0/16"},
    {4038, "::ffff:0:0/96"},
    {4193, "fc00::/7"},
    {4291, "::/128"}, {4291, "::1/128"}, {4291, "::/96"}, {4291, "::ffff:0:0/96"}, {4291, "fe80::/10"}, {4291, "fec0::/10"},
    {4291, "ff00::/8"},
    {4380, "2001::/32"},
    {4773, "2001::/23"},
    {4843, "2001:10::/28"},
    {5180, "2001:200::/48"},
    {5735, "192.0.2.0/24"}, {5735, "198.51.100.0/24"}, {5735, "203.0.113.0/24"}, {5735, "198.18.0.0/15"},
    {5737, "192.0.2.0/24"}, {5737, "198.51.100.0/24"}, {5737, "203.0.113.0/24"},
    {6052, "64:ff9b::/96"},
    {6333, "192.0.0.0/29"},
    {6598, "100.64.0.0/10"},
    {6666, "100::/64"},
    {6890, "0.0.0.0/8"}, {6890, "10.0.0.0/8"}, {6890, "100.64.0.0/10"}, {6890, "127.0.0.0/8"}, {6890, "169.254.0.0/16"},
    {6890, "172.16.0.0/12"}, {6890, "192.0.0.0/24"}, {6890, "192.0.0.0/29"}, {6890, "192.0.2.0/24"}, {6890, "192.88.99.0/24"},
    {6890, "192.168.0.0/16"}, {6890, "198.18.0.0/15"}, {6890, "198.51.100.0/24"}, {6890, "203.0.113.0/24"},
    {6890, "240.0.0.0/4"}, {6890, "255.255.255.255/32"}, {6890, "::1/128"}, {6890, "::/128"}, {6890, "64:ff9b::/96"},
    {6890, "::ffff:0:0/96"}, {6890, "100::/64"}, {6890, "2001::/16"}, {6890, "2002::/16"}, {6890, "fc00::/7"},
    {6890, "fe80::/10"},
    {7335, "192.0.0.0/29"},
    {not_forwardable, "0.0.0.0/8"}, {not_forwardable, "127.0.0.0/8"}, {not_forwardable, "169.254.0.0/16"},
    {not_forwardable, "192.0.0.0/24"}, {not_forwardable, "192.0.2.0/24"}, {not_forwardable, "198.51.100.0/24"},
    {not_forwardable, "203.0.113.0/24"}, {not_forwardable, "240.0.0.0/4"}, {not_forwardable, "255.255.255.255/32"},
    {not_forwardable, "::1/128"}, {not_forwardable, "::/128"}, {not_forwardable, "::ffff:0:0/96"},
    {not_forwardable, "2001:db8::/32"}, {not_forwardable, "2001:10::/28"}, {not_forwardable, "fe80::/10"},
};

std::map<uint64_t, std::vector<ip_prefix>> parse_blocks() {
  std::map<uint64_t, std::vector<ip_prefix>> out;
  for (auto& b : blocks) {
    auto prefix = parse_prefix(b.prefix);
    // Interfaces have no mapped addresses: read as IPv4, this block would be all of it.
    if (prefix && !(prefix->v4 && std::strchr(b.prefix, ':'))) out[b.rfc].push_back(*prefix);
    else out[b.rfc];
  }
  return out;
}

} // namespace

bool ip_prefix::contains(const ip_prefix& other) const {
  return v4 == other.v4 && network() <= other.network() && last() >= other.last();
}

std::string ip_prefix::address_text() const { return ip_text(address, v4); }

std::string ip_prefix::text() const { return length == width() ? address_text() : fmt::format("{}/{}", address_text(), length); }

std::optional<ip_prefix> parse_ip(std::string_view text) {
  if (auto v4 = parse_v4(text)) return ip_prefix{*v4, 32, true};
  std::array<unsigned char, 16> bytes{};
  if (text.size() >= INET6_ADDRSTRLEN || text.find('\0') != text.npos) return std::nullopt;
  if (inet_pton(AF_INET6, std::string(text).c_str(), bytes.data()) != 1) return std::nullopt;
  const auto address = from_bytes(bytes);
  if (address >> 32 == mapped >> 32) return ip_prefix{address & 0xffffffff, 32, true};
  return ip_prefix{address, 128, false};
}

std::optional<ip_prefix> parse_prefix(std::string_view text) {
  if (auto plain = parse_ip_and_length(text)) return plain;
  const auto colon = text.rfind(':');
  if (colon == text.npos) return std::nullopt;
  const auto port = text.substr(colon + 1);
  if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != port.npos) return std::nullopt;
  auto host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) return parse_ip(host.substr(1, host.size() - 2));
  return host.find(':') == host.npos ? parse_ip(host) : std::nullopt;
}

std::string ip_text(uint128 address, bool v4) {
  const auto a = static_cast<uint32_t>(address);
  if (v4) return fmt::format("{}.{}.{}.{}", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
  std::array<unsigned, 8> groups{};
  for (int i = 0; i < 8; ++i) groups[static_cast<size_t>(i)] = static_cast<unsigned>(address >> (112 - 16 * i)) & 0xffffU;
  size_t run = 8, longest = 1;
  for (size_t i = 0; i < 8; ++i) {
    size_t end = i;
    while (end < 8 && groups[end] == 0) ++end;
    if (end - i > longest) {
      run = i;
      longest = end - i;
    }
  }
  std::string out;
  for (size_t i = 0; i < 8; ++i) {
    if (i == run) {
      out += "::";
      i += longest - 1;
      continue;
    }
    if (!out.empty() && !out.ends_with(':')) out += ':';
    out += fmt::format("{:x}", groups[i]);
  }
  return out;
}

std::string number_text(uint128 number) {
  std::string out;
  do out.insert(out.begin(), static_cast<char>('0' + static_cast<int>(number % 10)));
  while ((number /= 10) != 0);
  return out;
}

const std::vector<ip_prefix>* blocks_of_rfc(uint64_t rfc) {
  static const auto all = parse_blocks();
  const auto found = all.find(rfc);
  return found == all.end() ? nullptr : &found->second;
}

bool in_rfc(uint64_t rfc, const ip_prefix& address) {
  const auto* all = blocks_of_rfc(rfc);
  return all && std::any_of(all->begin(), all->end(), [&](auto& b) { return b.contains(address); });
}

} // namespace actord
