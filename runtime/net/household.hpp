// Who is one where limits and fair shares go by address: an address of IPv4, and of IPv6 the 64 bits that a provider gives to a single
// customer (RFC 6177), who has as many addresses as he likes. IPv4 in IPv6's form is IPv4.
#pragma once
#include <string>
#include <string_view>

namespace actord::net {

// Of an IP literal, perhaps with a zone: "10.0.0.1", "2001:db8:1:2::/64", "fe80::/64%eth0". What is none is its own.
std::string household_of(std::string_view ip);
// Of an address as the 4 or 16 bytes that it is, a view into these.
std::string_view household_of_bytes(std::string_view ip);

} // namespace actord::net
