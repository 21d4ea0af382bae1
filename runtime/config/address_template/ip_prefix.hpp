// An IP address with the length of its network, as go-sockaddr counts and prints it. Values; no I/O.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace actord {

__extension__ using uint128 = unsigned __int128;

struct ip_prefix {
  uint128 address = 0;
  int length = 0; // of the network's prefix
  bool v4 = true;

  int width() const { return v4 ? 32 : 128; }
  uint128 all() const { return v4 ? uint128(0xffffffff) : ~uint128(0); }
  uint128 host_mask() const { return length >= width() ? 0 : all() >> length; }
  uint128 network() const { return address & ~host_mask() & all(); }
  uint128 last() const { return address | host_mask(); }
  // Is the other's whole network inside this one?
  bool contains(const ip_prefix& other) const;
  ip_prefix with(uint128 other_address) const { return {other_address & all(), length, v4}; }
  std::string address_text() const;
  std::string text() const; // "10.0.0.1/8"; the length is left out when the network is the host alone
};

// "10.0.0.1", "fe80::1" as Go's net.ParseIP: no zones, mapped addresses are IPv4.
std::optional<ip_prefix> parse_ip(std::string_view text);
// That, or with "/length", or with ":port".
std::optional<ip_prefix> parse_prefix(std::string_view text);
// As Go prints it: the longest run of zero groups is left out.
std::string ip_text(uint128 address, bool v4);
// Decimal.
std::string number_text(uint128 number);

// The blocks that an RFC sets aside, as go-sockaddr lists them; nullptr when it lists none.
const std::vector<ip_prefix>* blocks_of_rfc(uint64_t rfc);
bool in_rfc(uint64_t rfc, const ip_prefix& address);
// Not an RFC: the blocks of RFC 6890 that no router forwards.
inline constexpr uint64_t not_forwardable = 4294967295;

} // namespace actord
